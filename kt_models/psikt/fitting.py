"""From a data set to a fitted PSI-KT: candidates, training, choosing, difficulties, correction, edges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from kt_models import checkpoint as checkpoints
from kt_models.base import Fitted
from kt_models.data import Dataset
from kt_models.kinds import Progress
from kt_models.prior_edges import PriorEdges
from kt_models.psikt import graph, train
from kt_models.psikt.config import Config
from kt_models.psikt.model import Fit, Model
from kt_models.psikt.train import Training

#: Bits of a seed that say who is set aside, apart from those for the order of minibatches.
_SET_ASIDE = 0x5E7A


def fit_model(
    data: Dataset, config: Config, *, seed: int, device: str, warm_start: Model | None, validation: Dataset | None,
    progress: Progress | None, expert: Any, prior_edges: PriorEdges | None, checkpoint: Path | None,
) -> Fitted[Model]:  # fmt: skip
    """See `kt_models.psikt.fit`."""
    report: Callable[[dict[str, float]], None] = progress or (lambda record: None)
    with torch.random.fork_rng(devices=[]), torch.device(device):
        learnt, chosen_on = data, validation
        if validation is None:
            learnt, aside = data.split_learners(
                (1 - config.validation_share, config.validation_share), seed ^ _SET_ASIDE
            )
            chosen_on = aside if aside.n_learners else None
            learnt = learnt if learnt.n_learners else data
        n_concepts = data.concepts.size
        candidates = graph.Candidates.none(n_concepts)
        if config.coupling != "none":
            candidates = graph.candidates(config, learnt, n_concepts, expert, prior_edges)
        training = Training.start(learnt, config, candidates, seed)
        if warm_start is not None:
            training.warm(warm_start)
        keeper = checkpoints.keeper(checkpoint, data, config, seed, validation, warm_start)
        if keeper is not None and prior_edges is not None:
            keeper.key["prior_edges"] = prior_edges.digest()
        log = train.optimise(training, chosen_on, report, keeper=keeper)
        if config.correction_steps:
            from kt_models.psikt import correction

            correction.correct_training(training, report)
        if validation is None and learnt is not data:
            # Those set aside have chosen; now their answers may say how hard the items are.
            training = _with_all(training, data, candidates, seed)
        train.absorb_items(training)
        edges = _edges(training, report)
    return Fitted(Model(config, found(training, edges), data.concepts, data.items), tuple(log))


def found(training: Training, edges: Any) -> Fit:
    """The result of a training as numpy arrays."""
    difficulty, doubt = training.items.belief()
    return Fit(
        train.parameters_of(training.population), training.parents.cpu().numpy(), difficulty, doubt,
        training.items.prior_variance, *training.again.belief(), edges,
    )  # fmt: skip


def _with_all(training: Training, data: Dataset, candidates: graph.Candidates, seed: int) -> Training:
    whole = Training.start(data, training.config, candidates, seed)
    whole.population.load_state_dict(training.population.state_dict())
    whole.items.prior_variance = training.items.prior_variance
    whole.again.prior_variance = training.again.prior_variance
    return whole


def _edges(training: Training, report: Progress) -> Any:
    """The learnt edges; their chances calibrated on resampled learners, if the config asks for it."""
    if training.config.bootstraps and training.population.edges.n_pairs:
        from kt_models.psikt import bootstrap

        return bootstrap.calibrated(training, report)
    return training.population.edges.edges()
