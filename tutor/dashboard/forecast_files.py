"""The tables of a forecast for spreadsheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.utils.text import slugify
from django.utils.translation import gettext as _

from tutor.accounts.access import NotFound
from tutor.dashboard.csv import Cell
from tutor.dashboard.forecast_effort import Cell as EffortCell
from tutor.dashboard.forecast_effort import EffortLine, effort_page
from tutor.dashboard.forecast_page import Forecast, LearnerLine, Range, concept_lines, forecast_page, of_area
from tutor.dashboard.forecast_pictures import load_days
from tutor.dashboard.forecast_trust import TrustPage
from tutor.dashboard.matrix_filters import NO_AREA
from tutor.dashboard.matrix_page import area_of
from tutor.scheduling.coverage import Decile

File = tuple[list[str], Iterator[Sequence[Cell]]]


def name(found: Forecast, of: str, *, now: datetime) -> str:
    """That of the file; `now` in the school's time."""
    group = slugify(found.group.name, allow_unicode=True) or "class"
    return f"{group}-forecast-{of}-{found.asked.day:%Y-%m-%d}-as-of-{now:%Y-%m-%d}.csv"


def file(found: Forecast, of: str) -> File:
    """Head and rows, which ask the database for nothing.

    Raises:
        NotFound: if there is no such table.
    """
    if of not in TABLES:
        raise NotFound(f"table of a forecast; there are {', '.join(TABLES)}", of)
    return TABLES[of](found)


def _learners(found: Forecast) -> File:
    page = forecast_page(found)
    head = [
        _("Learner"), _("Learner id"), _("Day"), _("Concepts that count"), _("With enough answers"),
        *_of_range(_("Expected score if nothing is practised")),
        *_of_range(_("Expected score if the agenda is followed")),
        _("Expected to be mastered if nothing is practised"), _("Expected to be mastered if the agenda is followed"),
        _("Minutes a day by the agenda"), _("Below the wanted score"),
    ]  # fmt: skip
    return head, (_of_learner(found, line) for line in page.lines)


def _of_learner(found: Forecast, line: LearnerLine) -> Sequence[Cell]:
    who: list[Cell] = [line.name, str(line.learner.pk), found.asked.day.isoformat(), found.n_concepts, line.known]
    if line.followed is None:
        return [*who, *[None] * 9, _("not enough data")]
    below = _("surely") if line.is_surely_below else _("yes") if line.is_below else _("no")
    figures = [round(each, 1) for each in (line.mastered_alone, line.mastered, line.minutes)]
    return [*who, *_range(line.alone), *_range(line.followed), *figures, below]


def _concepts(found: Forecast) -> File:
    head = [
        _("Subject area"), _("Concept"), _("Concept key"), _("Day"), _("Learners with enough answers"),
        *_of_range(_("Recall if nothing is practised")), *_of_range(_("Recall if the agenda is followed")),
        _("Learners expected to have mastered it if nothing is practised"),
        _("Learners expected to have mastered it if the agenda is followed"),
    ]  # fmt: skip
    rows: Iterator[Sequence[Cell]] = (
        [
            line.area, line.title, line.key, found.asked.day.isoformat(), line.known, *_range(line.alone),
            *_range(line.followed), round(line.mastered_alone, 1), round(line.mastered, 1),
        ]
        for line in concept_lines(found)
    )  # fmt: skip
    return head, rows


def _cells(found: Forecast) -> File:
    head = [
        _("Learner"), _("Learner id"), _("Subject area"), _("Concept"), _("Concept key"), _("Day"), _("Answers"),
        *_of_range(_("Recall if nothing is practised")), *_of_range(_("Recall if the agenda is followed")),
        _("Chance of mastery if nothing is practised (%)"), _("Chance of mastery if the agenda is followed (%)"),
    ]  # fmt: skip
    return head, _of_cells(found)


def _of_cells(found: Forecast) -> Iterator[Sequence[Cell]]:
    """A row a learner and concept, of the area that is asked for or of all."""
    content, ahead, day = found.content, found.ahead, found.asked.day.isoformat()
    columns = of_area(content, found.asked.area, found.counted).tolist()
    areas = {c: "" if (area := area_of(content, c)) == NO_AREA else area for c in columns}
    figures = [
        column
        for recall in (ahead.alone, ahead.followed)
        for column in (recall.value, recall.low, recall.high)
    ] + [ahead.alone.mastered, ahead.followed.mastered]  # fmt: skip
    n, enough = ahead.n, ahead.has_enough
    for row in found.order:
        who = [found.names[row], str(ahead.learners[row].pk)]
        for c in columns:
            shown = [_percent(float(each[row, c])) if enough[row, c] else None for each in figures]
            yield [*who, areas[c], content.concept_titles[c], content.concept_keys[c], day, int(n[row, c]), *shown]


def _minutes(found: Forecast) -> File:
    page = effort_page(found)
    head = [
        _("Learner"), _("Learner id"), _("Day"), _("Retention (%)"), _("Minutes a day"), _("Expected score (%)"),
        _("Lowest that reaches the wanted score"),
    ]  # fmt: skip
    return head, (_of_option(found, line, cell) for line in page.learners for cell in line.cells)


def _of_option(found: Forecast, line: EffortLine, cell: EffortCell) -> Sequence[Cell]:
    who: list[Cell] = [line.name, str(line.learner.pk), found.asked.day.isoformat(), _percent(cell.share)]
    if cell.score is None:
        return [*who, None, None, _("not enough data")]
    return [*who, round(cell.minutes, 1), _percent(cell.score), _("yes") if cell.reaches else ""]


def _days(found: Forecast) -> File:
    head = [_("Day"), _("Quiet"), _("Median minutes"), _("Lower quarter"), _("Upper quarter")]
    days = load_days(found.ahead.minutes()[found.is_tested], found.ahead.quiet(), found.first_day)
    rows: Iterator[Sequence[Cell]] = (
        [
            day.day.isoformat(), _("yes") if day.is_quiet else "",
            *(round(each, 1) for each in (day.median, day.low, day.high)),
        ]
        for day in days
    )  # fmt: skip
    return head, rows


def _trust(found: Forecast) -> File:
    page = TrustPage.of(found)
    head = [
        _("Part"), _("Answers"), _("Learners"), _("Forecast (%)"), _("Observed (%)"), _("Lowest (%)"), _("Highest (%)"),
        _("Came true"),
    ]  # fmt: skip
    rows: Iterator[Sequence[Cell]] = (
        [part.place, *(["", "", "", "", "", "", _("hidden")])]
        if part.found is None
        else [
            part.place, part.found.n, part.found.learners,
            *(_percent(each) for each in (part.found.forecast, part.found.observed, part.found.low, part.found.high)),
            _("yes") if part.found.came_true else _("no"),
        ]
        for part in page.parts
    )  # fmt: skip
    return head, rows


def _mastery(found: Forecast) -> File:
    page = TrustPage.of(found)
    head = [
        _("Forecast"), _("Forecasts"), _("Learners"), _("Forecast (%)"), _("Came true (%)"), _("Lowest (%)"),
        _("Highest (%)"), _("Within the range"),
    ]  # fmt: skip
    chances, recall = _("Chance of mastery if the agenda is followed"), _("Recall, by the first answers since the day")
    rows: list[Sequence[Cell]] = [_of_band(chances, each) for each in page.mastery.bands]
    if not page.mastery.is_checked:
        rows = [[chances, page.mastery.checked, *[None] * 5, _("not yet checked")]]
    rows += [_of_band(recall, each) for each in page.mastery.first_answers]
    return head, iter(rows)


def _of_band(what: str, band: Decile) -> list[Cell]:
    figures = [_percent(each) for each in (band.forecast, band.observed, band.low, band.high)]
    return [what, band.n, band.learners, *figures, _("yes") if band.came_true else _("no")]


TABLES: Final[Mapping[str, Callable[[Forecast], File]]] = {
    "learners": _learners,
    "concepts": _concepts,
    "cells": _cells,
    "minutes": _minutes,
    "days": _days,
    "trust": _trust,
    "mastery": _mastery,
}


def _of_range(of: str) -> list[str]:
    ends = (_("%(figure)s (%%)"), _("%(figure)s, lowest (%%)"), _("%(figure)s, highest (%%)"))
    return [each % {"figure": of} for each in ends]


def _range(found: Range | None) -> list[Cell]:
    return [None] * 3 if found is None else [_percent(each) for each in found]


def _percent(share: float) -> float:
    return round(100 * share, 1)
