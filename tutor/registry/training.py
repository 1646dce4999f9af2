"""Fitting a model on what learners answered, in this process: for logs that take seconds, such as the demo's."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np

from curricula import snapshot
from curricula.models import CurriculumVersion
from kt_models import data, evaluate, metrics
from kt_models.base import LearnerModel
from kt_models.baselines import half_life
from kt_models.data import Dataset, Vocabulary
from tutor.interactions import columns
from tutor.registry import services
from tutor.registry.models import ModelVersion

#: Learners whose answers the model never sees, on whom its metrics are measured.
HELD_OUT: Final = 0.2
#: Of the answers by time: what is fitted on.
FITTED: Final = 0.9
#: Draws of the bootstrap behind an interval: enough for two digits of its ends.
REPLICATES: Final = 200


#: One alternation and the start of each history: on some dozens of learners more of either only overfits.
CONFIG: Final = half_life.Config(fit_rounds=1, fit_answers=200)


class NothingToLearn(ValueError):
    """There are too few learners to fit on some and to measure on others."""


def fit_half_life(curriculum_id: UUID, *, school_id: UUID | None = None, seed: int) -> ModelVersion:
    """A half-life model of a log, registered as a candidate, with its metrics on learners whom it was not fitted on.

    Raises:
        NothingToLearn: if fewer than five learners have answered.
    """
    content = snapshot.latest(curriculum_id)
    answers = dataset(curriculum_id, content, school_id=school_id)
    if answers.n_learners < 1 / HELD_OUT:
        raise NothingToLearn(f"{answers.n_learners} learners have answered, 5 are needed: wait for more answers")
    learn, tune, held_out = answers.split_learners((1 - 2 * HELD_OUT, HELD_OUT, HELD_OUT), seed)
    # The latest answers are left to judge the next candidate by, beside this one.
    before = float(np.quantile(answers.interactions.seconds, FITTED))
    if learn.before(before).n_learners and tune.before(before).n_learners:
        learn, tune = learn.before(before), tune.before(before)
    else:
        before = float(np.nextafter(answers.interactions.seconds.max(), np.inf))
    prior = half_life.prior_model(
        content.n_concepts, content.n_items, content.item_difficulty, concepts=learn.concepts, items=learn.items
    )
    model = _fit(learn, tune, prior, seed)
    figures = _measure(model, held_out, seed) | {"untrained": _measure(prior, held_out, seed)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        model.save(folder)
        version = CurriculumVersion.objects.get(pk=content.version_id)
        note = f"fitted on {learn.n_answers} answers of {learn.n_learners} learners"
        origin = services.Origin(school_id=school_id, data={"before": before})
        return services.register(folder, curriculum_version=version, origin=origin, metrics=figures, note=note)


def dataset(curriculum_id: UUID, content: snapshot.Snapshot, *, school_id: UUID | None = None) -> Dataset:
    """The log as a data set whose ids are the curriculum's positions."""
    read = columns.read(curriculum_id, school_id=school_id).answers
    return data.of_columns(
        learner=read.learner,
        concepts=read.concepts,
        correct=read.correct,
        seconds=read.seconds,
        item=read.item,
        response_seconds=read.response_seconds,
        hints=read.hints,
        attempt=read.attempt,
        concept_vocabulary=Vocabulary(np.arange(content.n_concepts)),
        item_vocabulary=Vocabulary(np.arange(content.n_items)),
    )


def _fit(learn: Dataset, tune: Dataset, prior: half_life.Model, seed: int) -> half_life.Model:
    """Fitted parameters and bases; item difficulties fitted or as authored, whichever foretells `tune` better."""
    fitted = half_life.fit(learn, CONFIG, seed=seed, warm_start=prior, validation=tune).model
    authored = half_life.Model(fitted.config, fitted.base, prior.difficulty, fitted.concepts, fitted.items)
    return min(fitted, authored, key=lambda model: _log_loss(model, tune))


def _log_loss(model: LearnerModel, answers: Dataset) -> float:
    return float(metrics.log_loss_each(evaluate.score_next(model, answers).answers).mean())


def _measure(model: LearnerModel, held_out: Dataset, seed: int) -> dict[str, Any]:
    return evaluate.evaluate(model, held_out, seed=seed, replicates=REPLICATES).to_json()
