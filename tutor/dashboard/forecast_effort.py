"""What it takes: minutes a day for each retention, by learner and for the class, and what they bring by that day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, final

import numpy as np

from kt_models.recall import Float
from tutor.accounts.models import Group, Learner
from tutor.dashboard.forecast_asked import Asked
from tutor.dashboard.forecast_page import Forecast
from tutor.dashboard.forecast_pictures import Gain, Load, Point, gain, load
from tutor.dashboard.words import Definition
from tutor.scheduling.class_forecasts import Option, score


class OptionLine(NamedTuple):
    """Of those who are tested: medians, and the middle half of the minutes; None if nobody is.

    `reach`: learners whose score comes to the wanted one.     over: who would need more than is agreed at most.
    """

    share: float
    is_own: bool
    minutes: float
    low: float
    high: float
    score: float | None
    reach: int
    over: int


class Cell(NamedTuple):
    """`score` None without enough answers; `reaches` marks the lowest retention that comes to the wanted score."""

    share: float
    minutes: float
    score: float | None
    reaches: bool
    is_over: bool


class EffortLine(NamedTuple):
    learner: Learner
    name: str
    cells: tuple[Cell, ...]

    @property
    def reached(self) -> Cell | None:
        return next((cell for cell in self.cells if cell.reaches), None)

    @property
    def is_tested(self) -> bool:
        return self.cells[0].score is not None


@final
@dataclass(frozen=True, eq=False)
class EffortPage:
    """`scores` (retentions, learners) are told only of those who are tested."""

    forecast: Forecast
    options: tuple[Option, ...]
    scores: Float

    @property
    def definitions(self) -> Mapping[str, Definition]:
        return self.forecast.definitions

    @property
    def asked(self) -> Asked:
        return self.forecast.asked

    @property
    def group(self) -> Group:
        return self.forecast.group

    @property
    def said_but_retentions(self) -> list[tuple[str, str]]:
        """What a new comparison leaves as it is."""
        return [(name, value) for name, value in self.asked.said().items() if name != "retentions"]

    @property
    def problems(self) -> tuple[str, ...]:
        """What the part has to say for itself: the page around it has said the rest."""
        return self.asked.retention_problems

    @property
    def limit(self) -> float | None:
        """Minutes a day that are agreed at most."""
        return self.forecast.knobs.minutes_a_day

    @cached_property
    def lines(self) -> list[OptionLine]:
        return [self._line(option, scores) for option, scores in zip(self.options, self.scores, strict=True)]

    @cached_property
    def learners(self) -> list[EffortLine]:
        found = self.forecast
        return [EffortLine(found.ahead.learners[row], found.names[row], self._cells(row)) for row in found.order]

    @property
    def n_out_of_reach(self) -> int:
        return sum(line.is_tested and line.reached is None for line in self.learners)

    @property
    def n_tested(self) -> int:
        return int(self.forecast.is_tested.sum())

    @cached_property
    def load(self) -> Load | None:
        return load(
            self.forecast.ahead.minutes()[self.forecast.is_tested], self.forecast.ahead.quiet(), self.forecast.first_day
        )

    @cached_property
    def gain(self) -> Gain | None:
        tested = self.forecast.is_tested
        if not tested.any() or not self.forecast.ahead.days:
            return None
        alone = score(self.forecast.ahead.alone, self.forecast.counted).value
        points = [Point(0, 0.0, float(np.median(alone[tested])))]
        points += [
            Point(round(100 * line.share), line.minutes, line.score) for line in self.lines if line.score is not None
        ]
        return gain(points, self.asked.share)

    def _line(self, option: Option, scores: Float) -> OptionLine:
        tested = self.forecast.is_tested
        minutes, found = option.minutes[tested], scores[tested]
        low, middle, high = np.quantile(minutes, (0.25, 0.5, 0.75)).tolist() if len(minutes) else (0.0,) * 3
        return OptionLine(
            share=option.retention,
            is_own=option.retention == self.forecast.knobs.retention,
            minutes=middle,
            low=low,
            high=high,
            score=float(np.median(found)) if len(found) else None,
            reach=int((found >= self.asked.share).sum()),
            over=0 if self.limit is None else int((minutes > self.limit).sum()),
        )

    def _cells(self, row: int) -> tuple[Cell, ...]:
        tested, cells, reached = bool(self.forecast.is_tested[row]), list[Cell](), False
        for option, scores in zip(self.options, self.scores, strict=True):
            value, minutes = float(scores[row]), float(option.minutes[row])
            reaches = tested and not reached and value >= self.asked.share
            reached |= reaches
            is_over = self.limit is not None and minutes > self.limit
            cells.append(Cell(option.retention, minutes, value if tested else None, reaches, is_over))
        return tuple(cells)


def effort_page(found: Forecast) -> EffortPage:
    # The class's own may be no whole number of percent: it is itself, so that its figures are those of the API.
    own = found.knobs.retention
    shares = [own if each == found.asked.own_retention else each / 100 for each in found.asked.retentions]
    options = tuple(found.ahead.options(shares))
    scores = np.stack([option.recall[:, found.counted].mean(axis=1) for option in options])
    return EffortPage(found, options, scores)
