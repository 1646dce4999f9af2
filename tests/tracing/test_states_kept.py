"""Which states are kept, and for how long."""

from __future__ import annotations

from datetime import timedelta

from curricula.models import Curriculum
from tests.flow.steps import answer, at, learners, record, work
from tests.flow.versions import a_version, deployment, keep_beside
from tutor.accounts.models import School
from tutor.registry import deployments, runs
from tutor.registry.models import ModelVersion
from tutor.registry.tasks import REJECTED_KEPT
from tutor.tracing import rollout
from tutor.tracing.models import LearnerState


def test_states_that_nobody_needs_are_deleted_in_time(
    school: School, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(learner, fractions) for learner in learners(school, 5)])
    work()
    keep_beside()
    deployments.withdraw(fractions.pk, None, now=at(60))
    later = at(60) + rollout.STATES_KEPT + timedelta(seconds=1)
    assert rollout.prune_states(limit=100, now=later - timedelta(minutes=1)) == 0
    assert [rollout.prune_states(limit=3, now=later) for _ in range(3)] == [3, 2, 0]
    assert set(LearnerState.objects.values_list("version_id", flat=True)) == {deployment().champion_id}


def test_states_of_a_version_go_before_it_or_with_it(
    school: School, fractions: Curriculum, challenger: ModelVersion
) -> None:
    """In shadow for a month, it is kept as long as its states after that; those of one that is no more go as well."""
    newest = a_version(fractions)
    record(school, [answer(learner, fractions) for learner in learners(school, 5)])
    work()
    keep_beside()
    ModelVersion.objects.filter(pk=challenger.pk).update(created_at=at(0))
    deployments.withdraw(fractions.pk, None, now=at(0, days=29))
    assert runs.prune(before=at(0, days=31) - REJECTED_KEPT) == 0
    assert rollout.prune_states(limit=100, now=at(0, days=38)) == 5
    assert runs.prune(before=at(0, days=60) - REJECTED_KEPT) == 1
    assert ModelVersion.objects.filter(pk=newest.pk).exists()
    for learner in learners(school, 4):
        LearnerState.objects.create(
            learner_id=learner.pk, version_id=challenger.pk, curriculum_id=fractions.pk, school_id=school.pk
        )
    assert [rollout.prune_states(limit=3, now=at(0, days=60)) for _ in range(3)] == [3, 1, 0]
    assert set(LearnerState.objects.values_list("version_id", flat=True)) == {deployment().champion_id}
