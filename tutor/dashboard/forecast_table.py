"""Learners by subject areas, or by the concepts of one: figures as arrays, and a learner's cells as markup."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, final

import numpy as np
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int
from tutor.accounts.models import Learner
from tutor.dashboard.forecast_page import Choice, Forecast, of_area
from tutor.dashboard.matrix_page import area_of, area_title

#: Concepts of an area that one page shows.
MOST_COLUMNS: Final = 40


class Column(NamedTuple):
    """`address` shows the area's concepts; "" of a concept. `cell` is of the whole class."""

    title: str
    address: str
    key: str
    n: int
    cell: SafeString


class Row(NamedTuple):
    learner: Learner
    name: str
    cells: SafeString


class Figures(NamedTuple):
    """Shapes (learners, columns). `known` concepts of each have enough answers, `of` (columns,) are in it."""

    alone: Float
    followed: Float
    low: Float
    high: Float
    known: Int
    of: Int
    n: Int


@final
@dataclass(frozen=True, eq=False)
class Table:
    """`parts` are the positions of the concepts in each column; a single one where columns are concepts."""

    forecast: Forecast
    parts: tuple[Int, ...]
    titles: tuple[str, ...]
    areas: tuple[str, ...]
    pages: tuple[Choice, ...]

    @property
    def is_by_area(self) -> bool:
        return not self.forecast.asked.area

    @property
    def area(self) -> str:
        return area_title(self.forecast.asked.area)

    @property
    def shows(self) -> list[Choice]:
        return self.forecast.choices("show")

    @cached_property
    def figures(self) -> Figures:
        ahead, show = self.forecast.ahead, self.forecast.asked.show
        alone, followed = ahead.alone, ahead.followed
        ends = alone if show == "alone" else followed
        known = self._sums(ahead.has_enough.astype(np.float64))
        # Of chances, those with enough answers: the rest has no status then.
        values = (
            [
                self._sums(np.where(ahead.has_enough, each.mastered, 0.0)) / np.maximum(known, 1.0)
                for each in (alone, followed)
            ]
            if show == "mastery"
            else [self._means(each.value) for each in (alone, followed)]
        )
        low, high = self._means(ends.low), self._means(ends.high)
        of = np.array([len(part) for part in self.parts])
        return Figures(
            values[0], values[1], low, high, known.astype(np.int64), of, self._sums(ahead.n).astype(np.int64)
        )

    @property
    def columns(self) -> list[Column]:
        figures, asked, keys = self.figures, self.forecast.asked, self.forecast.content.concept_keys
        has = figures.known > 0
        n = np.maximum(has.sum(axis=0), 1)
        means = [np.where(has, column, 0.0).sum(axis=0) / n for column in figures[:4]]
        return [
            Column(
                title,
                asked.address(area=area) if self.is_by_area else "",
                "" if self.is_by_area else keys[int(part[0])],
                len(part),
                self._total([float(mean[at]) for mean in means], int(has[:, at].sum())),
            )
            for at, (title, area, part) in enumerate(zip(self.titles, self.areas, self.parts, strict=True))
        ]

    @property
    def rows(self) -> list[Row]:
        found = self.forecast
        return [Row(found.ahead.learners[row], found.names[row], self._cells(row)) for row in found.order]

    def _cells(self, row: int) -> SafeString:
        f = self.figures
        shown = np.rint(100 * np.stack(f[:4])[:, row]).astype(np.int64)
        below = (f.alone if self.forecast.asked.show == "alone" else f.followed)[row] < self._limit
        columns = zip(
            *shown.tolist(), f.known[row].tolist(), f.of.tolist(), f.n[row].tolist(), below.tolist(), strict=True
        )
        # Only numbers, and words of our own.
        return mark_safe("".join(self._cell(*column) for column in columns))  # noqa: S308

    def _cell(self, alone: int, followed: int, low: int, high: int, known: int, of: int, n: int, below: bool) -> str:
        basis = f"{known}/{of}" if self.is_by_area else f"n{n}"
        if not known:
            return f"<td class=q>?\n{basis}" if n else "<td class=q>?"
        ends = "" if self.forecast.asked.show == "mastery" else f"{low}\N{EN DASH}{high} "
        return f"<td class={'w' if below else 'g'}>{self._value(alone, followed, below)}\n{ends}{basis}"

    def _total(self, means: list[float], known: int) -> SafeString:
        alone, followed = (round(100 * mean) for mean in means[:2])
        below = means[0 if self.forecast.asked.show == "alone" else 1] < self._limit
        return mark_safe(self._value(alone, followed, below) if known else "?")  # noqa: S308

    def _value(self, alone: int, followed: int, below: bool) -> str:
        mark = "▾" if below else ""
        return f"{mark}{alone}" if self.forecast.asked.show == "alone" else f"{mark}{alone}→{followed}"

    @property
    def _limit(self) -> float:
        return 0.5 if self.forecast.asked.show == "mastery" else self.forecast.asked.share

    def _sums(self, cells: Float | Int) -> Float:
        return np.stack([cells[:, part].sum(axis=1) for part in self.parts], axis=1).astype(np.float64)

    def _means(self, cells: Float) -> Float:
        return np.stack([cells[:, part].mean(axis=1) for part in self.parts], axis=1)


def table(found: Forecast) -> Table:
    """By area, or by the concepts of the area that is asked for."""
    content, asked = found.content, found.asked
    if not asked.area:
        parts = by_area(content, found.counted)
        return Table(found, tuple(parts.values()), tuple(map(area_title, parts)), tuple(parts), ())
    columns = of_area(content, asked.area, found.counted)
    pages = range(0, len(columns), MOST_COLUMNS)
    at = asked.page if asked.page <= len(pages) else 1
    chosen = columns[(at - 1) * MOST_COLUMNS : at * MOST_COLUMNS].tolist()
    titles = tuple(content.concept_titles[c] for c in chosen)
    links = [_page(found, p, start, len(columns), at) for p, start in enumerate(pages, start=1)]
    parts_ = tuple(np.array([c]) for c in chosen)
    return Table(found, parts_, titles, (asked.area,) * len(chosen), tuple(links) if len(links) > 1 else ())


def by_area(content: Snapshot, counted: Int) -> dict[str, Int]:
    """Positions of the concepts of each area that has some, in the order of the curriculum."""
    found: dict[str, list[int]] = {}
    for c in of_area(content, "", counted).tolist():
        found.setdefault(area_of(content, c), []).append(c)
    return {area: np.array(positions, np.int64) for area, positions in found.items()}


def _page(found: Forecast, page: int, start: int, n: int, at: int) -> Choice:
    label = _("%(first)s to %(last)s") % {"first": start + 1, "last": min(start + MOST_COLUMNS, n)}
    return Choice(str(page), label, page == at, found.asked.address(page=page))
