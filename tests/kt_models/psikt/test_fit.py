"""Fits that are broken off, warmed up, shared between processes, or given what cannot be fitted."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kt_models import artifact, evaluate, synthetic
from kt_models import data as datasets
from kt_models.artifact import load_model
from kt_models.data import Dataset
from kt_models.kinds import BadCheckpoint
from kt_models.psikt import Config, Model, fit

QUICK = Config(epochs=3, min_steps=0, learning_rate=0.1, edge_learners=5, bootstraps=2)


@pytest.fixture(scope="module")
def parts() -> tuple[Dataset, Dataset]:
    scenario = synthetic.Scenario(learners=120, concepts=8, items_per_concept=4, days=5)
    training, test = synthetic.simulate(scenario, seed=5).data.split_learners((0.5, 0.5), 0)
    return training, test


def loss(model: Model, data: Dataset) -> float:
    return evaluate.evaluate(model, data, replicates=2).estimates["log_loss"].value


class Broken(Exception):
    """The power fails."""


def test_a_fit_that_was_broken_off_goes_on_where_it_stood(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    data, kept = parts[0], tmp_path / "fit.pt"

    def break_off(record: dict[str, float]) -> None:
        if record.get("epoch") == 2.0 and "train_log_loss" not in record:
            raise Broken

    with pytest.raises(Broken):
        fit(data, QUICK, seed=0, progress=break_off, checkpoint=kept)
    epochs: list[float] = []
    resumed = fit(
        data,
        QUICK,
        seed=0,
        checkpoint=kept,
        progress=lambda r: epochs.append(r["epoch"]) if "train_log_loss" in r else None,
    )
    whole = fit(data, QUICK, seed=0)
    assert epochs == [2.0]
    assert [r["train_log_loss"] for r in resumed.log] == [r["train_log_loss"] for r in whole.log]
    assert np.array_equal(resumed.model.fitted.difficulty, whole.model.fitted.difficulty)


@pytest.mark.parametrize("settings", [QUICK, replace(QUICK, patience=1), replace(QUICK, correction_steps=3)], ids=str)
def test_a_fit_that_was_broken_off_after_its_last_epoch_fits_none_again(
    parts: tuple[Dataset, Dataset], tmp_path: Path, settings: Config
) -> None:
    data, kept = parts[0], tmp_path / "fit.pt"

    def break_off(record: dict[str, float]) -> None:
        if "bound" in record or "graph_round" in record:
            raise Broken

    with pytest.raises(Broken):
        fit(data, settings, seed=0, progress=break_off, checkpoint=kept)
    records: list[dict[str, float]] = []
    resumed = fit(data, settings, seed=0, progress=records.append, checkpoint=kept)
    assert records and not any("epoch" in record for record in records)
    whole = fit(data, settings, seed=0)
    assert resumed.log == whole.log
    for folder, model in (("resumed", resumed.model), ("whole", whole.model)):
        model.save(tmp_path / folder)
    assert artifact.checksum(tmp_path / "resumed") == artifact.checksum(tmp_path / "whole")


def test_a_checkpoint_of_another_fit_is_refused(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    data, kept = parts[0], tmp_path / "fit.pt"

    def break_off(record: dict[str, float]) -> None:
        if record.get("epoch") == 1.0:
            raise Broken

    with pytest.raises(Broken):
        fit(data, QUICK, seed=0, progress=break_off, checkpoint=kept)
    with pytest.raises(BadCheckpoint, match="remove it"):
        fit(data, QUICK, seed=1, checkpoint=kept)
    kept.write_bytes(b"half a file")
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        fit(data, QUICK, seed=0, checkpoint=kept)


def test_a_warm_start_is_ahead_of_a_cold_one(parts: tuple[Dataset, Dataset]) -> None:
    short = replace(QUICK, epochs=1, learning_rate=0.001)
    first = fit(parts[0], replace(QUICK, epochs=6), seed=0).model
    warm, cold = (fit(parts[0], short, seed=0, warm_start=start).model for start in (first, None))
    assert loss(warm, parts[1]) < loss(cold, parts[1])
    assert abs(loss(warm, parts[1]) - loss(first, parts[1])) < 0.01


def test_two_processes_fit_what_one_fits(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    file, out = tmp_path / "answers.parquet", tmp_path / "model"
    datasets.write(parts[0], file)
    settings = ("epochs=3", "min_steps=0", "learning_rate=0.1", "edge_learners=5", "bootstraps=2")
    kept = tmp_path / "fit.pt"
    command = ["fit", "--model", "psikt", "--data", str(file), "--out", str(out), "--checkpoint", str(kept)]
    for setting in settings:
        command += ["--set", setting]
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "kt_models"]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [*run, *command], cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("written to") == 1
    assert not kept.exists()
    alone = fit(datasets.read(file), QUICK, seed=0).model
    both = load_model(out)
    assert isinstance(both, Model)
    assert abs(loss(both, parts[1]) - loss(alone, parts[1])) < 0.01


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"epochs": 0}, "epochs is 0, must be above 0"),
        ({"validation_share": 1.0}, "must lie between 0 and 1"),
        ({"mode": "faithful", "item_memory": True}, "item_memory needs coupling lazy or none"),
    ],
)
def test_settings_that_make_no_model_are_refused(settings: dict[str, object], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Config(**settings)  # type: ignore[arg-type]
