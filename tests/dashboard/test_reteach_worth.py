"""What practice is worth is a forecast with its own uncertainty: no more is promised than the table holds."""

from __future__ import annotations

from itertools import pairwise, product
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_models.recall import Float, logit, sigmoid
from tests.flow.situations import ORIGIN, evidences, tables
from tutor.dashboard.reteach_worth import PRACTICES, Worth, range_of_count
from tutor.tracing.beliefs import Belief
from tutor.tracing.status import DEFAULT, Criteria


def worth(recall: float, sd: float, gain: float, n: int = 5) -> Worth:
    one = np.array([1.0])
    return Worth(recall * one, sd * one, gain * one, np.array([n]), 0.8 * one, np.array([3]))


@st.composite
def worths(draw: st.DrawFn) -> Worth:
    """Of some learners, as their tables have it."""
    known, n = [], []
    for _ in range(draw(st.integers(0, 4))):
        practised = draw(st.sampled_from([[], [0], [0, 1]]))
        evidence = draw(evidences(practised, 2))
        table = draw(tables(2, practised))
        known.append(Belief(uuid4(), uuid4(), uuid4(), uuid4(), "half-life", False, 0, ORIGIN, table, evidence))
        n.append(int(evidence.column("n", 2)[0]))
    later = ORIGIN + draw(st.sampled_from([0.0, 86_400.0]))
    return Worth.of(known, [DEFAULT] * len(known), 0, np.array(n, np.int64), later)


@given(of=worths())
def test_more_practice_never_makes_mastery_less_likely(of: Worth) -> None:
    found = [of.expected(k) for k in (*range(1, 4), *PRACTICES[2:])]
    for before, after in pairwise(found):
        assert after.n >= before.n - 1e-9
        assert after.low >= before.low
        assert after.high >= before.high
    for each in found:
        assert 0 <= each.low <= each.high <= len(of.recall)
        assert each.low - 1 <= each.n <= each.high + 1


def counted(chances: list[float]) -> Float:
    """P(n come true) by going through every way it can go."""
    out = np.zeros(len(chances) + 1)
    for ways in product((False, True), repeat=len(chances)):
        out[sum(ways)] += np.prod([p if way else 1 - p for p, way in zip(chances, ways, strict=True)])
    return out


@given(chances=st.lists(st.floats(0, 1), max_size=6))
def test_the_range_holds_nine_in_ten(chances: list[float]) -> None:
    low, high = range_of_count(np.array(chances))
    of_count = counted(chances)
    assert of_count[:low].sum() <= 0.05 + 1e-9
    assert of_count[high + 1 :].sum() <= 0.05 + 1e-9


def test_a_practice_adds_what_the_table_says_and_the_spread_stays() -> None:
    of = worth(0.5, 0.0, 0.7)
    # Without spread, mastery is a matter of where recall comes to: 2 x 0.7 is above logit(.8) = 1.386, 1 x 0.7 not.
    assert of.chances(1).tolist() == pytest.approx([0.0])
    assert of.chances(2).tolist() == pytest.approx([1.0])
    assert of.needed == [2]
    assert sigmoid(logit(0.5) + 2 * 0.7) > 0.8
    even = worth(0.8, 1.0, 0.0)
    assert even.chances(1)[0] > 0.5  # the mean of a spread chance lies below its middle


def test_mastery_takes_answers_enough_however_sure_recall_is() -> None:
    new = worth(0.99, 0.1, 1.0, n=0)
    assert new.chances(2).tolist() == [0.0]
    assert new.chances(3)[0] > 0.9
    assert new.needed == [3]


def test_what_ten_answers_would_not_bring_there_is_said_so() -> None:
    assert worth(0.2, 0.5, 0.01).needed == [None]


def test_nobody_to_practise_is_nobody_to_master() -> None:
    none = Worth.of([], list[Criteria](), 0, np.empty(0, np.int64), ORIGIN)
    assert none.expected(3) == (3, 0.0, 0, 0)
    assert none.needed == []
