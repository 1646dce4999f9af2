"""Learners in need as a table for spreadsheets, a row an alert; and what was ever said of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.text import slugify
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from tutor.accounts.models import Group
from tutor.dashboard import need_words, queries
from tutor.dashboard.csv import Cell
from tutor.dashboard.need_page import AlertLine, Line, NeedPage
from tutor.scheduling import alert_marks, alerts, contents, plans
from tutor.scheduling.alerts import Evidence, Kind, Practice, Trend
from tutor.scheduling.models import AlertMark


def name(group: Group, what: str, now: datetime) -> str:
    """That of the file; `now` in the school's time."""
    return f"{slugify(group.name, allow_unicode=True) or 'class'}-{what}-{now:%Y-%m-%d}.csv"


def head() -> list[str]:
    return [
        _("List"), _("Rank"), _("Learner"), _("Learner id"), _("Alert"), _("Concept"), _("Concept key"),
        *_evidence_head(), _("Last answer"), _("Answers in two weeks"), _("Right"), _("Days with answers"),
        _("Answers in the two weeks before"), _("Right"), _("Days with answers"), _("Due for review"), _("Mark"),
    ]  # fmt: skip


def rows(page: NeedPage) -> Iterator[list[Cell]]:
    """In the order of the page; a learner without alerts has one row. Asks the database for nothing."""
    lists = {
        _("In need"): page.in_need,
        _("Gone quiet"): page.inactive,
        _("No answers yet"): page.silent,
        _("Not in need"): page.others,
    }
    for label, lines in lists.items():
        for line in lines:
            yield from _of_learner(label, line)


def marks_head() -> list[str]:
    return [
        _("Marked"), _("By"), _("Learner"), _("Learner id"), _("Alert"), _("Concept"), _("Concept key"), _("Useful"),
        _("Note"), *_evidence_head(), _("Model"), _("Model version"),
    ]  # fmt: skip


def marks_rows(group: Group) -> list[list[Cell]]:
    """All marks, the newest first, with the evidence as it was."""
    return [_of_mark(row, contents.latest(row.curriculum_id)) for row in alert_marks.of_group(group)]


def _of_learner(label: str, line: Line) -> Iterator[list[Cell]]:
    who: list[Cell] = [label, line.rank, line.name, str(line.learner.pk)]
    rest: list[Cell] = [line.last_at, *line.judged.standing.activity, len(line.due)]
    for alert in (*line.open, *line.folded):
        yield [*who, alert.label, alert.concept, alert.key, *_evidence(alert.evidence), *rest, _said(alert)]
    if not line.open and not line.folded:
        yield [*who, "", "", "", *_evidence(None), *rest, ""]


def _said(alert: AlertLine) -> str:
    return "" if alert.mark is None else _verdict(alert.mark.useful)


def _verdict(useful: bool) -> str:
    return _("useful") if useful else _("not useful")


def _of_mark(row: AlertMark, content: Snapshot) -> list[Cell]:
    kind, concept = Kind(row.kind), row.concept
    named = ["", ""] if concept is None else [content.concept_titles[concept], content.concept_keys[concept]]
    kept = row.evidence
    return [
        row.marked_at, need_words.marked_by(row), queries.called(row.learner), str(row.learner_id),
        str(need_words.LABELS[kind]), *named, _verdict(row.useful), row.note,
        *_evidence(alerts.evidence_of(kind, kept)), kept.get("model", ""), kept.get("model_version", ""),
    ]  # fmt: skip


def _evidence_head() -> list[str]:
    return [
        _("Answers to the concept"), _("Right of the last"), _("Last answers"), _("Recall now (%)"), _("Lowest (%)"),
        _("Highest (%)"), _("Change of the share right (points)"), _("Lowest (points)"), _("Highest (points)"),
        _("Silent since"),
    ]  # fmt: skip


def _evidence(evidence: Evidence | None) -> list[Cell]:
    """One column for each figure of any kind."""
    practice: list[Cell] = [None] * 6
    trend: list[Cell] = [None] * 3
    if isinstance(evidence, Practice):
        recall = (_percent(each) for each in (evidence.recall, evidence.low, evidence.high))
        return [evidence.n, evidence.right, evidence.lately, *recall, *trend, None]
    if isinstance(evidence, Trend):
        return [*practice, *(_percent(each) for each in (evidence.change, evidence.low, evidence.high)), None]
    return [*practice, *trend, None if evidence is None else plans.moment(evidence.last_at)]


def _percent(share: float) -> int:
    return round(100 * share)
