"""Model versions that differ, and whether their states are what the log says, for tests of several side by side."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from uuid import UUID

from curricula.models import Curriculum
from kt_models.baselines import half_life
from tests.flow.folds import assert_state_is_the_fold_of_the_log
from tests.flow.steps import at, work
from tutor.accounts.models import Learner
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion
from tutor.tracing import beside


def a_version(curriculum: Curriculum, *, intercept: float = 1.0) -> ModelVersion:
    """A half-life model of three concepts and six items that expects learners to be better, or worse; a candidate."""
    with tempfile.TemporaryDirectory() as name:
        half_life.prior_model(3, 6, config=half_life.Config(intercept=intercept)).save(Path(name) / "model")
        return registry.register(Path(name) / "model", curriculum_version=curriculum.versions.get(number=1))


def deployment() -> Deployment:
    """The only one."""
    return Deployment.objects.select_related("champion").get()


def keep_beside(*, now: datetime | None = None, limit: int = 64) -> None:
    """What a worker of the queue "rollout" does when the bell rings, until nothing is left."""
    for _ in range(1000):
        if not beside.step(limit=limit, now=now or at(60)):
            return
    raise AssertionError("there is no end to it")


def assert_states_are_folds_of_the_log(learners: Iterable[Learner], version_id: UUID) -> None:
    for learner in learners:
        assert_state_is_the_fold_of_the_log(learner, version_id)


def settle() -> None:
    """Workers have time."""
    for minutes in (90, 91):
        work(now=at(minutes))
        beside.look(now=at(minutes))
        keep_beside(now=at(minutes))
        work(now=at(minutes))
    keep_beside(now=at(92))
