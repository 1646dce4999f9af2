"""Versions on their way into service and back, and plans that follow."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import answer, at, client_of, plan_of, record, statements, work
from tests.flow.versions import a_version, assert_states_are_folds_of_the_log, keep_beside
from tutor.accounts.models import Learner, School
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.deployments import NotUsable
from tutor.registry.models import Deployment, ModelVersion
from tutor.scheduling import plans, rollout, serving
from tutor.scheduling.rollout import NotLevel
from tutor.tracing import beside, shadow
from tutor.tracing import rollout as tracing_rollout
from tutor.tracing.models import LearnerState, Score

NOW = at(60)


def build(*, now: datetime = NOW) -> None:
    beside.look(now=now)
    keep_beside(now=now)


def planned_by(learner: Learner) -> object:
    return plans.decode(plan_of(learner).body).model_version_id


def follow(*, minutes: float, limit: int = 100) -> int:
    return rollout.follow(now=at(minutes), limit=limit)


def test_a_version_whose_states_are_not_level_is_refused_with_counts(
    group: list[Learner], fractions: Curriculum
) -> None:
    version = a_version(fractions)
    rollout.challenge(version, now=NOW)
    beside.look(now=NOW)
    beside.step(limit=2, now=NOW)
    with pytest.raises(NotLevel, match=r"2 of 6 learners are level, 4 not begun\. Put it in shadow") as refused:
        rollout.promote(version, now=NOW)
    assert (refused.value.progress.level, refused.value.progress.learners) == (2, 6)
    keep_beside()
    assert rollout.promote(version, now=NOW).champion == version


def test_force_promotes_whatever_states_are_and_nobody_gets_an_error(
    school: School, group: list[Learner], fractions: Curriculum
) -> None:
    version = a_version(fractions)
    before = {learner.pk: planned_by(learner) for learner in group}
    rollout.promote(version, force=True, now=at(61))
    for learner in group:
        served = serving.next_for(client_of(school), str(learner.pk), curriculum=None, n=3, narrowing=None, now=at(61))
        assert served.entries and served.body.model_version_id == before[learner.pk]
    assert follow(minutes=62) == 6
    build(now=at(62))
    work(now=at(63))
    assert {planned_by(learner) for learner in group} == {version.pk}
    assert_states_are_folds_of_the_log(group, version.pk)


@pytest.mark.parametrize("state", [ModelVersion.State.REJECTED, ModelVersion.State.FAILED])
def test_force_does_not_help_what_failed_or_was_rejected(
    state: ModelVersion.State, group: list[Learner], fractions: Curriculum
) -> None:
    version = a_version(fractions)
    version.state, version.reason = state, "it was worse"
    version.save()
    with pytest.raises(NotUsable, match="it was worse"):
        rollout.promote(version, force=True, now=NOW)


def test_a_schools_version_cannot_be_promoted_for_another(
    school: School, other_school: School, group: list[Learner], fractions: Curriculum
) -> None:
    version = a_version(fractions)
    ModelVersion.objects.filter(pk=version.pk).update(school=school)
    version.refresh_from_db()
    with pytest.raises(NotUsable, match="cannot serve"):
        rollout.promote(version, school_id=other_school.pk, force=True, now=NOW)
    with pytest.raises(NotLevel):
        rollout.promote(version, school_id=school.pk, now=NOW)


def test_plans_follow_a_promotion_in_batches_and_a_roll_back_too(group: list[Learner], fractions: Curriculum) -> None:
    version, baseline = a_version(fractions), Deployment.objects.get().champion_id
    rollout.challenge(version, now=NOW)
    build()
    rollout.promote(version, now=at(61))
    assert {planned_by(learner) for learner in group} == {baseline}
    assert [follow(minutes=62, limit=4) for _ in range(3)] == [4, 2, 0]
    assert {planned_by(learner) for learner in group} == {version.pk}
    rollout.roll_back(fractions.pk, None, now=at(63))
    assert follow(minutes=64) == 6
    assert {planned_by(learner) for learner in group} == {baseline}


def test_plans_of_schools_that_are_not_concerned_stay(
    school: School, other_school: School, bo: Learner, dee: Learner
) -> None:
    shared = people.a_curriculum(None, "shared")
    registry.ensure_served(shared.pk)
    Deployment.objects.update(champion_since=at(0))
    record(school, [answer(bo, shared)])
    record(other_school, [answer(dee, shared)])
    work()
    before = planned_by(dee)
    version = a_version(shared)
    rollout.challenge(version, school_id=school.pk, now=NOW)
    build()
    rollout.promote(version, school_id=school.pk, now=at(61))
    assert follow(minutes=62) == 1
    assert (planned_by(bo), planned_by(dee)) == (version.pk, before)


def test_a_plan_that_is_read_before_it_has_followed_says_whose_it_is(
    school: School, group: list[Learner], fractions: Curriculum
) -> None:
    version, baseline = a_version(fractions), Deployment.objects.get().champion_id
    rollout.challenge(version, now=NOW)
    build()
    rollout.promote(version, now=at(61))
    read = serving.next_for(client_of(school), str(group[0].pk), curriculum=None, n=3, narrowing=None, now=at(61))
    assert read.body.model_version_id == baseline
    late = at(61) + timedelta(hours=7)
    read = serving.next_for(client_of(school), str(group[0].pk), curriculum=None, n=3, narrowing=None, now=late)
    assert read.body.model_version_id == version.pk


def test_promotion_and_roll_back_write_nothing_of_any_learner(
    school: School, group: list[Learner], fractions: Curriculum
) -> None:
    """Only pointers move, so that both take as long for thousands as for six."""
    version = a_version(fractions)
    rollout.challenge(version, now=NOW)
    build()
    with statements() as sent:
        rollout.promote(version, now=at(61))
        rollout.roll_back(fractions.pk, None, now=at(62))
    changed = [sql for sql in sent if sql.split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert changed
    assert all("registry_" in sql and "tracing_" not in sql and "scheduling_" not in sql for sql in changed)


def prove(school: School, group: list[Learner], curriculum: Curriculum) -> None:
    """The challenger, the same model as the champion, foretells some answers as well."""
    for minute in range(61, 66):
        record(
            school,
            [
                answer(learner, curriculum, correct=float(minute % 2), seconds=at(minute).timestamp())
                for learner in group
            ],
            now=at(minute),
        )
        work(now=at(minute))
        keep_beside(now=at(minute))


@pytest.fixture
def in_shadow(group: list[Learner], fractions: Curriculum) -> Deployment:
    deployments.promote(a_version(fractions), now=at(50))
    build(now=at(50))
    work(now=at(50))
    deployment = rollout.challenge(a_version(fractions), now=NOW)
    build()
    Deployment.objects.update(shadow_answers=20, shadow_days=1.0)
    return deployment


def test_a_challenger_that_has_proved_itself_is_promoted_if_the_operator_wants_that(
    school: School, group: list[Learner], fractions: Curriculum, in_shadow: Deployment
) -> None:
    prove(school, group, fractions)
    assert rollout.promote_proved(now=at(days=2)) == []
    Deployment.objects.update(promotes_itself=True)
    promoted = rollout.promote_proved(now=at(days=2))
    assert [each.champion_id for each in promoted] == [in_shadow.challenger_id]
    assert rollout.promote_proved(now=at(days=2)) == []


def test_a_challenger_is_not_promoted_before_its_time(
    school: School, group: list[Learner], fractions: Curriculum, in_shadow: Deployment
) -> None:
    Deployment.objects.update(promotes_itself=True)
    prove(school, group, fractions)
    assert rollout.promote_proved(now=at(90)) == []


def test_a_challenger_that_is_not_level_is_not_promoted_by_itself(
    school: School, group: list[Learner], fractions: Curriculum, in_shadow: Deployment
) -> None:
    Deployment.objects.update(promotes_itself=True)
    prove(school, group, fractions)
    LearnerState.objects.filter(version_id=in_shadow.challenger_id, learner_id=group[0].pk).delete()
    assert rollout.promote_proved(now=at(days=2)) == []


def disprove(school: School, group: list[Learner], curriculum: Curriculum, challenger_id: object) -> None:
    prove(school, group, curriculum)
    Score.objects.filter(version_id=challenger_id).update(p=0.01)
    Score.objects.filter(version_id=challenger_id, correct=0.0).update(p=0.99)


@pytest.mark.parametrize("promotes_itself", [True, False])
def test_a_challenger_that_is_worse_leaves_the_place_to_the_next(
    promotes_itself: bool, school: School, group: list[Learner], fractions: Curriculum, in_shadow: Deployment
) -> None:
    Deployment.objects.update(promotes_itself=promotes_itself)
    disprove(school, group, fractions, in_shadow.challenger_id)
    assert rollout.promote_proved(now=at(90)) == []
    assert Deployment.objects.get().challenger_id == in_shadow.challenger_id, "it has its days"
    assert rollout.promote_proved(now=at(days=2)) == []
    assert Deployment.objects.get().challenger is None
    lost = ModelVersion.objects.get(pk=in_shadow.challenger_id)
    assert lost.state == ModelVersion.State.CANDIDATE
    assert "withdrawn from shadow: log loss differs by +" in lost.reason
    assert "30 answers in" in lost.reason


def test_what_one_school_found_of_a_shared_version_is_not_told_to_others(
    school: School, group: list[Learner], fractions: Curriculum, in_shadow: Deployment
) -> None:
    shared = in_shadow.challenger_id
    rollout.withdraw(fractions.pk, None, now=NOW)
    rollout.challenge(ModelVersion.objects.get(pk=shared), school_id=school.pk, now=NOW)
    Deployment.objects.update(shadow_answers=20, shadow_days=1.0)
    disprove(school, group, fractions, shared)
    rollout.promote_proved(now=at(days=2))
    assert not Deployment.objects.filter(challenger=shared).exists()
    assert ModelVersion.objects.get(pk=shared).reason == ""


def test_a_challenger_that_failed_leaves_the_place_to_the_next(
    group: list[Learner], fractions: Curriculum, in_shadow: Deployment
) -> None:
    ModelVersion.objects.filter(pk=in_shadow.challenger_id).update(state="failed", note="a file is gone")
    assert rollout.promote_proved(now=at(61)) == []
    assert Deployment.objects.get().challenger is None
    lost = ModelVersion.objects.get(pk=in_shadow.challenger_id)
    assert (lost.state, lost.note) == (ModelVersion.State.FAILED, "a file is gone")


@pytest.mark.parametrize("changed", ["withdrawn", "switched off", "other challenger", "other champion"])
def test_what_people_decide_while_figures_are_compared_holds(
    changed: str, school: School, group: list[Learner], fractions: Curriculum, in_shadow: Deployment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    Deployment.objects.update(promotes_itself=True)
    prove(school, group, fractions)
    compare, other = shadow.compare, a_version(fractions)

    def compare_slowly(deployment: Deployment, *, now: datetime) -> shadow.Comparison:
        found = compare(deployment, now=now)
        match changed:
            case "withdrawn":
                rollout.withdraw(fractions.pk, None, now=now)
            case "switched off":
                Deployment.objects.update(promotes_itself=False)
            case "other challenger":
                rollout.challenge(other, now=now)
            case "other champion":
                rollout.promote(other, force=True, now=now)
        return found

    monkeypatch.setattr(shadow, "compare", compare_slowly)
    assert rollout.promote_proved(now=at(days=2)) == []
    assert Deployment.objects.get().champion_id != in_shadow.challenger_id


def test_the_way_back_is_refused_when_states_are_gone_unless_it_is_forced(
    school: School, group: list[Learner], fractions: Curriculum
) -> None:
    version, baseline = a_version(fractions), Deployment.objects.get().champion_id
    rollout.challenge(version, now=NOW)
    build()
    rollout.promote(version, now=at(61))
    late = at(61, days=10)
    record(school, [answer(learner, fractions, seconds=late.timestamp()) for learner in group], now=late)
    work(now=late)
    assert tracing_rollout.prune_states(limit=100, now=late) == 6
    with pytest.raises(NotLevel, match=r"0 of 6 learners are level, 6 not begun\. Put it in shadow .* or force it"):
        rollout.roll_back(fractions.pk, None, now=late)
    assert Deployment.objects.get().champion == version
    assert rollout.roll_back(fractions.pk, None, force=True, now=late).champion_id == baseline


def test_the_way_back_is_refused_to_a_version_that_was_promoted_in_haste(
    group: list[Learner], fractions: Curriculum
) -> None:
    baseline = Deployment.objects.get().champion_id
    rollout.promote(a_version(fractions), force=True, now=NOW)
    assert rollout.roll_back(fractions.pk, None, now=at(61)).champion_id == baseline
    with pytest.raises(NotLevel, match="0 of 6 learners are level"):
        rollout.roll_back(fractions.pk, None, now=at(62))
    build(now=at(63))
    assert rollout.roll_back(fractions.pk, None, now=at(63)).previous_id == baseline


def test_answers_under_way_never_bar_the_way_back(school: School, group: list[Learner], fractions: Curriculum) -> None:
    version, baseline = a_version(fractions), Deployment.objects.get().champion_id
    rollout.challenge(version, now=NOW)
    build()
    rollout.promote(version, now=at(61))
    record(school, [answer(learner, fractions, seconds=at(70).timestamp()) for learner in group], now=at(70))
    work(now=at(70))
    assert rollout.roll_back(fractions.pk, None, now=at(200)).champion_id == baseline
    build(now=at(201))
    work(now=at(201))
    assert_states_are_folds_of_the_log(group, baseline)


def run(*arguments: object) -> str:
    said = StringIO()
    call_command("roll_out", *map(str, arguments), stdout=said, stderr=said)
    return said.getvalue()


def test_the_whole_way_by_command(group: list[Learner], fractions: Curriculum) -> None:
    version, baseline = a_version(fractions), Deployment.objects.get().champion
    assert "0 of 6 learners are level, 6 not begun" in run(version.pk)
    with pytest.raises(CommandError, match="0 of 6 learners are level"):
        run(version.pk, "--promote")
    assert "6 of 6 learners are level" in run(str(version.pk)[-8:], "--here")
    assert f"{version} serves, {baseline} did before" in run(version.pk, "--promote")
    assert f"{baseline} serves, {version} did before" in run(version.pk, "--back")
    with pytest.raises(CommandError, match="does not serve here"):
        run(version.pk, "--back")
    LearnerState.objects.filter(version_id=version.pk).delete()
    with pytest.raises(CommandError, match="0 of 6 learners are level"):
        run(baseline.pk, "--back")
    assert f"{version} serves, {baseline} did before" in run(baseline.pk, "--back", "--force")
    run(version.pk, "--back")
    run(version.pk)
    assert "in shadow no longer" in run(version.pk, "--withdraw")


def test_the_command_names_the_versions_that_there_are(group: list[Learner], fractions: Curriculum) -> None:
    with pytest.raises(CommandError, match=str(Deployment.objects.get().champion_id)):
        run("nothing-like-it")
