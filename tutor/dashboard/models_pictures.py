"""Pictures of models as SVG geometry, in the units of their viewBox. Pure: figures in, path data out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple, final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tutor.language import Figure, Texts, grouped, percent
from tutor.registry.card import Bin, Slice, Value
from tutor.tracing.drift import Day

#: Side of the square in which calibration is drawn, and its longest dot's radius.
SIDE: Final = 200.0
_DOT: Final = 7.0
#: Of the two-sided normal 95 % interval.
_Z: Final = 1.96

CURVE_WIDTH: Final = 320.0
CURVE_HEIGHT: Final = 160.0
#: Series of a learning curve, by the names of the records that fits write.
SERIES: Final[Mapping[str, str]] = Texts(
    {
        "train_log_loss": gettext_noop("answers fitted on"),
        "validation_log_loss": gettext_noop("learners set aside"),
        "log_loss": gettext_noop("learners set aside"),
    }
)
CHOSEN_BY: Final = ("validation_log_loss", "log_loss")

FOREST_WIDTH: Final = 100.0


class Dot(NamedTuple):
    """Answers of one tenth of a half of the scale: where they stand, their 95 % bar, how large, and what to say."""

    x: str
    y: str
    bar: str
    r: str
    title: str


@final
@dataclass(frozen=True)
class Calibration:
    dots: tuple[Dot, ...]
    line: str
    summary: str


def calibration(bins: Sequence[Bin]) -> Calibration | None:
    """What was expected against what came; on the diagonal they agree. None without answers."""
    if not bins:
        return None
    most = max(each.n for each in bins)
    dots = tuple(_dot(each, most) for each in bins)
    line = "M" + "L".join(f"{dot.x} {dot.y}" for dot in dots)
    far = max(bins, key=lambda each: abs(each.predicted - each.correct) * math.sqrt(each.n))
    text = _(
        "Share right against share expected, %(n)s answers in %(bins)s bins. "
        "Farthest off: %(expected)s expected, %(right)s right."
    )
    told = {"expected": percent(far.predicted), "right": percent(far.correct), "bins": len(bins)}
    return Calibration(dots, line, text % {**told, "n": grouped(sum(each.n for each in bins))})


def _dot(each: Bin, most: int) -> Dot:
    spread = _Z * math.sqrt(max(each.correct * (1 - each.correct), 0.25 / each.n) / each.n)
    low, high = max(each.correct - spread, 0.0), min(each.correct + spread, 1.0)
    x = _number(each.predicted * SIDE)
    title = _("%(expected)s expected, %(right)s right, %(n)s answers") % {
        "expected": percent(each.predicted),
        "right": percent(each.correct),
        "n": grouped(each.n),
    }
    bar = f"M{x} {_number((1 - low) * SIDE)}V{_number((1 - high) * SIDE)}"
    return Dot(x, _number((1 - each.correct) * SIDE), bar, _number(2.0 + _DOT * math.sqrt(each.n / most) - 2.0), title)


class Line(NamedTuple):
    key: str
    title: str
    d: str
    #: The last value and where it stands.
    last: float
    end_x: str
    end_y: str


class Tick(NamedTuple):
    """Where a value stands on an axis, and what to call it."""

    at: str
    label: str


@final
@dataclass(frozen=True)
class LearningCurve:
    """`best`: (x, y) of the record that is kept, "" if none is told."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    first: str
    final: str
    best: tuple[str, str]
    summary: str


def learning_curve(records: Iterable[Mapping[str, Any]]) -> LearningCurve | None:
    """Log loss by epoch or round; None unless at least two records tell it."""
    epochs = by_epoch(records)
    if len(epochs) < 2:
        return None
    at, told = zip(*epochs, strict=True)
    values = [loss for each in told for loss in each.values()]
    low, high = min(values), max(values)
    span, width = (high - low) or 1.0, (at[-1] - at[0]) or 1.0

    def place(epoch: float, loss: float) -> tuple[str, str]:
        return _number((epoch - at[0]) / width * CURVE_WIDTH), _number((high - loss) / span * CURVE_HEIGHT)

    lines, best = [], ("", "")
    for key, title in SERIES.items():
        points = [(epoch, losses[key]) for epoch, losses in epochs if key in losses]
        if points:
            drawn = [place(*point) for point in points]
            d = "M" + "L".join(f"{x} {y}" for x, y in drawn)
            lines.append(Line(key, title, d, points[-1][1], *drawn[-1]))
        if points and key in CHOSEN_BY:
            best = place(*min(points, key=lambda point: point[1]))
    ticks = tuple(Tick(_number((high - loss) / span * CURVE_HEIGHT), f"{Figure(loss):.3f}") for loss in (high, low))
    text = _("Log loss of %(what)s: %(value)s at the end")
    summary = ". ".join(text % {"what": line.title, "value": f"{Figure(line.last):.3f}"} for line in lines)
    return LearningCurve(tuple(lines), ticks, f"{at[0]:.0f}", f"{at[-1]:.0f}", best, summary)


def by_epoch(records: Iterable[Mapping[str, Any]]) -> list[tuple[float, dict[str, float]]]:
    """Epochs or rounds of a fit that tell a log loss, and what they tell by series."""
    losses = [(each, {key: float(each[key]) for key in SERIES if _finite(each.get(key))}) for each in records]
    told = [each for each in losses if each[1]]
    return [(float(each.get("epoch", place + 1)), found) for place, (each, found) in enumerate(told)]


@final
@dataclass(frozen=True)
class Span:
    """A value with its interval on the common scale of a table, in percent of its width."""

    value: str
    low: str
    high: str


def spans(parts: Sequence[Slice], whole: Value | None) -> tuple[list[Span | None], str]:
    """Log losses of parts on one scale, and where that of all answers stands on it."""
    told = [part.log_loss for part in parts if part.log_loss] + ([whole] if whole else [])
    ends = [end for found in told for end in (found.low, found.high, found.value) if end is not None]
    if not ends:
        return [None] * len(parts), ""
    low, wide = min(ends), (max(ends) - min(ends)) or 1.0

    def at(value: float) -> str:
        return _number(2 + (value - low) / wide * (FOREST_WIDTH - 4))

    drawn = [_span(part.log_loss, at) if part.log_loss else None for part in parts]
    return drawn, at(whole.value) if whole and whole.value is not None else ""


def _span(found: Value, at: Any) -> Span | None:
    if found.value is None:
        return None
    low, high = (found.value if end is None else end for end in (found.low, found.high))
    return Span(at(found.value), at(low), at(high))


@final
@dataclass(frozen=True)
class DriftChart:
    """Log loss by day with its 95 % band, where alarms stand, and the latest."""

    line: str
    band: str
    alarms: tuple[tuple[str, str], ...]
    ticks: tuple[Tick, ...]
    first: date
    last: date
    summary: str


def drift_chart(days: Sequence[Day]) -> DriftChart | None:
    """Of a champion's days; None before the second."""
    if len(days) < 2:
        return None
    lows, highs = zip(*map(band, days), strict=True)
    low, high = min(lows), max(highs)
    span, start = (high - low) or 1.0, days[0].day
    wide = (days[-1].day - start).days or 1
    x = [_number((day.day - start).days / wide * CURVE_WIDTH) for day in days]

    def at(loss: float) -> str:
        return _number((high - loss) / span * CURVE_HEIGHT)

    upper = [f"{a} {at(b)}" for a, b in zip(x, highs, strict=True)]
    lower = [f"{a} {at(b)}" for a, b in zip(x, lows, strict=True)]
    last = days[-1]
    return DriftChart(
        line="M" + "L".join(f"{a} {at(day.log_loss)}" for a, day in zip(x, days, strict=True)),
        band="M" + "L".join(upper + lower[::-1]) + "z",
        alarms=tuple((a, at(day.log_loss)) for a, day in zip(x, days, strict=True) if day.alarms),
        ticks=tuple(Tick(at(loss), f"{Figure(loss):.3f}") for loss in (high, low)),
        first=start,
        last=last.day,
        summary=_(
            "Log loss by day; on the last, %(loss)s over %(n)s answers, %(right)s right where %(expected)s were "
            "expected"
        )
        % {
            "loss": f"{Figure(last.log_loss):.3f}",
            "n": grouped(last.answers),
            "right": percent(last.observed),
            "expected": percent(last.expected),
        },
    )


def band(day: Day) -> tuple[float, float]:
    """The 95 % range of a day's log loss."""
    return day.log_loss - _Z * day.error, day.log_loss + _Z * day.error


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
