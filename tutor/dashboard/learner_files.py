"""The tables of one learner for spreadsheets: as the pages show them, and in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils.text import slugify
from django.utils.translation import gettext as _

from tutor.dashboard.csv import Cell
from tutor.dashboard.learner_decision import CandidateRow
from tutor.dashboard.learner_history import VERDICT_LABELS, Given, Offered
from tutor.dashboard.learner_pictures import Visit, Week
from tutor.dashboard.learner_rows import ConceptRow
from tutor.dashboard.upcoming import kind_label


def name(learner: str, what: str, *, now: datetime) -> str:
    """That of a file; `now` in the school's time."""
    return f"{slugify(learner, allow_unicode=True) or 'learner'}-{what}-{now:%Y-%m-%d}.csv"


def concepts_head() -> list[str]:
    return [
        _("Subject area"), _("Concept"), _("Concept key"), _("Status"), _("Recall now (%)"), _("Lowest (%)"),
        _("Highest (%)"), _("Recall in four weeks without practice (%)"), _("Recall in four weeks as planned (%)"),
        _("Answers"), _("Right"), _("Last answer"), _("Due for review"), _("Planned next"),
    ]  # fmt: skip


def concepts(rows: Sequence[ConceptRow]) -> Iterator[list[Cell]]:
    for row in rows:
        e, curve = row.estimate, row.curve
        recall = (e.value, e.low, e.high) if row.has_enough else (None, None, None)
        then = (curve.recall_then, curve.planned_then) if curve else (None, None)
        figures: list[Cell] = [None if share is None else round(100 * share) for share in (*recall, *then)]
        yield [
            row.area, row.title, row.key, row.label, *figures, e.n, round(row.n_right, 2), row.last_at, row.due_at,
            row.next_at,
        ]  # fmt: skip


def weeks_head() -> list[str]:
    return [_("Day"), _("Without practice (%)"), _("Lowest (%)"), _("Highest (%)"), _("As planned (%)")]


def weeks(rows: Sequence[Week]) -> Iterator[list[Cell]]:
    """As far as enough is known for a curve."""
    for row in rows:
        yield [row.at, *(round(100 * share, 1) for share in (row.alone, row.low, row.high, row.planned))]


def visits_head() -> list[str]:
    return [_("Day"), _("What"), _("Answers"), _("Recall expected before (%)"), _("Recall right after (%)")]


def visits(rows: Sequence[Visit], *, has_enough: bool) -> Iterator[list[Cell]]:
    for row in rows:
        recall: list[Cell] = [round(100 * row.before, 1), round(100 * row.after, 1)] if has_enough else [None, None]
        yield [row.at, row.label, row.answers, *recall]


def answers_head() -> list[str]:
    return [
        _("Answered"), _("Item"), _("Concepts"), _("Result"), _("Credit (%)"), _("Expected (%)"), _("Model"),
        _("Seconds"), _("Hints"), _("Chosen by"), _("Choice"),
    ]  # fmt: skip


def answers(rows: Sequence[Given]) -> Iterator[list[Cell]]:
    for row in rows:
        a = row.answer
        expected = None if row.expected is None else round(100 * row.expected)
        yield [
            a.at, a.statement, ", ".join(a.concepts), str(VERDICT_LABELS[a.verdict]), round(100 * a.correct), expected,
            row.model, a.seconds, a.hints, row.policy, str(row.decision or ""),
        ]  # fmt: skip


def offers_head() -> list[str]:
    return [
        _("Offered"), _("Concept"), _("Item"), _("Kind"), _("Outcome"), _("Since"), _("Credit (%)"), _("Chosen by"),
        _("Choice"),
    ]  # fmt: skip


def offers(rows: Sequence[Offered]) -> Iterator[list[Cell]]:
    for row in rows:
        credit = None if row.correct is None else round(100 * row.correct)
        yield [
            row.at, row.concept, row.statement, kind_label(row.kind), row.outcome_label, row.outcome_at, credit,
            row.policy, str(row.decision),
        ]  # fmt: skip


def candidates_head() -> list[str]:
    return [_("Concept"), _("Concept key"), _("Item"), _("Score"), _("Probability"), _("Offered")]


def candidates(rows: Sequence[CandidateRow]) -> Iterator[list[Cell]]:
    for row in rows:
        yield [row.concept, row.key, row.statement, row.score, row.probability, int(row.is_chosen)]
