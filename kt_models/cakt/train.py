"""Fitting CAKT: binary cross-entropy of every answer given those before it, by Adam; the epoch chosen on others."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import torch
from torch import Tensor

from kt_models import distributed, metrics
from kt_models.cakt import batches
from kt_models.cakt.batches import Batch
from kt_models.cakt.config import Config
from kt_models.cakt.forward import Carried, forward
from kt_models.cakt.network import Network
from kt_models.cakt.sequence import Sequences
from kt_models.checkpoint import Keeper
from kt_models.kinds import FitFailed, Progress
from kt_models.metrics import Bool
from kt_models.recall import Float, Int

#: Largest norm of a step's gradient, in nats an answer.
MAX_NORM: Final = 5.0
#: Learners scored at once.
SCORED: Final = 256


class Diverged(FitFailed):
    """The loss of a minibatch is no number."""


@final
@dataclass(frozen=True, eq=False)
class Material:
    """Answers to learn from, to choose on (None: the training loss chooses), and which (concepts,) are learnt."""

    training: Sequences
    validation: Sequences | None
    learnt: Bool


@final
class Run:
    """An optimisation under way. Rows of `held` (concepts,) keep the values that they begin with."""

    def __init__(self, net: Network, config: Config, seed: int, device: torch.device, held: Bool | None = None) -> None:
        self.net, self.config, self.seed, self.device = net, config, seed, device
        self.held = torch.as_tensor(np.flatnonzero([] if held is None else held), device=device)
        self.kept = [weight.detach()[self.held] for weight in net.of_concepts()]
        self.average = copy.deepcopy(net) if config.ema else None
        self.adam = torch.optim.Adam(net.parameters(), lr=config.learning_rate, weight_decay=config.weight)
        self.epoch = self.steps = self.worse = self.drops = 0
        self.epochs = config.epochs
        self.best_score, self.best = math.inf, dict[str, Any]()
        self.log: list[dict[str, float]] = []

    @property
    def judged(self) -> Network:
        """The network that is chosen and kept: the averaged one, if there is one."""
        return self.average or self.net

    def train(self, made: Sequences, progress: Progress) -> float:
        """One pass over the answers; their mean loss."""
        config, lengths = self.config, np.diff(made.offset)
        # Chance in a step (dropout) is of the seed, the epoch and the process.
        torch.manual_seed(
            int(np.random.SeedSequence((self.seed, self.epoch, *distributed.rank())).generate_state(1)[0])
        )
        groups = batches.by_length(
            lengths, int(config.batch_learners or 1), np.random.default_rng((self.seed, self.epoch))
        )
        own = [groups[i] for i in distributed.share(len(groups))]
        steps = distributed.largest(sum(math.ceil(int(lengths[group].max()) / config.chunk) for group in own))
        self.epochs = max(config.epochs, math.ceil(config.min_steps / max(steps, 1)))
        drops = self.drops
        if config.schedule == "epochs":
            drops = self.epoch * config.epochs // (self.epochs * config.rate_every)
        for group in self.adam.param_groups:
            group["lr"] = config.learning_rate * config.rate_drop**drops
        total = answers = 0.0
        self.net.train()
        losses = self._losses(made, own)
        for done in range(1, steps + 1):
            loss, n = next(losses, (None, 0))
            total, answers = total + self._move(loss, n), answers + n
            if done % 10 == 0:
                at = {"step": self.epoch * steps + done, "steps": self.epochs * steps}
                progress({"epoch": float(self.epoch), **at})
        return distributed.total(total) / max(distributed.total(answers), 1.0)

    def _losses(self, made: Sequences, groups: Sequence[Int]) -> Iterator[tuple[Tensor | None, int]]:
        """Summed loss and number of answers of every chunk."""
        config, lengths = self.config, np.diff(made.offset)
        for group in groups:
            carried = Carried.blank(self.net, len(group), self.device)
            for learners, start, stop in batches.chunks(lengths, group, config.chunk):
                batch = batches.batch(config, made, learners, start, stop, self.device, merge=True)
                with self._precision():
                    logit, after = forward(self.net, batch, carried.take(slice(len(learners))))
                carried = after.detach()
                yield self._loss(logit.float(), batch), int(batch.lengths.sum())

    def _precision(self) -> torch.autocast:
        half = self.config.precision == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=half)

    def _loss(self, logit: Tensor, batch: Batch) -> Tensor:
        smooth = float(self.config.label_smoothing or 0.0)
        target = batch.target * (1.0 - smooth) + 0.5 * smooth
        return torch.nn.functional.binary_cross_entropy_with_logits(
            logit[batch.mask], target[batch.mask], reduction="sum"
        )

    def _move(self, loss: Tensor | None, n: int) -> float:
        """One step; processes without a chunk left keep in step."""
        self.adam.zero_grad()
        # Gradients are then averaged: an answer weighs the same in whichever process it is.
        share = distributed.mean(float(n))
        if loss is not None:
            if not torch.isfinite(loss):
                raise Diverged(
                    f"the loss of a minibatch is {loss.item()} in epoch {self.epoch}: lower learning_rate "
                    f"({self.config.learning_rate})"
                )
            (loss / share).backward()  # type: ignore[no-untyped-call]
        parameters = list(self.net.parameters())
        distributed.average(parameters)
        torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
        self.adam.step()
        self._hold()
        self.steps += 1
        if self.average is not None:
            self._average()
        return 0.0 if loss is None else float(loss.detach())

    @torch.no_grad()
    def _hold(self) -> None:
        """Weight decay moves rows without answers as far as answers move others: Adam divides by a gradient's size."""
        if len(self.held):
            for weight, kept in zip(self.net.of_concepts(), self.kept, strict=True):
                weight[self.held] = kept

    @torch.no_grad()
    def _average(self) -> None:
        """The average follows fast at first: a start far from any fit is soon forgotten."""
        kept = min(float(self.config.ema or 0.0), (1.0 + self.steps) / (10.0 + self.steps))
        for mean, value in zip(self.judged.parameters(), self.net.parameters(), strict=True):
            mean.lerp_(value, 1.0 - kept)
        for old, new in zip(self.judged.buffers(), self.net.buffers(), strict=True):
            old.copy_(new)

    @property
    def patience(self) -> int:
        """Epochs without a better one before the fit ends; twice as many where epochs are short."""
        return self.config.patience * (2 if self.epochs > self.config.epochs else 1)

    def end_epoch(self, record: dict[str, float], score: float) -> None:
        self.epoch += 1
        self.log.append(record)
        self.worse = 0 if score < self.best_score else self.worse + 1
        self.drops += self.worse > 0
        if score < self.best_score:
            self.best_score, self.best = score, _copied(self.judged)

    def to_dict(self) -> dict[str, Any]:
        """As a checkpoint keeps it: tensors and plain values."""
        return {
            "net": _copied(self.net), "average": _copied(self.average) if self.average else None,
            "adam": self.adam.state_dict(), **{name: getattr(self, name) for name in _PLAIN},
        }  # fmt: skip

    def resume(self, saved: dict[str, Any] | None) -> None:
        if saved is None:
            return
        self.net.load_state_dict(saved["net"])
        if self.average is not None:
            self.average.load_state_dict(saved["average"])
        self.adam.load_state_dict(saved["adam"])
        for name in _PLAIN:
            setattr(self, name, saved[name])


_PLAIN: Final = ("epoch", "epochs", "steps", "worse", "drops", "best_score", "best", "log")


def _copied(net: Network) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def optimise(run: Run, material: Material, progress: Progress, keeper: Keeper | None) -> list[dict[str, float]]:
    """Runs all epochs, or those that `keeper` has not kept yet; `run.judged` then is the best. Returns the log."""
    config = run.config
    run.resume(keeper.load() if keeper is not None else None)
    learnt = torch.as_tensor(material.learnt, device=run.device)
    while run.epoch < run.epochs and not (material.validation is not None and run.worse >= run.patience):
        record = {"epoch": float(run.epoch), "train_log_loss": run.train(material.training, progress)}
        distributed.average_values([buffer for buffer in run.net.buffers() if buffer.is_floating_point()])
        if run.average is not None:
            distributed.average_values([buffer for buffer in run.average.buffers() if buffer.is_floating_point()])
        run.judged.stand_in(learnt)
        if material.validation is not None:
            record |= judge(run.judged, material.validation, run.device)
        score = distributed.mean(score_of(record, config.choose))
        run.end_epoch(record, score)
        progress({**record, "step": float(run.epoch), "steps": float(run.epochs)})
        # Several processes hold the same: one writes, and none is ahead of what is written.
        if keeper is not None and distributed.first():
            keeper.save(run.to_dict())
        distributed.meet()
    if not run.best:
        raise Diverged(f"no epoch had a finite log loss: lower learning_rate ({config.learning_rate})")
    run.judged.load_state_dict(run.best)
    return run.log


@torch.inference_mode()
def logits(net: Network, made: Sequences, device: torch.device) -> Float:
    """(answers,) logits of P(correct) of each answer from those before it, learners beginning blank."""
    net.eval()
    lengths, out = np.diff(made.offset), np.zeros(len(made))
    for group in batches.by_length(lengths, SCORED):
        carried = Carried.blank(net, len(group), device)
        for learners, start, stop in batches.chunks(lengths, group, net.config.chunk):
            batch = batches.batch(net.config, made, learners, start, stop, device, merge=True)
            logit, carried = forward(net, batch, carried.take(slice(len(learners))))
            mask = batch.rows >= 0
            out[batch.rows[mask]] = logit.double().cpu().numpy()[mask]
    return out


def score_of(record: dict[str, float], choose: str | None) -> float:
    """What the epochs are compared by, less is better: infinite if the loss is no number."""
    loss = record.get("validation_log_loss", record["train_log_loss"])
    if not math.isfinite(loss):
        return math.inf
    # One outcome alone has no AUC.
    return -record["validation_auc"] if choose == "auc" and "validation_auc" in record else loss


def judge(net: Network, made: Sequences, device: torch.device) -> dict[str, float]:
    """Log loss and AUC (if both outcomes occur) over all answers, each predicted from those before it."""
    logit, credit = logits(net, made, device), made.credit.astype(np.float64)
    learner = np.repeat(np.arange(made.n_learners), np.diff(made.offset))
    loss = float(np.mean(np.logaddexp(0.0, logit) - credit * logit))
    auc = metrics.auc(metrics.Answers(learner, logit, credit))
    return {"validation_log_loss": loss} | ({"validation_auc": auc} if math.isfinite(auc) else {})
