"""Which prerequisites hold: what authors wrote, what a model is sure of and what teachers say, made one acyclic graph.

Pure. An edge is a pair (parent, child) of positions in the curriculum: the parent supports the child.

    effective = authored + accepted + learned with P(parent -> child) >= SURE from >= LEARNERS learners - rejected

Where these close a cycle, edges are taken in the order of `_rank` and one that would close a cycle with those taken
before is left out: so the weakest edge of each cycle goes. Whatever the order of the rows, the result is the same.
Redundant edges (a -> c beside a -> b -> c) stay: each names a concept that must itself be known, rejecting b -> c must
not silently free c of a, and neither depth nor downstream counts change by them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, final

import networkx as nx

Pair = tuple[int, int]

#: A wrong edge locks a concept to every learner of a school, a missing one costs what it cost before there was a model.
#: Chances of edges are calibrated to .04 (docs/models/psi-kt.md), so at most about one in ten such edges is wrong.
SURE: Final = 0.9
#: Thrice what makes a pair a candidate: at 30 learners the chance of an edge is mostly its prior.
LEARNERS: Final = 100


class Learned(NamedTuple):
    """An edge as a model version holds it (`kt_models.base.ConceptGraph`)."""

    existence: float
    direction: float
    effect: float
    evidence: int

    @property
    def probability(self) -> float:
        """P(parent -> child)."""
        return self.existence * self.direction

    @property
    def is_sure(self) -> bool:
        return self.probability >= SURE and self.evidence >= LEARNERS


class Said(NamedTuple):
    """What a review says of an edge. `own`: of the school itself, else of the operator for all schools."""

    is_accepted: bool
    is_locked: bool
    is_own: bool


class Dropped(StrEnum):
    """Why an edge of some layer is not effective."""

    REJECTED = "rejected"
    UNSURE = "unsure"
    NOT_SERVING = "not_serving"
    CYCLE = "cycle"
    REMOVED = "concept_removed"


@final
@dataclass(frozen=True)
class Verdict:
    """`path`: the concepts of a cycle that the edge would close, from its child to its parent."""

    dropped: Dropped | None = None
    path: tuple[int, ...] = ()


_TAKEN: Final = Verdict()


@final
@dataclass(frozen=True)
class Layers:
    """What is known of edges. `active`: concepts of the curriculum's version; others have been removed from it.

    `serves`: whether `learned` is of the version whose beliefs are gated. What another has learnt is told to teachers,
    and holds once they accept it.
    """

    authored: frozenset[Pair]
    learned: Mapping[Pair, Learned]
    reviews: Mapping[Pair, Said]
    active: Collection[int]
    serves: bool = True

    def verdicts(self) -> dict[Pair, Verdict]:
        """Of every edge of any layer, whether it is effective and, if not, why."""
        found: dict[Pair, Verdict] = {}
        graph = Acyclic(sorted(self.authored))
        for pair in sorted({*self.authored, *self.learned, *self.reviews}, key=self._rank):
            dropped = self._ruled_out(pair)
            path = () if dropped else graph.add(pair)
            found[pair] = Verdict(Dropped.CYCLE, path) if path else Verdict(dropped) if dropped else _TAKEN
        return found

    def effective(self) -> frozenset[Pair]:
        return frozenset(pair for pair, verdict in self.verdicts().items() if not verdict.dropped)

    def firm(self) -> frozenset[Pair]:
        """Edges that people stand for: accepted ones, and authored ones that nobody has rejected."""
        pairs = {*self.authored, *self.reviews}
        return frozenset(pair for pair in pairs if pair not in self.reviews or self.reviews[pair].is_accepted)

    def _ruled_out(self, pair: Pair) -> Dropped | None:
        said = self.reviews.get(pair)
        if said and not said.is_accepted:
            return Dropped.REJECTED
        if not all(end in self.active for end in pair):
            return Dropped.REMOVED
        if said or pair in self.authored:
            return None
        if not self.serves:
            return Dropped.NOT_SERVING
        return None if self.learned[pair].is_sure else Dropped.UNSURE

    def _rank(self, pair: Pair) -> tuple[float, ...]:
        """The strongest first: accepted by the school, then by the operator, locked before open; authored; learned."""
        said = self.reviews.get(pair)
        if said and said.is_accepted:
            return (0.0, not said.is_own, not said.is_locked, 0.0, *pair)
        if pair in self.authored:
            return (1.0, 0.0, 0.0, 0.0, *pair)
        learned = self.learned.get(pair)
        return (2.0, 0.0, 0.0, -learned.probability if learned else 0.0, *pair)


@final
class Acyclic:
    """A graph that stays acyclic while edges are added, with a topological order that each addition repairs.

    Pearce & Kelly 2006, "A dynamic topological sort algorithm": an edge that agrees with the order costs nothing.
    """

    def __init__(self, likely: Collection[Pair] = ()) -> None:
        """`likely`: edges that will mostly be added, whose order to begin with; none of them is added by this."""
        self._place: dict[int, int] = {}
        self._children: dict[int, list[int]] = {}
        self._parents: dict[int, list[int]] = {}
        graph = nx.DiGraph(likely)
        if nx.is_directed_acyclic_graph(graph):
            self._place = {concept: place for place, concept in enumerate(nx.topological_sort(graph))}

    def add(self, pair: Pair) -> tuple[int, ...]:
        """() if the edge was added; else the path from child to parent with which it would close a cycle."""
        parent, child = pair
        for concept in pair:
            self._place.setdefault(concept, len(self._place))
        if self._place[child] <= self._place[parent]:
            below = self._reached(child, self._children, most=self._place[parent])
            if parent in below:
                return _path(below, child, parent)
            above = self._reached(parent, self._parents, least=self._place[child])
            self._reorder([*above], [*below])
        self._children.setdefault(parent, []).append(child)
        self._parents.setdefault(child, []).append(parent)
        return ()

    def _reached(
        self, start: int, onward: Mapping[int, list[int]], *, least: int = 0, most: int | None = None
    ) -> dict[int, int]:
        """What can be reached between two places of the order, each with where it was reached from."""
        end = len(self._place) if most is None else most
        came, ahead = {start: start}, [start]
        while ahead:
            here = ahead.pop()
            for concept in onward.get(here, ()):
                if concept not in came and least <= self._place[concept] <= end:
                    came[concept] = here
                    ahead.append(concept)
        return came

    def _reorder(self, above: Iterable[int], below: Iterable[int]) -> None:
        moved = [*sorted(above, key=self._place.__getitem__), *sorted(below, key=self._place.__getitem__)]
        places = sorted(self._place[concept] for concept in moved)
        self._place.update(zip(moved, places, strict=True))


def _path(came: Mapping[int, int], start: int, end: int) -> tuple[int, ...]:
    path = [end]
    while path[-1] != start:
        path.append(came[path[-1]])
    return tuple(reversed(path))


def closes(pairs: Iterable[Pair], pair: Pair) -> tuple[int, ...]:
    """The shortest path from the pair's child to its parent over the other pairs; () if there is none."""
    graph: nx.DiGraph[int] = nx.DiGraph(each for each in pairs if each != pair)
    parent, child = pair
    if parent in graph and child in graph and nx.has_path(graph, child, parent):
        return tuple(nx.shortest_path(graph, child, parent))
    return ()
