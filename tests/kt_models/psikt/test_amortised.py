"""The amortised ablation runs on histories of any length, is causal, and learns something; the filter learns more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from kt_models import metrics
from kt_models.base import ConceptLists, Query
from kt_models.data import Dataset
from kt_models.metrics import Answers
from kt_models.psikt import amortised, simulation
from kt_models.psikt.amortised import Amortised, Network
from kt_models.psikt.config import Config
from kt_models.psikt.simulation import Cohort
from kt_models.recall import Float
from tests.kt_models.psikt import truth

CONFIG = Config(mode="faithful", batch_learners=128)
HEARD = 25


@pytest.fixture(scope="module")
def made() -> simulation.Simulated:
    return simulation.simulate(Cohort(learners=600, steps=HEARD + 10), seed=10)


@pytest.fixture(scope="module")
def fitted(made: simulation.Simulated) -> Amortised:
    return amortised.fit_amortised(made.data.first(HEARD), CONFIG, seed=0, epochs=80)


def later(data: Dataset, n: int) -> Query:
    """What the learners are asked after their first n answers."""
    return data.interactions.take(np.flatnonzero(data.step >= n)).query()


def auc(correct: Float, p: Float) -> float:
    return metrics.auc(Answers(np.arange(p.size), p.ravel(), correct.ravel()))


def test_it_forecasts_better_than_chance_and_worse_than_the_filter(
    made: simulation.Simulated, fitted: Amortised
) -> None:
    """Ten answers in open loop. The filter has the true population and graph."""
    data, correct = made.data, made.correct[:, HEARD:]
    p = fitted.ahead(data.n_learners, data.first(HEARD).interactions, later(data, HEARD))
    assert auc(correct, p) > 0.68
    torch.set_default_dtype(torch.float64)
    try:
        cohort = Cohort(learners=600, steps=HEARD + 10)
        given, truly = truth.inputs(data, made.weight), truth.parameters(cohort, made.weight)
        best = truth.forecasts(truth.FAITHFUL, truly, given, HEARD)
    finally:
        torch.set_default_dtype(torch.float32)
    assert truth.log_loss(correct, best) < truth.log_loss(correct, p.reshape(correct.shape))


def test_a_forecast_one_step_ahead_is_the_next_answers(made: simulation.Simulated, fitted: Amortised) -> None:
    data = made.data.first(6)
    each = fitted.following(data).reshape(-1, 6)
    for heard in (1, 3, 5):
        p = fitted.ahead(data.n_learners, data.first(heard).interactions, later(data.first(heard + 1), heard))
        assert np.allclose(p, each[:, heard], atol=1e-6)


def test_no_answer_is_known_before_it_is_given(made: simulation.Simulated, fitted: Amortised) -> None:
    data = made.data.first(5)
    shorter = fitted.following(data.first(3)).reshape(-1, 3)
    assert np.allclose(fitted.following(data).reshape(-1, 5)[:, :3], shorter, atol=1e-6)


def test_learners_without_any_answer_get_the_populations_chance(fitted: Amortised) -> None:
    nobody = Query(np.array([0, 1]), np.array([0.0, 5e5]), np.array([-1, -1]), ConceptLists.single(np.array([2, 2])))
    empty = simulation.simulate(Cohort(learners=1, steps=1), 0).data.interactions.take(np.empty(0, np.int64))
    p = fitted.ahead(2, empty, nobody)
    assert np.all((p > 0.2) & (p < 0.9))


@pytest.fixture
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.usefixtures("_seeded")
def test_the_true_bound_is_below_the_evidence(made: simulation.Simulated) -> None:
    """Of whatever guide, here of one that nobody trained, on average over samples."""
    network = Network(CONFIG, 10, marginal=False)
    rows = made.data.take(np.arange(50)).first(5).interactions
    answers = amortised._padded(rows, 50, 10)
    with torch.no_grad():
        bound = np.mean([network.elbo(answers).item() for _ in range(50)]) / len(rows)
    assert bound < np.log(0.5)


def test_practice_is_refused_with_the_reason() -> None:
    data = simulation.simulate(Cohort(learners=3, steps=3), 0).data
    with pytest.raises(ValueError, match="practice is global"):
        amortised.fit_amortised(data, Config(mode="product"), seed=0, epochs=1)
