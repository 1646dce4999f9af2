"""A school that follows all others again: what they have is built beside its own first, and its own is the way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from threading import Event

import pytest
from django.core.management import CommandError, call_command

from curricula.models import Curriculum
from tests.flow.steps import answer, at, client_of, plan_of, record, statements, work
from tests.flow.together import together
from tests.flow.versions import a_version, assert_states_are_folds_of_the_log, keep_beside, settle
from tutor.accounts.models import Learner, School
from tutor.interactions.models import Interaction
from tutor.registry import deployments
from tutor.registry.deployments import PREVIOUS_KEPT, NotApart, NothingBefore
from tutor.registry.models import Deployment, ModelVersion
from tutor.scheduling import plans, rollout, serving
from tutor.scheduling.rollout import NotLevel
from tutor.tracing import beside, drift
from tutor.tracing import rollout as tracing_rollout
from tutor.tracing.models import DriftAlert, LearnerState

NOW = at(60)


def build(*, now: datetime = NOW) -> None:
    beside.look(now=now)
    keep_beside(now=now)


def take_in(school: School, group: list[Learner], curriculum: Curriculum, minute: float) -> None:
    given = [answer(learner, curriculum, seconds=at(minute).timestamp()) for learner in group]
    record(school, given, now=at(minute))
    work(now=at(minute))
    keep_beside(now=at(minute))


@pytest.fixture
def own(school: School, group: list[Learner], fractions: Curriculum) -> ModelVersion:
    """The school's version has served it for so long that what serves all schools knows of no late answer."""
    Deployment.objects.update(champion_since=at(0) - PREVIOUS_KEPT)
    version = a_version(fractions, intercept=2.0)
    deployments.promote(version, school_id=school.pk, now=at(0) - PREVIOUS_KEPT)
    work(now=at(50))
    take_in(school, group, fractions, 55)
    return version


@pytest.fixture
def site_wide(fractions: Curriculum, own: ModelVersion) -> ModelVersion:
    """What serves all schools, of whom the school's learners are not."""
    return Deployment.objects.get(school=None).champion


def challenged(version: ModelVersion, school: School) -> None:
    """Its states are built beside."""
    rollout.challenge(version, school_id=school.pk, now=NOW)
    build()


def test_a_school_comes_to_follow_once_its_learners_are_level(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    with pytest.raises(NotLevel, match=r"0 of 6 learners are level, 0 not begun\. Put it in shadow") as refused:
        rollout.follow_site(fractions.pk, school.pk, now=NOW)
    assert refused.value.progress == rollout.progress(site_wide, school_id=school.pk, now=NOW)
    assert deployments.serving_school(fractions.pk, school.pk) == deployments.deployed(fractions.pk, school.pk)
    challenged(site_wide, school)
    followed = rollout.follow_site(fractions.pk, school.pk, now=at(61))
    assert (followed.school, followed.champion) == (None, site_wide)
    assert deployments.serving_school(fractions.pk, school.pk) == followed


def test_a_school_that_only_changed_settings_gives_them_up_whatever_states_are(
    school: School, group: list[Learner], fractions: Curriculum
) -> None:
    """What serves stays the same."""
    followed = deployments.serving_school(fractions.pk, school.pk)
    assert followed
    deployments.change(followed, school.pk, {"retrains": []}, now=NOW)
    LearnerState.objects.all().delete()
    assert rollout.follow_site(fractions.pk, school.pk, now=NOW) == followed


def test_plans_follow_it_and_go_back_with_it(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    def planned_by() -> set[object]:
        return {plans.decode(plan_of(learner).body).model_version_id for learner in group}

    challenged(site_wide, school)
    rollout.follow_site(fractions.pk, school.pk, now=at(61))
    assert planned_by() == {own.pk}
    assert [rollout.follow(now=at(62), limit=4) for _ in range(3)] == [4, 2, 0]
    assert planned_by() == {site_wide.pk}
    rollout.roll_back(fractions.pk, school.pk, now=at(63))
    assert rollout.follow(now=at(64)) == 6
    assert planned_by() == {own.pk}


def test_both_keep_up_for_a_week_and_the_way_back_takes_a_moment(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    challenged(site_wide, school)
    rollout.follow_site(fractions.pk, school.pk, now=at(61))
    take_in(school, group, fractions, 70)
    for version in (own, site_wide):
        assert_states_are_folds_of_the_log(group, version.pk)
    late = at(61) + PREVIOUS_KEPT - timedelta(minutes=1)
    assert tracing_rollout.prune_states(limit=100, now=late) == 0
    back = rollout.roll_back(fractions.pk, school.pk, now=late)
    assert (back.school, back.champion, back.previous) == (school, own, site_wide)


def test_after_a_week_the_way_back_is_closed_unless_it_is_forced(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    challenged(site_wide, school)
    rollout.follow_site(fractions.pk, school.pk, now=at(61))
    late = at(61, days=9)
    build(now=late)
    assert tracing_rollout.prune_states(limit=100, now=late) == 6
    assert not LearnerState.objects.filter(version_id=own.pk).exists()
    with pytest.raises(NotLevel, match="0 of 6 learners are level, 6 not begun"):
        rollout.roll_back(fractions.pk, school.pk, now=late)
    assert rollout.roll_back(fractions.pk, school.pk, force=True, now=late).champion == own
    build(now=late)
    work(now=late)
    assert_states_are_folds_of_the_log(group, own.pk)


def test_in_haste_nobody_gets_an_error_and_states_follow(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    LearnerState.objects.filter(version_id=site_wide.pk).delete()
    rollout.follow_site(fractions.pk, school.pk, force=True, now=at(61))
    for learner in group:
        served = serving.next_for(client_of(school), str(learner.pk), curriculum=None, n=3, narrowing=None, now=at(61))
        assert served.entries and served.body.model_version_id == own.pk
    build(now=at(62))
    work(now=at(63))
    for version in (own, site_wide):
        assert_states_are_folds_of_the_log(group, version.pk)


def test_only_pointers_are_written(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    challenged(site_wide, school)
    with statements() as sent:
        rollout.follow_site(fractions.pk, school.pk, now=at(61))
        rollout.roll_back(fractions.pk, school.pk, now=at(62))
    changed = [sql for sql in sent if sql.split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert sum('"registry_deployment"' in sql for sql in changed) == 2
    assert all("registry_" in sql and "tracing_" not in sql and "scheduling_" not in sql for sql in changed)


def test_what_is_promoted_for_all_schools_waits_for_the_learners_of_one_that_follows(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    challenged(site_wide, school)
    later = a_version(fractions, intercept=3.0)
    assert rollout.progress(later, school_id=None, now=NOW).learners == 0
    rollout.follow_site(fractions.pk, school.pk, now=at(61))
    with pytest.raises(NotLevel, match="0 of 6 learners are level, 6 not begun"):
        rollout.promote(later, now=at(62))
    rollout.challenge(later, now=at(62))
    build(now=at(62))
    assert rollout.promote(later, now=at(63)).champion == later
    take_in(school, group, fractions, 70)
    for version in (own, site_wide, later):
        assert_states_are_folds_of_the_log(group, version.pk)
    assert rollout.roll_back(fractions.pk, school.pk, now=at(71)).champion == own


def test_a_school_without_anything_of_its_own_has_nothing_to_give_up(
    school: School, group: list[Learner], fractions: Curriculum
) -> None:
    with pytest.raises(NotApart, match=f"school {school.pk} has no deployment of its own"):
        rollout.follow_site(fractions.pk, school.pk, now=NOW)
    with pytest.raises(NothingBefore):
        rollout.roll_back(fractions.pk, school.pk, now=NOW)


def test_an_alert_on_what_serves_no_longer_is_over(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    alert = DriftAlert.objects.create(
        version_id=own.pk,
        curriculum_id=fractions.pk,
        school_id=school.pk,
        kind="calibration",
        raised_at=at(50),
        figures={},
    )
    rollout.follow_site(fractions.pk, school.pk, force=True, now=at(61))
    drift.watch(now=at(62))
    alert.refresh_from_db()
    assert alert.cleared_at == at(62)


def run(*arguments: object) -> str:
    said = StringIO()
    call_command("roll_out", *map(str, arguments), stdout=said, stderr=said)
    return said.getvalue()


def test_there_and_back_by_command(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    of_school = ("--school", school.name)
    with pytest.raises(CommandError, match="name it by --school"):
        run(site_wide.pk, "--follow-site")
    with pytest.raises(CommandError, match="does not serve here"):
        run(site_wide.pk, *of_school, "--follow-site")
    with pytest.raises(CommandError, match="0 of 6 learners are level"):
        run(own.pk, *of_school, "--follow-site")
    assert "6 of 6 learners are level" in run(site_wide.pk, *of_school, "--here")
    assert f"{site_wide} of all schools serves, {own} did before" in run(own.pk, *of_school, "--follow-site")
    assert f"{own} serves, {site_wide} did before" in run(site_wide.pk, *of_school, "--back")


@pytest.mark.django_db(transaction=True)
def test_no_request_fails_and_no_answer_is_lost_while_a_school_comes_and_goes(
    school: School, group: list[Learner], fractions: Curriculum, own: ModelVersion, site_wide: ModelVersion
) -> None:
    """Learners answer and ask what comes next, workers take it in, and the pointer moves to and fro."""
    challenged(site_wide, school)
    over, client = Event(), client_of(school)
    before = Interaction.objects.count()
    lessons = 12

    def learn() -> int:
        seen = set()
        for lesson in range(lessons):
            for learner in group:
                record(school, [answer(learner, fractions, seconds=at(61 + lesson).timestamp())], now=at(61 + lesson))
                told = serving.next_for(client, str(learner.pk), curriculum=None, n=3, narrowing=None, now=at(90))
                assert told.entries
                seen.add(told.body.model_version_id)
        over.set()
        assert seen <= {own.pk, site_wide.pk}
        return len(seen)

    def keep_up() -> int:
        turns = 0
        while not over.is_set():
            work(now=at(90))
            beside.look(now=at(90))
            beside.step(limit=4, now=at(90))
            rollout.follow(now=at(90))
            turns += 1
        return turns

    def move() -> int:
        moves = 0
        while not over.is_set():
            rollout.follow_site(fractions.pk, school.pk, force=True, now=at(90))
            rollout.roll_back(fractions.pk, school.pk, force=True, now=at(90))
            moves += 2
        return moves

    seen, turns, moves = together(learn, keep_up, move)
    assert min(seen, turns, moves) > 0
    settle()
    assert Interaction.objects.count() - before == lessons * len(group)
    for version in (own, site_wide):
        assert_states_are_folds_of_the_log(group, version.pk)
