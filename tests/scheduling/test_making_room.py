"""Challengers that nothing will be known of, and the candidates that wait for their place."""

from __future__ import annotations

from datetime import datetime

import pytest

from curricula.models import Curriculum
from tests.flow.steps import answer, at, record, work
from tests.flow.versions import a_version, keep_beside
from tutor.accounts.models import Learner, School
from tutor.registry import candidates
from tutor.registry.models import Deployment, ModelVersion, Move
from tutor.scheduling import rollout
from tutor.tracing import beside


def fitted(curriculum: Curriculum, *, loss: float, now: datetime) -> ModelVersion:
    """By a run that puts it in shadow if there is room."""
    version = a_version(curriculum)
    figures = {"log_loss": {"value": loss}}
    ModelVersion.objects.filter(pk=version.pk).update(created_at=now, metrics=figures, verdict={"passed": True})
    version.refresh_from_db()
    candidates.put_in_shadow(version, now=now)
    return version


def challenger() -> ModelVersion | None:
    return Deployment.objects.get().challenger


@pytest.fixture
def first(group: list[Learner], fractions: Curriculum) -> ModelVersion:
    version = fitted(fractions, loss=0.6, now=at(60))
    Deployment.objects.update(shadow_days=2.0, shadow_answers=20)
    assert challenger() == version
    return version


def test_a_challenger_without_answers_makes_room_for_the_best_of_the_last_night(
    fractions: Curriculum, first: ModelVersion
) -> None:
    fitted(fractions, loss=0.3, now=at(60, days=3))
    fitted(fractions, loss=0.5, now=at(60, days=6))
    best = fitted(fractions, loss=0.4, now=at(70, days=6))
    assert challenger() == first
    rollout.promote_proved(now=at(0, days=6))
    assert challenger() == first, "it has three times its days"
    rollout.promote_proved(now=at(80, days=6))
    assert challenger() == best
    first.refresh_from_db()
    assert first.state == ModelVersion.State.CANDIDATE
    withdrawn = Move.objects.get(how=Move.How.WITHDRAWN)
    assert (withdrawn.from_version, withdrawn.by) == (first.pk, "")
    assert withdrawn.reason.startswith("undecided after 6.0 days and 0 answers")
    assert first.reason.startswith("withdrawn from shadow: undecided after 6.0 days and 0 answers (no answer has come")


def test_without_a_newer_candidate_it_stays(fractions: Curriculum, first: ModelVersion) -> None:
    rejected = a_version(fractions)
    ModelVersion.objects.filter(pk=rejected.pk).update(verdict={"passed": False}, state="rejected")
    rollout.promote_proved(now=at(0, days=90))
    assert challenger() == first


def test_while_answers_come_it_has_longer(
    school: School, group: list[Learner], fractions: Curriculum, first: ModelVersion
) -> None:
    beside.look(now=at(61))
    keep_beside(now=at(61))
    record(school, [answer(group[0], fractions)], now=at(62))
    work(now=at(62))
    keep_beside(now=at(62))
    newer = fitted(fractions, loss=0.4, now=at(60, days=3))
    rollout.promote_proved(now=at(0, days=17))
    assert challenger() == first
    rollout.promote_proved(now=at(0, days=20))
    assert challenger() == newer


def test_what_people_put_in_shadow_stays_until_they_say_otherwise(fractions: Curriculum, first: ModelVersion) -> None:
    theirs = a_version(fractions)
    ModelVersion.objects.filter(pk=theirs.pk).update(created_at=at(0))
    rollout.challenge(theirs, now=at(61))
    fitted(fractions, loss=0.1, now=at(60, days=3))
    rollout.promote_proved(now=at(0, days=90))
    assert challenger() == theirs
