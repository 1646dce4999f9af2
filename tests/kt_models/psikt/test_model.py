"""What PSI-KT says of learners: forecasts with practice, traits, explanations; and that its states stay small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kt_models import synthetic
from kt_models.base import ConceptLists, Interactions, Query
from kt_models.data import Dataset
from kt_models.psikt import Config, Model, fit
from kt_models.psikt.explain import NotExplained
from kt_models.recall import DELAYS, Float

QUICK = {"epochs": 2, "min_steps": 20, "learning_rate": 0.1, "edge_learners": 5, "bootstraps": 2}
LEARNERS = 24


@pytest.fixture(scope="module")
def answers() -> Dataset:
    scenario = synthetic.Scenario(learners=LEARNERS, concepts=8, items_per_concept=3, two_concept_share=0.3, days=5)
    return synthetic.simulate(scenario, seed=3).data


@pytest.fixture(scope="module")
def product(answers: Dataset) -> Model:
    return fit(answers, Config(**QUICK), seed=0).model


@pytest.fixture(scope="module")
def faithful(answers: Dataset) -> Model:
    return fit(answers, Config(mode="faithful", **QUICK), seed=0).model


def everything(learner: int, model: Model, seconds: float) -> Query:
    concept = np.arange(model.n_concepts)
    n = len(concept)
    return Query(np.full(n, learner), np.full(n, seconds), np.full(n, -1), ConceptLists.single(concept))


def after_and_recall(model: Model, answers: Dataset) -> list[tuple[Float, Float]]:
    """Of every learner, (concepts, delays): recall after one practice now, and without it."""
    state = model.update(model.prior(answers.n_learners), answers.interactions)
    origin = state.seconds + 3_600.0
    pairs = []
    for table, start in zip(model.forecast(state, origin).tables, origin.tolist(), strict=True):
        after = np.stack([table.after_at(start, start + delay) for delay in DELAYS], axis=1)
        pairs.append((after, np.stack([table.at(start + delay) for delay in DELAYS], axis=1)))
    return pairs


def test_practice_is_worth_something_after_every_delay(product: Model, answers: Dataset) -> None:
    for after, recall in after_and_recall(product, answers):
        assert np.all(after > recall)


def test_without_practice_effects_nothing_is_expected_of_practice(faithful: Model, answers: Dataset) -> None:
    # The tower property: what an answer may tell changes no expectation before it is given.
    for after, recall in after_and_recall(faithful, answers):
        assert np.abs(after - recall).max() <= 1e-6


def test_the_parts_of_an_explanation_sum_to_the_expected_logit(product: Model, answers: Dataset) -> None:
    state = product.update(product.prior(answers.n_learners), answers.interactions)
    query = answers.interactions.query()
    later = replace(query, seconds=query.seconds + 40 * 86_400.0)
    parts = product.explain(state, later)
    prediction = product.predict(state, later)
    # E sigmoid(x) of x ~ N(m, s^2), by quadrature.
    node, weight = np.polynomial.hermite_e.hermegauss(61)
    x = parts.total[:, None] + prediction.logit_sd[:, None] * node
    assert np.allclose((weight / weight.sum() / (1 + np.exp(-x))).sum(axis=1), prediction.p, atol=1e-4)
    assert np.allclose(parts.by_parent.sum(axis=(1, 2)), parts.parents)


def test_an_answer_changes_strengths_by_gain_times_surprise_and_practice(product: Model, answers: Dataset) -> None:
    first = answers.window(0, 10).interactions
    state = product.update(product.prior(answers.n_learners), first)
    one = Interactions(
        np.arange(2), state.seconds[:2] + 60.0, np.full(2, -1), ConceptLists.single(np.array([1, 1])),
        np.array([1.0, 0.0], np.float32),
    )  # fmt: skip
    change = product.explain_answer(state, one)
    assert np.allclose(change.surprise, one.correct - change.p)
    assert np.allclose(change.strength, change.gain * change.surprise[:, None] + change.practised, atol=1e-9)
    assert np.all(change.gain > 0)
    assert np.all(change.practised > 0)
    after = product.update(state, one)
    traits = after.learner[:2, :3] - state.learner[:2, :3]
    # The level drifts between the two answers as well, which is no part of the change.
    assert np.allclose(traits[:, [0, 2]], change.traits[:, [0, 2]], atol=1e-5)


def test_models_that_step_all_concepts_are_not_explained(faithful: Model) -> None:
    with pytest.raises(NotExplained, match="coupling lazy"):
        faithful.explain(faithful.prior(1), everything(0, faithful, 0.0))


def test_traits_begin_at_the_population_and_are_told_by_answers(product: Model) -> None:
    prior = product.prior(1)
    before = product.traits(prior)
    assert before.names == ("half_life", "long_run_success", "stationary_spread", "transfer")
    assert np.allclose(before.mean, before.prior_mean)
    assert not before.told.any()
    n = 60
    mostly = (np.arange(n) % 5 != 0).astype(np.float32)
    seen = Interactions(
        np.zeros(n, np.int64), np.arange(n) * 7_200.0, np.full(n, -1), ConceptLists.single(np.arange(n) % 8), mostly
    )
    after = product.traits(product.update(prior, seen))
    success = after.names.index("long_run_success")
    assert after.told[0, success]
    assert after.mean[0, success] > after.prior_mean[0, success]
    width = (after.high - after.low)[0, success]
    assert width < (before.high - before.low)[0, success]
    assert np.all((after.low <= after.mean) & (after.mean <= after.high))


def test_a_state_of_fifty_concepts_takes_about_two_kilobytes(product: Model) -> None:
    seen = Interactions(
        np.zeros(50, np.int64), np.arange(50) * 60.0, np.full(50, -1), ConceptLists.single(np.arange(50)),
        np.ones(50, np.float32),
    )  # fmt: skip
    assert len(product.update(product.prior(1), seen).to_bytes()[0]) <= 2_200


def test_a_state_does_not_grow_with_the_items_answered(product: Model) -> None:
    n, remembered = 400, product.config.remembered
    seen = Interactions(
        np.zeros(n, np.int64), np.arange(n) * 60.0, np.arange(n), ConceptLists.single(np.zeros(n, np.int64)),
        np.ones(n, np.float32),
    )  # fmt: skip
    assert len(product.update(product.prior(1), seen).concept) <= remembered + 1


def test_the_learnt_graph_is_a_pair_of_probabilities_an_edge(product: Model) -> None:
    graph = product.graph()
    assert graph is not None
    assert np.all((graph.existence >= 0) & (graph.existence <= 1))
    there = {
        (i, k): p * q for i, k, p, q in zip(graph.parent, graph.child, graph.existence, graph.direction, strict=True)
    }
    assert all(p + there[k, i] <= 1 + 1e-6 for (i, k), p in there.items())
