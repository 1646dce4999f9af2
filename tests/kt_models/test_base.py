"""Columns of answers: what is refused, and the rounds they are processed in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_models.base import BadInteractions, ConceptLists, Interactions

LISTS = st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=8)


def answers(**columns: Any) -> Interactions:
    plain: dict[str, Any] = {
        "learner": np.array([0, 0, 2]),
        "seconds": np.array([1.0, 1.0, 0.0]),
        "item": np.array([4, -1, 4]),
        "concepts": ConceptLists.of([[1], [1, 2], [0]]),
        "correct": np.array([1, 0.5, 0], np.float32),
    }
    return Interactions(**(plain | columns))


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"learner": np.array([2, 0, 0])}, "grouped by ascending learner"),
        ({"seconds": np.array([2.0, 1.0, 0.0])}, "time order"),
        ({"correct": np.array([1, 1.5, 0], np.float32)}, r"\[0, 1\]"),
        ({"correct": np.array([1, np.nan, 0], np.float32)}, r"\[0, 1\]"),
        ({"concepts": ConceptLists.of([[1], [], [0]])}, "no concept"),
        ({"item": np.array([1])}, "column item has 1 rows, learner has 3"),
        ({"hints": np.array([1, 2])}, "column hints has 2 rows"),
        ({"seconds": np.array([1.0, np.nan, 0.0])}, "finite"),
        ({"learner": np.array([-1, -1, 0])}, "negative"),
        ({"concepts": ConceptLists.of([[1], [-1], [0]])}, "negative"),
    ],
)
def test_columns_that_are_no_answers_are_refused(columns: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadInteractions, match=complaint):
        answers(**columns)


def test_absent_columns_are_unknown() -> None:
    seen = answers()
    assert np.isnan(seen.response_seconds).all()
    assert (seen.hints.tolist(), seen.attempt.tolist()) == ([0, 0, 0], [0, 0, 0])


@given(lengths=st.lists(st.integers(0, 5), max_size=6))
def test_rounds_hold_each_answer_once_and_no_learner_twice(lengths: list[int]) -> None:
    learner = np.repeat(np.arange(len(lengths)), lengths)
    n = len(learner)
    seen = Interactions(
        learner, np.zeros(n), np.zeros(n, np.int64), ConceptLists.single(np.zeros(n, np.int64)), np.zeros(n, np.float32)
    )
    rounds = [rows.tolist() for rows in seen.rounds()]
    assert sorted(row for rows in rounds for row in rows) == list(range(n))
    assert len(rounds) == max(lengths, default=0)
    for rows in rounds:
        assert len({int(learner[row]) for row in rows}) == len(rows)


@given(lists=LISTS, data=st.data())
def test_taken_lists_are_those_of_the_rows(lists: list[list[int]], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=6)) if lists else []
    taken = ConceptLists.of(lists).take(np.array(rows, dtype=np.int64))
    found = [taken.flat[a:b].tolist() for a, b in zip(taken.offset[:-1], taken.offset[1:], strict=True)]
    assert found == [lists[row] for row in rows]
    assert taken.owner.tolist() == [i for i, row in enumerate(rows) for _ in lists[row]]
