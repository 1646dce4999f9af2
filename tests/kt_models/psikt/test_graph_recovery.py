"""Is a simulated graph found again, and none where there is none? Tests 10 to 12 of the recovery of PSI-KT.

L = 2,000 learners of T = 100 answers on 10 concepts, `simulation`'s population, pairs linked with chance 0.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal, final

import numpy as np
import pytest
import torch

from kt_models.data import Dataset
from kt_models.psikt import bootstrap, graph, simulation, train
from kt_models.psikt.config import Config
from kt_models.psikt.edges import Edges
from kt_models.psikt.graph import Candidates, EdgeModel
from kt_models.psikt.simulation import Cohort
from kt_models.psikt.train import Training
from kt_models.recall import Float
from tests.bench.graph import Recovery, recovery

pytestmark = pytest.mark.slow

COHORT: Final = Cohort(learners=2_000, steps=100)
CONFIG: Final = Config(mode="faithful", epochs=14, min_steps=1, batch_learners=250, bootstraps=20)


@final
@dataclass(frozen=True, eq=False)
class Learnt:
    """Log loss an answer with the graph in use, in nats; the edges, and the true graph."""

    log_loss: float
    edges: Edges
    truth: Float

    @property
    def recovery(self) -> Recovery:
        return recovery(self.edges, self.truth)


@cache
def learnt(model: Literal["free", "embedded", "no graph"], density: float = 0.3, twin: bool = False) -> Learnt:
    made = simulation.simulate(replace(COHORT, density=density), seed=0)
    data = relabelled(made.data) if twin else made.data
    with torch.random.fork_rng(devices=[]):
        n = data.concepts.size
        # Of the same dynamics, only without a pair that may be linked.
        found = Candidates.none(n) if model == "no graph" else graph.candidates(CONFIG, data, n)
        training = Training.start(data, CONFIG, found, seed=0)
        training.population.edges = EdgeModel(CONFIG, n, found, model == "embedded")
        train.optimise(training, None, quiet)
        edges = bootstrap.calibrated(training, quiet) if found.n_pairs else Edges.none()
    return Learnt(train.log_loss(training, data), edges, made.adjacency)


def relabelled(data: Dataset) -> Dataset:
    """Each learner's right and wrong answers, dealt out anew to the questions: what concepts do to each other is gone.

    Not `simulation.shuffled`, which moves an answer along with its concept: a learner's share of right answers on a
    parent still goes with that on its child, and that alone tells much of the graph.
    """
    seen = data.interactions
    order = np.lexsort((np.random.default_rng(1).random(len(seen)), seen.learner))
    return replace(data, interactions=replace(seen, correct=seen.correct[order]))


def quiet(record: dict[str, float]) -> Any:
    """Who asks for no progress."""


@pytest.mark.parametrize(("model", "least"), [("free", 0.9), ("embedded", 0.8)])
def test_edges_are_found_with_their_direction_and_an_honest_chance(
    model: Literal["free", "embedded"], least: float
) -> None:
    found = learnt(model).recovery
    assert found.auroc >= least
    assert found.direction >= 0.85
    assert found.calibration_error <= 0.1


def test_where_there_is_no_graph_none_is_found() -> None:
    twin, without = learnt("free", density=0.0), learnt("no graph", density=0.0)
    assert np.mean(twin.edges.probability) <= np.mean(twin.edges.prior)
    assert twin.log_loss <= without.log_loss + 0.001


def test_where_answers_are_dealt_out_anew_the_graph_explains_nothing() -> None:
    """Beside the gain on the same answers in their order."""
    gain = learnt("no graph").log_loss - learnt("free").log_loss
    left = learnt("no graph", twin=True).log_loss - learnt("free", twin=True).log_loss
    assert gain >= 0.001
    assert left <= 0.15 * gain
