"""CAKT: knowledge tracing by convolution-augmented recurrent networks, exact to the paper where asked to be.

Su, Liu, Yang & Lu, "Deep knowledge tracing with learning curves", Frontiers in Psychology 14:1150329, 2023;
docs/models/cakt.md compares it with the paper and with the paper's code, switch by switch. Needs torch, in service too.
"""

from __future__ import annotations

from pathlib import Path

from kt_models.base import Fitted
from kt_models.cakt.config import Config
from kt_models.cakt.model import Model
from kt_models.data import Dataset
from kt_models.kinds import Progress

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
    checkpoint: Path | None = None,
) -> Fitted[Model]:
    """Binary cross-entropy of each answer given those before it, by Adam; see `kt_models.cakt.train`.

    The epoch is chosen by the log loss or AUC of validation learners: those given, else `config.validation_share` of
    `data`. They also say when the learning rate drops (schedule plateau), and set slope, intercept and spread of the
    logit. Where there are too few learners to set any aside, the training loss chooses, and training answers set the
    rest.

    Args:
        data: answers to learn from; its vocabularies become the model's.
        config: what network, and how it is fitted; without times in `data`, `time` is switched off and `decay` days
            becomes steps, which the model's own config tells.
        seed: weights at the start, order of minibatches, dropout, who is set aside.     device: of torch.
        warm_start: a model whose weights the fit starts from, concepts by their ids, the rest where shapes agree. What
            it knows of concepts and items without answers in `data` is kept.
        validation: learners to choose on, by the vocabularies of `data`; None or without answers: some of `data`.
        progress: gets each record of the log (`epoch`, `train_log_loss`, `validation_log_loss`, `validation_auc`), and
            every tenth step, with `step` and `steps`.
        checkpoint: a file to keep the fit under way in; if it is there, the fit goes on from it. It stays after the
            last epoch: remove it once the model is saved.
    Raises:
        kt_models.kinds.FitFailed: if the folder of `checkpoint` does not exist; those below are of this kind too.
        kt_models.kinds.BadCheckpoint: if the file is of another fit, or spoiled.
        kt_models.cakt.train.Diverged: if the loss of a minibatch is no number, or that of every epoch.
    """
    from kt_models.cakt.fitting import fit_model

    return fit_model(
        data, config, seed=seed, device=device, warm_start=warm_start, validation=validation, progress=progress,
        checkpoint=checkpoint,
    )  # fmt: skip
