"""From a data set to a fitted CAKT: references, sequences, training, calibration, spread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from scipy.optimize import minimize

from kt_models import checkpoint as checkpoints
from kt_models import repeats
from kt_models.base import Fitted, Float32
from kt_models.cakt import sequence, train, warm
from kt_models.cakt.config import Config
from kt_models.cakt.model import Model, network
from kt_models.cakt.network import Network
from kt_models.cakt.reference import Last, Reference, Told
from kt_models.cakt.sequence import Sequences
from kt_models.cakt.stream import Calibration, prior
from kt_models.cakt.train import Material, Run
from kt_models.data import Dataset
from kt_models.kinds import Progress
from kt_models.levels import Design, Levels, fit_levels
from kt_models.recall import Float

#: Bits of a seed that say who is set aside, apart from those for the order of minibatches.
_SET_ASIDE: Final = 0x5E7A
#: Parts of the learners; the references of each are of the others, so that no answer teaches its own difficulty.
FOLDS: Final = 5
#: Prior standard deviations of references, logits.
CONCEPT_SD: Final = 1.0
ITEM_SD: Final = 1.0
#: Features of the head that vary less than this are left in their own unit.
LEAST_SCALE: Final = 1e-3
#: Penalty on slope and intercept of the calibration, as so many answers of a toss would make: one outcome alone, or few
#: answers, must not make for certainty.
CALM: Final = 4.0


def fit_model(
    data: Dataset, config: Config, *, seed: int, device: str, warm_start: Model | None, validation: Dataset | None,
    progress: Progress | None, checkpoint: Path | None,
) -> Fitted[Model]:  # fmt: skip
    """See `kt_models.cakt.fit`."""
    config = suited(config, data)
    data, validation = _distinct(data), _distinct(validation) if validation and validation.n_answers else None
    where, report = torch.device(device), progress or (lambda record: None)
    learnt, chosen_on = data, validation
    if validation is None:
        parts = data.split_learners((1 - config.validation_share, config.validation_share), seed ^ _SET_ASIDE)
        learnt, chosen_on = (parts[0], parts[1]) if parts[0].n_learners and parts[1].n_learners else (data, None)
    keeper = checkpoints.keeper(checkpoint, data, config, seed, validation, warm_start)
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        torch.manual_seed(seed)
        reference = reference_of(learnt, config)
        training = _training(learnt, config, reference, seed)
        answered = warm.occurring(training.known, data.concepts.size)
        held = np.zeros_like(answered)
        net = network(config, data.concepts.size).to(where)
        standardise(net, training.head)
        if warm_start is not None:
            held = warm.take_over(net, warm_start, data) & ~answered
            reference = warm.remembered(reference, warm_start, learnt, config)
        if config.compile and net.encoder is not None:
            net.encoder.compile()
        run = Run(net, config, seed, where, held)
        material = Material(training, _plain(chosen_on, config, reference), answered | held)
        log = train.optimise(run, material, report, keeper)
    # Another network than the one fitted, which may be compiled, for a device, and averaged.
    best = network(config, data.concepts.size)
    best.load_state_dict(run.judged.state_dict())
    if chosen_on is None or material.validation is None:
        calibration = calibrated(best, config, learnt, material.training, reference)
    else:
        calibration = calibrated(best, config, chosen_on, material.validation, reference)
    model = Model(config, best, reference, calibration, data.concepts, data.items, material.learnt)
    return Fitted(model, tuple(log))


def _distinct(data: Dataset) -> Dataset:
    """Each answer to each of its concepts once."""
    seen = data.interactions
    return replace(data, interactions=replace(seen, concepts=sequence.distinct(seen.concepts)))


def suited(config: Config, data: Dataset) -> Config:
    """The settings less those that the data cannot serve: without times there is no forgetting in days."""
    if data.has_time:
        return config
    return replace(config, time=False, decay="steps" if config.decay == "days" else config.decay)


@torch.no_grad()
def standardise(net: Network, head: Float32) -> None:
    """Features of the head are taken in units of their spread."""
    if net.n_head:
        spread = head.std(axis=0, dtype=np.float64)
        net.head_mean.copy_(torch.as_tensor(head.mean(axis=0, dtype=np.float64)))
        net.head_scale.copy_(torch.as_tensor(np.where(spread < LEAST_SCALE, 1.0, spread)))


def reference_of(data: Dataset, config: Config) -> Reference:
    """What an average learner gives, of all answers; without items where the settings have none."""
    n_concepts, n_items = data.concepts.size, data.items.size
    seen = data.interactions
    design = Design.of(seen, n_concepts, n_items if config.items else 0)
    n = len(seen)
    found = fit_levels(
        design, seen.correct.astype(np.float64), np.zeros(n), np.ones(n),
        Levels.zero(n_concepts, design.n_items), concept_sd=CONCEPT_SD, item_sd=ITEM_SD,
    )  # fmt: skip
    difficulty = found.difficulty if config.items else np.zeros(n_items)
    reference = Reference(Levels(found.intercept, found.base, difficulty))
    if not config.transitions:
        return reference
    return reference.with_tables(seen, data.offset, items=bool(config.items))


def _training(data: Dataset, config: Config, reference: Reference, seed: int) -> Sequences:
    """Sequences whose expectations and difficulties are those of learners in other folds."""
    seen, told = data.interactions, None
    if config.items or config.counts or config.transitions:
        fold = np.random.default_rng(seed).permutation(data.n_learners) % FOLDS
        # One learner alone is described by an average of nobody.
        told = Told.nothing(len(seen), sequence.tables(config))
        if data.n_learners > 1:
            last = Last.within(seen, data.offset, prior(config, data.n_learners).learner[:, sequence.LAST])
            for k in range(min(FOLDS, data.n_learners)):
                others = reference_of(data.take(np.flatnonzero(fold != k)), config)
                rows = np.flatnonzero(fold[seen.learner] == k)
                told.put(rows, others.of(seen.item[rows], seen.concepts.take(rows), last.take(rows)))
    return sequence.prepare(config, prior(config, data.n_learners), seen, reference, told)


def _plain(data: Dataset | None, config: Config, reference: Reference) -> Sequences | None:
    if data is None:
        return None
    return sequence.prepare(config, prior(config, data.n_learners), data.interactions, reference)


def calibrated(net: Network, config: Config, data: Dataset, made: Sequences, reference: Reference) -> Calibration:
    """Slope and intercept of the logit of least log loss, if the settings ask for them; the spread around it."""
    logit = train.logits(net, made, torch.device("cpu"))
    slope, intercept = platt(logit, made.credit.astype(np.float64)) if config.calibrate else (1.0, 0.0)
    logit = slope * logit + intercept
    base = np.append(reference.levels.base, 0.0)[made.known]
    mean = np.bincount(made.lists.owner, base / made.lists.counts[made.lists.owner], len(made))
    nothing = Last.of_columns(np.zeros((len(made), 3), np.float32))
    level = reference.levels.intercept + mean - reference.of(made.item, made.lists, nothing).difficulty
    return Calibration(slope, intercept, repeats.spread(data, logit, level, made.evidence))


def platt(logit: Float, credit: Float) -> tuple[float, float]:
    """Slope a and intercept b of sigmoid(a logit + b) of least log loss, drawn to 1 and 0; slope .1 at least."""
    calm = CALM / len(logit)

    def loss(x: Float) -> tuple[float, Float]:
        z = x[0] * logit + x[1]
        slope = (1.0 / (1.0 + np.exp(-np.clip(z, -30, 30))) - credit) / len(z)
        away = x - np.array([1.0, 0.0])
        value = float(np.mean(np.logaddexp(0.0, z) - credit * z)) + 0.5 * calm * float(away @ away)
        return value, np.array([slope @ logit, slope.sum()]) + calm * away

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.1, 10.0), (-5.0, 5.0)]).x
    return float(found[0]), float(found[1])
