"""What a warm start keeps of concepts and items that its own answers lack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kt_models import artifact, synthetic
from kt_models.artifact import load_model
from kt_models.base import ConceptLists, Interactions, Query
from kt_models.cakt import Config, Model, fit
from kt_models.data import Dataset, Vocabulary
from kt_models.kinds import BadCheckpoint
from kt_models.recall import Float, Int

SMALL: dict[str, Any] = {
    "side": 3, "frames": 3, "head": 8, "epochs": 6, "min_steps": 1, "learning_rate": 0.02, "batch_learners": 4,
    "ema": 0.9, "weight_decay": 1e-3,
}  # fmt: skip
#: Of a learner who has answered nothing, the state is zero, and such a network gives sigmoid(b_c).
BIASES: dict[str, Any] = {"mode": "paper", "encoder": "none", "second_lstm": False}
CONCEPTS = 5
#: Beside the practised ones, two that nobody practises.
IDS = np.append(np.arange(CONCEPTS), [90, 91])


@pytest.fixture(scope="module")
def answers() -> Dataset:
    scenario = synthetic.Scenario(learners=40, concepts=CONCEPTS, items_per_concept=3, days=3)
    return replace(synthetic.simulate(scenario, seed=1).data, concepts=Vocabulary(IDS))


@pytest.fixture(scope="module")
def later(answers: Dataset) -> Dataset:
    """Answers that do not exercise the last two practised concepts, which the vocabulary keeps."""
    lists = answers.interactions.concepts
    return answers.where(np.bincount(lists.owner, lists.flat >= CONCEPTS - 2) == 0)


def asked(model: Model, concept: Int, *, answered: bool) -> Float:
    """P(correct) of a learner who has answered nothing, or the first concept once."""
    state, n = model.prior(1), len(concept)
    if answered:
        once = Interactions(
            np.zeros(1, np.int64), np.zeros(1), np.full(1, -1), ConceptLists.single(np.zeros(1, np.int64)),
            np.ones(1, np.float32), np.full(1, np.nan, np.float32),
        )  # fmt: skip
        state = model.update(state, once)
    lists = ConceptLists.single(concept)
    return model.predict(state, Query(np.zeros(n, np.int64), np.full(n, 60.0), np.full(n, -1), lists)).p


@pytest.mark.parametrize("settings", [{}, {"mode": "paper"}, BIASES], ids=str)
def test_what_nobody_practised_stays_average_however_often_fits_start_warm(
    answers: Dataset, later: Dataset, settings: dict[str, Any]
) -> None:
    config = Config(**(SMALL | settings))
    model = fit(answers, config, seed=0).model
    for data in (answers, later):
        model = fit(data, config, seed=0, warm_start=model).model
        p = asked(model, np.arange(CONCEPTS - 2, len(IDS) + 1), answered=True)
        np.testing.assert_allclose(p[2:], p[-1], rtol=0, atol=1e-6)
        # Others are not: what was learnt of them is known to be.
        assert np.abs(p[:2] - p[-1]).min() > 1e-4


@pytest.mark.parametrize("ema", [0.9, 0.0])
def test_a_concept_without_answers_is_said_the_same_of_as_before(answers: Dataset, later: Dataset, ema: float) -> None:
    config = Config(**(SMALL | BIASES | {"ema": ema}))
    first = fit(answers, config, seed=0).model
    # Twice: what was kept once is kept again.
    warm = fit(later, config, seed=1, warm_start=fit(later, config, seed=0, warm_start=first).model).model
    absent, practised = np.arange(CONCEPTS - 2, CONCEPTS), np.arange(CONCEPTS - 2)
    before, after = (asked(model, np.arange(CONCEPTS), answered=False) for model in (first, warm))
    np.testing.assert_allclose(after[absent], before[absent], rtol=0, atol=1e-6)
    assert np.abs(after[practised] - before[practised]).max() > 1e-3


def test_levels_of_concepts_and_items_without_answers_are_kept(answers: Dataset, later: Dataset) -> None:
    config = Config(**SMALL)
    first = fit(answers, config, seed=0).model
    warm = fit(later, config, seed=0, warm_start=first).model
    old, new = first.reference.levels, warm.reference.levels
    absent = ~np.isin(np.arange(len(old.difficulty)), later.interactions.item)
    assert absent.any()
    assert np.abs(old.difficulty[absent]).max() > 0.01
    np.testing.assert_array_equal(new.difficulty[absent], old.difficulty[absent])
    np.testing.assert_array_equal(new.base[CONCEPTS - 2 :], old.base[CONCEPTS - 2 :])
    assert np.all(new.base[: CONCEPTS - 2] != old.base[: CONCEPTS - 2])


def test_from_another_width_a_concept_without_answers_stands_at_the_average(answers: Dataset, later: Dataset) -> None:
    first = fit(answers, Config(**(SMALL | BIASES)), seed=0).model
    warm = fit(later, Config(**(SMALL | BIASES | {"side": 4})), seed=0, warm_start=first).model
    p = asked(warm, np.arange(CONCEPTS - 2, len(IDS) + 1), answered=True)
    np.testing.assert_allclose(p, p[-1], rtol=0, atol=1e-6)


def test_an_artifact_tells_which_concepts_were_learnt_and_an_older_one_by_their_bases(
    answers: Dataset, later: Dataset, tmp_path: Path
) -> None:
    first = fit(later, Config(**SMALL), seed=0).model
    learnt = [*[True] * (CONCEPTS - 2), *[False] * 4]
    first.save(tmp_path / "new")
    kept = artifact.load(tmp_path / "new")
    older = {name: value for name, value in kept.tensors.items() if name != "learnt_concepts"}
    artifact.save(tmp_path / "older", kept.kind, kept.version, kept.config, older)
    for name in ("new", "older"):
        model = load_model(tmp_path / name)
        assert isinstance(model, Model)
        assert model.learnt.tolist() == learnt
        np.testing.assert_array_equal(model.score(answers), first.score(answers))


class Broken(Exception):
    """The power fails."""


def break_off(record: dict[str, float]) -> None:
    if record["epoch"] == 1.0 and "train_log_loss" in record:
        raise Broken


def test_a_checkpoint_is_of_the_very_model_that_the_fit_started_from(answers: Dataset, tmp_path: Path) -> None:
    config, kept = Config(**SMALL), tmp_path / "fit.pt"
    start, other = (fit(answers, replace(config, epochs=1), seed=seed).model for seed in (0, 1))
    start.save(tmp_path / "start")
    with pytest.raises(Broken):
        fit(answers, config, seed=0, warm_start=start, checkpoint=kept, progress=break_off)
    for wrong in (other, None):
        with pytest.raises(BadCheckpoint, match="or model to start from: name another file, or remove it"):
            fit(answers, config, seed=0, warm_start=wrong, checkpoint=kept)
    again = Model.load(tmp_path / "start")
    resumed = fit(answers, config, seed=0, warm_start=again, checkpoint=kept)
    whole = fit(answers, config, seed=0, warm_start=start)
    assert resumed.log == whole.log
    np.testing.assert_array_equal(resumed.model.score(answers), whole.model.score(answers))
