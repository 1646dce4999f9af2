"""Facts of the half-life model: what a pause, a practice and an answer do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_models import data
from kt_models.base import BadInteractions, ConceptLists, Interactions, Query
from kt_models.baselines import _strength, half_life
from kt_models.recall import DELAYS, SECONDS_PER_DAY, Float, sigmoid
from kt_models.state import LearnerState

DAY = SECONDS_PER_DAY
MODEL = half_life.prior_model(n_concepts=6, n_items=4, difficulties=[-1.0, 0.0, 1.0, np.nan])


def answers(*rows: tuple[float, int, int, float], learner: int = 0) -> Interactions:
    """Answers of one learner: (seconds, item, concept, correct)."""
    seconds, item, concept, correct = (np.array(column) for column in zip(*rows, strict=True))
    return Interactions(
        np.full(len(rows), learner),
        seconds.astype(float),
        item,
        ConceptLists.single(concept),
        correct.astype(np.float32),
    )


def ask(*rows: tuple[float, int, int]) -> Query:
    """Questions to one learner: (seconds, item, concept)."""
    seconds, item, concept = (np.array(column) for column in zip(*rows, strict=True))
    return Query(np.zeros(len(rows), np.int64), seconds.astype(float), item, ConceptLists.single(concept))


def strengths(state: LearnerState) -> Float:
    return state.touched[:, _strength.STRENGTH].astype(float)


history = st.lists(
    st.tuples(st.floats(0, 60 * DAY), st.integers(-1, 9), st.integers(0, 7), st.sampled_from([0.0, 0.5, 1.0])),
    min_size=1,
    max_size=30,
).map(sorted)


def test_an_untrained_model_serves_an_unseen_curriculum() -> None:
    state = MODEL.prior(1)
    easy, hard, unknown, beyond = MODEL.predict(state, ask((0, 0, 0), (0, 2, 0), (0, 3, 0), (0, 99, 99))).p
    assert easy > unknown > hard
    assert beyond == unknown
    assert 0.4 < unknown < 0.8


def test_authored_difficulties_must_be_one_an_item() -> None:
    with pytest.raises(ValueError, match="give one an item"):
        half_life.prior_model(n_concepts=1, n_items=3, difficulties=[0.0, 1.0])


def test_after_one_half_life_half_of_the_strength_is_left() -> None:
    state = MODEL.update(MODEL.prior(1), answers((0, -1, 0, 1)))
    days = _strength.half_life_days(MODEL.config, state.touched[:, _strength.SPACED].astype(float))
    assert _strength.curve(MODEL.config, strengths(state), np.ones(1), days)[0, 0] == pytest.approx(
        strengths(state)[0] / 2
    )


def test_spaced_practice_lengthens_the_half_life_and_cramming_does_not() -> None:
    crammed = MODEL.update(MODEL.prior(1), answers(*((10.0 * i, -1, 0, 1) for i in range(8))))
    spaced = MODEL.update(MODEL.prior(1), answers(*((10 * DAY * i, -1, 0, 1) for i in range(8))))
    of_one = MODEL.update(MODEL.prior(1), answers((0, -1, 0, 1)))
    crammed_n, spaced_n, one_n = (s.touched[0, _strength.SPACED] for s in (crammed, spaced, of_one))
    assert spaced_n > 4 * crammed_n
    assert crammed_n == pytest.approx(one_n, abs=0.01)


def test_strength_never_exceeds_its_limit() -> None:
    state = MODEL.update(MODEL.prior(1), answers(*((float(i), -1, 0, 1) for i in range(200))))
    assert strengths(state)[0] <= MODEL.config.strength_limit


@settings(max_examples=60, deadline=None)
@given(seen=history)
def test_a_pause_never_raises_recall_and_practice_never_lowers_it(seen: list[tuple[float, int, int, float]]) -> None:
    state = MODEL.update(MODEL.prior(1), answers(*seen))
    table = MODEL.forecast(state, state.seconds, n_concepts=8).tables[0]
    assert np.all(np.diff(table.recall, axis=1) <= 1e-12)
    assert np.all(table.after >= table.recall)
    assert np.all(table.after[:, DELAYS <= DAY] > table.recall[:, DELAYS <= DAY])
    assert np.all(table.rest_after > table.rest_recall)
    assert np.all(np.diff(table.logit_sd, axis=1) >= -1e-6)


@settings(max_examples=40, deadline=None)
@given(seen=history, delay=st.sampled_from(DELAYS.tolist()))
def test_the_forecast_is_the_later_prediction(seen: list[tuple[float, int, int, float]], delay: float) -> None:
    state = MODEL.update(MODEL.prior(1), answers(*seen))
    now = float(state.seconds[0])
    table = MODEL.forecast(state, state.seconds, n_concepts=10).tables[0]
    later = MODEL.predict(state, ask(*((now + delay, -1, c) for c in range(10))))
    np.testing.assert_allclose(table.at(now + delay), later.p, atol=1e-6)
    np.testing.assert_allclose(table.sd_at(now + delay), later.logit_sd, atol=1e-6)


def test_what_practice_is_expected_to_give_is_the_mean_over_its_outcomes() -> None:
    state = MODEL.update(MODEL.prior(1), answers((0, -1, 0, 1), (DAY, -1, 0, 0), (2 * DAY, -1, 0, 1)))
    now = 3 * DAY
    table = MODEL.forecast(state, np.array([now])).tables[0]
    p = table.recall[0, 0]
    outcomes = [MODEL.update(state, answers((now, -1, 0, y))) for y in (1.0, 0.0)]
    right, wrong = (MODEL.forecast(s, s.seconds).tables[0].recall[0] for s in outcomes)
    np.testing.assert_allclose(table.after[0], p * right + (1 - p) * wrong, atol=0.015)


@pytest.mark.parametrize("mean", [-2.0, 0.0, 1.5])
@pytest.mark.parametrize("correct", [0.0, 1.0])
def test_the_update_has_the_moments_of_the_exact_posterior(mean: float, correct: float) -> None:
    config = replace(
        MODEL.config, intercept=mean, ability_drift=0.0, aptitude_drift=0.0, gain_correct=0.0, gain_wrong=0.0
    )
    model = half_life.prior_model(1, 0, config=config)
    state = model.update(model.prior(1), answers((0, -1, 0, correct)))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    ability, aptitude = np.meshgrid(
        mean + np.sqrt(config.ability_variance) * nodes, np.sqrt(config.aptitude_variance) * nodes, indexing="ij"
    )
    density = np.outer(weights, weights) * np.where(correct, sigmoid(ability + aptitude), sigmoid(-ability - aptitude))
    density /= density.sum()
    for x, (found, variance) in ((ability, state.learner[0, :2]), (aptitude, state.touched[0, :2])):
        exact = float(np.sum(density * x))
        assert found == pytest.approx(exact, abs=0.04)
        assert variance == pytest.approx(float(np.sum(density * (x - exact) ** 2)), rel=0.06)


def test_partial_credit_lies_between_wrong_and_right() -> None:
    states = [MODEL.update(MODEL.prior(1), answers((0, 1, 0, y))) for y in (0.0, 0.5, 1.0)]
    p = [float(MODEL.predict(s, ask((0, 1, 0))).p[0]) for s in states]
    assert p[0] < p[1] < p[2]


def test_an_item_of_two_concepts_teaches_both_and_rests_on_their_mean() -> None:
    both = Interactions(
        np.zeros(1, np.int64), np.zeros(1), np.array([-1]), ConceptLists.of([[1, 4]]), np.ones(1, np.float32)
    )
    state = MODEL.update(MODEL.prior(1), both)
    assert state.concept.tolist() == [1, 4]
    pair = Query(np.zeros(1, np.int64), np.zeros(1), np.array([-1]), ConceptLists.of([[1, 4]]))
    one, other = MODEL.predict(state, ask((0, -1, 1), (0, -1, 4))).p
    assert MODEL.predict(state, pair).p[0] == pytest.approx(one, abs=0.01) == pytest.approx(other, abs=0.01)


def test_an_answer_older_than_the_state_is_refused_with_the_way_out() -> None:
    state = MODEL.update(MODEL.prior(1), answers((100, 0, 0, 1)))
    with pytest.raises(BadInteractions, match="replay the learner's history"):
        MODEL.update(state, answers((99, 0, 0, 1)))


@settings(max_examples=40, deadline=None)
@given(seen=history, cut=st.integers(0, 30))
def test_updating_in_two_parts_is_bitwise_updating_at_once(seen: list[tuple[float, int, int, float]], cut: int) -> None:
    log = answers(*seen)
    parts = (np.arange(len(log))[:cut], np.arange(len(log))[cut:])
    state = MODEL.prior(1)
    for part in parts:
        state = MODEL.update(state, log.take(part))
    assert state.to_bytes() == MODEL.update(MODEL.prior(1), log).to_bytes()


def test_the_ability_is_given_with_its_interval_which_answers_narrow() -> None:
    before = MODEL.traits(MODEL.prior(1))
    after = MODEL.traits(MODEL.update(MODEL.prior(1), answers(*((float(i), 1, i % 6, 1) for i in range(20)))))
    assert after.mean[0, 0] > before.mean[0, 0]
    assert after.high[0, 0] - after.low[0, 0] < 0.8 * (before.high[0, 0] - before.low[0, 0])


def practice_log(seed: int, n_learners: int = 300, n_answers: int = 40) -> tuple[data.Dataset, Float]:
    """Learners who answer items of known difficulty at random, and the difficulties."""
    rng = np.random.default_rng(seed)
    difficulty = np.linspace(-2, 2, 12)
    learner = np.repeat(np.arange(n_learners), n_answers)
    item = rng.integers(0, 12, len(learner))
    ability = rng.normal(0.3, 1.0, n_learners)[learner]
    correct = rng.random(len(learner)) < sigmoid(ability - difficulty[item])
    log = data.of_columns(
        learner=learner,
        concepts=ConceptLists.single(item % 3),
        correct=correct.astype(np.float32),
        seconds=np.tile(np.arange(n_answers) * 3_600.0, n_learners),
        item=item,
    )
    return log, difficulty


def test_fit_recovers_the_difficulties_and_that_nothing_was_learnt() -> None:
    log, difficulty = practice_log(seed=1)
    config = half_life.Config(fit_rounds=2, fit_learners=100)
    model = half_life.fit(log, config, seed=0).model
    level = model.difficulty - model.base[np.arange(12) % 3]
    assert np.corrcoef(level, difficulty)[0, 1] > 0.99
    assert np.std(level) == pytest.approx(np.std(difficulty), rel=0.15)
    assert model.config.gain_correct < half_life.Config().gain_correct / 2


def test_fit_again_from_a_model_starts_there() -> None:
    log, _ = practice_log(seed=2, n_learners=60)
    quick = half_life.Config(fit_rounds=1, fit_learners=20)
    first = half_life.fit(log, quick, seed=0)
    again = half_life.fit(log, quick, seed=0, warm_start=first.model)
    assert again.log[0]["log_loss"] < first.log[0]["log_loss"] + 0.005


def test_a_saved_model_predicts_bitwise_the_same(tmp_path: Path) -> None:
    log, _ = practice_log(seed=3, n_learners=40)
    model = half_life.fit(log, half_life.Config(fit_rounds=1, fit_learners=10), seed=0).model
    model.save(tmp_path / "model")
    loaded = half_life.Model.load(tmp_path / "model")
    assert loaded.concepts is not None
    assert np.array_equal(loaded.concepts.ids, log.concepts.ids)
    prior = model.prior(log.n_learners)
    mine, theirs = (m.trace(prior, log.interactions)[1] for m in (model, loaded))
    assert np.array_equal(mine.p, theirs.p)
    assert np.array_equal(mine.logit_sd, theirs.logit_sd)
