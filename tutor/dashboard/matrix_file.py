"""The mastery map as a table for spreadsheets: a row a cell that the page shows, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
from django.utils.text import slugify
from django.utils.translation import gettext as _

from tutor.dashboard import queries
from tutor.dashboard.csv import Cell
from tutor.dashboard.matrix_cells import Figures
from tutor.dashboard.matrix_filters import NO_AREA
from tutor.dashboard.matrix_page import MatrixPage, area_of
from tutor.dashboard.words import LABELS
from tutor.tracing.status import BY_CODE


def name(page: MatrixPage, *, now: datetime) -> str:
    """That of the file; `now` in the school's time."""
    return f"{slugify(page.group.name, allow_unicode=True) or 'class'}-mastery-{now:%Y-%m-%d}.csv"


def head() -> list[str]:
    return [
        _("Learner"), _("Learner id"), _("Subject area"), _("Concept"), _("Concept key"), _("Status"),
        _("Recall now (%)"), _("Lowest (%)"), _("Highest (%)"), _("Recall after the last answer (%)"),
        _("Answers"), _("Last answer"), _("Due for review"),
    ]  # fmt: skip


def rows(page: MatrixPage) -> Iterator[list[Cell]]:
    """Of every cell shown, on whichever page of the map. Asks the database for nothing."""
    content, figures = page.content, page.known.figures
    areas = {c: area_of(content, c) for c in page.columns.tolist()}
    for at in page.rows.tolist():
        learner = page.known.learners[at]
        who: list[Cell] = [queries.called(learner), str(learner.pk)]
        for c in page.columns[page.wanted[at, page.columns]].tolist():
            area = "" if areas[c] == NO_AREA else areas[c]
            yield [*who, area, content.concept_titles[c], content.concept_keys[c], *_figures(figures, at, c)]


def _figures(figures: Figures, at: int, c: int) -> list[Cell]:
    enough = bool(figures.has_enough[at, c])
    recall = (figures.value, figures.low, figures.high, figures.was)
    shown: list[Cell] = [round(100 * float(each[at, c])) if enough else None for each in recall]
    times: list[Cell] = [moment(float(each[at, c])) for each in (figures.last, figures.due)]
    return [LABELS[BY_CODE[figures.code[at, c]]], *shown, int(figures.n[at, c]), *times]


def moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if np.isfinite(seconds) else None
