"""When simulated learners come and how long they stay: weekdays, weekends, holidays, and those who never come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np

from kt_models.metrics import Bool
from kt_models.recall import SECONDS_PER_DAY, Float, Int, logit, sigmoid
from kt_models.simulate.checks import require
from kt_models.simulate.draws import Draws

#: Unix time of day 0 of every world: Monday, 1 September 2025, 00:00 UTC.
START_SECONDS: Final = 1_756_684_800.0
_SATURDAY: Final = 5
#: Sessions begin within these hours and last no longer than that, so that none goes past midnight.
_HOURS: Final = (6.0, 21.0)
_MOST_MINUTES: Final = 120.0


def day_start(day: int) -> float:
    """Unix time at which a day of the world begins."""
    return START_SECONDS + day * SECONDS_PER_DAY


def day_of(seconds: float) -> int:
    """The day of the world that a Unix time falls in; negative before its start."""
    return int((seconds - START_SECONDS) // SECONDS_PER_DAY)


@final
@dataclass(frozen=True, eq=False)
class Visits:
    """One day, shapes (learners,): who comes, at which Unix time, and how many minutes there are for practice."""

    present: Bool
    seconds: Float
    minutes: Float


@final
@dataclass(frozen=True)
class Attendance:
    """How regularly learners come. The numbers are round ones of ours, not fitted to a school.

    Attributes:
        weekday, weekend, holiday: chance that a median learner comes on such a day.
        regularity_sd: spread between learners of that chance's logit.
        holidays: first and last day of each holiday, days of the world.
        dropout_per_day: chance, each day, of never coming back.
        minutes: median length of a session.     minutes_log_sd, minutes_day_log_sd: spread of its logarithm between
            learners, and between the days of a learner.
        hour, hour_sd: when sessions begin, hours from midnight.
    """

    weekday: float = 0.8
    weekend: float = 0.35
    holiday: float = 0.1
    regularity_sd: float = 0.8
    holidays: tuple[tuple[int, int], ...] = ()
    dropout_per_day: float = 0.002
    minutes: float = 15.0
    minutes_log_sd: float = 0.3
    minutes_day_log_sd: float = 0.2
    hour: float = 16.0
    hour_sd: float = 2.0

    def __post_init__(self) -> None:
        require(self, shares="weekday weekend holiday dropout_per_day", positive="minutes")
        require(self, natural="regularity_sd minutes_log_sd minutes_day_log_sd hour hour_sd")
        for first, last in self.holidays:
            if first > last:
                raise ValueError(f"a holiday from day {first} to day {last} ends before it begins")

    @classmethod
    def steady(cls, minutes: float) -> Attendance:
        """Everybody, every day, equally long: for comparisons of policies alone."""
        return cls(1.0, 1.0, 1.0, 0.0, (), 0.0, minutes, 0.0, 0.0)

    def visits(self, draws: Draws, n_learners: int, day: int) -> Visits:
        """A function of the seed and the day alone: no policy changes who comes."""
        learner = np.arange(n_learners)
        length = self.minutes_log_sd * draws.normal("length", learner)
        length += self.minutes_day_log_sd * draws.normal("length today", learner, day)
        hour = np.clip(self.hour + self.hour_sd * draws.normal("hour", learner, day), *_HOURS)
        return Visits(
            present=(draws.uniform("coming", learner, day) < self._chance(draws, learner, day))
            & (day < self._last_day(draws, learner)),
            seconds=day_start(day) + np.round(hour * 3_600.0),
            minutes=np.minimum(self.minutes * np.exp(length), _MOST_MINUTES),
        )

    def _chance(self, draws: Draws, learner: Int, day: int) -> Float:
        median = self.weekend if day % 7 >= _SATURDAY else self.weekday
        if any(first <= day <= last for first, last in self.holidays):
            median = self.holiday
        if median in (0.0, 1.0):
            return np.full(len(learner), median)
        return sigmoid(logit(median) + self.regularity_sd * draws.normal("regularity", learner))

    def _last_day(self, draws: Draws, learner: Int) -> Float:
        """First day on which each learner has dropped out: geometric."""
        if self.dropout_per_day in (0.0, 1.0):
            return np.full(len(learner), np.inf if self.dropout_per_day == 0 else 0.0)
        return np.asarray(np.floor(np.log(draws.uniform("dropout", learner)) / np.log1p(-self.dropout_per_day)))
