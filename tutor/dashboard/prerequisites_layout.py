"""Where concepts stand on the map of prerequisites: in rows, each below all that it builds on. Pure and deterministic.

The layered drawing of Sugiyama, Tagawa & Toda 1981: rows by longest path, fewer crossings by sweeps of barycentres, and
lines that pass rows of boxes through lanes of their own. Rows are of bounded length, so that many concepts make a tall
picture, as pages are, rather than a wide one.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, final

import networkx as nx

Pair = tuple[int, int]
#: A concept, or where the lines from a concept pass a row: (concept, row).
Vertex = int | tuple[int, int]

#: Pixels at 100 %.
BOX_WIDTH: Final = 176.0
BOX_HEIGHT: Final = 78.0
MARGIN: Final = 24.0
_GAP: Final = 20.0
_LANE: Final = 12.0
_BETWEEN_ROWS: Final = 58.0
_HEAD: Final = 4.5
#: Ends of lines on one box are this far apart, if there is room.
_PORT: Final = 14.0
#: Boxes in a row: what a desk's window shows at about 100 %.
MOST: Final = 6
_SWEEPS: Final = 12
#: A lane that bends is harder to follow than a line that leaves its box aslant.
_LANE_WEIGHT: Final = 4.0


class Place(NamedTuple):
    """Top left corner of a box."""

    x: float
    y: float


class Line(NamedTuple):
    """Path data of a line and of its head."""

    d: str
    head: str


@final
@dataclass(frozen=True, eq=False)
class Drawing:
    """`rows`: connected concepts from left to right. `apart`: without any prerequisite, below `apart_y`."""

    rows: tuple[tuple[int, ...], ...]
    apart: tuple[int, ...]
    places: Mapping[int, Place]
    lines: Mapping[Pair, Line]
    width: float
    height: float
    apart_y: float

    @property
    def order(self) -> list[int]:
        """Concepts as one would read them."""
        return [concept for row in self.rows for concept in row] + list(self.apart)

    def line(self, pair: Pair) -> Line:
        """Of any edge; one by which the drawing was not made may pass beneath boxes, and may lead upwards."""
        return self.lines.get(pair) or _loose(self.places[pair[0]], self.places[pair[1]])


@lru_cache(maxsize=64)
def drawing(concepts: tuple[int, ...], pairs: frozenset[Pair]) -> Drawing:
    """`pairs` (parent, child) are acyclic. Kept: everybody in a school looks at the same few."""
    linked = {end for pair in pairs for end in pair}
    rows = rows_of([concept for concept in concepts if concept in linked], pairs)
    apart = tuple(concept for concept in concepts if concept not in linked)
    levels = _Levels(rows, pairs)
    levels.uncross()
    x = levels.spread()
    left = min((x[c] for row in rows for c in row), default=BOX_WIDTH / 2) - BOX_WIDTH / 2
    left = min([left, *(at for vertex, at in x.items() if isinstance(vertex, tuple))])
    centre = {vertex: at - left + MARGIN for vertex, at in x.items()}
    places = {c: Place(centre[c] - BOX_WIDTH / 2, _top(i)) for i, row in enumerate(rows) for c in row}
    apart_y = _top(len(rows)) if rows else MARGIN
    places |= {c: _apart_place(i, apart_y) for i, c in enumerate(apart)}
    right = max([*(place.x + BOX_WIDTH for place in places.values()), *centre.values()], default=0.0)
    bottom = max((place.y + BOX_HEIGHT for place in places.values()), default=0.0)
    ordered = tuple(tuple(v for v in level if isinstance(v, int)) for level in levels.orders)
    lines = levels.lines(centre, pairs)
    return Drawing(ordered, apart, places, lines, right + MARGIN, bottom + MARGIN, apart_y)


def rows_of(concepts: Sequence[int], pairs: Iterable[Pair]) -> list[list[int]]:
    """Longest paths from the roots, at most `MOST` concepts a row; what leads to more than it needs stands lower."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(concepts)
    graph.add_edges_from(sorted(pairs))
    level: dict[int, int] = {}
    for at, generation in enumerate(nx.topological_generations(graph)):
        level |= dict.fromkeys(generation, at)
    for concept in sorted(concepts, key=lambda c: (-level[c], c)):
        if graph.out_degree(concept) > graph.in_degree(concept):
            level[concept] = min(level[child] for child in graph.successors(concept)) - 1
    rows: list[list[int]] = []
    for at in range(max(level.values(), default=-1) + 1):
        # Roots close to their children, leaves close to their parents.
        of_level = [c for c in concepts if level[c] == at]
        of_level.sort(key=lambda c: graph.out_degree(c) - graph.in_degree(c))
        rows += _evenly(of_level)
    return rows


def _evenly(concepts: Sequence[int]) -> list[list[int]]:
    n = -(-len(concepts) // MOST)
    cuts = [round(i * len(concepts) / n) for i in range(n + 1)]
    return [list(concepts[a:b]) for a, b in pairwise(cuts)]


@final
class _Levels:
    """Rows of boxes and lanes, their order, and the steps of lines from row to row."""

    def __init__(self, rows: Sequence[Sequence[int]], pairs: Iterable[Pair]) -> None:
        self.row = {concept: at for at, row in enumerate(rows) for concept in row}
        steps = {step for pair in pairs for step in self._steps(pair)}
        self.above: dict[Vertex, list[Vertex]] = {}
        self.below: dict[Vertex, list[Vertex]] = {}
        for upper, lower in sorted(steps, key=lambda step: (_key(step[0]), _key(step[1]))):
            self.below.setdefault(upper, []).append(lower)
            self.above.setdefault(lower, []).append(upper)
        self.orders = self._first_order(len(rows))

    def uncross(self) -> None:
        best, fewest = [*map(list, self.orders)], self.crossings()
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            span = range(1, len(self.orders)) if down else range(len(self.orders) - 2, -1, -1)
            for at in span:
                self._sort(at, at - 1 if down else at + 1, self.above if down else self.below)
            crossings = self.crossings()
            if crossings < fewest:
                best, fewest = [*map(list, self.orders)], crossings
        self.orders = best

    def crossings(self) -> int:
        total = 0
        for upper, lower in zip(self.orders, self.orders[1:], strict=False):
            place = {vertex: i for i, vertex in enumerate(lower)}
            seen: list[int] = []
            for vertex in upper:
                ends = sorted(place[end] for end in self.below.get(vertex, ()))
                total += sum(len(seen) - bisect_right(seen, end) for end in ends)
                for end in ends:
                    insort(seen, end)
        return total

    def spread(self) -> dict[Vertex, float]:
        """Horizontal centres: each as near to its neighbours' mean as the order and the boxes' widths let it be."""
        x: dict[Vertex, float] = {}
        for order in self.orders:
            offsets = _offsets(order)
            x |= {v: at - offsets[-1] / 2 for v, at in zip(order, offsets, strict=True)}
        for sweep in range(_SWEEPS):
            for order in self.orders if sweep % 2 == 0 else reversed(self.orders):
                x |= _pulled(order, x, (self.above, self.below))
        return x

    def lines(self, centre: Mapping[Vertex, float], pairs: Iterable[Pair]) -> dict[Pair, Line]:
        leaves = _ports(self.below, centre)
        arrives = _ports(self.above, centre)
        return {pair: self._line(pair, centre, leaves, arrives) for pair in sorted(pairs)}

    def _line(
        self,
        pair: Pair,
        centre: Mapping[Vertex, float],
        leaves: Mapping[tuple[Vertex, Vertex], float],
        arrives: Mapping[tuple[Vertex, Vertex], float],
    ) -> Line:
        steps = self._steps(pair)
        x, y = leaves[pair[0], steps[0][1]], _top(self.row[pair[0]]) + BOX_HEIGHT
        d = f"M{x:.0f} {y:.0f}"
        for upper, lower in steps:
            top = y + _BETWEEN_ROWS
            to = centre[lower] if isinstance(lower, tuple) else arrives[lower, upper]
            end = top if isinstance(lower, tuple) else top - _HEAD
            d += f"C{x:.0f} {(y + top) / 2:.0f} {to:.0f} {(y + top) / 2:.0f} {to:.0f} {end:.0f}"
            x, y = to, top + BOX_HEIGHT
            d += f"V{y:.0f}" if isinstance(lower, tuple) else ""
        return Line(d, _arrow(x, y - BOX_HEIGHT, 0, 1))

    def _steps(self, pair: Pair) -> list[tuple[Vertex, Vertex]]:
        """Lines from one concept share their lanes: they part where their ways do."""
        parent, child = pair
        lanes = [(parent, row) for row in range(self.row[parent] + 1, self.row[child])]
        path: list[Vertex] = [parent, *lanes, child]
        return list(pairwise(path))

    def _first_order(self, n_rows: int) -> list[list[Vertex]]:
        """As a walk in depth finds them, so that what belongs together stands together."""
        orders: list[list[Vertex]] = [[] for _ in range(n_rows)]
        seen: set[Vertex] = set()
        ahead: list[Vertex] = sorted((c for c in self.row if c not in self.above), reverse=True)
        while ahead:
            vertex = ahead.pop()
            if vertex not in seen:
                seen.add(vertex)
                orders[vertex[1] if isinstance(vertex, tuple) else self.row[vertex]].append(vertex)
                ahead += reversed([*self.below.get(vertex, ()), *self.above.get(vertex, ())])
        return orders

    def _sort(self, at: int, fixed: int, neighbours: Mapping[Vertex, list[Vertex]]) -> None:
        place = {vertex: (i + 0.5) / len(self.orders[fixed]) for i, vertex in enumerate(self.orders[fixed])}
        order = self.orders[at]

        def barycentre(i: int) -> float:
            ends = neighbours.get(order[i], ())
            return sum(place[end] for end in ends) / len(ends) if ends else (i + 0.5) / len(order)

        self.orders[at] = [order[i] for i in sorted(range(len(order)), key=barycentre)]


def _pulled(
    order: Sequence[Vertex], x: Mapping[Vertex, float], sides: Sequence[Mapping[Vertex, list[Vertex]]]
) -> dict[Vertex, float]:
    wanted, weights = [], []
    for vertex in order:
        ends = [end for side in sides for end in side.get(vertex, ())]
        wanted.append(sum(x[end] for end in ends) / len(ends) if ends else x[vertex])
        weights.append((_LANE_WEIGHT if isinstance(vertex, tuple) else 1.0) if ends else 0.1)
    offsets = _offsets(order)
    level = increasing([w - o for w, o in zip(wanted, offsets, strict=True)], weights)
    return {vertex: at + o for vertex, at, o in zip(order, level, offsets, strict=True)}


def increasing(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The nearest nondecreasing sequence in weighted least squares, by pooling adjacent violators."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        mean, total, n = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            before, its_weight, its_n = blocks.pop()
            mean = (before * its_weight + mean * total) / (its_weight + total)
            total, n = total + its_weight, n + its_n
        blocks.append((mean, total, n))
    return [mean for mean, _, n in blocks for _ in range(n)]


def _offsets(order: Sequence[Vertex]) -> list[float]:
    """Centres of neighbours that stand as close as they may, from 0."""
    out = [0.0] if order else []
    for left, right in pairwise(order):
        out.append(out[-1] + (_width(left) + _width(right)) / 2)
    return out


def _width(vertex: Vertex) -> float:
    return _LANE if isinstance(vertex, tuple) else BOX_WIDTH + _GAP


def _ports(
    neighbours: Mapping[Vertex, list[Vertex]], centre: Mapping[Vertex, float]
) -> dict[tuple[Vertex, Vertex], float]:
    """Where the line between a box and each neighbour meets it, in the neighbours' order."""
    out: dict[tuple[Vertex, Vertex], float] = {}
    for vertex, ends in neighbours.items():
        step = 0.0 if isinstance(vertex, tuple) else min(_PORT, (BOX_WIDTH - 2 * _PORT) / max(len(ends) - 1, 1))
        for i, end in enumerate(sorted(ends, key=lambda each: (centre[each], _key(each)))):
            out[vertex, end] = centre[vertex] + (i - (len(ends) - 1) / 2) * step
    return out


def _key(vertex: Vertex) -> tuple[int, int]:
    return vertex if isinstance(vertex, tuple) else (vertex, -1)


def _top(row: int) -> float:
    return MARGIN + row * (BOX_HEIGHT + _BETWEEN_ROWS)


def _apart_place(i: int, top: float) -> Place:
    row, column = divmod(i, MOST)
    # The first line of a heading stands above them.
    return Place(MARGIN + column * (BOX_WIDTH + _GAP), top + 2 * _GAP + row * (BOX_HEIGHT + _GAP))


def _loose(parent: Place, child: Place) -> Line:
    x, y = parent.x + BOX_WIDTH / 2, parent.y + BOX_HEIGHT
    to, top = child.x + BOX_WIDTH / 2, child.y
    if top > y:
        middle = (y + top) / 2
        return Line(
            f"M{x:.0f} {y:.0f}C{x:.0f} {middle:.0f} {to:.0f} {middle:.0f} {to:.0f} {top - _HEAD:.0f}",
            _arrow(to, top, 0, 1),
        )
    if child.y == parent.y:
        bow = top - _BETWEEN_ROWS * 0.7
        return Line(
            f"M{x:.0f} {top:.0f}C{x:.0f} {bow:.0f} {to:.0f} {bow:.0f} {to:.0f} {top - _HEAD:.0f}", _arrow(to, top, 0, 1)
        )
    # Upwards: around the right sides of both.
    x, y, into = parent.x + BOX_WIDTH, parent.y + BOX_HEIGHT / 2, child.y + BOX_HEIGHT / 2
    side = child.x + BOX_WIDTH
    far = max(x, side) + 40
    return Line(
        f"M{x:.0f} {y:.0f}C{far:.0f} {y:.0f} {far:.0f} {into:.0f} {side + _HEAD:.0f} {into:.0f}",
        _arrow(side, into, -1, 0),
    )


def _arrow(x: float, y: float, dx: int, dy: int) -> str:
    """A triangle whose tip is here and which points along (dx, dy), one of them 0."""
    back, wide = 2 * _HEAD, _HEAD
    a = (x - back * dx - wide * dy, y - back * dy - wide * dx)
    b = (x - back * dx + wide * dy, y - back * dy + wide * dx)
    return f"M{x:.0f} {y:.0f}L{a[0]:.1f} {a[1]:.1f}L{b[0]:.1f} {b[1]:.1f}z"
