"""What the question before says of the next, counted by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_models.base import ConceptLists
from kt_models.cakt.reference import CALM, LAST_COLUMNS, LEAST, Last, Reference, Table
from kt_models.levels import Levels
from tests.kt_models.cakt import networks

NOTHING = np.zeros((1, LAST_COLUMNS), np.float32)


def test_an_effect_is_the_mean_surprise_drawn_to_zero() -> None:
    before, right, asked = np.array([2, 2, 2, 1, -1]), np.array([1, 1, 0, 1, 0]), np.array([0, 0, 0, 2, 2])
    table = Table.of(3, before, right, asked, np.array([0.4, 0.2, -0.9, 0.7, 0.1]))
    told = table.told(np.array([2, 2, -1, 2, 3]), np.array([1, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 0]))
    np.testing.assert_allclose(told[0], [0.6 / (2 + CALM), np.log1p(2)])
    # Fewer answers than LEAST, nothing before, pairs never seen and unknown questions say nothing.
    assert LEAST == 2
    assert not told[1:].any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), cut=st.integers(0, 20))
def test_the_answer_before_is_the_same_from_the_log_and_from_what_a_state_kept(seed: int, cut: int) -> None:
    seen = networks.history(seed, 20)
    whole = Last.within(seen, np.array([0, 20]), NOTHING)
    head, tail = seen.take(np.arange(cut)), seen.take(np.arange(cut, 20))
    kept = Last.of_answers(head).columns()[-1:] if cut else NOTHING
    rest = Last.within(tail, np.array([0, 20 - cut]), kept)
    for name in ("concept", "item", "right"):
        assert getattr(rest, name).tolist() == getattr(whole, name)[cut:].tolist()
    assert (whole.concept[0], whole.item[0]) == (-1, -1)
    firsts = [seen.concepts.flat[i] for i in seen.concepts.offset[:-1]]
    assert whole.concept[1:].tolist() == firsts[:-1]


def test_the_answer_before_is_of_the_same_learner() -> None:
    seen = networks.together([networks.history(0, 3), networks.history(1, 2)])
    # The second of three learners answered nothing.
    last = Last.within(seen, np.array([0, 3, 3, 5]), np.array([[0, 0, 0], [9, 9, 1], [5, 3, 1]], np.float32))
    assert (last.concept[0], last.concept[3], last.item[3], last.right[3]) == (-1, 4, 2, 1)


def test_effects_are_told_in_logits_of_the_question() -> None:
    levels = Levels(0.0, np.array([0.0, 1.0]), np.zeros(0))
    table = Table(2, np.array([(0 * 2 + 1) * 2 + 0]), np.array([0.3]), np.array([10.0]))
    reference = Reference(levels, (table,))
    none, one = np.array([-1]), np.array([1])
    told = reference.of(none, ConceptLists.single(np.array([0])), Last(np.array([0]), none, one))
    # From one half to eight in ten.
    np.testing.assert_allclose(told.after[0], [np.log(0.8 / 0.2), np.log(11.0)])
    other = reference.of(none, ConceptLists.single(np.array([1])), Last(np.array([0]), none, one))
    np.testing.assert_allclose(other.after[0], [0.0, 0.0], atol=1e-12)
