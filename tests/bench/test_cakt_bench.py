"""What the benchmark of CAKT measures: the figures it promises, and that peer and answers are what it says they are."""

from __future__ import annotations

import math
from argparse import Namespace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from kt_models.cakt import Config
from tests.bench import cakt_cost
from tests.bench.cakt_cost import Job, Peer, Setting

FITS = ["paper", "reference", "paper.dense", "paper.recurrent", "paper.none", "paper.capsule", "product"]
PROMISED = [
    *(f"{task}.{name}{of}" for task in ("train", "score") for name in FITS for of in ("", ".ratio")),
    "train.paper.bfloat16", "train.paper.bfloat16.ratio", "train.peer", "score.peer", "train.paper.windows",
    "train.reference.windows", "memory.train.product.length.50",
    *(f"online.{what}.{mode}.{of}" for mode in ("product", "paper") for what, of in (
        ("update", "history.10"), ("update", "history.1000"), ("update", 64), ("update", 256), ("predict", 110),
        ("forecast", 1), ("state", 0), ("state", 10), ("state", 50),
    )),
]  # fmt: skip
ON_DEVICE = [
    f"device.{task}.{mode}.{fit}.cpu"
    for mode in ("product", "paper")
    for task, fits in (("train", ("float32", "bfloat16", "large")), ("score", ("float32",)))
    for fit in fits
]


def named(found: list[dict[str, Any]]) -> dict[str, float]:
    assert all(math.isfinite(figure["value"]) and figure["value"] > 0 for figure in found)
    assert all(figure["unit"] for figure in found)
    return {figure["name"]: figure["value"] for figure in found}


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cakt_cost, "CALL_SECONDS", 0.0)


def test_the_quick_run_yields_every_figure_once() -> None:
    found = list(cakt_cost.figures(Namespace(quick=True)))
    assert sorted(figure["name"] for figure in found) == sorted(PROMISED)
    values = named(found)
    sizes = [values[f"online.state.product.{touched}"] for touched in (0, 10, 50)]
    assert [b - a for a, b in pairwise(sizes)] == [10 * (72 + 36 * 4), 40 * (72 + 36 * 4)]


def test_figures_of_a_device_are_the_same_on_any() -> None:
    assert set(ON_DEVICE) < set(named(list(cakt_cost.on_device("cpu", quick=True))))


def test_replaying_and_scoring_take_memory() -> None:
    assert all(cakt_cost.mib_of(Setting(task, "product", 4, 30)) >= 0 for task in ("score", "replay"))


def test_answers_are_like_those_of_the_paper() -> None:
    answers = cakt_cost.practised(300)
    seen, lengths = answers.interactions, np.bincount(answers.interactions.learner)
    assert 40 < lengths.mean() < 60
    assert (lengths.min(), lengths.max()) == (10, 200)
    stayed = np.diff(seen.concepts.flat)[np.diff(seen.learner) == 0] == 0
    assert 0.5 < stayed.mean() < 0.65
    # Concepts and outcomes recur: about half of the windows of a minibatch equal another. 0.47 in the real set.
    assert 0.4 < Job(Config(mode="paper"), answers).windows() < 0.65


def test_every_learner_has_the_answers_asked_for() -> None:
    answers = cakt_cost.practised(7, 33, concepts=5)
    assert np.bincount(answers.interactions.learner).tolist() == [33] * 7
    assert answers.interactions.concepts.flat.max() < 5


def test_the_peer_knows_the_answers_before_and_no_others() -> None:
    made = Job(Config(mode="paper"), cakt_cost.practised(3, 12)).made
    torch.manual_seed(0)
    peer, group = Peer(made, cakt_cost.CONCEPTS), np.arange(3)
    before = peer(group)[0].detach().view(3, 12)
    made.credit[12 + 7] = 1.0 - made.credit[12 + 7]
    changed = (peer(group)[0].detach().view(3, 12) - before).abs() > 1e-6
    assert changed.tolist() == [[False] * 12, [False] * 8 + [True] * 4, [False] * 12]


def test_the_peer_learns() -> None:
    made = Job(Config(mode="paper"), cakt_cost.practised(40)).made
    torch.manual_seed(0)
    peer = Peer(made, cakt_cost.CONCEPTS)

    @torch.no_grad()
    def loss() -> float:
        return float(torch.nn.functional.binary_cross_entropy_with_logits(*peer(np.arange(40))))

    start = loss()
    for _ in range(5):
        peer.train_epoch()
    assert loss() < start
