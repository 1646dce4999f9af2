"""Fits: what they can learn and what they must not, from where they start, and what they refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kt_models import artifact, evaluate, metrics, synthetic
from kt_models import data as datasets
from kt_models.artifact import BadArtifact, load_model
from kt_models.base import ConceptLists, Fitted, Interactions, Query
from kt_models.cakt import Config, Model, fit
from kt_models.cakt.train import Diverged
from kt_models.data import Dataset
from kt_models.kinds import BadCheckpoint
from kt_models.recall import Float

SMALL: dict[str, Any] = {
    "side": 3, "frames": 3, "head": 8, "epochs": 3, "min_steps": 1, "learning_rate": 0.02, "batch_learners": 4,
    "ema": 0.9,
}  # fmt: skip
QUICK = Config(**SMALL)
ONE_ANSWER = Interactions(
    np.zeros(1, np.int64), np.zeros(1), np.full(1, -1), ConceptLists.single(np.zeros(1, np.int64)),
    np.ones(1, np.float32), np.full(1, np.nan, np.float32),
)  # fmt: skip
#: A rate at which nothing moves: what a warm start gave is what the fit returns.
STILL = 1e-12


@pytest.fixture(scope="module")
def parts() -> tuple[Dataset, Dataset]:
    scenario = synthetic.Scenario(learners=70, concepts=5, items_per_concept=3, days=3, two_concept_share=0.2)
    training, test = synthetic.simulate(scenario, seed=1).data.split_learners((0.6, 0.4), 0)
    return training, test


@pytest.fixture(scope="module")
def fitted(parts: tuple[Dataset, Dataset]) -> Fitted[Model]:
    return fit(parts[0], QUICK, seed=0)


def coin_flips(learners: int, answers: int, concepts: int, seed: int = 0) -> Dataset:
    """Answers that nobody can predict, on items of their concepts."""
    rng, n = np.random.default_rng(seed), learners * answers
    concept = rng.integers(0, concepts, n)
    return datasets.of_columns(
        learner=np.repeat(np.arange(learners), answers), concepts=ConceptLists.single(concept),
        correct=rng.integers(0, 2, n).astype(np.float32), item=6 * concept + rng.integers(0, 6, n),
        seconds=1_760_000_000.0 + np.cumsum(rng.exponential(3_000.0, n)),
    )  # fmt: skip


def loss_of(p: Float, data: Dataset) -> float:
    y = data.interactions.correct
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def auc(model: Model, data: Dataset) -> float:
    seen = data.interactions
    return metrics.auc(metrics.Answers(seen.learner, model.score(data), seen.correct.astype(np.float64)))


def base_loss(training: Dataset, test: Dataset) -> float:
    """Of predicting the mean of the training answers."""
    return loss_of(np.full(test.n_answers, training.interactions.correct.mean(dtype=np.float64)), test)


def assert_same_weights(one: Model, other: Model) -> None:
    mine, theirs = one.network.state_dict(), other.network.state_dict()
    assert all(np.array_equal(value.numpy(), theirs[name].numpy()) for name, value in mine.items())


# ---- what is learnt


def test_answers_of_few_learners_are_learnt_by_heart_but_for_those_that_nothing_precedes() -> None:
    data = coin_flips(learners=32, answers=12, concepts=4)
    config = Config(
        mode="paper", side=6, learning_rate=0.03, weight_decay=0.0, rate_drop=1.0, epochs=25, min_steps=1,
        batch_learners=16, validation_share=0.01,
    )  # fmt: skip
    found = fit(data, config, seed=0)
    p, first = found.model.score(data), data.step == 0
    y = data.interactions.correct
    of_answer = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    assert of_answer[~first].mean() < 0.2 * np.log(2)
    assert of_answer[first].mean() > 0.8 * np.log(2)


@pytest.mark.parametrize("mode", ["product", "paper"])
def test_of_coin_flips_nothing_is_learnt(mode: str) -> None:
    """With 2,400 answers, the area under the curve has a standard error of 0.012."""
    training, test = coin_flips(240, 20, 4, seed=2).split_learners((0.5, 0.5), 0)
    model = fit(training, Config(**(SMALL | {"mode": mode, "epochs": 2, "batch_learners": 16})), seed=0).model
    assert abs(auc(model, test) - 0.5) < 0.05
    assert loss_of(model.score(test), test) < np.log(2) + 0.02


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"mode": "paper"}, {"mode": "reference"}, {"mode": "paper", "encoder": "capsule"},
        {"encoder": "recurrent", "decay": "days"}, {"encoder": "none", "second_lstm": False}, {"window_key": "current"},
        {"label_smoothing": 0.1}, {"ema": 0.0, "dropout": 0.0}, {"partial_credit": False, "calibrate": False},
        {"precision": "bfloat16"}, {"mode": "paper", "precision": "bfloat16"},
    ],
    ids=str,
)  # fmt: skip
def test_every_network_beats_the_base_rate_on_other_learners(
    parts: tuple[Dataset, Dataset], settings: dict[str, Any]
) -> None:
    model = fit(parts[0], Config(**(SMALL | settings)), seed=0).model
    assert loss_of(model.score(parts[1]), parts[1]) < 0.95 * base_loss(*parts)
    assert auc(model, parts[1]) > 0.65
    assert all(value.dtype.itemsize >= 4 for value in model.network.state_dict().values())


def test_concepts_that_nobody_practised_are_all_alike(parts: tuple[Dataset, Dataset]) -> None:
    """A curriculum has concepts without an answer: of them, as of unknown ones, the model knows the average."""
    training = without_last(parts[0])
    more = replace(training, concepts=datasets.Vocabulary(np.append(training.concepts.ids, [90, 91])))
    for settings in ({}, {"mode": "paper"}):
        model = fit(more, Config(**(SMALL | settings)), seed=0).model
        n = more.concepts.size
        state = model.update(model.prior(1), ONE_ANSWER)
        asked = Query(
            np.zeros(4, np.int64), np.full(4, 60.0), np.full(4, -1), ConceptLists.single(np.arange(n - 3, n + 1))
        )
        p = model.predict(state, asked).p
        np.testing.assert_allclose(p, p[-1], rtol=0, atol=1e-6)


def test_smoothed_labels_make_for_cautious_predictions(parts: tuple[Dataset, Dataset]) -> None:
    plain = Config(**(SMALL | {"calibrate": False, "epochs": 8}))
    sure, cautious = (
        fit(parts[0], replace(plain, label_smoothing=share), seed=0).model.score(parts[1]) for share in (0.0, 0.6)
    )
    assert np.abs(cautious - 0.5).mean() < 0.7 * np.abs(sure - 0.5).mean()


def test_the_scores_of_a_fit_are_those_that_evaluation_finds(
    fitted: Fitted[Model], parts: tuple[Dataset, Dataset]
) -> None:
    found = evaluate.evaluate(fitted.model, parts[1], replicates=2).estimates["log_loss"].value
    assert loss_of(fitted.model.score(parts[1]), parts[1]) == pytest.approx(found, abs=1e-6)


# ---- seeds, breaks, other processes


def test_a_seed_makes_one_fit_and_another_another(fitted: Fitted[Model], parts: tuple[Dataset, Dataset]) -> None:
    again, other = (fit(parts[0], QUICK, seed=seed) for seed in (0, 1))
    assert again.log == fitted.log
    assert_same_weights(again.model, fitted.model)
    assert again.model.calibration.slope == fitted.model.calibration.slope
    assert other.log != fitted.log
    assert not np.allclose(other.model.score(parts[1]), fitted.model.score(parts[1]), atol=1e-3)


class Broken(Exception):
    """The power fails."""


def break_off(record: dict[str, float], *, epoch: float, ends: bool) -> None:
    """Fails within an epoch, or when it ends."""
    if record.get("epoch") == epoch and ("train_log_loss" in record) == ends:
        raise Broken


@pytest.mark.parametrize(("settings", "ends"), [({}, False), ({}, True), ({"mode": "paper"}, True)], ids=str)
def test_a_fit_that_was_broken_off_goes_on_where_it_stood(
    parts: tuple[Dataset, Dataset], tmp_path: Path, settings: dict[str, Any], ends: bool
) -> None:
    data, kept, config = parts[0], tmp_path / "fit.pt", Config(**(SMALL | settings))
    with pytest.raises(Broken):
        fit(data, config, seed=0, progress=partial(break_off, epoch=1.0, ends=ends), checkpoint=kept)
    epochs: list[float] = []
    resumed = fit(
        data, config, seed=0, checkpoint=kept,
        progress=lambda r: epochs.append(r["epoch"]) if "train_log_loss" in r else None,
    )  # fmt: skip
    whole = fit(data, config, seed=0)
    assert epochs == [1.0, 2.0]
    assert resumed.log == whole.log
    assert_same_weights(resumed.model, whole.model)
    # It stays until its model is saved: fitted again from there, no epoch is fitted again.
    again = fit(data, config, seed=0, checkpoint=kept, progress=partial(break_off, epoch=2.0, ends=True))
    assert again.log == whole.log
    assert_same_weights(again.model, whole.model)
    assert again.model.calibration.slope == whole.model.calibration.slope


def test_a_checkpoint_of_another_fit_is_refused(parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    kept = tmp_path / "fit.pt"
    with pytest.raises(Broken):
        fit(parts[0], QUICK, seed=0, progress=partial(break_off, epoch=1.0, ends=True), checkpoint=kept)
    for data, config, seed in (
        (parts[0], QUICK, 1), (parts[1], QUICK, 0), (parts[0], replace(QUICK, frames=4), 0),
    ):  # fmt: skip
        with pytest.raises(BadCheckpoint, match="remove it"):
            fit(data, config, seed=seed, checkpoint=kept)


def test_a_checkpoint_is_of_its_validation_learners_and_its_start(
    fitted: Fitted[Model], parts: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    kept, (chosen, others) = tmp_path / "fit.pt", parts[1].split_learners((0.5, 0.5), 0)
    again = partial(fit, parts[0], QUICK, seed=0, checkpoint=kept)
    with pytest.raises(Broken):
        again(validation=chosen, progress=partial(break_off, epoch=1.0, ends=True))
    for changes in ({"validation": others}, {}, {"validation": chosen, "warm_start": fitted.model}):
        with pytest.raises(BadCheckpoint, match="remove it"):
            again(**changes)
    assert len(again(validation=chosen).log) == QUICK.epochs


@pytest.mark.parametrize("mode", ["product", "paper"])
def test_learners_who_were_all_right_say_little_of_calibration(parts: tuple[Dataset, Dataset], mode: str) -> None:
    right = parts[1].where(parts[1].interactions.correct == 1.0).take(np.arange(3))
    found = fit(parts[0], Config(**(SMALL | {"mode": mode, "calibrate": True})), seed=0, validation=right)
    assert not any("validation_auc" in record for record in found.log)
    assert np.quantile(found.model.score(parts[1]), 0.9) < 0.999


def test_a_fit_whose_numbers_overflow_says_what_to_do(parts: tuple[Dataset, Dataset]) -> None:
    for mode in ("product", "paper"):
        with pytest.raises(Diverged, match="lower learning_rate"):
            fit(parts[0], Config(**(SMALL | {"mode": mode, "learning_rate": 1e36})), seed=0)


def test_two_processes_fit_what_one_fits(fitted: Fitted[Model], parts: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    file, out, kept = tmp_path / "answers.parquet", tmp_path / "model", tmp_path / "fit.pt"
    datasets.write(parts[0], file)
    command = ["fit", "--model", "cakt", "--data", str(file), "--out", str(out), "--checkpoint", str(kept)]
    # As many learners a step as one process takes.
    for key, value in (SMALL | {"batch_learners": 2}).items():
        command += ["--set", f"{key}={value}"]
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "kt_models"]
    done = subprocess.run(
        [*run, *command], cwd=Path(__file__).parents[3], env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("written to") == 1
    assert not kept.exists()
    both = load_model(out)
    assert isinstance(both, Model)
    alone, shared = (loss_of(model.score(parts[1]), parts[1]) for model in (fitted.model, both))
    assert abs(shared - alone) < 0.03


# ---- warm starts


def without_last(data: Dataset) -> Dataset:
    """The answers that do not exercise the last concept of the vocabulary, which keeps it."""
    lists = data.interactions.concepts
    return data.where(np.bincount(lists.owner, lists.flat == data.concepts.size - 1) == 0)


def shifted(data: Dataset) -> Dataset:
    """The same answers by a vocabulary that lacks the last concept and has another before all."""
    seen = data.interactions
    return datasets.of_columns(
        learner=data.learner_ids[seen.learner], correct=seen.correct, seconds=seen.seconds, item=seen.item,
        concepts=ConceptLists(data.concepts.decode(seen.concepts.flat), seen.concepts.offset),
        concept_vocabulary=datasets.Vocabulary(data.concepts.ids - 1), item_vocabulary=data.items,
    )  # fmt: skip


def test_a_warm_start_is_ahead_of_a_cold_one(fitted: Fitted[Model], parts: tuple[Dataset, Dataset]) -> None:
    short = replace(QUICK, epochs=1, learning_rate=0.001)
    warm, cold = (
        loss_of(fit(parts[0], short, seed=0, warm_start=start).model.score(parts[1]), parts[1])
        for start in (fitted.model, None)
    )
    assert warm < cold - 0.01


@pytest.mark.parametrize("side", [3, 4])
def test_a_warm_start_knows_concepts_by_their_ids(parts: tuple[Dataset, Dataset], side: int) -> None:
    """What was learnt of an id is said of it again, wherever it stands; from another width, biases only are."""
    config = Config(**(SMALL | {"mode": "paper", "encoder": "dense", "ema": 0.0}))
    training, test = (without_last(part) for part in parts)
    first = fit(training, config, seed=0).model
    still = replace(config, epochs=1, learning_rate=STILL, side=side)
    taken = fit(shifted(training), still, seed=0, warm_start=first).model
    biases = (model.network.bias.weight[:, 0].numpy() for model in (first, taken))
    before, after = biases
    np.testing.assert_allclose(after[1:-1], before[:-2], rtol=0, atol=1e-6)
    if side == config.side:
        np.testing.assert_allclose(taken.score(shifted(test)), first.score(test), rtol=0, atol=1e-5)


def test_a_warm_start_takes_nothing_that_meant_something_else(parts: tuple[Dataset, Dataset]) -> None:
    """Fading in days is not fading in steps, nor are fields of time fields of items, however many there are."""
    still = partial(fit, parts[0], seed=0)
    start = still(Config(**(SMALL | {"items": False, "decay": "steps"}))).model
    settings = SMALL | {"time": False, "decay": "days", "epochs": 1, "learning_rate": STILL, "ema": 0.0}
    warm, cold = (still(Config(**settings), warm_start=model).model.network for model in (start, None))
    assert torch.equal(warm.state_dict()["first.weight_hh_l0"], start.network.state_dict()["first.weight_hh_l0"])
    for name in ("fade", "of_head.weight"):
        torch.testing.assert_close(warm.state_dict()[name], cold.state_dict()[name], rtol=0, atol=1e-6)


# ---- times


def test_without_times_nothing_is_said_of_forgetting(parts: tuple[Dataset, Dataset]) -> None:
    seen = parts[0].interactions
    timeless = datasets.of_columns(
        learner=seen.learner, concepts=seen.concepts, correct=seen.correct, item=seen.item,
        concept_vocabulary=parts[0].concepts, item_vocabulary=parts[0].items,
    )  # fmt: skip
    model = fit(timeless, replace(QUICK, encoder="recurrent", decay="days"), seed=0).model
    assert (model.config.time, model.config.decay) == (False, "steps")
    state = model.update(model.prior(parts[0].n_learners), seen)
    table = model.forecast(state, state.seconds).tables[0]
    assert np.ptp(table.recall, axis=1).max() == 0
    assert not table.shift.any()
    assert not table.growth.any()


@pytest.mark.parametrize("settings", [{}, {"mode": "paper", "decay": "days"}], ids=str)
def test_with_times_recall_moves_with_the_delay(parts: tuple[Dataset, Dataset], settings: dict[str, Any]) -> None:
    model = fit(parts[0], Config(**(SMALL | settings)), seed=0).model
    state = model.update(model.prior(parts[0].n_learners), parts[0].interactions)
    table = model.forecast(state, state.seconds).tables[0]
    assert np.ptp(table.recall, axis=1).max() > 1e-3


# ---- refusals


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"side": 0}, "side is 0, must be above 0"),
        ({"frames": 0}, "frames is 0, must be above 0"),
        ({"chunk": -1}, "chunk is -1, must be above 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, must be above 0"),
        ({"window_key": "current", "decay": "days"}, "decay days needs window_key next"),
        ({"mode": "reference", "decay": "days"}, "decay days needs window_key next"),
        ({"encoder": "convolution"}, "encoder is 'convolution', must be one of conv, capsule, recurrent, dense, none"),
        ({"mode": "papers"}, "mode is 'papers', must be one of paper, reference, product"),
        ({"ema": 1.0}, "ema is 1.0, must be at least 0 and below 1"),
        ({"dropout": -0.1}, "dropout is -0.1, must be at least 0 and below 1"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0, must be at least 0 and below 1"),
        ({"validation_share": 1.0}, "must lie between 0 and 1"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0, must be 0 or more"),
    ],
    ids=str,
)
def test_settings_that_make_no_model_are_refused(settings: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        Config(**settings)


def test_an_artifact_predicts_bitwise_what_was_saved(
    fitted: Fitted[Model], parts: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    fitted.model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded, Model)
    assert loaded.config == fitted.model.config
    assert np.array_equal(loaded.score(parts[1]), fitted.model.score(parts[1]))


@pytest.mark.parametrize("settings", [{"side": 4}, {"encoder": "recurrent"}, {"second_lstm": False}], ids=str)
def test_an_artifact_whose_weights_do_not_fit_is_refused(
    fitted: Fitted[Model], tmp_path: Path, settings: dict[str, Any]
) -> None:
    fitted.model.save(tmp_path / "model")
    manifest = tmp_path / "model" / artifact.MANIFEST
    content = json.loads(manifest.read_text())
    content["config"] |= settings
    manifest.write_text(json.dumps(content))
    with pytest.raises(BadArtifact, match=r"(?s)its weights do not fit its settings .*: fit the model again"):
        load_model(tmp_path / "model")
