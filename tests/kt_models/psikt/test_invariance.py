"""What must not change what PSI-KT believes; and its graph: the reported one is used (recovery tests 15 and 13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from kt_models.base import ConceptLists
from kt_models.data import Dataset
from kt_models.psikt import evidence, simulation
from kt_models.psikt.config import Config
from kt_models.psikt.evidence import Filtered
from kt_models.psikt.graph import Candidates, EdgeModel
from kt_models.psikt.parameters import Parameters
from kt_models.psikt.simulation import Cohort
from kt_models.recall import Float, Int, sigmoid
from tests.kt_models.psikt import truth

COHORT = Cohort(learners=30, steps=25)
#: Whatever practice and wandering a product has, so that their invariance is seen as well.
LIVELY = {
    "rest_variance": 0.6, "novelty": 0.2, "drift": [0.01, 0.02], "form": [0.2, 9.0, 0.15],
    "gain": [[0.2], [0.1]], "ceiling": 2.0, "jitter": 0.02, "lasting": [0.1, 0.05, 0.8], "quick": [0.2, 0.1, 0.6],
    "quick_rate": 40.0,
}  # fmt: skip

CONFIGS = {
    "faithful": truth.FAITHFUL,
    "exact": Config(mode="faithful", coupling="exact"),
    "product": Config(mode="product"),
}


@pytest.fixture(autouse=True)
def _double_precision() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> Config:
    return CONFIGS[request.param]


@pytest.fixture(scope="module")
def made() -> simulation.Simulated:
    return simulation.simulate(COHORT, seed=2)


def parameters(config: Config, weight: Float, **changes: object) -> Parameters:
    lively = LIVELY if config.mode == "product" else {}
    intercept = np.append(np.linspace(-0.5, 0.5, len(weight)), 0.0) if config.mode == "product" else 0.0
    base = {"intercept": intercept} if config.mode == "product" else {}
    return truth.parameters(COHORT, weight, **(lively | base | changes))


def filtered(config: Config, p: Parameters, data: Dataset, weight: Float, rows: Int | None = None) -> Filtered:
    given = truth.inputs(data, weight, rows)
    return evidence.run(config, p, given, evidence.begin(config, p, given))


def assert_same(one: Filtered, other: Filtered, order: Int | slice = slice(None)) -> None:
    """Forecasts, evidence and beliefs about learners; `order` of the second in the first."""
    steps = min(one.p.shape[1], other.p.shape[1])
    for name in ("p", "log_evidence", "variance"):
        assert torch.allclose(getattr(one, name)[order, :steps], getattr(other, name)[:, :steps], rtol=0, atol=1e-6)
    for mine, yours in zip(one.belief.learner, other.belief.learner, strict=True):
        assert torch.allclose(mine[order], yours, rtol=0, atol=1e-6)


def test_names_of_concepts_do_not_matter(config: Config, made: simulation.Simulated) -> None:
    new = np.random.default_rng(0).permutation(COHORT.concepts)
    seen = made.data.interactions
    renamed = replace(made.data, interactions=replace(seen, concepts=ConceptLists.single(new[seen.concepts.flat])))
    weight = np.zeros_like(made.weight)
    weight[np.ix_(new, new)] = made.weight
    before, after = parameters(config, made.weight), parameters(config, weight)
    moved = before.intercept.clone()
    moved[new] = before.intercept[:-1]
    after = replace(after, intercept=moved)
    assert_same(filtered(config, before, made.data, made.weight), filtered(config, after, renamed, weight))


def test_order_and_company_of_learners_do_not_matter(config: Config, made: simulation.Simulated) -> None:
    """Learners of different lengths, padded in one batch, against each alone."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, COHORT.steps + 1, COHORT.learners)
    data = made.data.where(made.data.step < lengths[made.data.interactions.learner])
    p, rows = parameters(config, made.weight), np.argsort(-lengths, kind="stable")
    together = filtered(config, p, data, made.weight, rows)
    for place in (0, 7, 29):
        alone, n = filtered(config, p, data, made.weight, rows[place : place + 1]), lengths[rows[place]]
        for name in ("p", "log_evidence"):
            assert torch.allclose(getattr(together, name)[place, :n], getattr(alone, name)[0], rtol=0, atol=1e-6)
    mixed = rng.permutation(COHORT.learners)
    whole = filtered(config, p, made.data, made.weight)
    assert_same(whole, filtered(config, p, made.data, made.weight, mixed), mixed)


def test_an_update_in_two_parts_is_an_update_at_once(config: Config, made: simulation.Simulated) -> None:
    p, given = parameters(config, made.weight), truth.inputs(made.data, made.weight)
    whole = evidence.run(config, p, given, evidence.begin(config, p, given))
    first = evidence.run(config, p, given, evidence.begin(config, p, given), range(11))
    second = evidence.run(config, p, given, first.belief, range(11, COHORT.steps))
    assert torch.allclose(whole.p, torch.cat([first.p, second.p], 1), rtol=0, atol=1e-6)
    for one, other in zip(whole.belief.learner, second.belief.learner, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-6)


def test_the_unit_of_time_does_not_matter(config: Config, made: simulation.Simulated) -> None:
    """Three times the days, at a third of every rate (sigma^2 is one, too): the same forecasts."""
    slow = replace(made.data.interactions, seconds=3.0 * made.data.interactions.seconds)
    p = parameters(config, made.weight)
    third = torch.tensor([np.log(3), 0.0, np.log(3) / 2, 0.0])
    per_day = torch.tensor([1.0, 1.0 / 3])
    scaled = replace(
        p,
        trait_mean=p.trait_mean - third,
        drift=p.drift * per_day,
        form=p.form * torch.cat([per_day, torch.ones(1)]),
        quick_rate=p.quick_rate / 3,
    )
    one = filtered(config, p, made.data, made.weight)
    other = filtered(config, scaled, replace(made.data, interactions=slow), made.weight)
    assert torch.allclose(one.p, other.p, rtol=0, atol=1e-6)


# ---- the graph


def learnt_edges(n_concepts: int) -> EdgeModel:
    """All pairs are candidates; their logits are anything."""
    lower, upper = np.triu_indices(n_concepts, 1)
    n = len(lower)
    free = Candidates.of(
        n_concepts, lower, upper, np.full(n, 0.3), np.full(n, 0.5), np.zeros(n, np.bool_), np.full(n, 100)
    )
    edges = EdgeModel(truth.FAITHFUL, n_concepts, free)
    with torch.no_grad():
        edges.free.copy_(torch.randn(edges.free.shape, generator=torch.Generator().manual_seed(0)))
    return edges.double()


def test_the_reported_edges_are_those_that_act() -> None:
    """A right instead of a wrong answer on a parent raises a child's level by what the report says.

    One pause later the child stands higher by (1 - r) gamma w_ik times what the answer moved the parent: measured in
    the filter's forecasts, learner by learner and edge by edge, with w the reported probability over its sum.
    """
    k = 4
    edges = learnt_edges(k)
    reported = edges.edges().matrix(k)
    weight = reported / np.maximum(reported.sum(0), 1.0)
    assert np.all(reported + reported.T <= 1 + 1e-12)
    parent, child = (x.ravel() for x in np.indices((k, k)))
    p = replace(truth.parameters(Cohort(concepts=k), weight), weight=edges.weights().detach())
    assert np.array_equal(truth.parents_of(weight), edges.parents.numpy())
    means = [_child_mean(p, edges, parent, child, y) for y in (0.0, 1.0)]
    moved = means[1] - means[0]
    away, gamma = -np.expm1(-np.exp(-1.2)), sigmoid(0.0)
    kept = np.exp(-np.exp(-1.2))
    strength = _child_mean(p, edges, parent, parent, 1.0, 0.0) - _child_mean(p, edges, parent, parent, 0.0, 0.0)
    wanted = np.where(parent == child, kept, away * gamma * weight[parent, child]) * strength
    assert np.allclose(moved, wanted, atol=1e-6)


def _child_mean(p: Parameters, edges: EdgeModel, parent: Int, child: Int, y: float, days: float = 1.0) -> Float:
    """Mean of the child's logit some days after one answer on the parent, traits being the population's mean."""
    n = len(parent)
    asked = np.stack([parent, child], 1)
    when = np.tile([0.0, days], (n, 1))
    data = simulation.as_dataset(when, asked, np.full((n, 2), y), edges.candidates.n_concepts)
    given = truth.inputs(data, np.where(edges.edges().matrix(edges.candidates.n_concepts) > 0, 1.0, 0.0))
    start = evidence.begin(truth.FAITHFUL, p, given, p.trait_mean.expand(n, 4))
    return evidence.run(truth.FAITHFUL, p, given, start).mean[:, 1].numpy()
