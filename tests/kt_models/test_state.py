"""Beliefs as arrays: finding and touching concepts, and their bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_models.state import BadState, LearnerState

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12)


def empty(learners: int = 4, fields: int = 2) -> LearnerState:
    return LearnerState.empty("toy1", np.arange(3.0 * learners, dtype=np.float32).reshape(learners, 3), fields)


def touch(state: LearnerState, pairs: list[tuple[int, int]], value: float = 1.0) -> LearnerState:
    learner, concept = (
        np.array(column, dtype=np.int64) for column in (zip(*pairs, strict=True) if pairs else ([], []))
    )
    return state.touch(learner, concept, np.full((len(pairs), 2), value, np.float32))


def touched_pairs(state: LearnerState) -> list[tuple[int, int]]:
    return list(zip(state.owner.tolist(), state.concept.tolist(), strict=True))


@given(first=PAIRS, second=PAIRS)
def test_touched_concepts_are_each_learners_set_in_order(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    state = touch(touch(empty(), first, 1.0), second, 2.0)
    assert touched_pairs(state) == sorted(set(first) | set(second))
    for pair, fields, seconds in zip(touched_pairs(state), state.touched.tolist(), state.concept_seconds, strict=True):
        assert fields == ([1.0, 1.0] if pair in first else [2.0, 2.0])
        assert seconds == -np.inf


@given(pairs=PAIRS, wanted=PAIRS)
def test_found_rows_are_those_of_the_pair(pairs: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> None:
    state = touch(empty(), pairs)
    learner, concept = (np.array([pair[i] for pair in wanted], dtype=np.int64) for i in (0, 1))
    for pair, row in zip(wanted, state.find(learner, concept).tolist(), strict=True):
        assert (touched_pairs(state)[row] == pair) if row >= 0 else (pair not in pairs)


@given(pairs=PAIRS, rows=st.lists(st.integers(0, 3), min_size=1))
def test_taken_learners_keep_their_beliefs(pairs: list[tuple[int, int]], rows: list[int]) -> None:
    state = touch(empty(), pairs)
    taken = state.take(np.array(rows))
    assert taken.learner.tolist() == state.learner[rows].tolist()
    expected = [(new, c) for new, old in enumerate(rows) for owner, c in touched_pairs(state) if owner == old]
    assert touched_pairs(taken) == expected


@given(pairs=PAIRS)
def test_states_survive_their_bytes_exactly(pairs: list[tuple[int, int]]) -> None:
    state = touch(empty(), pairs, 0.1)
    records = state.to_bytes()
    assert [len(r) for r in records] == [28 + 4 * 3 + 20 * n for n in np.diff(state.offset)]
    again = LearnerState.from_bytes(records, schema="toy1")
    assert again.to_bytes() == records
    assert touched_pairs(again) == touched_pairs(state)
    one = LearnerState.from_bytes([records[2]], schema="toy1")
    assert one.to_bytes() == [records[2]]


def test_foreign_and_cut_bytes_are_refused() -> None:
    record = touch(empty(), [(0, 1)]).to_bytes()[0]
    other = LearnerState.empty("toy1", np.zeros((1, 5), np.float32), 2).to_bytes()[0]
    for records, schema, complaint in (
        ([b"junk"], "toy1", "does not open"),
        ([record], "toy2", "schema 'toy1', this model reads 'toy2'"),
        ([record[:-4]], "toy1", "expected"),
        ([record, other], "toy1", "differ in width"),
        ([], "toy1", "there are none"),
    ):
        with pytest.raises(BadState, match=complaint):
            LearnerState.from_bytes(records, schema=schema)


def test_states_cannot_be_written_to() -> None:
    state = touch(empty(), [(0, 1)])
    for name in ("seconds", "learner", "offset", "concept", "concept_seconds", "touched"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(state, name)[0] = 0
