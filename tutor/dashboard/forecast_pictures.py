"""Pictures of forecasts as SVG geometry, in the units of their viewBox. Pure: figures in, path data out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple, final

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kt_models.recall import Float
from tutor.dashboard.forecast_asked import told
from tutor.language import percent
from tutor.scheduling.coverage import Decile
from tutor.tracing.status import Bool

LOAD_WIDTH: Final = 640.0
LOAD_HEIGHT: Final = 130.0
GAIN_WIDTH: Final = 320.0
GAIN_HEIGHT: Final = 170.0
#: Side of the square in which forecast and observation are compared.
SIDE: Final = 200.0


class Tick(NamedTuple):
    """Where a value stands on an axis, and what to call it."""

    at: str
    label: str


class Day(NamedTuple):
    """Of a class: median minutes and the middle half of its learners."""

    day: date
    is_quiet: bool
    median: float
    low: float
    high: float


@final
@dataclass(frozen=True)
class Load:
    """`bars` are medians, `spans` the middle half, `quiet` the days on which nothing is planned."""

    bars: str
    spans: str
    quiet: str
    ticks: tuple[Tick, ...]
    first: date
    last: date
    days: tuple[Day, ...]
    summary: str


def load(minutes: Float, quiet: Bool, first: date) -> Load | None:
    """From (learners, days) minutes, NaN where a learner has no such day; None without learners or days."""
    days = load_days(minutes, quiet, first)
    if not days:
        return None
    top = _ceiling(max(day.high for day in days))
    step, bars, spans, shaded = LOAD_WIDTH / len(days), "", "", ""
    for place, day in enumerate(days):
        left, width = place * step, max(step * 0.72, 0.8)
        if day.is_quiet:
            shaded += f"M{_number(left)} 0h{_number(step)}V{_number(LOAD_HEIGHT)}h-{_number(step)}z"
        height = day.median / top * LOAD_HEIGHT
        if height > 0:
            x = left + (step - width) / 2
            bars += f"M{_number(x)} {_number(LOAD_HEIGHT)}v-{_number(height)}h{_number(width)}V{_number(LOAD_HEIGHT)}z"
        if day.high > 0:
            low, high = (_number(LOAD_HEIGHT * (1 - each / top)) for each in (day.low, day.high))
            spans += f"M{_number(left + step / 2)} {low}V{high}"
    ticks = tuple(Tick(_number(LOAD_HEIGHT * (1 - each / top)), f"{each:g}") for each in (0.0, top / 2, top))
    return Load(bars, spans, shaded, ticks, days[0].day, days[-1].day, tuple(days), _load_in_words(days))


def load_days(minutes: Float, quiet: Bool, first: date) -> list[Day]:
    if not minutes.size:
        return []
    # A day that nobody of these has before them: east of them it was today.
    minutes = np.where(np.isnan(minutes).all(axis=0), 0.0, minutes)
    low, median, high = np.nanquantile(minutes, (0.25, 0.5, 0.75), axis=0).tolist()
    rows = zip(quiet.tolist(), median, low, high, strict=True)
    return [Day(first + timedelta(days=place), *row) for place, row in enumerate(rows)]


class Point(NamedTuple):
    """A retention in percent, 0 without practice, the minutes a day that it takes, and the score that it brings."""

    percent: int
    minutes: float
    score: float


class Dot(NamedTuple):
    x: str
    y: str
    label: str
    label_y: str
    anchor: str


@final
@dataclass(frozen=True)
class Gain:
    """`wanted_y` is where the wanted score stands."""

    line: str
    dots: tuple[Dot, ...]
    wanted_y: str
    wanted: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    summary: str


def gain(points: Sequence[Point], wanted: float) -> Gain:
    """Scores, over minutes a day."""
    top = _ceiling(max(point.minutes for point in points))
    places = [(point.minutes / top * GAIN_WIDTH, (1 - point.score) * GAIN_HEIGHT) for point in points]
    dots = []
    for place, (point, (x, y)) in enumerate(zip(points, places, strict=True)):
        # Neighbours may stand close: they are labelled above and below in turn.
        above = place % 2 == 1
        anchor = "start" if x < 20 else "end" if x > GAIN_WIDTH - 20 else "middle"
        label = percent(point.percent / 100) if point.percent else _("no practice")
        dots.append(Dot(_number(x), _number(y), label, _number(y - 9 if above else y + 17), anchor))
    told_ = "; ".join(
        _("retention %(percent)s %%: %(minutes).0f min a day, expected score %(score).0f %%")
        % {"percent": point.percent, "minutes": point.minutes, "score": 100 * point.score}
        for point in points[1:]
    )
    none = _("Without practice an expected score of %(score).0f %%") % {"score": 100 * points[0].score}
    return Gain(
        line="M" + "L".join(f"{_number(x)} {_number(y)}" for x, y in places),
        dots=tuple(dots),
        wanted_y=_number((1 - wanted) * GAIN_HEIGHT),
        wanted=percent(wanted),
        x_ticks=tuple(Tick(_number(each / top * GAIN_WIDTH), f"{each:g}") for each in (0.0, top / 2, top)),
        y_ticks=tuple(Tick(_number((1 - each) * GAIN_HEIGHT), f"{100 * each:.0f}") for each in (0.0, 0.5, 1.0)),
        summary=f"{none}; {told_}.",
    )


class Tenth(NamedTuple):
    """Where a part of the forecasts stands, its 90 % range, and what to say of it."""

    x: str
    y: str
    bar: str
    came_true: bool
    title: str


def tenths(deciles: Sequence[Decile]) -> tuple[Tenth, ...]:
    return tuple(_tenth(each) for each in deciles)


def _tenth(each: Decile) -> Tenth:
    x = _number(each.forecast * SIDE)
    low, high = max(each.low, 0.0), min(each.high, 1.0)
    title = _("%(forecast)s forecast, %(observed)s right") % {
        "forecast": percent(each.forecast),
        "observed": percent(each.observed),
    }
    bar = f"M{x} {_number((1 - low) * SIDE)}V{_number((1 - high) * SIDE)}"
    return Tenth(x, _number((1 - each.observed) * SIDE), bar, each.came_true, title)


class Bell(NamedTuple):
    """A learner's expected score on a scale of 100: left alone, then, and the range of the latter."""

    alone: str
    then: str
    low: str
    width: str


def bell(alone: float, then: float, low: float, high: float) -> Bell:
    return Bell(*(_number(100 * each) for each in (alone, then, low, max(high - low, 0.004))))


def _load_in_words(days: Sequence[Day]) -> str:
    busiest = max(days, key=lambda day: day.median)
    quiet = sum(day.is_quiet for day in days)
    n = ngettext("%(n)s day", "%(n)s days", len(days)) % {"n": len(days)}
    return _(
        "Median minutes of the class on each of %(n)s, %(quiet)s of them quiet; %(median).0f on a usual day, most on "
        "%(busiest)s: %(most).0f."
    ) % {
        "n": n,
        "quiet": quiet,
        "median": float(np.median([day.median for day in days])),
        "busiest": told(busiest.day),
        "most": busiest.median,
    }


def _ceiling(value: float) -> float:
    """A round figure that is at least this, and more than nothing."""
    if value <= 0:
        return 2.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(each * unit for each in (1, 2, 3, 4, 5, 6, 8, 10) if each * unit >= value * 0.999)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
