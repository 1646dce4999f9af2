"""PSI-KT's explicit generative model gives the answers that its filter expects, and NUTS finds the same traits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from pyro.infer import MCMC, NUTS, Predictive

from kt_models.data import Dataset
from kt_models.psikt import evidence, generative, simulation
from kt_models.psikt.config import Config
from kt_models.psikt.evidence import Inputs
from kt_models.psikt.generative import CollapsedAnswers
from kt_models.psikt.parameters import Parameters
from kt_models.psikt.simulation import Cohort
from kt_models.recall import Float
from tests.kt_models.psikt import truth
from tests.kt_models.psikt.test_invariance import LIVELY

#: Parent of 1 and 2; 2 has both as parents.
WEIGHT = np.array([[0.0, 1.0, 0.5], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
TRAITS = torch.tensor([-0.4, 0.5, -0.2, 1.5])
CONFIGS = {
    "faithful": truth.FAITHFUL,
    "exact": Config(mode="faithful", coupling="exact"),
    "without a graph": Config(mode="faithful", coupling="none"),
    "product": Config(mode="product"),
}


@pytest.fixture(autouse=True)
def _seeded_in_double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    yield
    torch.set_default_dtype(before)


def alike(learners: int) -> Dataset:
    """Learners who are asked the same at the same times."""
    concept, days = np.array([0, 1, 2, 0, 2]), np.array([0.0, 0.6, 1.5, 1.5, 4.0])
    shape = (learners, 1)
    return simulation.as_dataset(np.tile(days, shape), np.tile(concept, shape), np.zeros((learners, 5)), 3)


def parameters(config: Config) -> Parameters:
    lively: dict[str, Any] = {}
    if config.mode == "product":
        lively = LIVELY | {"intercept": [-0.4, 0.2, 0.3, 0.0], "item_variance": 0.3, "item_rates": [0.1, 40.0],
                           "item_kept": 0.5, "item_lasting": [0.3, 0.1], "item_quick": [0.2, 0.1]}  # fmt: skip
    return truth.parameters(Cohort(concepts=3), WEIGHT, **lively)


@pytest.mark.parametrize("name", CONFIGS)
def test_each_pattern_of_answers_is_as_frequent_as_the_filter_says(name: str) -> None:
    """40,000 learners of the explicit model, their strengths drawn, against the collapsed likelihood: 32 patterns."""
    config, n = CONFIGS[name], 40_000
    p, given = parameters(config), truth.inputs(alike(n), WEIGHT, remembered=config.lookback)
    fixed = pyro.poutine.condition(generative.cohort, {"traits": TRAITS.expand(n, 4)})
    trace = pyro.poutine.trace(fixed).get_trace(config, p, given, observed=False)
    answers = np.stack([trace.nodes[f"answer_{step}"]["value"].numpy() for step in range(5)], 1)
    patterns = np.array(list(product((0.0, 1.0), repeat=5)))
    found = (answers[:, None] == patterns).all(-1).mean(0)
    few = truth.inputs(alike(len(patterns)), WEIGHT, remembered=config.lookback)
    chance = CollapsedAnswers(config, p, few, TRAITS.expand(32, 4)).log_prob(torch.as_tensor(patterns)).exp().numpy()
    assert chance.sum() == pytest.approx(1.0, abs=1e-6)
    assert np.abs(found - chance).max() < 4 * np.sqrt(chance.max() / n) + 0.002
    assert found @ patterns == pytest.approx(chance @ patterns, abs=0.01)


def test_collapsed_answers_draw_what_they_expect() -> None:
    config = truth.FAITHFUL
    made = CollapsedAnswers(config, parameters(config), truth.inputs(alike(2), WEIGHT), TRAITS.expand(2, 4))
    drawn = made.sample((4000,))
    assert drawn.shape == (4000, 2, 5)
    expected = evidence.run(
        config, made.p, made.inputs, evidence.begin(config, made.p, made.inputs, made.traits)
    ).p[0, 0]  # fmt: skip
    assert drawn[..., 0].mean().item() == pytest.approx(expected.item(), abs=0.02)


def test_samples_of_traits_are_filtered_together_as_alone() -> None:
    config, given = truth.FAITHFUL, truth.inputs(simulation.simulate(Cohort(learners=3, concepts=3), 1).data, WEIGHT)
    p, traits = parameters(config), 0.5 * torch.randn(7, 3, 4)
    together = CollapsedAnswers(config, p, given, traits)
    assert together.batch_shape == (7, 3)
    alone = torch.stack([CollapsedAnswers(config, p, given, each).log_prob(given.correct) for each in traits])
    assert torch.allclose(together.log_prob(given.correct), alone)
    wide = CollapsedAnswers(config, p, given, traits[0]).expand([7, 3])
    assert torch.allclose(wide.log_prob(given.correct), alone[:1].expand(7, 3))


def test_padding_counts_nothing() -> None:
    config, p = truth.FAITHFUL, parameters(truth.FAITHFUL)
    data = alike(2).where(alike(2).interactions.learner * 10 + alike(2).step < 13)
    padded, short = truth.inputs(data, WEIGHT), truth.inputs(data.take(np.array([1])), WEIGHT)
    found = CollapsedAnswers(config, p, padded, TRAITS.expand(2, 4)).log_prob(padded.correct)
    alone = CollapsedAnswers(config, p, short, TRAITS.expand(1, 4)).log_prob(short.correct)
    assert found[1].item() == pytest.approx(alone[0].item())


@pytest.mark.parametrize("name", CONFIGS)
def test_the_whole_model_samples_and_has_a_finite_density(name: str) -> None:
    config, given = CONFIGS[name], truth.inputs(alike(4), WEIGHT)
    trace = pyro.poutine.trace(generative.everything).get_trace(config, given)
    assert torch.isfinite(trace.log_prob_sum())
    drawn = Predictive(generative.everything, num_samples=3)(config, given)
    assert drawn["traits"].shape == (3, 4, 4)


# ---- NUTS


def tiny(learners: int, steps: int) -> tuple[Parameters, Inputs, Float, Float]:
    """True parameters and inputs; means and standard deviations (L, 4) of traits by importance sampling."""
    cohort = Cohort(learners=learners, steps=steps, concepts=3)
    made = replace(simulation.simulate(cohort, seed=3), adjacency=(WEIGHT > 0).astype(float))
    unit = np.random.default_rng(0).standard_normal((40_000, 4))
    traits = np.array(cohort.trait_mean) + np.array(cohort.trait_sd) * unit
    mean, sd = np.empty((2, learners, 4))
    for row in range(learners):
        found = truth.collapsed(made, cohort, traits, np.full(len(traits), row)).log_evidence.sum(1)
        weight = np.exp(found - found.max())
        weight /= weight.sum()
        mean[row] = weight @ traits
        sd[row] = np.sqrt(weight @ traits**2 - mean[row] ** 2)
    return truth.parameters(cohort, WEIGHT), truth.inputs(made.data, WEIGHT), mean, sd


def nuts(model: Any, arguments: tuple[Any, ...], samples: int) -> tuple[Float, Float]:
    """Posterior mean of the traits (L, 4) by NUTS, and its standard error from batches of 20 draws."""
    chain = MCMC(NUTS(model, max_tree_depth=6), samples, warmup_steps=samples // 2, disable_progbar=True)
    chain.run(*arguments)
    drawn = chain.get_samples()["traits"].numpy()
    batches = drawn[: len(drawn) // 20 * 20].reshape(20, -1, *drawn.shape[1:]).mean(1)
    return drawn.mean(0), batches.std(0, ddof=1) / np.sqrt(20)


def collapsed_model(p: Parameters, given: Inputs) -> None:
    with pyro.plate("learners", given.correct.shape[0]):
        traits = pyro.sample("traits", pyro.distributions.Normal(p.trait_mean, p.trait_sd).to_event(1))
        pyro.sample("answers", CollapsedAnswers(truth.FAITHFUL, p, given, traits), obs=given.correct)


@pytest.mark.slow
@pytest.mark.parametrize("explicit", [True, False])
def test_nuts_agrees_with_importance_sampling_and_the_filter(explicit: bool) -> None:
    """Means of traits: NUTS against importance sampling within 4 standard errors (and 0.1 posterior sd, the collapse),
    and against the online filter within 0.35 posterior sd."""
    p, given, mean, sd = tiny(learners=3, steps=15)
    model, arguments = (generative.cohort, (truth.FAITHFUL, p, given)) if explicit else (collapsed_model, (p, given))
    found, error = nuts(model, arguments, samples=240)
    assert np.all(np.abs(found - mean) < 4 * error + 0.1 * sd)
    online = evidence.run(truth.FAITHFUL, p, given, evidence.begin(truth.FAITHFUL, p, given)).belief.learner.traits
    assert np.all(np.abs(online.numpy() - mean[:, [0, 1, 3]]) < 0.35 * sd[:, [0, 1, 3]])
