"""What people know of edges before answers: how it enters PSI-KT's prior, and when answers overrule it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kt_models.base import ConceptLists
from kt_models.data import Dataset, Vocabulary, of_columns
from kt_models.kinds import BadCheckpoint
from kt_models.prior_edges import PriorEdges
from kt_models.psikt import Config, Model, bootstrap, fit, graph, simulation
from kt_models.psikt.bootstrap import Expansion
from kt_models.psikt.graph import Candidates, EdgeModel
from kt_models.psikt.named import MOST, Expert
from kt_models.psikt.simulation import Cohort
from kt_models.recall import Float

N = 4
Row = tuple[int, int, float, bool]


def everybody_on_everything(n_learners: int = 40) -> Dataset:
    concept = np.tile(np.arange(N), n_learners)
    return of_columns(
        learner=np.repeat(np.arange(n_learners), N),
        concepts=ConceptLists.single(concept),
        correct=np.ones(len(concept), np.float32),
        concept_vocabulary=Vocabulary(np.arange(N)),
    )


def pairs(*rows: Row, data: Dataset | None = None, expert: Expert | None = None) -> Candidates:
    return graph.candidates(Config(), data or everybody_on_everything(), N, expert, PriorEdges.of(list(rows)))


def priors(found: Candidates) -> dict[tuple[int, int], float]:
    """P(parent -> child) before answers, as the model reports it."""
    edges = EdgeModel(Config(), N, found).edges()
    return dict(zip(zip(edges.parent.tolist(), edges.child.tolist(), strict=True), edges.probability, strict=True))


def test_a_named_edge_has_its_own_chance_and_its_way_back_that_of_any_pair() -> None:
    ordinary = priors(pairs())[0, 1]
    found = priors(pairs((0, 1, 0.6, False), (3, 2, 0.05, False)))
    assert found[0, 1] == pytest.approx(0.6, abs=1e-5) and found[3, 2] == pytest.approx(0.05, abs=1e-5)
    assert found[1, 0] == pytest.approx(ordinary, abs=1e-5) == found[2, 3]
    assert found[0, 2] == pytest.approx(ordinary, abs=1e-5)


def test_both_directions_may_be_named() -> None:
    found = priors(pairs((0, 1, 0.3, False), (1, 0, 0.5, False), (2, 3, 0.9, False), (3, 2, 0.9, False)))
    assert (found[0, 1], found[1, 0]) == (pytest.approx(0.3, abs=1e-5), pytest.approx(0.5, abs=1e-5))
    assert found[2, 3] == found[3, 2] == pytest.approx(MOST / 2, abs=1e-5)


def test_a_named_edge_is_a_candidate_whoever_practised_it_and_a_barred_pair_is_none() -> None:
    nobody = everybody_on_everything(2)
    found = pairs((0, 1, 0.6, False), (2, 3, 0.0, True), data=nobody)
    assert (found.lower.tolist(), found.upper.tolist(), found.support.tolist()) == ([0], [1], [2])
    assert (2, 3) not in priors(pairs((2, 3, 0.0, True), (3, 2, 0.0, True)))


def test_edges_named_one_by_one_go_before_those_of_an_expert() -> None:
    expert = Expert(np.array([0, 2]), np.array([1, 3]), probability=0.8)
    found = priors(pairs((0, 1, 0.3, False), expert=expert))
    assert found[0, 1] == pytest.approx(0.3, abs=1e-5)
    assert (found[2, 3], found[3, 2]) == (pytest.approx(0.72, abs=1e-5), pytest.approx(0.08, abs=1e-5))


def test_what_is_locked_is_certain_and_what_is_told_of_the_rest_stays_open() -> None:
    found = pairs((0, 1, 1.0, True), (2, 3, 0.0, True))
    chance = priors(found)
    assert chance[0, 1] > 0.99999 and chance[1, 0] < 1e-5 and chance[2, 3] < 1e-5 and 0.05 < chance[3, 2] < 0.5
    model = EdgeModel(Config(), N, found)
    n = found.n_pairs
    model.settle(np.full(n, 0.5), np.full(n, 0.5))
    edges = model.edges()
    now = dict(zip(zip(edges.parent.tolist(), edges.child.tolist(), strict=True), edges.probability, strict=True))
    assert now[0, 1] > 0.99999 and now[2, 3] < 1e-5
    assert now[3, 2] == pytest.approx(0.5, abs=1e-4) and now[0, 2] == pytest.approx(0.25, abs=1e-4)


def test_no_evidence_draws_a_graph_without_a_locked_edge_or_with_a_barred_one() -> None:
    found = pairs((0, 1, 1.0, True), (2, 3, 0.0, True))
    shape = (N, found.parents.shape[1])
    against = -1e4 * np.ones((2, *shape))
    for slope in (against, -against):
        expansion = Expansion(np.zeros(shape), slope, np.zeros((*shape, shape[1])))
        drawn = bootstrap.posterior(found, expansion, True, seed=0).mean(0)
        rows = {pair: i for i, pair in enumerate(zip(found.lower.tolist(), found.upper.tolist(), strict=True))}
        assert drawn[rows[0, 1]].tolist() == [0.0, 1.0, 0.0]
        assert drawn[rows[2, 3], 1] == 0.0


LEARNT = Config(mode="faithful", epochs=6, min_steps=30, batch_learners=200, edge_learners=2)
#: In truth 1 -> 0, 1 -> 2 and 2 -> 0.
SAID = PriorEdges.of([(0, 1, 0.8, False), (1, 2, 0.0, True), (0, 2, 1.0, True)])


def learnt(learners: int, steps: int) -> Float:
    """(3, 3) P(row's concept -> column's) from answers of learners of whom all three pairs are linked."""
    cohort = Cohort(learners=learners, steps=steps, concepts=3, density=1.0, mean_gap_days=3.0)
    made = simulation.simulate(cohort, seed=0)
    assert np.argwhere(made.adjacency).tolist() == [[1, 0], [1, 2], [2, 0]]
    return fit(made.data, LEARNT, seed=0, prior_edges=SAID).model.fitted.edges.matrix(3)


def test_few_answers_leave_the_prior_and_many_overrule_it_but_for_what_is_locked() -> None:
    few, many = learnt(20, 10), learnt(600, 60)
    assert few[0, 1] > 0.6 and few[1, 0] < 0.3
    assert many[1, 0] > 0.9 and many[0, 1] < 0.1
    for found in (few, many):
        assert found[1, 2] < 1e-5 and found[0, 2] > 0.999 and found[2, 0] < 1e-5


def test_a_warm_start_moves_nothing_that_is_locked() -> None:
    data = simulation.simulate(Cohort(learners=20, steps=10, concepts=3), seed=0).data
    config = Config(mode="faithful", epochs=1, min_steps=1, edge_learners=2, bootstraps=0)

    def fitted(*rows: Row, warm_start: Model | None = None) -> Model:
        return fit(data, config, seed=0, prior_edges=PriorEdges.of(list(rows)), warm_start=warm_start).model

    before = fitted((0, 1, 1.0, True))
    after = fitted((0, 1, 0.0, True), warm_start=before)
    assert before.fitted.edges.matrix(3)[0, 1] > 0.999 and after.fitted.edges.matrix(3)[0, 1] < 1e-5


def test_a_fit_under_way_does_not_go_on_with_other_edges(tmp_path: Path) -> None:
    data = simulation.simulate(Cohort(learners=20, steps=10, concepts=3), seed=0).data
    config = Config(mode="faithful", epochs=3, min_steps=1, edge_learners=2, bootstraps=0)

    def broken_off(record: dict[str, float]) -> None:
        if record.get("epoch") == 1.0:
            raise KeyboardInterrupt

    kept = tmp_path / "fit.pt"
    with pytest.raises(KeyboardInterrupt):
        fit(data, config, seed=0, prior_edges=SAID, checkpoint=kept, progress=broken_off)
    assert kept.exists()
    with pytest.raises(BadCheckpoint, match="fit with other data, settings"):
        fit(data, config, seed=0, checkpoint=kept)
