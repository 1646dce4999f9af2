"""PSI-KT's graph: which pairs may be linked, what is reported is what is used, and how answers decide."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from kt_models.base import ConceptLists
from kt_models.data import Dataset, Vocabulary, of_columns
from kt_models.psikt import bootstrap, evidence, graph, simulation, train
from kt_models.psikt.bootstrap import Expansion
from kt_models.psikt.config import Config
from kt_models.psikt.edges import Edges
from kt_models.psikt.graph import Candidates, EdgeModel
from kt_models.psikt.named import Expert
from kt_models.psikt.simulation import Cohort
from kt_models.recall import Float, Int

FAITHFUL = Config(mode="faithful")


def answers_on(*histories: list[int], n_concepts: int) -> Dataset:
    """Learners who answered on these concepts, in order."""
    return of_columns(
        learner=np.repeat(np.arange(len(histories)), [len(h) for h in histories]),
        concepts=ConceptLists.single(np.concatenate([np.array(h) for h in histories])),
        correct=np.ones(sum(len(h) for h in histories), np.float32),
        concept_vocabulary=Vocabulary(np.arange(n_concepts)),
    )


def all_pairs(n_concepts: int, prior: float = 0.3, lean: float = 0.5) -> Candidates:
    lower, upper = np.triu_indices(n_concepts, 1)
    n = len(lower)
    return Candidates.of(
        n_concepts, lower, upper, np.full(n, prior), np.full(n, lean), np.zeros(n, np.bool_), np.full(n, 40)
    )


def wild(model: EdgeModel) -> EdgeModel:
    """The model with parameters that no fit would find."""
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += torch.randn(parameter.shape, generator=chance)
    return model


def test_a_pair_is_a_candidate_once_enough_learners_practised_both() -> None:
    data = answers_on([0, 1, 2], [1, 0, 0], [0, 1, 1], [2], n_concepts=4)
    found = graph.candidates(Config(edge_learners=3), data, 4)
    assert (found.lower.tolist(), found.upper.tolist(), found.support.tolist()) == ([0], [1], [3])
    assert found.parents.tolist() == [[1], [0], [-1], [-1], [-1]]


def test_no_concept_has_more_candidates_than_allowed() -> None:
    rng = np.random.default_rng(0)
    data = answers_on(*(rng.integers(0, 60, 20).tolist() for _ in range(200)), n_concepts=60)
    found = graph.candidates(Config(edge_learners=2, max_parents=4), data, 60)
    assert found.parents.shape == (61, 4)
    assert found.n_pairs > 90
    assert np.bincount(np.concatenate([found.lower, found.upper])).max() == 4
    assert np.allclose(found.prior, graph.MAX_PRIOR)


def test_pairs_are_those_of_learners_even_when_counted_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    data = answers_on(*(rng.integers(0, 12, rng.integers(1, 15)).tolist() for _ in range(50)), n_concepts=12)
    monkeypatch.setattr(graph, "_PORTION", 7)
    found = graph.practised(data, 12)
    met = np.zeros((50, 12))
    met[data.interactions.learner, data.interactions.concepts.flat] = 1
    both = np.triu(met.T @ met, 1)
    assert np.array_equal(np.stack([found.lower, found.upper]), np.nonzero(both))
    assert np.array_equal(found.support, both[both > 0])


def test_expert_edges_count_whoever_practised_them_and_keep_their_direction() -> None:
    data = answers_on([0, 1], n_concepts=5)
    # A self-loop, an edge out of the curriculum, one with its opposite, and two good ones.
    expert = Expert(np.array([1, 0, 2, 3, 4, 2]), np.array([1, 9, 3, 2, 0, 4]), probability=0.8)
    found = graph.candidates(Config(edge_learners=30), data, 5, expert)
    pairs = dict(zip(zip(found.lower.tolist(), found.upper.tolist(), strict=True), found.lean, strict=True))
    assert pairs == {(0, 4): pytest.approx(0.1), (2, 3): 0.5, (2, 4): pytest.approx(0.9)}
    assert found.expert.all() and np.allclose(found.prior, 0.8) and found.support.tolist() == [0, 0, 0]


def test_an_expert_must_not_be_certain() -> None:
    with pytest.raises(ValueError, match="probability of an expert's edge is 1"):
        graph.candidates(Config(), answers_on([0, 1], n_concepts=2), 2, Expert(np.array([0]), np.array([1]), 1.0))


def test_before_answers_edges_stand_at_their_prior() -> None:
    model = EdgeModel(FAITHFUL, 4, all_pairs(4, prior=0.2, lean=0.75))
    edges = model.edges()
    assert np.allclose(edges.probability, edges.prior, atol=1e-6)
    assert float(model.penalty().detach()) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("embedded", [False, True])
def test_the_weights_in_the_dynamics_are_the_reported_probabilities(embedded: bool) -> None:
    model = wild(EdgeModel(FAITHFUL, 6, all_pairs(6), embedded))
    edges = model.edges()
    reported = edges.matrix(6)
    used = np.zeros((6, 6))
    used[edges.parent, edges.child] = edges.weight
    assert np.allclose(used, reported / np.maximum(reported.sum(0), 1.0), atol=1e-6)
    assert np.all(reported + reported.T <= 1.0 + 1e-12)
    assert np.allclose(reported + reported.T, _symmetric(edges, edges.existence))


def test_gradients_reach_all_parameters_of_the_graph() -> None:
    model = wild(EdgeModel(FAITHFUL, 6, all_pairs(6), True))
    (model.weights().square().sum() + model.penalty()).backward()
    assert all(bool((p.grad != 0).any()) for p in model.parameters())


def test_a_graph_can_be_set_to_given_chances() -> None:
    model = wild(EdgeModel(FAITHFUL, 5, all_pairs(5), True))
    existence, direction = np.linspace(0.05, 0.95, 10), np.linspace(0.9, 0.1, 10)
    model.settle(existence, direction)
    edges = model.edges()
    up = edges.parent < edges.child
    assert np.allclose(np.sort(edges.existence[up]), existence, atol=1e-5)
    assert np.allclose(np.sort(edges.direction[up]), np.sort(direction), atol=1e-5)


def test_a_warm_start_takes_edges_over_by_the_ids_of_their_concepts() -> None:
    old = wild(EdgeModel(FAITHFUL, 3, all_pairs(3)))
    new = EdgeModel(FAITHFUL, 4, all_pairs(4))
    # Our concepts 0, 1, 3 are its 2, 0, 1; it does not know our 2.
    concept = np.array([2, 0, 3, 1])
    new.take_over(old.edges(), concept)
    before, after = old.edges().matrix(3), new.edges().matrix(4)
    known = np.array([0, 1, 3])
    assert np.allclose(after[np.ix_(known, known)], before[np.ix_(concept[known], concept[known])], atol=1e-5)
    assert np.allclose(after[2, known] + after[known, 2], 0.3, atol=1e-5)


def test_edges_survive_being_kept() -> None:
    edges = wild(EdgeModel(FAITHFUL, 4, all_pairs(4))).edges()
    again = Edges.from_tensors(edges.to_tensors())
    for name, column in vars(edges).items():
        assert np.array_equal(column, getattr(again, name), equal_nan=True)
    assert np.isnan(edges.low).all() and len(Edges.none()) == 0


def test_the_effect_of_an_edge_is_transfer_times_weight() -> None:
    edges = wild(EdgeModel(FAITHFUL, 4, all_pairs(4))).edges()
    told = edges.concept_graph(transfer=0.5)
    assert np.allclose(told.effect, 0.5 * edges.weight) and np.array_equal(told.evidence, edges.evidence)


def test_edges_of_unequal_lengths_are_refused() -> None:
    parts = {**vars(Edges.none()), "parent": np.array([1])}
    with pytest.raises(ValueError, match="has 0 edges, parent has 1"):
        Edges(**parts)


def test_groups_of_pairs_share_no_concept() -> None:
    lower, upper = np.triu_indices(9, 1)
    groups = bootstrap.apart(lower, upper)
    assert np.array_equal(np.sort(np.concatenate(groups)), np.arange(36))
    for group in groups:
        assert len(np.unique(np.concatenate([lower[group], upper[group]]))) == 2 * len(group)


@pytest.mark.parametrize("normalise", [True, False])
def test_the_sampler_finds_the_posterior_of_all_graphs(normalise: bool) -> None:
    """Against the sum over all 27 graphs of three concepts."""
    rng = np.random.default_rng(3)
    candidates = all_pairs(3, prior=0.4, lean=0.6)
    curvature = np.stack([m @ m.T for m in rng.normal(0, 2.0, (3, 2, 2))])
    expansion = Expansion(rng.uniform(0, 0.5, (3, 2)), rng.normal(0, 3.0, (1, 3, 2)), curvature)
    # Forty chains of one sample stand for one long one.
    many = Expansion(expansion.weight, np.repeat(expansion.slope, 40, 0), curvature)
    found = bootstrap.posterior(candidates, many, normalise, seed=0).mean(0)
    assert np.allclose(found, _enumerated(candidates, expansion, normalise), atol=0.02)


def test_without_evidence_the_posterior_is_the_prior() -> None:
    candidates = all_pairs(4, prior=0.3, lean=0.8)
    flat = Expansion(np.zeros((4, 3)), np.zeros((50, 4, 3)), np.zeros((4, 3, 3)))
    found = bootstrap.posterior(candidates, flat, True, seed=0).mean(0)
    assert np.allclose(found, [0.7, 0.24, 0.06], atol=0.02)


@pytest.mark.parametrize(
    "config",
    [
        Config(mode="faithful", bootstraps=3),
        Config(mode="faithful", coupling="exact", bootstraps=3),
        Config(bootstraps=3),
    ],
    ids=["event", "exact", "lazy"],
)
def test_scores_of_learners_sum_to_the_gradient_of_all(config: Config) -> None:
    data = simulation.simulate(Cohort(learners=12, steps=15, concepts=4), seed=5).data
    training = train.Training.start(data, config, all_pairs(4), seed=0)
    with torch.no_grad():
        p = training.population.drawn()
    cavity = training.cavity()
    total = np.sum([bootstrap.scores(training, p, training.inputs(b, cavity)).sum(0) for b in training.batches], axis=0)
    for child, place in ((0, 0), (2, 1)):
        ends = []
        for step in (1e-2, -1e-2):
            weight = p.weight.clone()
            weight[child, place] += step
            ends.append(_evidence(training, weight))
        assert total[child, place] == pytest.approx((ends[0] - ends[1]) / 2e-2, rel=0.02, abs=0.02)


def _symmetric(edges: Edges, values: Float) -> Float:
    matrix = np.zeros((6, 6))
    matrix[edges.parent, edges.child] = values
    return matrix


def _evidence(training: train.Training, weight: torch.Tensor) -> float:
    p, cavity = replace(training.population.drawn(), weight=weight), training.cavity()
    total = 0.0
    with torch.no_grad():
        for batch in training.batches:
            inputs = training.inputs(batch, cavity)
            out = evidence.run(training.config, p, inputs, evidence.begin(training.config, p, inputs))
            total += float(out.log_evidence[inputs.mask].double().sum())
    return total


def _enumerated(c: Candidates, e: Expansion, normalise: bool) -> Float:
    """(pairs, 3) by brute force."""
    chances = np.stack([1 - c.prior, c.prior * c.lean, c.prior * (1 - c.lean)], 1)
    total = np.zeros((c.n_pairs, 3))
    for ways in product(range(3), repeat=c.n_pairs):
        log = float(np.log(chances[np.arange(c.n_pairs), ways]).sum())
        for child in range(c.n_concepts):
            a = _parents_of(c, child, np.array(ways))
            off = (a / max(a.sum(), 1.0) if normalise else a) - e.weight[child]
            log += float(e.slope[0, child] @ off - off @ e.curvature[child] @ off / 2)
        total[np.arange(c.n_pairs), ways] += np.exp(log)
    return total / total.sum(1, keepdims=True)


def _parents_of(c: Candidates, child: int, ways: Int) -> Float:
    wanted = np.where(c.parents[child] < child, 1, 2)
    return np.asarray(ways[c.pair[child]] == wanted, dtype=np.float64)
