"""Control charts of a daily mean: has it shifted, and since when. Pure: no table, no clock.

A cumulative sum (Page 1954, Biometrika 41) of standardised days:

    C+ = max(0, C+ + z - k),    C- = max(0, C- - z - k),    an alarm where either passes h

There is no long past to standardise by: each day is held against all days in control before it, and what their number
leaves uncertain goes into a t-quantile (the self-starting CUSUM, Hawkins 1987, J. Quality Technology 19). With days
x_i of error e_i, w_i = 1 / e_i^2, W = sum w_i over the n days before, m and s^2 their weighted mean and variance:

    T = (x - m) / (s sqrt(e^2 + 1 / W)) ~ t(n - 1),    z = Phi^-1(F_t(T)) ~ N(0, 1) while nothing changes

s^2 estimates how much more days differ than their errors say, so content that varies from day to day raises no alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, final

#: Half of the shift, in standard deviations of a day, that is found fastest.
SLACK: Final = 0.5
#: Mean days between false alarms of one side, for this k: 930 by theory (Siegmund 1985) with known mean and variance.
LIMIT: Final = 5.0
#: What a day may weigh: none raises an alarm alone (a winsorised CUSUM, Lucas & Crosier 1982, Technometrics 24).
HEAVIEST: Final = 4.0
#: Where a sum stays: a lasting alarm must not take as long to end.
MOST: Final = LIMIT + 1.0
#: Days held back to standardise the next by.
FIRST: Final = 7


class Point(NamedTuple):
    """A day on the chart: standardised (not the first ones), the two sums, and whether either is in alarm."""

    z: float | None
    up: float
    down: float
    is_alarm: bool


@final
@dataclass
class _Reference:
    """Days in control so far: their number, weight, weighted mean, and weighted squares about it."""

    n: int = 0
    weight: float = 0.0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float, error: float) -> None:
        w = 1.0 / error**2
        self.n, self.weight = self.n + 1, self.weight + w
        step = value - self.mean
        self.mean += step * w / self.weight
        self.squares += w * step * (value - self.mean)

    def standardise(self, value: float, error: float) -> float:
        freedom = self.n - 1
        spread = math.sqrt(max(self.squares / freedom, 1e-12) * (error**2 + 1.0 / self.weight))
        z = _normal((value - self.mean) / spread, freedom)
        return max(-HEAVIEST, min(HEAVIEST, z))


def chart(days: Iterable[tuple[float, float]], *, is_falling_bad: bool) -> list[Point]:
    """The chart of days (mean, its standard error > 0), oldest first; of rising means only, or of falling ones too.

    A day in alarm teaches nothing of what is normal. An alarm ends when its sum has come down to half the limit.
    """
    reference, points = _Reference(), list[Point]()
    up, down, is_alarm = 0.0, 0.0, False
    for value, error in days:
        z = reference.standardise(value, error) if reference.n >= FIRST else None
        up = min(max(0.0, up + (z or 0.0) - SLACK), MOST)
        down = min(max(0.0, down - (z or 0.0) - SLACK), MOST) if is_falling_bad else 0.0
        is_alarm = max(up, down) > (LIMIT / 2 if is_alarm else LIMIT)
        if not is_alarm:
            reference.add(value, error)
        points.append(Point(z, up, down, is_alarm))
    return points


def _normal(t: float, freedom: int) -> float:
    """The standard normal quantile of where `t` stands among Student's t: Wallace 1959, within .02 from 3 on."""
    shrink = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return math.copysign(shrink * math.sqrt(freedom * math.log1p(t * t / freedom)), t)
