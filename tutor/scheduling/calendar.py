"""A learner's days: where they begin, in the learner's own time zone, and on which of them nothing is planned. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]

#: Load is balanced, and agendas are told, this many days ahead unless something else is asked for.
DAYS: Final = 14


@final
@dataclass(frozen=True, eq=False)
class Days:
    """Today and the days after it. A day has 23 or 25 hours where clocks change.

    Attributes:
        first: the learner's date today; practice before the first hour of a day still counts for the day before.
        starts: (days + 1,) Unix seconds at which each begins, and at which the last one ends; ascending.
    """

    first: date
    starts: Float

    @classmethod
    def ahead(cls, zone: str, cutoff_hour: int, now: float, days: int = DAYS) -> Days:
        """From today on, at Unix time `now`. `zone` is an IANA name, `cutoff_hour` 0 to 23 the first hour of a day.

        Raises:
            zoneinfo.ZoneInfoNotFoundError: if there is no such zone.
            ValueError: if there is no such hour, or not even one day is asked for.
        """
        if not 0 <= cutoff_hour < 24 or days < 1:
            raise ValueError(f"hour {cutoff_hour} and {days} days: give an hour from 0 to 23, and one day or more")
        first = _day_of(now, zone, cutoff_hour)
        return cls(first, _starts(first, zone, cutoff_hour, days))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def day(self, index: int) -> date:
        return self.first + timedelta(days=index)

    def index(self, seconds: ArrayLike) -> Int:
        """Which day a time falls on, 0 for today; -1 for all before, `len(self)` for all after."""
        return np.asarray(np.searchsorted(self.starts, seconds, side="right") - 1, dtype=np.int64)

    def quiet(self, weekdays: Collection[int] = (), dates: Collection[date] = ()) -> Bool:
        """(days,) on which nothing is to be planned: every week (0 for Monday), or once (holidays)."""
        days = map(self.day, range(len(self)))
        return np.array([day.weekday() in weekdays or day in dates for day in days], dtype=np.bool_)


def start_of(day: date, zone: str, cutoff_hour: int) -> float:
    """Unix seconds at which a day begins: the first time its first hour strikes, or is skipped when clocks change."""
    return datetime.combine(day, time(cutoff_hour), ZoneInfo(zone)).timestamp()


# A school's learners share their days, and each answer asks for them.
@lru_cache(maxsize=1024)
def _starts(first: date, zone: str, cutoff_hour: int, days: int) -> Float:
    starts = np.array([start_of(first + timedelta(days=n), zone, cutoff_hour) for n in range(days + 1)])
    starts.setflags(write=False)
    return starts


def _day_of(now: float, zone: str, cutoff_hour: int) -> date:
    local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone))
    day = (local - timedelta(hours=cutoff_hour)).date() - timedelta(days=1)
    # Not by the clock on the wall alone: turned back, it may show an hour of the day before once more.
    while start_of(day + timedelta(days=1), zone, cutoff_hour) <= now:
        day += timedelta(days=1)
    return day
