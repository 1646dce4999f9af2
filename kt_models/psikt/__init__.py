"""PSI-KT: a Bayesian learner model that forgets in continuous time, with traits and a prerequisite graph.

Zhou, Bamler, Wu & Tejero-Cantero, "Predictive, scalable and interpretable knowledge tracing on structured domains",
ICLR 2024; here with exact filtering in place of an inference network (docs/models/psi-kt.md). Serving is numpy alone;
torch and Pyro load when a fit begins.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kt_models.base import Fitted
from kt_models.data import Dataset
from kt_models.kinds import Progress
from kt_models.prior_edges import PriorEdges
from kt_models.psikt.config import Config
from kt_models.psikt.model import Model

__all__ = ["Config", "Model", "fit"]


def fit(
    data: Dataset,
    config: Config,
    *,
    seed: int,
    device: str = "cpu",
    warm_start: Model | None = None,
    validation: Dataset | None = None,
    progress: Progress | None = None,
    expert: Any = None,
    prior_edges: PriorEdges | None = None,
    checkpoint: Path | None = None,
) -> Fitted[Model]:
    """Population, practice, concepts, items and graph by the filter's evidence; see `kt_models.psikt.train`.

    The epoch is chosen by the log loss of validation learners: those given, else `config.validation_share` of
    `data`, who afterwards teach the difficulties of items and the chances of edges, but nothing else.

    Args:
        seed: order of minibatches, who is set aside.     device: of torch.
        warm_start: a model whose parameters the fit starts from, where ids agree.
        expert: edges that people vouch for (`kt_models.psikt.named.Expert`), as positions in `data.concepts`.
        prior_edges: edges of which more is known, one by one: where answers say little they stay as they are given, and
            locked ones stay so whatever is answered.
        checkpoint: a file to keep the fit under way in; if it is there, the fit goes on from it. It stays after the
            last epoch: remove it once the model is saved.
    Raises:
        kt_models.kinds.BadCheckpoint: if the file is of another fit, or spoiled.
        kt_models.psikt.train.Diverged: if the evidence of a minibatch is no number.
    """
    from kt_models.psikt.fitting import fit_model

    return fit_model(
        data, config, seed=seed, device=device, warm_start=warm_start, validation=validation, progress=progress,
        expert=expert, prior_edges=prior_edges, checkpoint=checkpoint,
    )  # fmt: skip
