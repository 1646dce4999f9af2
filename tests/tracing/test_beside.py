"""States of several versions side by side: all are folds of the same log, whoever serves, whatever happens when."""

from __future__ import annotations

import pytest
from django.db import transaction

from curricula.models import Curriculum
from kt_models.base import Interactions, LearnerModel, Prediction
from kt_models.baselines import half_life
from kt_models.state import LearnerState as ModelState
from tests import people
from tests.flow.folds import assert_state_is_the_fold_of_the_log
from tests.flow.steps import (
    advance,
    answer,
    at,
    believed,
    head_of,
    is_behind,
    learners,
    record,
    right_and_wrong,
    statements,
    work,
)
from tests.flow.together import together
from tests.flow.versions import a_version, assert_states_are_folds_of_the_log, deployment, keep_beside, settle
from tutor.accounts.models import Learner, School
from tutor.interactions.models import LogHead
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.tracing import beside, rollout
from tutor.tracing.models import Lag, LearnerState, Score


def progress(version: ModelVersion, *, minutes: float = 60) -> rollout.Progress:
    return rollout.progress(deployment(), version.pk, now=at(minutes))


def test_a_challenger_learns_what_the_champion_learns(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    for outcomes in ("110", "0"):
        record(school, [*right_and_wrong(bo, fractions, outcomes), *right_and_wrong(ana, fractions, outcomes)])
        work()
        keep_beside()
        assert_states_are_folds_of_the_log([bo, ana], challenger.pk)
        assert_states_are_folds_of_the_log([bo, ana], deployment().champion_id)


def test_those_with_a_log_from_before_are_found_by_a_look(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions), answer(ana, fractions)])
    work()
    version = a_version(fractions)
    deployments.challenge(version, now=at(60))
    assert progress(version) == rollout.Progress(learners=2, level=0, missing=2, troubled=0)
    assert beside.look(now=at(61)) == 2
    assert beside.look(now=at(61)) == 0
    keep_beside()
    assert progress(version).is_level
    assert_states_are_folds_of_the_log([bo, ana], version.pk)


def test_the_latest_active_come_first(school: School, fractions: Curriculum) -> None:
    group = learners(school, 5)
    record(school, [answer(learner, fractions, seconds=at(n).timestamp()) for n, learner in enumerate(group)])
    work()
    version = a_version(fractions)
    deployments.challenge(version, now=at(60))
    beside.look(now=at(61))
    for n in range(1, 6):
        beside.step(limit=1, now=at(61))
        built = LearnerState.objects.filter(version_id=version.pk).values_list("learner_id", flat=True)
        assert set(built) == {learner.pk for learner in group[-n:]}


def test_a_late_answer_is_put_where_it_belongs_beside_too(
    school: School, bo: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(bo, fractions, seconds=at(minute).timestamp()) for minute in (10, 20)])
    work()
    keep_beside()
    record(school, [answer(bo, fractions, correct=0.0, seconds=at(15).timestamp())])
    work()
    keep_beside()
    assert_state_is_the_fold_of_the_log(bo, challenger.pk)


def test_no_head_is_marked_level_by_a_version_that_does_not_serve(
    school: School, bo: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(bo, fractions)])
    work()
    record(school, [answer(bo, fractions)])
    keep_beside()
    assert is_behind(bo)
    assert head_of(bo).level_seq == 1


def test_states_beside_cost_an_advance_one_statement_and_nothing_where_there_are_none(
    school: School, bo: Learner, fractions: Curriculum
) -> None:
    record(school, [answer(bo, fractions)])
    work()

    def sent() -> int:
        record(school, [answer(bo, fractions)])
        with statements() as seen:
            advance()
        return len(seen)

    alone = sent()
    assert Lag.objects.count() == 0
    deployments.challenge(a_version(fractions), now=at(60))
    assert sent() == alone + 1


def test_a_worker_that_is_killed_between_two_batches_loses_nothing(
    school: School, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = learners(school, 7)
    record(school, [answer(learner, fractions) for learner in group])
    work()
    version = a_version(fractions)
    deployments.challenge(version, now=at(60))
    beside.look(now=at(61))
    beside.step(limit=3, now=at(61))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("tutor.tracing.services.claims.write", die)
        beside.step(limit=3, now=at(61))
    assert progress(version).level == 3
    keep_beside(limit=3)
    assert progress(version).is_level
    assert_states_are_folds_of_the_log(group, version.pk)


def test_who_cannot_be_folded_is_told_of_holds_up_nobody_and_keeps_the_place_in_the_queue(
    school: School, fractions: Curriculum, challenger: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = learners(school, 4)
    record(school, [answer(learner, fractions, 5 if learner is group[0] else 0) for learner in group])
    work()
    trace = half_life.Model.trace

    def trace_but(model: LearnerModel, state: ModelState, seen: Interactions) -> tuple[ModelState, Prediction]:
        if (seen.item == 5).any():
            raise ValueError("item 5")
        return trace(model, state, seen)

    with monkeypatch.context() as patched:
        patched.setattr(half_life.Model, "trace", trace_but)
        keep_beside()
    assert progress(challenger) == rollout.Progress(learners=4, level=3, missing=0, troubled=1)
    assert "1 in trouble" in str(progress(challenger))
    assert head_of(group[0]).behind_since is None
    beside.look(now=at(70))
    keep_beside()
    assert progress(challenger).is_level


def test_a_busy_site_is_level_while_workers_are_on_their_way(
    school: School, bo: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(bo, fractions)])
    work()
    keep_beside()
    record(school, [answer(bo, fractions)])
    assert progress(challenger).is_level
    work()
    assert progress(challenger).is_level
    assert not progress(challenger, minutes=65).is_level


def test_a_promotion_in_haste_is_caught_up_by_whoever_advances(school: School, fractions: Curriculum) -> None:
    group = learners(school, 5)
    record(school, [answer(learner, fractions) for learner in group])
    work()
    version = a_version(fractions)
    deployments.promote(version, now=at(61))
    beside.look(now=at(61))
    beside.step(limit=2, now=at(61))
    assert sum(map(is_behind, group)) == 2
    beside.step(limit=2, now=at(61))
    assert sum(map(is_behind, group)) == 2, "whoever answers now must not wait for all"
    for _ in range(4):
        work(now=at(62))
        beside.step(limit=2, now=at(62))
    work(now=at(62))
    assert progress(version).is_level
    assert_states_are_folds_of_the_log(group, version.pk)
    assert not Score.objects.filter(version_id=version.pk).exists()


def test_nobody_falls_back_to_the_prior_while_a_new_champion_knows_them_not(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    record(school, right_and_wrong(bo, fractions, "1111"))
    work()
    before = believed(bo, fractions)
    version = a_version(fractions)
    deployments.promote(version, now=at(61))
    stand_in = believed(bo, fractions)
    assert (stand_in.version_id, stand_in.applied_seq, stand_in.evidence.n) == (before.version_id, 4, 4)
    assert stand_in.table.recall.tolist() == before.table.recall.tolist()
    assert believed(ana, fractions).version_id == version.pk
    record(school, [answer(bo, fractions)])
    work()
    assert believed(bo, fractions).version_id == version.pk


def test_what_a_challenger_believes_is_shown_to_nobody(
    school: School, bo: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(bo, fractions)])
    keep_beside()
    LearnerState.objects.exclude(version_id=challenger.pk).delete()
    beside.look(now=at(61))
    keep_beside()
    assert LearnerState.objects.get(version_id=challenger.pk).recall
    assert believed(bo, fractions).version_id == deployment().champion_id


def test_only_answers_received_in_shadow_are_scored(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, right_and_wrong(bo, fractions, "10"), now=at(50))
    work(now=at(50))
    version = a_version(fractions)
    deployments.challenge(version, now=at(60))
    record(school, [answer(bo, fractions, seconds=at(61).timestamp())], now=at(61))
    work(now=at(61))
    beside.look(now=at(61))
    keep_beside(now=at(61))
    assert not Score.objects.filter(version_id=version.pk).exists(), "the initial build foretells nothing"
    record(school, [answer(bo, fractions, seconds=at(62).timestamp())], now=at(62))
    work(now=at(62))
    keep_beside(now=at(62))
    assert list(Score.objects.filter(version_id=version.pk).values_list("seq", flat=True)) == [4]


def test_what_came_before_a_second_challenge_is_not_scored(
    school: School, bo: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(bo, fractions)])
    work()
    keep_beside()
    Score.objects.all().delete()
    deployments.withdraw(fractions.pk, None, now=at(61))
    record(school, [answer(bo, fractions)], now=at(62))
    work(now=at(62))
    deployments.challenge(challenger, now=at(63))
    record(school, [answer(bo, fractions)], now=at(64))
    work(now=at(64))
    keep_beside(now=at(64))
    assert list(Score.objects.filter(version_id=challenger.pk).values_list("seq", flat=True)) == [3]


def test_a_school_is_rolled_out_by_itself(school: School, other_school: School, bo: Learner, dee: Learner) -> None:
    shared = people.a_curriculum(None, "shared")
    registry.ensure_served(shared.pk)
    record(school, [answer(bo, shared)])
    record(other_school, [answer(dee, shared)])
    work()
    own, for_all = a_version(shared), a_version(shared, intercept=2.0)
    of_school = deployments.challenge(own, school_id=school.pk, now=at(60))
    site_wide = deployments.challenge(for_all, now=at(60))
    beside.look(now=at(61))
    keep_beside()
    built = dict(
        LearnerState.objects.filter(version_id__in=[own.pk, for_all.pk]).values_list("learner_id", "version_id")
    )
    assert built == {bo.pk: own.pk, dee.pk: for_all.pk}
    assert rollout.progress(of_school, own.pk, now=at(62)).learners == 1
    assert rollout.progress(site_wide, for_all.pk, now=at(62)).learners == 1


@pytest.mark.django_db(transaction=True)
def test_answers_keep_coming_while_states_are_built_and_the_pointer_moves(
    school: School, fractions: Curriculum
) -> None:
    group = learners(school, 12)
    registry.ensure_served(fractions.pk)
    record(school, [answer(learner, fractions) for learner in group])
    work()
    version = a_version(fractions)

    def send() -> None:
        for minute in (30, 10, 50, 20, 60, 5, 40):
            record(school, [answer(learner, fractions, seconds=at(minute).timestamp()) for learner in group])

    def serve() -> None:
        for _ in range(25):
            advance(limit=5, now=at(70))

    def build() -> None:
        for _ in range(25):
            beside.step(limit=4, now=at(70))

    def move() -> None:
        deployments.challenge(version, now=at(61))
        beside.look(now=at(61))
        deployments.promote(version, now=at(62))
        deployments.roll_back(fractions.pk, None, now=at(63))
        deployments.promote(version, now=at(64))

    together(send, serve, serve, build, build, move)
    settle()
    for version_id in beside.versions_of(deployment(), at(100)):
        assert_states_are_folds_of_the_log(group, version_id)
    assert not any(map(is_behind, group))


@pytest.mark.django_db(transaction=True)
def test_a_state_that_somebody_else_holds_stays_noted(
    school: School, bo: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(bo, fractions)])
    work()
    keep_beside()
    record(school, [answer(bo, fractions)])
    work()
    with transaction.atomic():
        LearnerState.objects.select_for_update().get(version_id=challenger.pk)
        assert together(lambda: beside.step(limit=5, now=at(61))) == [1]
    assert Lag.objects.count() == 1
    keep_beside()
    assert_state_is_the_fold_of_the_log(bo, challenger.pk)


def test_who_was_erased_meanwhile_gets_no_state_and_holds_up_nobody(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(bo, fractions), answer(ana, fractions)])
    work()
    LogHead.objects.filter(learner_id=bo.pk).delete()
    LearnerState.objects.filter(learner_id=bo.pk).delete()
    keep_beside()
    assert set(LearnerState.objects.values_list("learner_id", flat=True)) == {ana.pk}
    assert not Lag.objects.exists()


def test_a_champion_of_before_is_kept_level_for_a_roll_back(
    school: School, bo: Learner, fractions: Curriculum, challenger: ModelVersion
) -> None:
    record(school, [answer(bo, fractions)])
    work()
    keep_beside()
    baseline = deployment().champion_id
    deployments.promote(challenger, now=at(61))
    record(school, [answer(bo, fractions)], now=at(62))
    work(now=at(62))
    keep_beside(now=at(62))
    assert progress(ModelVersion.objects.get(pk=baseline), minutes=65).is_level
    deployments.roll_back(fractions.pk, None, now=at(63))
    assert believed(bo, fractions).applied_seq == 2
    assert_state_is_the_fold_of_the_log(bo, baseline)
