"""A model fitted on the log of a school, judged on learners whom it has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from django.utils import timezone

from curricula.models import Curriculum
from curricula.snapshot import latest
from tests.flow import steps
from tutor.accounts.models import Learner, School
from tutor.interactions import columns
from tutor.registry import training
from tutor.registry.models import ModelVersion

pytestmark = pytest.mark.django_db


def test_the_log_reads_as_it_was_written(school: School, bo: Learner, ana: Learner, fractions: Curriculum) -> None:
    bos = [steps.answer(bo, fractions, 2, hints=3, response_seconds=4.5), steps.answer(bo, fractions, 0, correct=0.5)]
    steps.record(school, [*bos, steps.answer(ana, fractions, 1, concepts=[0, 2], attempt=2)])
    read = columns.read(fractions.pk, school_id=school.pk)
    row = read.learner_ids.index(bo.pk)
    his = np.flatnonzero(read.answers.learner == row)
    assert read.answers.item[his].tolist() == [2, 0]
    assert read.answers.correct[his].tolist() == [1.0, 0.5]
    assert read.answers.hints[his].tolist() == [3, 0]
    assert read.answers.response_seconds[his][0] == 4.5
    hers = read.answers.take(np.flatnonzero(read.answers.learner != row))
    assert (hers.concepts.flat.tolist(), hers.attempt.tolist()) == ([0, 2], [2])


def test_other_schools_answers_are_not_read(
    school: School, other_school: School, bo: Learner, dee: Learner, fractions: Curriculum
) -> None:
    steps.record(school, [steps.answer(bo, fractions)])
    steps.record(other_school, [steps.answer(dee, fractions)])
    assert columns.read(fractions.pk, school_id=school.pk).learner_ids == [bo.pk]
    assert len(columns.read(fractions.pk).learner_ids) == 2


def test_a_fitted_model_says_how_well_it_foretells_others(school: School, fractions: Curriculum) -> None:
    chance = np.random.default_rng(1)
    for learner in steps.learners(school, 15):
        outcomes = "".join(chance.choice(["0", "1"], 12))
        steps.record(school, steps.right_and_wrong(learner, fractions, outcomes, item=int(chance.integers(6))))
    version = training.fit_half_life(fractions.pk, school_id=school.pk, seed=0)
    assert version.state == ModelVersion.State.CANDIDATE
    assert version.metrics["learners"] < 15
    assert {"auc", "log_loss", "untrained"} <= version.metrics.keys()
    assert training.dataset(fractions.pk, latest(fractions.pk)).n_learners == 15


def test_too_few_learners_are_told(school: School, bo: Learner, fractions: Curriculum) -> None:
    steps.record(school, [steps.answer(bo, fractions)], now=timezone.now())
    with pytest.raises(training.NothingToLearn, match="1 learners have answered, 5 are needed"):
        training.fit_half_life(fractions.pk, school_id=school.pk, seed=0)
