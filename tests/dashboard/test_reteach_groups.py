"""Small groups hold those who need the same, within the sizes asked for, and always come out the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_models.recall import Int
from tutor.dashboard.reteach_groups import LEAST, MOST, first_needs, grouping


@st.composite
def needs(draw: st.DrawFn) -> tuple[Int, Int]:
    """Needs and what waits for each, shape (learners, concepts)."""
    shape = draw(st.integers(0, 20)), draw(st.integers(1, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    urgency = random.integers(1, 4, shape) * (random.random(shape) < draw(st.floats(0, 1)))
    return urgency.astype(np.int64), random.integers(0, 5, shape)


@st.composite
def sizes(draw: st.DrawFn) -> tuple[int, int]:
    smallest = draw(st.integers(LEAST, MOST))
    return smallest, draw(st.integers(smallest, MOST))


@given(of=needs(), bounds=sizes())
def test_everybody_in_need_is_in_one_group_about_it_or_left(of: tuple[Int, Int], bounds: tuple[int, int]) -> None:
    need, waiting = of
    found = grouping(need, waiting, *bounds)
    placed = [row for group in found.groups for row in group.members]
    assert sorted([*placed, *found.left]) == np.flatnonzero(need.any(axis=1)).tolist()
    for group in found.groups:
        assert bounds[0] <= len(group.members) <= bounds[1]
        assert (need[list(group.members), group.concept] > 0).all()
        for concept in group.shared:
            assert concept != group.concept
            assert (need[list(group.members), concept] > 0).all()


@given(of=needs(), bounds=sizes())
def test_nobody_is_left_who_could_be_in_a_group(of: tuple[Int, Int], bounds: tuple[int, int]) -> None:
    need, waiting = of
    found = grouping(need, waiting, *bounds)
    left = need[list(found.left)] > 0
    assert (left.sum(axis=0) < bounds[0]).all()
    for group in found.groups:
        assert len(group.members) == bounds[1] or not left[:, group.concept].any()


@given(of=needs(), bounds=sizes())
def test_the_same_needs_make_the_same_groups(of: tuple[Int, Int], bounds: tuple[int, int]) -> None:
    need, waiting = of
    assert grouping(need, waiting, *bounds) == grouping(need.copy(), waiting.copy(), *bounds)


def test_the_concept_that_most_need_comes_first_then_the_more_urgent_then_what_blocks_more() -> None:
    by_number = np.array([[1, 0], [1, 3], [1, 3]])
    assert grouping(by_number, np.zeros((3, 2), np.int64), 2, 6).groups[0].concept == 0
    by_urgency = np.array([[1, 3], [1, 3]])
    assert grouping(by_urgency, np.zeros((2, 2), np.int64), 2, 6).groups[0].concept == 1
    equal = np.array([[1, 1], [1, 1]])
    assert grouping(equal, np.zeros((2, 2), np.int64), 2, 6).groups[0] == (0, (0, 1), (1,))
    assert grouping(equal, np.array([[0, 1], [0, 0]]), 2, 6).groups[0] == (1, (0, 1), (0,))


def test_more_than_a_group_holds_are_divided_evenly() -> None:
    found = grouping(np.ones((7, 1), np.int64), np.zeros((7, 1), np.int64), 2, 6)
    assert [len(group.members) for group in found.groups] == [4, 3]
    assert not found.left


def test_a_class_without_needs_has_no_groups() -> None:
    for n in (0, 4):
        assert grouping(np.zeros((n, 3), np.int64), np.zeros((n, 3), np.int64), 2, 6) == ((), ())


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="groups of 4 to 3 learners: 1 <= smallest <= largest"):
        grouping(np.zeros((2, 1), np.int64), np.zeros((2, 1), np.int64), 4, 3)


@given(of=needs(), data=st.data())
def test_of_two_needs_the_one_that_the_other_rests_on_comes_first(of: tuple[Int, Int], data: st.DataObject) -> None:
    need = of[0]
    n = need.shape[1]
    edges = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    above = np.zeros((n, n), np.bool_)
    for child, parent in edges:
        if parent < child:
            above[child] |= above[parent]
            above[child, parent] = True
    # Closed, whatever the order in which edges came.
    for child in range(n):
        above[child] |= above[np.flatnonzero(above[child])].any(axis=0)
    first = first_needs(need, above)
    assert ((first == need) | (first == 0)).all()
    assert np.array_equal(first.any(axis=1), need.any(axis=1))
    for row, concept in np.argwhere(need > 0).tolist():
        is_preceded = bool((need[row, above[concept]] >= need[row, concept]).any())
        assert (first[row, concept] == 0) == is_preceded
