"""Fitting PSI-KT: population, practice, concepts and graph by the filter's evidence, items by expectation propagation.

    maximise  sum over answers of log Z_n  -  penalty

Z_n is the filter's evidence of answer n, given those before it. Adam on minibatches of learners,
gradients flowing through `Config.chunk` answers; the epoch with the best log loss of validation learners is kept.
Learners are independent given all this, so no learner is remembered between epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from kt_models import distributed
from kt_models.checkpoint import Keeper
from kt_models.data import Dataset
from kt_models.kinds import FitFailed, Progress
from kt_models.psikt import evidence, warm
from kt_models.psikt.batches import Batch, batches
from kt_models.psikt.config import Config
from kt_models.psikt.evidence import Filtered, Inputs
from kt_models.psikt.graph import Candidates
from kt_models.psikt.items import Items
from kt_models.psikt.model import Model
from kt_models.psikt.parameters import Parameters
from kt_models.psikt.population import Population
from kt_models.recall import Float, Int

#: Share of the learning rate that is left at the end of a fit; the way there is half a cosine.
LAST_RATE: Final = 0.05
#: Largest norm of a step's gradient, in nats an answer.
MAX_NORM: Final = 5.0
#: Learners are cut into at least so many batches, where there are few of them.
MIN_BATCHES: Final = 8


class Diverged(FitFailed):
    """The evidence of a minibatch is no number."""


class Cavity(NamedTuple):
    """Beliefs about the items of answers without these, (answers,): difficulty, and what is added when asked again."""

    mean: Float
    variance: Float
    again_mean: Float
    again_variance: Float

    @property
    def total(self) -> tuple[Float, Float]:
        return self.mean + self.again_mean, self.variance + self.again_variance


def _frozen(items: Items) -> dict[str, Any]:
    return {
        "precision": torch.tensor(items.precision),
        "shift": torch.tensor(items.shift),
        "prior_variance": float(items.prior_variance),
    }


@final
@dataclass(eq=False)
class Training:
    """A fit under way: what is estimated, and the answers that it is estimated from."""

    config: Config
    data: Dataset
    population: Population
    items: Items
    again: Items
    batches: list[Batch]
    parents: Tensor
    seed: int

    @classmethod
    def start(cls, data: Dataset, config: Config, candidates: Candidates, seed: int) -> Training:
        n_concepts, n_items = data.concepts.size, data.items.size
        seen = data.interactions
        torch.manual_seed(seed)
        concept = np.minimum(seen.concepts.flat, n_concepts)
        share = np.bincount(concept, minlength=n_concepts + 1)[:-1] / max(len(concept), 1)
        population = Population(config, share, candidates)
        population.start_from(base_rate=float(seen.correct.mean()))
        size = min(config.batch_learners, max(math.ceil(data.n_learners / MIN_BATCHES), 1))
        packed = batches(data, n_concepts, n_items, candidates.parents, size, config.lookback)
        items = Items.start(seen.item, n_items, config.item_sd if config.item_difficulty else 0.0)
        met = np.zeros(len(seen), np.bool_)
        for batch in packed:
            met[batch.rows[batch.item_met]] = True
        again = Items.start(
            np.where(met, seen.item, -1),
            n_items,
            config.item_sd if config.lookback and config.item_difficulty else 0.0,
            0.0,
        )
        packed = [packed[i] for i in distributed.share(len(packed))]
        if not packed:
            raise FitFailed(
                f"{data.n_learners} learners make fewer batches than there are processes: start fewer, or lower "
                f"batch_learners ({config.batch_learners})"
            )
        return cls(config, data, population, items, again, packed, torch.as_tensor(candidates.parents), seed)

    @property
    def chunks(self) -> int:
        """Steps in an epoch, of the process that has most."""
        return distributed.largest(sum(math.ceil(batch.mask.shape[1] / self.config.chunk) for batch in self.batches))

    @property
    def own_answers(self) -> int:
        return sum(batch.n_answers for batch in self.batches)

    @property
    def own(self) -> Int:
        """Rows of the answers that this process filters."""
        return np.concatenate([batch.rows[batch.mask] for batch in self.batches] or [np.empty(0, np.int64)])

    def inputs(self, batch: Batch, cavity: Cavity) -> Inputs:
        """A batch as tensors; `cavity` of the answers of the data set."""
        rows = np.maximum(batch.rows, 0)
        mean, variance = cavity.total
        return Inputs.of(batch, mean[rows], variance[rows], self.parents, self.parents.device)

    def cavity(self) -> Cavity:
        """Of every answer, the belief about its item without it."""
        return Cavity(*self.items.cavity(), *self.again.cavity())

    def absorb(self, batch: Batch, steps: range, out: Filtered, cavity: Cavity) -> None:
        """Replaces the sites of the answers that were filtered."""
        if not self.config.item_difficulty:
            return
        mask = batch.mask[:, steps.start : steps.stop]
        rows = batch.rows[:, steps.start : steps.stop][mask]
        push, pull = (x.detach().double().cpu().numpy()[mask] for x in (out.push, out.pull))
        self.items.absorb(rows, push, pull, cavity.mean[rows], cavity.variance[rows])
        self.again.absorb(rows, push, pull, cavity.again_mean[rows], cavity.again_variance[rows])

    def settle_items(self) -> None:
        """Ends an epoch of absorbing: the prior of difficulties is estimated, and their mean goes to the
        population's."""
        if self.config.item_difficulty:
            self.items.exchange(self.own, distributed.sum_arrays)
            self.items.refit_prior()
            self.again.exchange(self.own, distributed.sum_arrays)
            if self.again.prior_variance:
                self.again.refit_prior()
            with torch.no_grad():
                self.population.trait_mean[1] -= self.items.centre()

    def snapshot(self) -> dict[str, Any]:
        """Copies of all that is estimated."""
        return {
            "population": {name: value.detach().clone() for name, value in self.population.state_dict().items()},
            "items": [_frozen(items) for items in (self.items, self.again)],
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        self.population.load_state_dict(snapshot["population"])
        for items, kept in zip((self.items, self.again), snapshot["items"], strict=True):
            items.precision, items.shift = (kept[name].cpu().numpy().copy() for name in ("precision", "shift"))
            items.prior_variance = kept["prior_variance"]

    def warm(self, model: Model) -> None:
        """Takes over what another model has found, concept by concept and item by item where their ids agree."""
        warm.take_over(self, model)


def epochs_of(config: Config, chunks: int) -> int:
    """At least `config.epochs`, and enough for `config.min_steps` steps."""
    return max(config.epochs, math.ceil(config.min_steps / max(chunks, 1)))


def optimise(
    training: Training, validation: Dataset | None, progress: Progress, keeper: Keeper | None = None
) -> list[dict[str, float]]:
    """Runs all epochs, or those that `keeper` has not kept yet, and restores the best; returns the log."""
    config = training.config
    run = Run(training, torch.optim.Adam(training.population.groups(config.learning_rate), betas=(0.9, 0.98)))
    run.resume(keeper)
    chunks = training.chunks
    epochs = epochs_of(config, chunks)
    while run.epoch < epochs and not (validation is not None and run.worse >= config.patience):
        total = run.epoch_of_steps(epochs, chunks, progress)
        training.settle_items()
        answers = distributed.total(training.own_answers)
        record = {"epoch": float(run.epoch), "train_log_loss": distributed.total(total) / answers}
        score = record["train_log_loss"]
        if validation is not None:
            score = record["validation_log_loss"] = log_loss(training, validation)
        run.end_epoch(record, score)
        progress({**record, "step": run.epoch * chunks, "steps": epochs * chunks})
        # Several processes hold the same: one writes, and none is ahead of what is written.
        if keeper is not None and distributed.first():
            keeper.save(run.to_dict())
        distributed.meet()
    if not run.best:
        raise Diverged(f"no epoch had a finite log loss: lower learning_rate ({config.learning_rate})")
    training.restore(run.best)
    return run.log


@final
@dataclass(eq=False)
class Run:
    """Where an optimisation stands."""

    training: Training
    adam: torch.optim.Optimizer
    epoch: int = 0
    worse: int = 0
    best_score: float = math.inf
    best: dict[str, Any] = field(default_factory=dict)
    log: list[dict[str, float]] = field(default_factory=list)

    def epoch_of_steps(self, epochs: int, chunks: int, progress: Progress) -> float:
        """One pass over the answers; returns the sum of minus the log evidence."""
        training, total = self.training, 0.0
        parameters = list(training.population.trainable().values())
        order = np.random.default_rng((training.seed, self.epoch)).permutation(len(training.batches))
        losses = _epoch(training, order, training.cavity())
        for done in range(self.epoch * chunks, (self.epoch + 1) * chunks):
            rate = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done / (epochs * chunks)))
            for group in self.adam.param_groups:
                group["lr"] = group["initial_lr"] * rate
            total += _move(training, self.adam, parameters, next(losses, None))
            if done % 10 == 0:
                progress({"epoch": float(self.epoch), "step": done + 1, "steps": epochs * chunks})
        return total

    def end_epoch(self, record: dict[str, float], score: float) -> None:
        self.epoch += 1
        self.log.append(record)
        self.worse = 0 if score < self.best_score else self.worse + 1
        if score < self.best_score:
            self.best_score, self.best = score, self.training.snapshot()

    def to_dict(self) -> dict[str, Any]:
        """As a checkpoint keeps it: tensors and plain values."""
        return {
            "now": self.training.snapshot(), "adam": self.adam.state_dict(), "epoch": self.epoch, "worse": self.worse,
            "best_score": self.best_score, "best": self.best, "log": self.log,
        }  # fmt: skip

    def resume(self, keeper: Keeper | None) -> None:
        saved = keeper.load() if keeper is not None else None
        if saved is None:
            return
        self.training.restore(saved["now"])
        self.adam.load_state_dict(saved["adam"])
        for name in ("epoch", "worse", "best_score", "best", "log"):
            setattr(self, name, saved[name])


def _epoch(training: Training, order: Any, cavity: Cavity) -> Iterator[tuple[Tensor, Tensor]]:
    """Sum of the log evidence and number of answers of every chunk, items absorbing on the way."""
    for index in order:
        batch = training.batches[index]
        inputs = training.inputs(batch, cavity)
        belief = None
        length = batch.mask.shape[1]
        for at in range(0, length, training.config.chunk):
            steps = range(at, min(at + training.config.chunk, length))
            p = training.population.drawn()
            belief = evidence.begin(training.config, p, inputs) if belief is None else belief.detach()
            out = evidence.run(training.config, p, inputs, belief, steps)
            belief = out.belief
            mask = inputs.mask[:, at : steps.stop]
            training.absorb(batch, steps, out, cavity)
            yield torch.where(mask, out.log_evidence, torch.zeros_like(out.log_evidence)).sum(), mask.sum()


def _move(
    training: Training, adam: torch.optim.Optimizer, parameters: list[Any], loss: tuple[Tensor, Tensor] | None
) -> float:
    """One step of the optimiser; returns minus the chunk's log evidence. Processes without a chunk left keep in
    step."""
    adam.zero_grad()
    log_evidence, answers = loss or (torch.zeros(()), torch.ones(()))
    if not torch.isfinite(log_evidence):
        raise Diverged(
            f"the log evidence of a minibatch is {log_evidence.item()}: lower learning_rate "
            f"({training.config.learning_rate}) or check the times of the answers"
        )
    objective = training.population.penalty() / training.data.n_answers - log_evidence / answers
    objective.backward()  # type: ignore[no-untyped-call]
    distributed.average(parameters)
    torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
    adam.step()
    return -float(log_evidence.detach())


@torch.no_grad()
def log_loss(training: Training, data: Dataset) -> float:
    """Mean log loss of the answers of other learners, each predicted from those before it."""
    p, config = training.population.drawn(), training.config
    size = training.data.concepts.size, training.data.items.size
    total = 0.0
    for batch in batches(data, *size, training.parents.cpu().numpy(), config.batch_learners, config.lookback):
        inputs = Inputs.of(batch, *_known(training, batch), training.parents, training.parents.device)
        out = evidence.run(config, p, inputs, evidence.begin(config, p, inputs))
        total -= float(out.log_evidence[inputs.mask].double().sum())
    return total / data.n_answers


def _known(training: Training, batch: Batch) -> tuple[Float, Float]:
    """Mean and variance of the difficulties of a batch of answers that had no part in them, (B, T)."""
    (mean, variance), (more, doubt) = (
        (np.append(m, 0.0), np.append(v, items.doubt))
        for items in (training.items, training.again)
        for m, v in [items.belief()]
    )
    again = np.where(batch.item_met, batch.item, training.items.n_items)
    return mean[batch.item] + more[again], variance[batch.item] + doubt[again]


@torch.no_grad()
def absorb_items(training: Training, sweeps: int = 2) -> None:
    """Estimates difficulties from all answers, the rest held fixed."""
    for _ in range(sweeps if training.config.item_difficulty else 0):
        for _chunk in _epoch(training, range(len(training.batches)), training.cavity()):
            pass
        for items in (training.items, training.again):
            items.exchange(training.own, distributed.sum_arrays)


def parameters_of(population: Population) -> Parameters:
    """The parameters as numpy arrays, float64."""
    with torch.no_grad():
        drawn = population.drawn().to_tensors()
    return Parameters(**{name: value.detach().double().cpu().numpy() for name, value in drawn.items()})
