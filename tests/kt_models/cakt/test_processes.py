"""Fits shared among processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from kt_models import data as datasets
from kt_models.base import ConceptLists
from kt_models.cakt import Config, Model, fit
from kt_models.data import Dataset

ROOT = Path(__file__).parents[3]


def of_lengths(*lengths: int) -> Dataset:
    """Learners who give so many answers: the first few right, the others mostly wrong."""
    rng, n = np.random.default_rng(0), sum(lengths)
    learner = np.repeat(np.arange(len(lengths)), lengths)
    return datasets.of_columns(
        learner=learner, concepts=ConceptLists.single(rng.integers(0, 3, n)),
        correct=(rng.random(n) < np.where(learner == len(lengths) - 1, 0.1, 0.95)).astype(np.float32),
    )  # fmt: skip


def test_an_answer_weighs_the_same_in_whichever_process_it_is(tmp_path: Path) -> None:
    """Two processes with a learner each, one of 3 answers and one of 60, fit what one process fits that has both."""
    settings: dict[str, Any] = {
        "mode": "paper", "encoder": "dense", "side": 3, "frames": 3, "epochs": 8, "min_steps": 1,
        "learning_rate": 0.02,
    }  # fmt: skip
    data = of_lengths(3, 60)
    datasets.write(data, tmp_path / "answers.parquet")
    command = ["fit", "--model", "cakt", "--data", str(tmp_path / "answers.parquet"), "--out", str(tmp_path / "model")]
    for key, value in (settings | {"batch_learners": 1}).items():
        command += ["--set", f"{key}={value}"]
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "kt_models"]
    done = subprocess.run(
        [*run, *command], cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    alone = fit(data, Config(**(settings | {"batch_learners": 2})), seed=0).model
    np.testing.assert_allclose(Model.load(tmp_path / "model").score(data), alone.score(data), rtol=0, atol=1e-4)
