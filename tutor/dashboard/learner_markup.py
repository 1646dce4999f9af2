"""The table of a learner's concepts as markup: hundreds of rows, which templates would take half a second for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final
from urllib.parse import quote

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tutor import language
from tutor.dashboard.learner_pictures import Drawn
from tutor.dashboard.learner_rows import ConceptRow
from tutor.dashboard.templatetags.figures import ahead, mark
from tutor.tracing.status import Status

_NONE: Final = '<span class="muted">\N{EN DASH}</span>'


@final
@dataclass(frozen=True)
class _Words:
    """Looked up once a table, in the reader's language."""

    answers: str
    due: str
    planned: str
    never: str
    right: str

    @classmethod
    def now(cls) -> _Words:
        never = f'<span class="muted">{escape(_("not within a year"))}</span>'
        return cls(_("Answers"), _("Due"), _("Planned"), never, _("(%(right)s right)"))


def table_rows(rows: Sequence[ConceptRow], address: str, now: datetime) -> SafeString:
    """`address` is that of the learner's concepts, to which each key is added."""
    words = _Words.now()
    # Titles, areas and keys are escaped where they come in; the rest is numbers, and words of our own.
    return mark_safe("".join(_row(row, address, words, now) for row in rows))  # noqa: S308


def untouched_rows(rows: Sequence[ConceptRow], address: str) -> SafeString:
    """Concepts without an answer: what each waits for, and when it is planned."""
    waits, planned = _("waits for %(list)s"), _("planned for %(day)s")
    marks = {status: render_to_string("dashboard/_mark.html", mark(status)) for status in {row.status for row in rows}}

    def one(row: ConceptRow) -> str:
        said = [waits % {"list": ", ".join(row.waits_for)}] if row.waits_for else []
        said += (
            [planned % {"day": date_format(timezone.localtime(row.next_at), "SHORT_DATE_FORMAT")}]
            if row.next_at
            else []
        )
        more = "".join(f' <span class="muted">{escape(text)}</span>' for text in said)
        return (
            f'<li><span class="status">{marks[row.status]}{escape(row.label)}</span> '
            f'<span><a href="{address}{quote(row.key, safe="")}/">{escape(row.title)}</a>{more}</span></li>'
        )

    return mark_safe("".join(map(one, rows)))  # noqa: S308


def recall(row: ConceptRow) -> SafeString:
    """Now, with its range; where there are too few answers, that."""
    if not row.has_enough:
        said = _("a teacher's word") if row.said else _("too few answers")
        return mark_safe(f'<span class="muted">{escape(said)}</span>')  # noqa: S308
    value, low, high = (round(100 * share) for share in (row.estimate.value, row.estimate.low, row.estimate.high))
    return mark_safe(  # noqa: S308
        f'<span class="figure">{language.percent(row.estimate.value)}</span> '
        f'<span class="muted">({low}\N{EN DASH}{high})</span>'
        f'<svg class="range {row.status}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="ground" d="M0 3.5h100v1h-100z"/><path class="band" d="M{low} 2H{high}v4H{low}z"/>'
        f'<path d="M{value} 0h1.6v8h-1.6z"/></svg>'
    )


def recent(outcomes: Sequence[bool]) -> SafeString:
    """The last outcomes as squares, newest last."""
    if not outcomes:
        return SafeString()
    said = ngettext("The last one: %(list)s", "The last %(n)s, newest last: %(list)s", len(outcomes)) % {
        "n": len(outcomes), "list": ", ".join(_("right") if right else _("wrong") for right in outcomes),
    }  # fmt: skip
    squares = "".join(f'<i class="{"right" if right else "wrong"}"></i>' for right in outcomes)
    return mark_safe(f'<span class="recent" role="img" aria-label="{escape(said)}">{squares}</span>')  # noqa: S308


def _row(row: ConceptRow, address: str, words: _Words, now: datetime) -> str:
    area = f'<span class="muted">{escape(row.area)}</span>' if row.area else ""
    right = words.right % {"right": f"{row.n_right:.1f}".removesuffix(".0")}
    return (
        f'<tr role="row"><th role="rowheader" scope="row" class="name">'
        f'<a href="{address}{quote(row.key, safe="")}/">{escape(row.title)}</a>{area}</th>'
        f'<td role="cell" class="recall">{recall(row)}</td>'
        f'<td role="cell" class="curve-cell">{_curve(row.curve, row) if row.curve else ""}</td>'
        f'<td role="cell" class="answers"><span class="label">{words.answers}</span> {row.estimate.n} '
        f'<span class="muted">{right}</span>{recent(row.estimate.recent)}</td>'
        f'<td role="cell" class="due"><span class="label">{words.due}</span> {_due(row, words, now)}</td>'
        f'<td role="cell" class="due"><span class="label">{words.planned}</span> {_planned(row.next_at)}</td></tr>'
    )


def _due(row: ConceptRow, words: _Words, now: datetime) -> str:
    if row.due_at is None:
        return words.never if row.status is Status.MASTERED and not row.said else _NONE
    title = date_format(timezone.localtime(row.due_at), "DATETIME_FORMAT")
    return f'<time datetime="{row.due_at.isoformat()}" title="{title}">{escape(ahead(row.due_at, now))}</time>'


def _planned(at: datetime | None) -> str:
    if at is None:
        return _NONE
    day = timezone.localtime(at)
    shown = f"{date_format(day, 'D')}, {date_format(day, 'SHORT_DATE_FORMAT')}"
    return f'<time datetime="{at.isoformat()}">{shown}</time>'


def _curve(curve: Drawn, row: ConceptRow) -> str:
    figures = {
        "now": language.percent(row.estimate.value),
        "then": language.percent(curve.recall_then),
        "planned": language.percent(curve.planned_then),
    }
    said = (
        _("Recall %(now)s now, %(then)s in four weeks without practice, %(planned)s as planned")
        if curve.plan
        else _("Recall %(now)s now, %(then)s in four weeks without practice")
    )
    review = f'<path class="review" d="M0 {curve.review_y}H132"/>' if curve.review_y else ""
    plan = f'<path class="plan" d="{curve.plan}"/>' if curve.plan else ""
    visits = "".join(f"M{dot.x} 37.5v-6" for dot in curve.dots)
    return (
        f'<svg class="curve {row.status}" viewBox="-4 -4 140 42" width="140" height="42" role="img" '
        f'aria-label="{escape(said % figures)}"><path class="ground" d="M0 34.5H132"/>{review}'
        f'<path class="band" d="{curve.band}"/><path class="line" d="{curve.line}"/>{plan}'
        f'<path class="visit" d="{visits}"/><circle cx="{curve.now.x}" cy="{curve.now.y}" r="3.2"/></svg>'
    )
