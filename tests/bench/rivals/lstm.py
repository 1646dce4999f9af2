"""A recurrent network of the size of DKT (Piech et al. 2015): (concept, correct) in, every concept's chance out.

A start token precedes the first answer, so that it is predicted as well. Open loop, the network reads the given answers
and nothing after them: each question is answered from the hidden state after the last given answer, through the output
of its concept. `for_next` is fitted as published, on the next answer; `for_horizon` on the next ten from every state:
what it is asked for is what it was fitted for. The number of epochs is chosen on a fifth of the learners by log loss;
then all learners are fitted on for as many. `for_next_chosen_on` chooses on learners it is given instead, and keeps the
network of the best epoch: those learners are not fitted on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, final

import numpy as np
import torch
from torch import Tensor, nn

from kt_models.base import Interactions
from kt_models.data import Dataset
from kt_models.recall import Float
from tests.bench.rivals.tasks import Situation, first_concept, in_batches, set_aside, step_within

_HIDDEN: Final = 200
_DROPOUT: Final = 0.5
_BATCH: Final = 32
_RATE: Final = 1e-3
_DECAY: Final = 1e-5
_MOST_EPOCHS: Final = 60
_PATIENCE: Final = 6
_ASIDE: Final = 0.2
#: Learners read at once.
_READ: Final = 512


@final
class Network(nn.Module):
    """Hidden states (learners, steps + 1, hidden) before each answer and after the last, and their outputs."""

    def __init__(self, n_concepts: int) -> None:
        super().__init__()
        self.n_concepts = n_concepts
        self.token = nn.Embedding(2 * n_concepts + 1, _HIDDEN)
        self.recurrent = nn.LSTM(_HIDDEN, _HIDDEN, batch_first=True)
        self.dropout = nn.Dropout(_DROPOUT)
        self.out = nn.Linear(_HIDDEN, n_concepts)

    def forward(self, concept: Tensor, correct: Tensor) -> Tensor:
        """(learners, steps + 1, concepts) logits from (learners, steps) answers."""
        hidden, _ = self.recurrent(self.token(self._tokens(concept, correct)))
        logits: Tensor = self.out(self.dropout(hidden))
        return logits

    def asked(self, concept: Tensor, correct: Tensor, mask: Tensor) -> Tensor:
        """(answers,) logits of those where there is one, each from the answers before it."""
        steps = int(mask.sum(dim=1).max())
        tokens = self._tokens(concept, correct)[:, :steps]
        # Padded, since the gradient through packed sequences takes time that grows with the square of their length.
        hidden, _ = self.recurrent(self.token(tokens))
        of = concept[mask]
        weight = nn.functional.embedding(of, self.out.weight)
        logits: Tensor = (self.dropout(hidden[mask[:, :steps]]) * weight).sum(dim=1) + self.out.bias[of]
        return logits

    def _tokens(self, concept: Tensor, correct: Tensor) -> Tensor:
        start = torch.full((len(concept), 1), 2 * self.n_concepts, dtype=torch.long)
        return torch.cat([start, 2 * concept + correct], dim=1)


@final
@dataclass(frozen=True, eq=False)
class _Sequences:
    """Answers of learners, padded: concept, correct (learners, steps), and where there is an answer."""

    concept: Tensor
    correct: Tensor
    mask: Tensor

    @classmethod
    def of(cls, seen: Interactions, n_learners: int) -> _Sequences:
        step = step_within(seen.learner)
        shape = (n_learners, int(step.max(initial=-1)) + 1)
        columns = [np.zeros(shape, np.int64) for _ in range(3)]
        values = (first_concept(seen), (seen.correct >= 0.5).astype(np.int64), np.ones(len(seen), np.int64))
        for column, value in zip(columns, values, strict=True):
            column[seen.learner, step] = value
        concept, correct, mask = (torch.from_numpy(column) for column in columns)
        return cls(concept, correct, mask.bool())

    def take(self, rows: Tensor | slice) -> _Sequences:
        return _Sequences(self.concept[rows], self.correct[rows], self.mask[rows])


@final
@dataclass(frozen=True, eq=False)
class Lstm:
    """A fitted network."""

    network: Network

    @classmethod
    def for_next(cls, data: Dataset, seed: int) -> Lstm:
        return cls._fit(data, seed, 1)

    @classmethod
    def for_horizon(cls, data: Dataset, seed: int) -> Lstm:
        return cls._fit(data, seed, 10)

    @classmethod
    def for_next_chosen_on(cls, training: Dataset, validation: Dataset, seed: int) -> Lstm:
        n = training.concepts.size
        fitted, chosen = (_Sequences.of(part.interactions, part.n_learners) for part in (training, validation))
        return cls(_best_network(_Training(n, seed, _next_loss), fitted, chosen).eval())

    @classmethod
    def _fit(cls, data: Dataset, seed: int, horizon: int) -> Lstm:
        n = data.concepts.size
        fitted, chosen = (_Sequences.of(part.interactions, part.n_learners) for part in set_aside(data, _ASIDE, seed))
        loss = partial(_horizon_loss, horizon)
        epochs = _best_epochs(n, fitted, chosen, seed, loss)
        whole = _Sequences.of(data.interactions, data.n_learners)
        training = _Training(n, seed, loss)
        for _ in range(epochs):
            training.epoch(whole)
        return cls(training.network.eval())

    def ahead(self, situation: Situation) -> Float:
        past, future = situation.past, situation.future
        sequences = _Sequences.of(past, situation.n_learners)
        with torch.no_grad():
            logits = self.network(sequences.concept, sequences.correct)
        last = torch.from_numpy(np.bincount(past.learner, minlength=situation.n_learners))
        chance = torch.sigmoid(logits[torch.arange(situation.n_learners), last]).double().numpy()
        return np.asarray(chance[future.learner, first_concept(future)], dtype=np.float64)

    def following(self, data: Dataset) -> Float:
        sequences, parts = _Sequences.of(data.interactions, data.n_learners), []
        with torch.no_grad():
            for rows in in_batches(data.n_learners, _READ):
                batch = sequences.take(rows)
                logits = self.network.asked(batch.concept, batch.correct, batch.mask)
                parts.append(torch.sigmoid(logits).double().numpy())
        return np.concatenate(parts) if parts else np.empty(0)


#: Of a network on a batch: summed, and over how many predictions.
_Loss = Callable[[Network, _Sequences], tuple[Tensor, int]]


@final
class _Training:
    def __init__(self, n_concepts: int, seed: int, loss: _Loss) -> None:
        # The generator is the process's: initialisation and dropout take no other.
        torch.manual_seed(seed)
        self.network = Network(n_concepts)
        self.loss = loss
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=_RATE, weight_decay=_DECAY)

    def epoch(self, data: _Sequences) -> None:
        self.network.train()
        for rows in torch.split(torch.randperm(len(data.concept)), _BATCH):
            batch = data.take(rows)
            loss, n = self.loss(self.network, batch)
            self.optimizer.zero_grad()
            (loss / n).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self.optimizer.step()

    def mean_loss(self, data: _Sequences) -> float:
        self.network.eval()
        with torch.no_grad():
            parts = [
                self.loss(self.network, data.take(rows)) for rows in torch.split(torch.arange(len(data.concept)), _READ)
            ]
        return float(sum(loss.item() for loss, _ in parts)) / max(sum(n for _, n in parts), 1)


def _horizon_loss(horizon: int, network: Network, batch: _Sequences) -> tuple[Tensor, int]:
    """Summed over answers and over the states 1, ..., horizon before each, and how many these are."""
    logits = network(batch.concept, batch.correct)
    steps, total, n = batch.concept.shape[1], torch.zeros(()), 0
    for ahead in range(min(horizon, steps)):
        mask = batch.mask[:, ahead:]
        said = logits[:, : steps - ahead].gather(2, batch.concept[:, ahead:, None])[..., 0]
        truth = batch.correct[:, ahead:].float()
        total = total + nn.functional.binary_cross_entropy_with_logits(said[mask], truth[mask], reduction="sum")
        n += int(mask.sum())
    return total, n


def _next_loss(network: Network, batch: _Sequences) -> tuple[Tensor, int]:
    """Summed over answers, each from the state before it."""
    said = network.asked(batch.concept, batch.correct, batch.mask)
    truth = batch.correct[batch.mask].float()
    return nn.functional.binary_cross_entropy_with_logits(said, truth, reduction="sum"), len(truth)


def _best_network(training: _Training, fitted: _Sequences, chosen: _Sequences) -> Network:
    """That of the epoch after which nothing was better for `_PATIENCE` epochs."""
    found, best, least = training.network, 0, float("inf")
    for epoch in range(1, _MOST_EPOCHS + 1):
        training.epoch(fitted)
        now = training.mean_loss(chosen)
        if now < least:
            found, best, least = copy.deepcopy(training.network), epoch, now
        elif epoch - best >= _PATIENCE:
            break
    return found


def _best_epochs(n_concepts: int, fitted: _Sequences, chosen: _Sequences, seed: int, loss: _Loss) -> int:
    training, best, least = _Training(n_concepts, seed, loss), 1, float("inf")
    for epoch in range(1, _MOST_EPOCHS + 1):
        training.epoch(fitted)
        now = training.mean_loss(chosen)
        if now < least:
            best, least = epoch, now
        elif epoch - best >= _PATIENCE:
            break
    return best
