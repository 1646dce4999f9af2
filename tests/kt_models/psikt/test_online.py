"""The filter online in numpy is the fit's filter in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kt_models import synthetic
from kt_models.data import Dataset
from kt_models.psikt import Config, Model, evidence, fit
from kt_models.psikt.batches import batches
from kt_models.psikt.evidence import Inputs
from kt_models.psikt.parameters import Parameters

QUICK = {"epochs": 2, "min_steps": 20, "learning_rate": 0.1, "edge_learners": 5, "bootstraps": 2}


@pytest.fixture(scope="module")
def answers() -> Dataset:
    nature = synthetic.Nature()
    scenario = synthetic.Scenario(
        learners=24, concepts=8, items_per_concept=3, two_concept_share=0.3, days=5, nature=nature
    )
    return synthetic.simulate(scenario, seed=3).data


def in_torch(model: Model, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """P(correct) and variance of the logit of every answer, by the fit's filter in double precision."""
    torch.set_default_dtype(torch.float64)
    try:
        p, variance = np.empty(data.n_answers), np.empty(data.n_answers)
        given = {name: torch.as_tensor(value) for name, value in model.fitted.parameters.to_tensors().items()}
        parents = model.fitted.parents
        for batch in batches(data, model.n_concepts, model.n_items, parents, 16, model.config.lookback):
            again = np.where(batch.item_met, batch.item, model.n_items)
            f = model.fitted
            mean = np.append(f.difficulty, 0.0)[batch.item] + np.append(f.again, 0.0)[again]
            doubt = np.append(f.doubt, f.unknown_doubt)[batch.item] + np.append(f.again_doubt, 0.0)[again]
            inputs = Inputs.of(batch, mean, doubt, parents)
            shared = Parameters(**given)
            out = evidence.run(model.config, shared, inputs, evidence.begin(model.config, shared, inputs))
            p[batch.rows[batch.mask]] = out.p.numpy()[batch.mask]
            variance[batch.rows[batch.mask]] = out.variance.numpy()[batch.mask]
    finally:
        torch.set_default_dtype(torch.float32)
    return p, variance


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"coupling": "none", "practice": "concept", "remembered": 2},
        {"centred": False, "start_at_level": False, "common_spread": False, "drift": False, "practice": "none"},
        {"mode": "faithful"},
        {"mode": "faithful", "coupling": "exact", "practice": "global"},
    ],
    ids=["product", "without a graph", "switched", "faithful", "exact coupling"],
)
def test_serving_equals_fitting(answers: Dataset, settings: dict[str, object]) -> None:
    model = fit(answers, Config(**{**QUICK, **settings}), seed=0).model
    _, served = model.trace(model.prior(answers.n_learners), answers.interactions)
    p, variance = in_torch(model, answers)
    # States are kept in float32.
    assert np.abs(served.p - p).max() < 2e-5
    assert np.allclose(served.logit_sd**2, variance, rtol=1e-3, atol=1e-4)
