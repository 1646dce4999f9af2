"""Networks with weights drawn at random, for laws that hold whatever the weights; and histories to run them on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch

from kt_models.base import ConceptLists, Interactions
from kt_models.cakt import Config, Model
from kt_models.cakt.model import network
from kt_models.cakt.network import Network
from kt_models.cakt.reference import Reference, Table
from kt_models.cakt.sequence import tables
from kt_models.cakt.stream import Calibration
from kt_models.data import Dataset, Vocabulary
from kt_models.levels import Levels
from kt_models.recall import SECONDS_PER_DAY

#: What the models know; histories hold some concepts and items beyond it.
N_CONCEPTS, N_ITEMS = 5, 12
START = 1_760_000_000.0
#: Pauses between answers, in seconds: equal times, haste, and what the unit of days is for.
GAPS = (0.0, 1.0, 45.5, 700.0, 3_600.0, SECONDS_PER_DAY, 40 * SECONDS_PER_DAY)

#: Every switch of the network at least once on each side; windows of 3 frames, chunks of 7 answers.
CONFIGS: dict[str, dict[str, Any]] = {
    "product": {},
    "paper": {"mode": "paper"},
    "reference": {"mode": "reference"},
    "capsule": {"mode": "paper", "encoder": "capsule"},
    "recurrent in days": {"encoder": "recurrent", "decay": "days"},
    "dense on current": {"window_key": "current"},
    "none": {"encoder": "none"},
    "no decay": {"decay": "none"},
    "paper, no decay": {"mode": "paper", "decay": "none"},
    "sum": {"fusion": "sum"},
    "one LSTM": {"second_lstm": False},
    "no items": {"items": False},
    "no time": {"time": False},
    "no counts": {"counts": False},
    "no transitions": {"transitions": False},
    "whole credit": {"partial_credit": False},
    "reference, all features": {"mode": "reference", "items": True, "time": True, "counts": True},
}


def config(name: str, **changes: Any) -> Config:
    return Config(**({"side": 3, "frames": 3, "chunk": 7, "head": 5} | CONFIGS[name] | changes))


@cache
def model(name: str, **changes: Any) -> Model:
    """A model of a config (`CONFIGS`), its weights and statistics drawn."""
    settings = config(name, **changes)
    rng = np.random.default_rng(3)
    levels = Levels(0.3, rng.normal(0, 0.5, N_CONCEPTS), rng.normal(0, 0.7, N_ITEMS))
    calibration = Calibration(1.2, -0.1, np.array([0.05, 0.2, 0.3]))
    reference = Reference(levels, tuple(table(rng, n) for n in (N_CONCEPTS, N_ITEMS)[: tables(settings)]))
    return Model(settings, drawn(network(settings, N_CONCEPTS)), reference, calibration)


def table(rng: np.random.Generator, n: int) -> Table:
    """What follows what among n questions, drawn."""
    size = 40 * n
    before, asked = rng.integers(0, n, size), rng.integers(0, n, size)
    return Table.of(n, before, rng.integers(0, 2, size), asked, rng.uniform(-1, 1, size))


@torch.no_grad()
def drawn(net: Network) -> Network:
    """The network with other weights: some of a new one are zero, and would hide what they multiply."""
    generator = torch.Generator().manual_seed(5)
    for weight in net.parameters():
        weight.normal_(0.0, 0.4, generator=generator)
    for name, buffer in net.named_buffers():
        if name.endswith(("variance", "scale")):
            buffer.uniform_(0.5, 1.5, generator=generator)
        elif buffer.is_floating_point():
            buffer.normal_(0.0, 0.3, generator=generator)
    return net


def history(seed: int, n: int, *, several: float = 0.4, partial: float = 0.2) -> Interactions:
    """Answers of one learner: some on several concepts, of unknown concepts or items, at equal times, half right."""
    rng = np.random.default_rng(seed)
    width = 1 + (rng.random(n) < several) * rng.integers(1, 3, n)
    concepts = [rng.choice(N_CONCEPTS + 2, size, replace=False).tolist() for size in width]
    correct = np.where(rng.random(n) < partial, 0.5, rng.integers(0, 2, n)).astype(np.float32)
    elapsed = np.where(rng.random(n) < 0.3, np.nan, rng.uniform(1, 90, n)).astype(np.float32)
    return Interactions(
        np.zeros(n, np.int64), START + np.cumsum(rng.choice(GAPS, n)), rng.integers(-1, N_ITEMS + 2, n),
        ConceptLists.of(concepts), correct, elapsed,
    )  # fmt: skip


def together(histories: Sequence[Interactions]) -> Interactions:
    """Answers of a batch: learner i gives those of the i-th history."""

    def joined(name: str) -> Any:
        return np.concatenate([getattr(seen, name) for seen in histories])

    lists = [seen.concepts.flat[a:b].tolist() for seen in histories for a, b in _spans(seen.concepts)]
    return Interactions(
        np.repeat(np.arange(len(histories)), [len(seen) for seen in histories]), joined("seconds"), joined("item"),
        ConceptLists.of(lists), joined("correct"), joined("response_seconds"),
    )  # fmt: skip


def _spans(lists: ConceptLists) -> list[tuple[int, int]]:
    return list(zip(lists.offset[:-1].tolist(), lists.offset[1:].tolist(), strict=True))


def dataset(seen: Interactions) -> Dataset:
    """The same as a data set, in the positions of the models here."""
    learners = np.arange(int(seen.learner.max(initial=-1)) + 1)
    return Dataset(learners, seen, Vocabulary(np.arange(N_CONCEPTS)), Vocabulary(np.arange(N_ITEMS)))
