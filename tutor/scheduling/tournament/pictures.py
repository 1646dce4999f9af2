"""Pictures of a contest as SVG that stands alone, readable in light and dark. Pure: figures in, text out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, final
from xml.sax.saxutils import escape

from kt_models.metrics import Estimate
from tutor.scheduling.tournament.outcome import Figures, Outcome, Standing

#: Of named lines in order: first the policy that pictures dwell on, last the best baseline.
COLOURS: Final = ("#0b66c3", "#c2410c", "#15803d", "#9333ea", "#111827")
DARK: Final = ("#6cb2ff", "#fb923c", "#4ade80", "#d8b4fe", "#f3f4f6")
_STYLE: Final = """
svg{--paper:#fff;--ink:#1f2937;--soft:#4b5563;--grid:#e5e7eb;--axis:#9ca3af;--other:#b8bec9;%s}
@media(prefers-color-scheme:dark){svg{--paper:#14181f;--ink:#e5e7eb;--soft:#a8b0bd;--grid:#2a313c;--axis:#5b6472;--other:#4d5665;%s}}
text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--ink)}
.soft{fill:var(--soft);font-size:12px}.head{font-weight:600;font-size:15px}.name{font-weight:600}
.grid{stroke:var(--grid)}.axis{stroke:var(--axis)}.limit{stroke:var(--axis);stroke-dasharray:4 4}
path{fill:none;stroke-linejoin:round;stroke-linecap:round}.other{stroke:var(--other);stroke-width:1.3}
.line{stroke-width:2.2}.range{stroke-width:1.6}
"""
TITLES: Final[Mapping[str, str]] = {
    "psikt": "psikt: strengths that fade, on a graph",
    "power": "power: power-law forgetting",
    "fsrs": "fsrs: the memory model of FSRS-6",
    "space": "space: hard prerequisites",
    "unruly": "unruly: fatigue, guessing, help",
}
#: Sizes in CSS pixels: panels side by side, and what stands around the plot of one.
_COLUMNS: Final = 2
_WIDTH, _HEIGHT = 560.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 160.0, 34.0, 44.0
_ROW: Final = 21.0
#: Differences of tenths are cut off there: beyond, they are of too few learners to say anything.
_MOST: Final = 0.4
#: Of a name.
_LETTERS: Final = 20
#: Between the labels of lines.
_APART: Final = 15.0


@final
@dataclass(frozen=True)
class Box:
    """The plot of a panel, and the values at its edges."""

    x0: float
    y0: float
    width: float
    height: float
    low_x: float
    high_x: float
    low_y: float
    high_y: float

    def x(self, value: float) -> float:
        return self.x0 + self.width * (value - self.low_x) / ((self.high_x - self.low_x) or 1.0)

    def y(self, value: float) -> float:
        return self.y0 + self.height * (self.high_y - value) / ((self.high_y - self.low_y) or 1.0)

    def inside(self, value: float) -> float:
        """`y`, at the edge where a value lies beyond."""
        return self.y(min(max(value, self.low_y), self.high_y))


def knowledge(outcome: Outcome) -> str:
    """Mean knowledge at the end of each day."""

    def line(figures: Figures) -> Sequence[float]:
        return figures.knowledge_by_day

    title = "Knowledge at the end of each day, mean over learners; grey: the other policies"
    return _sheet(outcome, title, lambda s, x, y: _lines(outcome, s, line, x, y, _percent))


def minutes(outcome: Outcome) -> str:
    """Minutes a day: equal, unless a policy leaves some unused."""

    def line(figures: Figures) -> Sequence[float]:
        return figures.minutes_by_day

    title = "Minutes of practice a day and learner, mean of the week before; grey: the other policies"
    return _sheet(outcome, title, lambda s, x, y: _lines(outcome, s, line, x, y, "{:g}".format, zero=True))


def ranking(outcome: Outcome) -> str:
    """Knowledge averaged over all days, best first: by the first reference, in pairs; absolute if there is none."""
    rows = max(len(standing.figures) for standing in outcome.standings)
    height, beside = _TOP + _BOTTOM + rows * _ROW, next(iter(outcome.references), None)
    title = "Knowledge averaged over all days"
    title += f": more or less than under {_plain(beside)}, and absolute" if beside else ""
    return _sheet(outcome, title, lambda s, x, y: _rank(outcome, s, beside, x, y), height)


def deciles(outcome: Outcome) -> str:
    """The first policy by each reference, by tenths of learners."""
    title = (
        f"{_plain(outcome.hero)} by tenths of learners, weakest first: knowledge averaged over all days, more or less"
    )
    return _sheet(outcome, title, lambda s, x, y: _tenths(outcome, s, x, y))


Panel = Callable[[Standing, float, float], Iterator[str]]


def _sheet(outcome: Outcome, title: str, panel: Panel, height: float = _HEIGHT) -> str:
    n = len(outcome.standings)
    columns = min(_COLUMNS, n)
    rows = math.ceil(n / columns)
    # Titles are wider than one panel.
    wide, high = max(columns * _WIDTH, 760.0), 44.0 + rows * height
    parts = [f'<text class="head" x="16" y="28">{escape(title)}</text>']
    for place, standing in enumerate(outcome.standings):
        left, top = place % columns * _WIDTH, 44.0 + place // columns * height
        parts.append(f'<text class="name" x="{left + 16:g}" y="{top + 18:g}">{escape(_title(standing))}</text>')
        parts += panel(standing, left, top)
    light, dark = (";".join(f"--c{i}:{c}" for i, c in enumerate(each)) for each in (COLOURS, DARK))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" height="{high:g}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}"><style>{_STYLE % (light, dark)}</style>'
        f'<rect width="100%" height="100%" style="fill:var(--paper)"/>{"".join(parts)}</svg>\n'
    )


def _title(standing: Standing) -> str:
    return TITLES.get(standing.kind, standing.kind)


def _named(outcome: Outcome, standing: Standing) -> dict[str, int]:
    """Place in `COLOURS` of the lines that have a name: alike in all worlds, but for the best baseline, the last."""
    names = [outcome.hero, *(name for name in outcome.references if name != outcome.hero)][: len(COLOURS) - 1]
    out = {name: place for place, name in enumerate(names)}
    best = standing.best_baseline
    if best is not None and best not in out:
        out[best] = len(COLOURS) - 1
    return out


def _lines(
    outcome: Outcome, standing: Standing, line: Callable[[Figures], Sequence[float]], left: float, top: float,
    words: Callable[[float], str], *, zero: bool = False,
) -> Iterator[str]:  # fmt: skip
    values = {label: line(figures) for label, figures in standing.figures.items()}
    every = [value for column in values.values() for value in column]
    low, high, step = _span(0.0 if zero else min(every), max(every))
    days = len(every) // len(values)
    box = Box(left + _LEFT, top + _TOP, _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM, 1.0, float(days), low, high)
    yield from _y_axis(box, step, words)
    yield from _x_axis(box, _days(days), "{:g}".format, "day")
    named = _named(outcome, standing)
    for label in [label for label in values if label not in named]:
        yield f'<path class="other" d="{_path(box, values[label])}"><title>{escape(label)}</title></path>'
    ends = {label: box.y(values[label][-1]) for label in named if label in values}
    for label in reversed(ends):
        style = f"stroke:var(--c{named[label]})"
        title = f"<title>{escape(label)}</title>"
        yield f'<path class="line" style="{style}" d="{_path(box, values[label])}">{title}</path>'
    for label, y in _apart(ends, box.y0, box.y0 + box.height).items():
        yield _beside(box, y + 4, _short(label), f"var(--c{named[label]})")


def _days(days: int) -> list[float]:
    step = max(_step(float(days), 6), 1.0)
    return [1.0, *_ticks(max(step, 2.0), float(days), step)]


def _beside(box: Box, y: float, words: str, colour: str) -> str:
    """To the right of the plot."""
    return f'<text class="name" style="fill:{colour}" x="{box.x0 + box.width + 8:g}" y="{y:.1f}">{words}</text>'


def _path(box: Box, values: Sequence[float]) -> str:
    return "M" + "L".join(f"{box.x(day):.1f} {box.y(value):.1f}" for day, value in enumerate(values, 1))


def _rank(outcome: Outcome, standing: Standing, beside: str | None, left: float, top: float) -> Iterator[str]:
    named, words = _named(outcome, standing), _signed if beside else _percent
    found = {label: _ranked(standing, label, beside) for label in standing.figures}
    low, high, step = _span(min(each.low for each in found.values()), max(each.high for each in found.values()))
    names = 176.0
    box = Box(left + names, top + _TOP, _WIDTH - names - 72.0, len(found) * _ROW, low, high, 0.0, 1.0)
    yield from _x_axis(box, _ticks(low, high, step), words, "")
    if beside:
        yield f'<path class="axis" d="M{box.x(0.0):.1f} {box.y0:.1f}v{box.height:.1f}"/>'
    for place, (label, each) in enumerate(found.items()):
        y = box.y0 + (place + 0.5) * _ROW
        colour = f"var(--c{named[label]})" if label in named else "var(--soft)"
        weight = ' class="name"' if label in named else ""
        yield f'<text{weight} text-anchor="end" x="{box.x0 - 10:g}" y="{y + 4:.1f}" style="fill:{colour}">'
        yield f'{_short(label)}</text><path class="range" style="stroke:{colour}" d="M{box.x(each.low):.1f} {y:.1f}'
        yield f'H{box.x(each.high):.1f}"/>{_dot(box.x(each.value), y, colour)}'
        mean = 100 * standing.figures[label].mean.value
        yield f'<text class="soft" text-anchor="end" x="{left + _WIDTH - 14:g}" y="{y + 4:.1f}">{mean:.1f} %</text>'


def _ranked(standing: Standing, label: str, beside: str | None) -> Estimate:
    found = standing.figures[label].mean
    if beside:
        found = Estimate(0.0, 0.0, 0.0) if label == beside else standing.differences[beside][label].mean
    ends = (value if math.isfinite(value) else found.value for value in (found.low, found.high))
    return Estimate(found.value, *ends)


def _tenths(outcome: Outcome, standing: Standing, left: float, top: float) -> Iterator[str]:
    against = [name for name in outcome.references if name != outcome.hero]
    found = {name: standing.differences[name][outcome.hero].deciles for name in against}
    if not found:
        yield f'<text class="soft" x="{left + 16:g}" y="{top + 44:g}">No reference plays.</text>'
        return
    told = [e for row in found.values() for e in row if math.isfinite(e.value)]
    least = min(e.low if math.isfinite(e.low) else e.value for e in told)
    most = max(e.high if math.isfinite(e.high) else e.value for e in told)
    low, high, step = _span(max(min(-0.01, least), -_MOST), min(max(0.01, most), _MOST))
    n = max(len(row) for row in found.values())
    box = Box(left + _LEFT, top + _TOP, _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM, 0.5, n + 0.5, low, high)
    yield from _y_axis(box, step, _signed)
    yield from _x_axis(box, [float(tenth) for tenth in range(1, n + 1)], "{:g}".format, "tenth of learners")
    for value, kind in ((0.0, "axis"), (-0.01, "limit")):
        yield f'<path class="{kind}" d="M{box.x0:.1f} {box.y(value):.1f}h{box.width:.1f}"/>'
    colours = _named(outcome, standing)
    for place, (name, row) in enumerate(found.items()):
        shift = (place - (len(found) - 1) / 2) * 9.0
        yield from _ranges(box, row, f"var(--c{colours.get(name, 1)})", shift)
        yield _beside(box, box.y0 + 14.0 + 20.0 * place, f"than {_short(name)}", f"var(--c{colours.get(name, 1)})")
    yield f'<text class="soft" x="{box.x0 + box.width + 8:.1f}" y="{box.y(-0.01) + 4:.1f}">-1 %</text>'


def _ranges(box: Box, row: Sequence[Estimate], colour: str, shift: float) -> Iterator[str]:
    for tenth, found in enumerate(row, 1):
        if math.isfinite(found.value):
            x = box.x(tenth) + shift
            if math.isfinite(found.low) and math.isfinite(found.high):
                span = f"M{x:.1f} {box.inside(found.low):.1f}V{box.inside(found.high):.1f}"
                yield f'<path class="range" style="stroke:{colour}" d="{span}"/>'
            yield _dot(x, box.inside(found.value), colour)


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.6" style="fill:{colour};stroke:var(--paper);stroke-width:1"/>'


def _y_axis(box: Box, step: float, words: Callable[[float], str]) -> Iterator[str]:
    for value in _ticks(box.low_y, box.high_y, step):
        y = box.y(value)
        yield f'<path class="grid" d="M{box.x0:.1f} {y:.1f}h{box.width:.1f}"/>'
        yield f'<text class="soft" text-anchor="end" x="{box.x0 - 8:.1f}" y="{y + 4:.1f}">{words(value)}</text>'


def _x_axis(box: Box, ticks: Sequence[float], words: Callable[[float], str], unit: str) -> Iterator[str]:
    bottom = box.y0 + box.height
    for value in ticks:
        x = box.x(value)
        if not unit:
            yield f'<path class="grid" d="M{x:.1f} {box.y0:.1f}V{bottom:.1f}"/>'
        yield f'<text class="soft" text-anchor="middle" x="{x:.1f}" y="{bottom + 17:.1f}">{words(value)}</text>'
    if unit:
        x = box.x0 + box.width / 2
        yield f'<text class="soft" text-anchor="middle" x="{x:.1f}" y="{bottom + 33:.1f}">{unit}</text>'


def _apart(ends: Mapping[str, float], top: float, bottom: float) -> dict[str, float]:
    """Heights of labels, in order, far enough from each other and inside the panel."""
    order = sorted(ends, key=lambda label: ends[label])
    out: dict[str, float] = {}
    at = top - _APART
    for label in order:
        at = out[label] = max(ends[label], at + _APART)
    at = bottom + _APART
    for label in reversed(order):
        at = out[label] = min(out[label], at - _APART)
    return out


def _span(low: float, high: float) -> tuple[float, float, float]:
    """Round limits around values, and the step between ticks."""
    step = _step(max(high - low, 1e-3), 5)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step


def _step(width: float, parts: int) -> float:
    """1, 2 or 5 times a power of ten, so that there are about so many."""
    rough = width / parts
    power = 10.0 ** math.floor(math.log10(rough))
    return power * next(f for f in (1.0, 2.0, 5.0, 10.0) if f * power >= rough * 0.999)


def _ticks(low: float, high: float, step: float) -> list[float]:
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _percent(value: float) -> str:
    return f"{round(100 * value, 1):g} %"


def _signed(value: float) -> str:
    return f"{round(100 * value, 1):+g} %" if abs(value) > 1e-9 else "0"


def _plain(label: str) -> str:
    return label.replace("_", " ")


def _short(label: str) -> str:
    name = _plain(label)
    return escape(name if len(name) <= _LETTERS else name[: _LETTERS - 1] + "…")
