"""Facts of the prerequisite graph, against brute force."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curricula import graph
from kt_models.base import ConceptLists


@st.composite
def acyclic(draw: st.DrawFn) -> list[list[int]]:
    """Parents by child; a random renaming hides the topological order."""
    size = draw(st.integers(0, 9))
    names = draw(st.permutations(range(size)))
    parents: list[list[int]] = [[] for _ in range(size)]
    for child in range(size):
        chosen = draw(st.sets(st.integers(0, child - 1))) if child else set()
        parents[names[child]] = sorted(names[parent] for parent in chosen)
    return parents


def above(parents: list[list[int]], concept: int) -> set[int]:
    return set(parents[concept]).union(*(above(parents, parent) for parent in parents[concept]))


def chain(parents: list[list[int]], concept: int) -> int:
    return max((1 + chain(parents, parent) for parent in parents[concept]), default=0)


@given(acyclic())
def test_depth_ancestors_and_downstream_equal_brute_force(parents: list[list[int]]) -> None:
    lists, concepts = ConceptLists.of(parents), range(len(parents))
    reached = [above(parents, concept) for concept in concepts]
    assert graph.depth(lists).tolist() == [chain(parents, concept) for concept in concepts]
    assert [set(graph.ancestors(lists, [concept]).tolist()) for concept in concepts] == reached
    assert graph.downstream_counts(lists).tolist() == [sum(c in r for r in reached) for c in concepts]


@given(parents=acyclic(), data=st.data())
def test_dependents_among_some_are_counted_as_by_brute_force(parents: list[list[int]], data: st.DataObject) -> None:
    """Also where they are more than one machine word holds."""
    ahead = data.draw(st.sampled_from([0, 60, 130]))
    parents = [[] for _ in range(ahead)] + [[ahead + p for p in of] for of in parents]
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(parents), max_size=len(parents))), np.bool_)
    reached = [above(parents, concept) for concept in range(len(parents))]
    counts = graph.count_among(graph.descendants(ConceptLists.of(parents)), chosen)
    assert counts.tolist() == [sum(c in reached[d] for d in np.flatnonzero(chosen)) for c in range(len(parents))]


@given(acyclic())
def test_inverting_twice_gives_the_graph_back(parents: list[list[int]]) -> None:
    lists = ConceptLists.of(parents)
    twice = graph.invert(graph.invert(lists, len(lists)), len(lists))
    assert np.array_equal(twice.flat, lists.flat)
    assert np.array_equal(twice.offset, lists.offset)


@given(acyclic())
def test_an_acyclic_graph_has_no_cycle_and_a_back_edge_makes_one(parents: list[list[int]]) -> None:
    named = {str(child): [str(parent) for parent in above] for child, above in enumerate(parents)}
    assert graph.cycles(named) == []
    for child, ancestors in ((c, above(parents, c)) for c in range(len(parents))):
        for ancestor in ancestors:
            closed = named | {str(ancestor): [*named[str(ancestor)], str(child)]}
            (cycle,) = graph.cycles(closed)
            assert cycle[0] == cycle[-1]
            assert all(parent in closed[child] for parent, child in itertools.pairwise(cycle))
