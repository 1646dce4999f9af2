"""Figures as SVG geometry, in the units of their viewBox. Pure: arrays in, path data out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple, final

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import SECONDS_PER_DAY, Float, Int, RecallTable, interval
from tutor.tracing.status import BY_CODE, Status, widen

#: Vertical spans (top, height) of each status in a strip 14 units high, whose ground line is at 9: the shape tells
#: the status without its colour. Struggling hangs below the ground, a due review is a bar with a gap.
SPANS: Final[dict[Status, tuple[tuple[float, float], ...]]] = {
    Status.MASTERED: ((0, 9),),
    Status.DUE_FOR_REVIEW: ((0, 2.5), (4.5, 4.5)),
    Status.LEARNING: ((4.5, 4.5),),
    Status.NOT_ENOUGH_DATA: ((7.5, 1.5),),
    Status.STRUGGLING: ((9, 5),),
    Status.LOCKED: (),
}
#: Between subject areas, in widths of a concept.
GAP: Final = 0.8
#: These get a name of their own when pointed at.
_NAMED: Final = (Status.STRUGGLING, Status.DUE_FOR_REVIEW)

CURVE_WIDTH: Final = 132.0
CURVE_HEIGHT: Final = 34.0
#: A curve looks this far ahead of now.
CURVE_DAYS: Final = 28.0
_SAMPLES: Final = 28


@final
@dataclass(frozen=True, eq=False)
class Layout:
    """Where concepts stand in a strip: those of a subject area together, in the order of the curriculum.

    Attributes: order: positions of the active concepts.     x: left edge of each of them.     width: of the strip.
    """

    order: Int
    x: Float
    width: float

    @classmethod
    def of(cls, content: Snapshot) -> Layout:
        areas: dict[str, list[int]] = {}
        for position, concept in enumerate(content.concept_contents):
            if concept:
                areas.setdefault(concept.domain or "", []).append(position)
        order = [position for positions in areas.values() for position in positions]
        gaps = np.repeat(np.arange(len(areas)) * GAP, [len(positions) for positions in areas.values()])
        left = np.arange(len(order), dtype=np.float64) + gaps
        return cls(np.array(order, np.int64), left, len(order) + GAP * max(len(areas) - 1, 0))


class Bar(NamedTuple):
    """One concept of a strip that can be pointed at."""

    status: Status
    d: str
    title: str


@final
@dataclass(frozen=True)
class Strip:
    """`paths` are (status, path data), `ground` is the path of the ground line."""

    width: str
    ground: str
    paths: tuple[tuple[Status, str], ...]
    named: tuple[Bar, ...]


def strip(layout: Layout, codes: Int, titles: Sequence[str]) -> Strip:
    """Of one learner; `codes` are those of `tracing.status.statuses`."""
    ground: list[str] = []
    parts: dict[Status, list[str]] = {}
    named: list[Bar] = []
    for left, width, code, members in _runs(layout, codes[layout.order]):
        status = BY_CODE[code]
        ground.append(_box(left, 9, width, 0.5))
        if status in _NAMED:
            named += [Bar(status, _bar(status, float(layout.x[i]), 1.0), titles[layout.order[i]]) for i in members]
        elif SPANS[status]:
            parts.setdefault(status, []).append(_bar(status, left, width))
    paths = tuple((status, "".join(ds)) for status, ds in parts.items())
    return Strip(_number(layout.width), "".join(ground), paths, tuple(named))


def _runs(layout: Layout, codes: Int) -> list[tuple[float, float, int, list[int]]]:
    """(left, width, code, indices) of neighbours of one status without a gap between them."""
    # Within an area x - i is constant, so it names the area.
    keys = [(round(float(x) - i, 3), int(code)) for i, (x, code) in enumerate(zip(layout.x, codes, strict=True))]
    runs = []
    for (_, code), group in groupby(range(len(keys)), key=keys.__getitem__):
        members = list(group)
        runs.append((float(layout.x[members[0]]), float(len(members)), code, members))
    return runs


def _bar(status: Status, left: float, width: float) -> str:
    return "".join(_box(left, top, width, height) for top, height in SPANS[status])


def _box(left: float, top: float, width: float, height: float) -> str:
    return f"M{_number(left)} {_number(top)}h{_number(width)}v{_number(height)}h-{_number(width)}z"


@final
@dataclass(frozen=True)
class Curve:
    """Recall over time. `recall_then` is at the end of the curve; `review_y` "" if no review can fall due."""

    line: str
    band: str
    now_x: str
    now_y: str
    review_y: str
    recall_then: float


@final
@dataclass(frozen=True, eq=False)
class Curves:
    """Recall of every concept at some times, with its 90 % range; shape (times, concepts)."""

    x: Float
    recall: Float
    low: Float
    high: Float
    now_x: float

    @classmethod
    def of(cls, table: RecallTable, n_concepts: int, now: float) -> Curves:
        start, end = min(table.origin, now), now + CURVE_DAYS * SECONDS_PER_DAY
        # Denser at the start, where forgetting is fast.
        times = start + (end - start) * np.linspace(0.0, 1.0, _SAMPLES) ** 1.5
        recall = np.stack([widen(table.at(t), n_concepts) for t in times])
        sd = np.stack([widen(table.sd_at(t), n_concepts) for t in times])
        low, high = interval(recall, sd)
        scale = CURVE_WIDTH / (end - start)
        return cls((times - start) * scale, recall, low, high, (now - start) * scale)

    def curve(self, concept: int, recall_now: float, review_at: float | None) -> Curve:
        upper = _points(self.x, self.high[:, concept])
        lower = _points(self.x[::-1], self.low[::-1, concept])
        return Curve(
            line="M" + "L".join(_points(self.x, self.recall[:, concept])),
            band="M" + "L".join(upper + lower) + "z",
            now_x=_number(self.now_x),
            now_y=_number(_height(recall_now)),
            review_y="" if review_at is None else _number(_height(review_at)),
            recall_then=float(self.recall[-1, concept]),
        )


def _points(x: Float, p: Float) -> list[str]:
    return [f"{_number(a)} {_number(_height(b))}" for a, b in zip(x.tolist(), p.tolist(), strict=True)]


def _height(p: float) -> float:
    return (1.0 - p) * CURVE_HEIGHT


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
