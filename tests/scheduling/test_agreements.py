"""What is agreed with classes and learners holds for every choice, and costs as little for many as for one."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from curricula.models import Curriculum
from tests import people
from tests.flow.agreed import ask, concepts, settle_on, wide
from tests.flow.steps import at, believed, learners, plan_of, record, right_and_wrong, statements, work
from tests.flow.together import together
from tutor import db
from tutor.accounts import services as accounts
from tutor.accounts.models import Group, Learner, School, User
from tutor.children import wait_for
from tutor.scheduling import agreements, cohorts, contents, plans, rules, services
from tutor.scheduling.knobs import BadKnob
from tutor.scheduling.models import Decision, Plan
from tutor.scheduling.policies import POLICIES, Settings, Situation
from tutor.scheduling.rules import Agreed
from tutor.tracing.status import DEFAULT, due_at

pytestmark = pytest.mark.django_db


def agreed_with(learner: Learner, curriculum: Curriculum, now: datetime | None = None) -> Agreed:
    return rules.agreed(learner.school_id, curriculum.pk, [learner.pk], now or at(60))[learner.pk]


def test_where_nothing_is_agreed_defaults_hold_and_cost_one_statement(
    bo: Learner, ana: Learner, curriculum: Curriculum
) -> None:
    agreed_with(bo, curriculum)
    with statements() as sent:
        found = rules.agreed(bo.school_id, curriculum.pk, [bo.pk, ana.pk], at(60))
    assert len(sent) == 1
    defaults = ("gain", Settings(), DEFAULT)
    assert [(each.policy.name, each.settings, each.criteria) for each in found.values()] == [defaults] * 2


@pytest.mark.parametrize("policy", ["gain", "sm2", "alp_gmm"])
def test_statements_do_not_grow_with_the_learners(
    policy: str, school: School, ms_diaz: User, curriculum: Curriculum
) -> None:
    used = []
    for n in (1, 30):
        members = learners(school, n)
        group = people.a_group(school, f"{n}", teachers=(ms_diaz,), learners=tuple(members), curriculum=curriculum)
        settle_on(group, policy=policy, answers_a_day=20, goals=["c1"])
        ids = [member.pk for member in members]
        rules.agreed(school.pk, curriculum.pk, ids, at(60))
        with statements() as sent:
            assert len(rules.agreed(school.pk, curriculum.pk, ids, at(60))) == n
        used.append(len(sent))
    assert used[0] == used[1] <= 3


def test_knobs_become_settings_and_criteria(bo: Learner, class_8a: Group, curriculum: Curriculum) -> None:
    settle_on(class_8a, retention=0.8, ready_at=0.7, goals=["c3", "c1"], success=0.6, look_ahead=2, item_gap=3)
    agreed = agreed_with(bo, curriculum)
    assert (agreed.criteria.retention, agreed.criteria.ready_at) == (0.8, 0.7)
    assert (agreed.settings.goals, agreed.settings.success) == (frozenset({1, 3}), 0.6)
    assert (agreed.settings.look_ahead, agreed.settings.item_gap) == (2, 3)


def test_null_sets_a_knob_back(class_8a: Group) -> None:
    settle_on(class_8a, retention=0.8, answers_a_day=5)
    settle_on(class_8a, retention=None, answers_a_day=None)
    assert agreements.of_group(class_8a).chosen == {}


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"retention": 1.2}, "retention 1.2 cannot be: take 0.5 to 0.99"),
        ({"look_ahead": 4}, "look_ahead 4 cannot be: take 1 to 3"),
        ({"policy": "magic"}, "policy 'magic' cannot be: take one of gain, threshold"),
        ({"policy": "exam"}, "exam_on 'null' cannot be: policy 'exam' needs a date after 2026-03-02"),
        ({"policy": "exam", "exam_on": at().date()}, "exam_on '2026-03-02' cannot be"),
        ({"after_placement": "placement"}, "after_placement 'placement' cannot be: take one of gain, threshold, exam"),
        ({"policy": "placement", "after_placement": "exam"}, "policy 'exam' needs a date after 2026-03-02"),
        ({"goals": ["physics"]}, "goals 'physics' cannot be: it is no concept of"),
        ({"quiet_weekdays": ("noday",)}, "name days of the week: monday"),
    ],
)
def test_a_knob_that_cannot_be_is_refused_with_the_way_out(knobs: dict[str, Any], said: str, class_8a: Group) -> None:
    with pytest.raises(BadKnob, match=re.escape(said)):
        settle_on(class_8a, **knobs)
    assert agreements.of_group(class_8a).chosen == {}


def test_the_exam_is_on_the_learners_own_day(bo: Learner, class_8a: Group, curriculum: Curriculum) -> None:
    settle_on(class_8a, policy="exam", exam_on=at(days=30).date())
    agreed = agreed_with(bo, curriculum)
    assert agreed.policy is POLICIES["exam"]
    # Four in the morning in Berlin, which has gone over to summer time.
    assert agreed.settings.exam_at == datetime(2026, 4, 1, 2, tzinfo=UTC).timestamp()


def test_an_exam_that_is_over_keeps_nobody_from_other_knobs(class_8a: Group) -> None:
    settle_on(class_8a, policy="exam", exam_on=at(days=3).date())
    settle_on(class_8a, retention=0.8, now=at(days=5))
    assert agreements.of_group(class_8a).policy == "exam"


def test_of_two_classes_the_one_joined_last_decides(
    school: School, ms_diaz: User, bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    later = people.a_group(school, "8b", teachers=(ms_diaz,), learners=(bo,), curriculum=curriculum)
    settle_on(class_8a, retention=0.8)
    assert agreed_with(bo, curriculum).criteria == DEFAULT
    settle_on(later, retention=0.85)
    assert agreed_with(bo, curriculum).criteria.retention == 0.85
    accounts.remove_member(later, bo.pk)
    assert agreed_with(bo, curriculum).criteria.retention == 0.8


def test_a_class_without_a_curriculum_works_on_the_only_one(
    school: School, ms_diaz: User, bo: Learner, curriculum: Curriculum
) -> None:
    settle_on(people.a_group(school, "free", teachers=(ms_diaz,), learners=(bo,)), retention=0.8)
    assert agreed_with(bo, curriculum).criteria.retention == 0.8
    other = wide(school.pk, key="other")
    contents.forget()
    assert agreed_with(bo, other).criteria == agreed_with(bo, curriculum).criteria == DEFAULT


def test_the_policy_of_the_class_chooses(bo: Learner, class_8a: Group) -> None:
    settle_on(class_8a, policy="curriculum_order")
    assert ask(bo).body.policy == "curriculum_order"
    assert Decision.objects.get().policy == "curriculum_order"


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_every_policy_can_be_chosen(
    policy: str, school: School, bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    settle_on(class_8a, policy=policy, exam_on=at(days=30).date())
    record(school, right_and_wrong(bo, curriculum, "0110111"))
    work()
    assert ask(bo, 8, now=at(days=20)).body.policy == policy


def test_a_kept_plan_gives_way_to_what_is_agreed_since(bo: Learner, class_8a: Group) -> None:
    before = ask(bo, 8).body
    settle_on(class_8a, policy="curriculum_order", now=at(61))
    after = ask(bo, 8, now=at(61)).body
    assert (before.policy, after.policy) == ("gain", "curriculum_order")
    assert ask(bo, 8, now=at(62)).body == after


def test_plans_are_made_anew_when_settings_change(bo: Learner, class_8a: Group) -> None:
    ask(bo, 8)
    settle_on(class_8a, policy="curriculum_order", now=at(61))
    assert services.release_due(now=at(62)) == 1
    assert plans.decode(plan_of(bo).body).policy == "curriculum_order"
    assert services.release_due(now=at(63)) == 0


def test_plans_of_another_class_are_left_alone(
    school: School, ms_diaz: User, bo: Learner, ana: Learner, curriculum: Curriculum
) -> None:
    mine, _ = (
        people.a_group(school, name, teachers=(ms_diaz,), learners=(learner,), curriculum=curriculum)
        for name, learner in (("a", bo), ("b", ana))
    )
    ask(bo, 8)
    ask(ana, 8)
    settle_on(mine, retention=0.8, now=at(61))
    assert services.release_due(now=at(62)) == 1
    assert (plan_of(bo).computed_at, plan_of(ana).computed_at) == (at(62), at(60))


@pytest.mark.django_db(transaction=True)
def test_a_plan_made_while_something_else_is_agreed_is_made_again(
    bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    ask(bo, 8)

    def teacher_waits() -> bool:
        return bool(db.rows("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0])

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        # As a worker does, before it looks at what is agreed.
        Plan.objects.select_for_update().get(learner_id=bo.pk)
        done = pool.submit(together, lambda: settle_on(class_8a, policy="curriculum_order", now=at(61)))
        assert wait_for(teacher_waits, 30)
        belief = believed(bo, curriculum)
        services.save(belief, services.choose(belief, now=at(61)))
        assert plans.decode(plan_of(bo).body).policy == "gain"
    done.result(30)
    assert services.release_due(now=at(62)) == 1
    assert plans.decode(plan_of(bo).body).policy == "curriculum_order"


@pytest.mark.chance
def test_without_exploration_nothing_is_drawn(bo: Learner, class_8a: Group) -> None:
    assert {entry.propensity for entry in ask(bo, 8).entries} != {1.0}
    settle_on(class_8a, explores=False, now=at(61))
    assert {entry.propensity for entry in ask(bo, 8, now=at(61)).entries} == {1.0}


@pytest.mark.chance
def test_a_learner_may_opt_out_of_exploration(bo: Learner, ana: Learner, class_8a: Group, ms_diaz: User) -> None:
    agreements.change_learner(bo, {"explores": False}, by_whom=ms_diaz, now=at())
    assert {entry.propensity for entry in ask(bo, 8).entries} == {1.0}
    assert {entry.propensity for entry in ask(ana, 8).entries} != {1.0}


@pytest.mark.chance
@pytest.mark.parametrize("policy", ["random", "memorize", "zpdes", "alp_gmm"])
def test_no_policy_draws_for_who_opted_out(
    policy: str, bo: Learner, ana: Learner, class_8a: Group, ms_diaz: User
) -> None:
    """Whatever seed a plan has: the same choice, logged as certain. Others are drawn for."""
    settle_on(class_8a, policy=policy)
    agreements.change_learner(bo, {"explores": False}, by_whom=ms_diaz, now=at())
    offers = {learner: {tuple(concepts(ask(learner, 8, now=at(61 + n)))) for n in range(0, 4000, 400)}
              for learner in (bo, ana)}  # fmt: skip
    assert len(offers[bo]) == 1 < len(offers[ana])
    assert {entry.propensity for entry in ask(bo, 8, now=at(61)).entries} == {1.0}
    logged = Decision.objects.filter(learner_id=bo.pk).latest("served_at")
    assert [chance for *_, chance in logged.candidates] == [1.0] + [0.0] * (len(logged.candidates) - 1)


def test_reviews_are_spread_unless_it_is_agreed_that_they_are_not(
    school: School, bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    belief, content = believed(bo, curriculum), contents.latest(curriculum.pk)
    assert agreed_with(bo, curriculum).rules(belief, content).review_due is not None
    settle_on(class_8a, spread_reviews=False)
    assert agreed_with(bo, curriculum).rules(belief, content).review_due is None


def test_reviews_that_can_leave_a_quiet_day_do(
    school: School, bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    """Ten that fall due on one day."""
    record(school, [a for item in range(0, 20, 2) for a in right_and_wrong(bo, curriculum, "111111", item=item)])
    work()
    belief, content = believed(bo, curriculum), contents.latest(curriculum.pk)
    settle_on(class_8a, retention=0.95)
    criteria = agreed_with(bo, curriculum).criteria
    falls_due = plans.moment(float(due_at(belief.table, belief.evidence, content, criteria)[0]))
    assert falls_due is not None
    before = falls_due - timedelta(days=4)
    settle_on(class_8a, quiet_dates=(falls_due.date(),), now=before)
    agreed = agreed_with(bo, curriculum, before)
    spread = agreed.rules(belief, content).review_due
    assert spread is not None
    situation = Situation(before.timestamp(), content, belief.table, belief.evidence, 1, agreed.criteria)
    quiet = agreed.quiet.tolist().index(True)
    usual, moved = (agreed.days.index(due).tolist() for due in (situation.falls_due, spread(situation)))
    assert moved.count(quiet) < usual.count(quiet) == len(usual)


def test_the_log_says_what_narrowed_a_choice(bo: Learner, class_8a: Group) -> None:
    settle_on(class_8a, retention=0.8, answers_a_day=4)
    asked = services.Narrowing(size=2, minutes=30, concepts=frozenset({1, 2, 3}), exclude_items=frozenset({2}))
    ask(bo, 2, narrowing=asked)
    kept = Decision.objects.all()[0].narrowing
    assert (kept["n"], kept["minutes"], kept["concepts"], kept["exclude"]) == (2, 30, [1, 2, 3], [2])
    assert kept["settings"] == {"retention": 0.8, "answers_a_day": 4}
    assert (kept["answers_left"], kept["barriers"]) == (4, {"out_of_scope": 7})


def test_settings_kept_by_another_release_are_read(class_8a: Group, bo: Learner, curriculum: Curriculum) -> None:
    settle_on(class_8a, retention=0.8)
    row = agreements.of_group(class_8a)
    row.chosen, row.policy = {**row.chosen, "a_knob_of_old": 3}, "a_policy_of_old"
    row.save()
    agreed = agreed_with(bo, curriculum)
    assert (agreed.criteria.retention, agreed.policy.name) == (0.8, "gain")


def test_a_class_whose_policy_reads_it_is_measured_every_hour(
    school: School, bo: Learner, class_8a: Group, curriculum: Curriculum
) -> None:
    record(school, right_and_wrong(bo, curriculum, "0011"))
    assert cohorts.measure(now=at(60)) == 0
    settle_on(class_8a, policy="alp_gmm")
    assert agreed_with(bo, curriculum).cohort is None
    assert [cohorts.measure(now=at(minute)) for minute in (60, 61, 60 + 61)] == [1, 0, 1]
    cohort = agreed_with(bo, curriculum).cohort
    assert cohort is not None
    assert (cohort.progress[0], cohort.n.tolist()) == (1.0, [4, *[0] * 9])


def test_another_schools_class_decides_nothing(other_school: School, mr_chen: User, bo: Learner, dee: Learner) -> None:
    shared = wide(None, key="shared")
    theirs = people.a_group(other_school, "x", teachers=(mr_chen,), learners=(dee,), curriculum=shared)
    settle_on(theirs, retention=0.8)
    assert agreed_with(bo, shared).criteria == DEFAULT
    assert agreed_with(dee, shared).criteria.retention == 0.8


def test_a_plan_by_what_is_agreed_is_kept(bo: Learner, class_8a: Group) -> None:
    settle_on(class_8a, retention=0.8)
    ask(bo, 8)
    ask(bo, 8, now=at(90))
    assert Plan.objects.get().computed_at == at(60)
