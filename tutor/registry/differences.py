"""What one version of a model says of prerequisites that another does not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from tutor.registry.prerequisites import Learned, Pair

#: An edge counts as there where it is more likely than not.
THERE: Final = 0.5
#: Chances of edges are known to about .04 (docs/models/psi-kt.md): below this, nothing happened.
MARGIN: Final = 0.2


@final
@dataclass(frozen=True)
class Change:
    """An edge of which two versions say something else; a probability is 0 where a version does not know the pair."""

    parent: int
    child: int
    before: float
    after: float


@final
@dataclass(frozen=True)
class Difference:
    """Edges by (child, parent). An edge counts as there where it is more likely than not.

    `flipped`: there in the other direction before. `changed`: as before, but more or less likely by the margin or more.
    """

    gained: tuple[Change, ...]
    lost: tuple[Change, ...]
    flipped: tuple[Change, ...]
    changed: tuple[Change, ...]


def difference(before: Mapping[Pair, Learned], after: Mapping[Pair, Learned], *, margin: float = MARGIN) -> Difference:
    """What the later of two versions says else than the earlier; each edge in one list, a flipped one as it is now."""
    old, new = ({pair: edge.probability for pair, edge in graph.items()} for graph in (before, after))
    found: dict[str, list[Change]] = {"gained": [], "lost": [], "flipped": [], "changed": []}
    for parent, child in sorted({*old, *new}, key=lambda pair: pair[::-1]):
        was, now = (_both(graph, (parent, child)) for graph in (old, new))
        if name := _what(was, now, margin):
            found[name].append(Change(parent, child, was[0], now[0]))
    return Difference(**{name: tuple(changes) for name, changes in found.items()})


def _both(graph: Mapping[Pair, float], pair: Pair) -> tuple[float, float]:
    return graph.get(pair, 0.0), graph.get(pair[::-1], 0.0)


def _what(was: tuple[float, float], now: tuple[float, float], margin: float) -> str | None:
    there, is_there = was[0] > THERE, now[0] > THERE
    if is_there and not there:
        return "flipped" if was[1] > THERE else "gained"
    if there and not is_there:
        return None if now[1] > THERE else "lost"
    # Where the other direction is there, that one tells all there is to tell.
    told = max(was[1], now[1]) > THERE
    return "changed" if not told and abs(now[0] - was[0]) >= margin else None
