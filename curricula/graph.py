"""The graph of prerequisites: an edge runs from a concept to each one that it supports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from kt_models.base import ConceptLists
from kt_models.recall import Int

#: Sets of concepts, a bit each.
Bits = NDArray[np.uint64]


def cycles(prerequisites: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """One cycle of each knot of concepts that need one another, each as [a, b, ..., a] where a supports b.

    Self loops are no matter of this function; keys that are no concept are ignored.
    """
    graph = nx.DiGraph()
    graph.add_nodes_from(prerequisites)
    edges = ((parent, child) for child, parents in prerequisites.items() for parent in parents)
    graph.add_edges_from((parent, child) for parent, child in edges if parent in prerequisites and parent != child)
    knots = (knot for knot in nx.strongly_connected_components(graph) if len(knot) > 1)
    order = {key: place for place, key in enumerate(prerequisites)}
    found = (_cycle(graph.subgraph(knot), min(knot, key=order.__getitem__)) for knot in knots)
    return sorted(found, key=lambda cycle: order[cycle[0]])


def _cycle(knot: nx.DiGraph[str], start: str) -> list[str]:
    """The shortest way from `start` back to it."""
    away = nx.single_source_shortest_path_length(knot, start)
    last = min(knot.predecessors(start), key=away.__getitem__)
    return [*nx.shortest_path(knot, start, last), start]


def invert(lists: ConceptLists, size: int) -> ConceptLists:
    """From the parents of each to the children of each, or from concepts of items to items of concepts.

    Args:
        lists: values in 0..size-1.     size: number of lists to return.
    """
    order = np.argsort(lists.flat, kind="stable")
    counts = np.bincount(lists.flat, minlength=size)
    return ConceptLists(lists.owner[order], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def depth(parents: ConceptLists) -> Int:
    """(concepts,) number of edges of the longest chain from a concept without prerequisites."""
    found = np.zeros(len(parents), dtype=np.int64)
    for child in _order(parents):
        above = parents.flat[parents.offset[child] : parents.offset[child + 1]]
        found[child] = 1 + found[above].max() if len(above) else 0
    return found


def ancestors(parents: ConceptLists, concepts: Iterable[int]) -> Int:
    """All that `concepts` need, directly or not, without themselves unless one needs another; ascending."""
    seen: set[int] = set()
    ahead = list(concepts)
    while ahead:
        child = ahead.pop()
        above = parents.flat[parents.offset[child] : parents.offset[child + 1]].tolist()
        ahead.extend(p for p in above if p not in seen)
        seen.update(above)
    return np.array(sorted(seen), dtype=np.int64)


def descendants(parents: ConceptLists) -> Bits:
    """(concepts, words) who needs each concept, directly or not: bit c % 64 of word c // 64 for concept c."""
    # As one integer each: a union is one machine operation per 64 concepts.
    reached = [0] * len(parents)
    for child in reversed(_order(parents)):
        below = reached[child] | (1 << child)
        for parent in parents.flat[parents.offset[child] : parents.offset[child + 1]].tolist():
            reached[parent] |= below
    width = 8 * _words(len(parents))
    packed = b"".join(bits.to_bytes(width, "little") for bits in reached)
    return np.frombuffer(packed, "<u8").reshape(len(parents), -1 if width else 0)


def count_among(descendants: Bits, chosen: NDArray[np.bool_]) -> Int:
    """(concepts,) how many of the chosen need each concept; `chosen` (concepts,)."""
    packed = np.zeros(8 * _words(len(chosen)), np.uint8)
    packed[: (len(chosen) + 7) // 8] = np.packbits(chosen, bitorder="little")
    counts: Int = np.bitwise_count(descendants & packed.view("<u8")).sum(axis=1, dtype=np.int64)
    return counts


def downstream_counts(parents: ConceptLists) -> Int:
    """(concepts,) number of concepts that need this one, directly or not."""
    return count_among(descendants(parents), np.ones(len(parents), np.bool_))


def _words(concepts: int) -> int:
    return (concepts + 63) // 64


def _order(parents: ConceptLists) -> list[int]:
    """Every concept after all its prerequisites."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(len(parents)))
    graph.add_edges_from(zip(parents.flat.tolist(), parents.owner.tolist(), strict=True))
    return list(nx.topological_sort(graph))
