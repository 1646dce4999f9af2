"""A learner followed answer by answer stands where one pass over all answers puts them, whatever the network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_models.base import ConceptLists, Interactions, LearnerModel, Query
from kt_models.cakt import Model
from kt_models.recall import DELAYS, Float
from kt_models.state import LearnerState
from tests.kt_models.cakt import networks

#: P(correct) may differ by so much: rounding in float32.
ROUNDING = 1e-5
#: Tables hold probabilities in [1e-4, 1 - 1e-4].
TABLE_ROUNDING = 1.5e-4
CHUNK = 7

few = settings(max_examples=6, deadline=None)
seeds = st.integers(0, 10_000)
#: Up to four chunks.
lengths = st.integers(1, 4 * CHUNK)


@pytest.fixture(params=networks.CONFIGS, scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    return networks.model(str(request.param))


def in_parts(model: LearnerModel, seen: Interactions, ends: Sequence[int]) -> tuple[LearnerState, Float]:
    """The state after all answers folded in up to each of `ends`, and the predictions of `trace`."""
    state, p = model.prior(1), []
    for start, stop in pairwise((0, *ends, len(seen))):
        state, found = model.trace(state, seen.take(np.arange(start, stop)))
        p.append(found.p)
    return state, np.concatenate(p)


def questions(seen: Interactions) -> Query:
    """Every concept of every item kind, alone and two together, an hour after the last answer."""
    known, beyond = networks.N_CONCEPTS, networks.N_CONCEPTS + 3
    lists = [[c] for c in range(beyond)] + [[c, (c + 1) % known] for c in range(known)]
    items = np.tile([-1, 0, 5, networks.N_ITEMS + 1], len(lists))
    n = len(items)
    concepts = ConceptLists.of([x for x in lists for _ in range(4)])
    return Query(np.zeros(n, np.int64), np.full(n, seen.seconds[-1] + 3_600.0), items, concepts)


@few
@given(seed=seeds, n=lengths, cuts=st.lists(st.integers(0, 4 * CHUNK), max_size=4))
def test_streams_in_any_parts_equal_the_batch_pass(model: Model, seed: int, n: int, cuts: list[int]) -> None:
    seen = networks.history(seed, n)
    expected = model.score(networks.dataset(seen))
    found = in_parts(model, seen, sorted(min(cut, n) for cut in cuts))[1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)


@settings(max_examples=2, deadline=None)
@given(seed=seeds)
def test_answer_by_answer_equals_the_batch_pass(model: Model, seed: int) -> None:
    seen = networks.history(seed, 3 * CHUNK)
    expected = model.score(networks.dataset(seen))
    one_by_one = in_parts(model, seen, range(1, len(seen)))[1]
    np.testing.assert_allclose(one_by_one, expected, rtol=0, atol=ROUNDING)
    # By questions before each answer, without `trace`.
    asked = LearnerModel.trace(model, model.prior(1), seen)[1].p
    np.testing.assert_allclose(asked, expected, rtol=0, atol=ROUNDING)


@few
@given(seed=seeds, n=lengths, cuts=st.lists(st.integers(0, 4 * CHUNK), min_size=1, max_size=4))
def test_states_tell_the_same_in_however_many_parts_they_came(model: Model, seed: int, n: int, cuts: list[int]) -> None:
    seen = networks.history(seed, n)
    whole = model.update(model.prior(1), seen)
    parts, _ = in_parts(model, seen, sorted(min(cut, n) for cut in cuts))
    np.testing.assert_allclose(parts.learner, whole.learner, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(parts.touched, whole.touched, rtol=1e-5, atol=1e-5)
    asked = questions(seen)
    mine, theirs = (model.predict(state, asked) for state in (parts, whole))
    np.testing.assert_allclose(mine.p, theirs.p, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(mine.logit_sd, theirs.logit_sd, rtol=1e-4)


def test_learners_of_all_lengths_in_a_batch_equal_each_alone(model: Model) -> None:
    """Lengths on both sides of the end of a chunk, more than one chunk, and a single answer."""
    histories = [networks.history(seed, n) for seed, n in enumerate((1, 20, 7, 8, 6, 30, 14))]
    p = model.score(networks.dataset(networks.together(histories)))
    alone = [model.score(networks.dataset(seen)) for seen in histories]
    np.testing.assert_allclose(p, np.concatenate(alone), rtol=0, atol=ROUNDING)
    traced = model.trace(model.prior(len(histories)), networks.together(histories))[1].p
    np.testing.assert_allclose(traced, p, rtol=0, atol=ROUNDING)


def test_the_length_of_chunks_does_not_matter(model: Model) -> None:
    name = next(name for name in networks.CONFIGS if networks.model(name) is model)
    data = networks.dataset(networks.together([networks.history(seed, 30 - 9 * seed) for seed in range(3)]))
    whole = networks.model(name, chunk=200).score(data)
    np.testing.assert_allclose(model.score(data), whole, rtol=0, atol=ROUNDING)


@settings(max_examples=3, deadline=None)
@given(seed=seeds, n=lengths)
def test_forecasts_are_later_predictions(model: Model, seed: int, n: int) -> None:
    """At every delay of a table, of touched and of untouched concepts, known and unknown."""
    state = model.update(model.prior(1), networks.history(seed, n))
    origin, width = float(state.seconds[0]) + 60.0, networks.N_CONCEPTS + 2
    table = model.forecast(state, np.array([origin]), width).tables[0]
    concept, delay = np.arange(width), np.repeat(DELAYS, width)
    lists = ConceptLists.single(np.tile(concept, len(DELAYS)))
    asked = Query(np.zeros(len(delay), np.int64), origin + delay, np.full(len(delay), -1), lists)
    later = model.predict(state, asked).p.reshape(len(DELAYS), width)
    found = np.stack([table.at(origin + wait) for wait in DELAYS.tolist()])
    rows = table.has_row()
    np.testing.assert_allclose(found[:, rows], later[:, rows], rtol=0, atol=TABLE_ROUNDING)
    np.testing.assert_allclose(found[0], later[0], rtol=0, atol=TABLE_ROUNDING)
