"""What lies ahead is told as `next` will offer it: by the class's policy, or the school's own, by goals and by pins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from curricula.models import Curriculum
from tests.flow import steps
from tests.flow.agreed import ask, concepts, say, settle_on, wide
from tests.flow.steps import at, believed, plan_of, record, right_and_wrong, statements, work
from tutor.accounts.models import Group, Learner, School, User
from tutor.scheduling import configs, contents, forecasts, services, trials
from tutor.scheduling.class_forecasts import class_ahead
from tutor.scheduling.courses import KINDS
from tutor.scheduling.event_models import Event
from tutor.scheduling.forecasts import Ahead
from tutor.scheduling.guard import Promise
from tutor.scheduling.models import Plan
from tutor.scheduling.policies import POLICIES, Kind
from tutor.scheduling.policy_models import PolicyTrial
from tutor.scheduling.services import Narrowing
from tutor.scheduling.trials import Side
from tutor.tracing.status import due_at

pytestmark = pytest.mark.django_db

#: Hours after the last answer: nothing waits any more for a moment of the session.
NOW = at(360)
DAYS = 60
#: They offer what is mastered at any time, by chance, so that no day can be told; or ask, and another policy goes on.
WITHOUT_DAYS = ("random", "memorize", "placement")
SCHEDULES = ("fixed_ladder", "leitner", "sm2", "fsrs")


@pytest.fixture
def broad(school: School, class_8a: Group, bo: Learner) -> Curriculum:
    """Of six concepts that need nothing, Bo has mastered the first and has begun the second."""
    curriculum = wide(school.pk, 6, key="broad")
    Group.objects.filter(pk=class_8a.pk).update(curriculum=curriculum)
    learn(bo, curriculum)
    return curriculum


def learn(learner: Learner, curriculum: Curriculum) -> None:
    given = right_and_wrong(learner, curriculum, "11111111") + [
        steps.answer(learner, curriculum, 2, correct=right, seconds=at(20 + place).timestamp())
        for place, right in enumerate((0.0, 1.0))
    ]
    record(learner.school, given)
    work()


def look(bo: Learner, curriculum: Curriculum, *, now: datetime = NOW, days: int = DAYS) -> Ahead:
    belief = believed(bo, curriculum, now=now)
    content = contents.gated(bo.school_id, curriculum.pk, belief.version_id)
    return forecasts.ahead(Learner.objects.get(pk=bo.pk), belief, content, now=now, days=days)


def first_days(ahead: Ahead, concept: int) -> list[int]:
    return ahead.agenda.day[ahead.agenda.concept == concept][:1].tolist()


def is_offered(ahead: Ahead, concept: int, curriculum: Curriculum, day: int) -> bool:
    """Whether `next` has the concept in a plan of everything as a day ends, if nothing is answered meanwhile."""
    moment = datetime.fromtimestamp(ahead.days.starts[day + 1] - 1.0, UTC)
    belief = believed(ahead.learner, curriculum, now=moment)
    body = services.choose(belief, now=moment, narrowing=Narrowing(size=20), seed=1)
    return concept in [entry.concept for entry in body.entries]


def comes_as_offered(ahead: Ahead, concept: int, curriculum: Curriculum) -> bool:
    """What is due once stays so: on the day before it is not offered yet, on the day it is."""
    first = [*first_days(ahead, concept), len(ahead.days)][0]
    before = first > 0 and is_offered(ahead, concept, curriculum, first - 1)
    return not before and (first == len(ahead.days) or is_offered(ahead, concept, curriculum, first))


@pytest.mark.parametrize("policy", [name for name in POLICIES if name not in WITHOUT_DAYS])
def test_what_was_begun_comes_back_on_the_day_on_which_next_offers_it(
    policy: str, broad: Curriculum, class_8a: Group, bo: Learner
) -> None:
    settle_on(class_8a, policy=policy, explores=False, exam_on=at(days=40).date())
    ahead = look(bo, broad)
    assert comes_as_offered(ahead, 0, broad)
    assert comes_as_offered(ahead, 1, broad)


def test_days_differ_as_policies_do(broad: Curriculum, class_8a: Group, bo: Learner) -> None:
    days = {}
    for policy in ("gain", "fixed_ladder", "leitner"):
        settle_on(class_8a, policy=policy)
        days[policy] = first_days(look(bo, broad, days=200), 0)
    assert days["leitner"] == [32] and days["fixed_ladder"] == [180] and days["gain"][0] < 32


@pytest.mark.parametrize("policy", SCHEDULES)
def test_a_review_is_announced_at_the_time_of_the_policys_schedule(
    policy: str, broad: Curriculum, class_8a: Group, bo: Learner, ms_diaz: User
) -> None:
    """Of what is mastered alone: FSRS has the other back within minutes."""
    settle_on(class_8a, policy=policy)
    say(ms_diaz, bo, broad, "exclude", "c1", now=NOW)
    services.plan_again([believed(bo, broad, now=NOW)], now=NOW)
    due = plan_of(bo).next_due_at
    assert due is not None
    early = due - timedelta(minutes=5)
    Plan.objects.update(next_due_at=early)
    services.release_due(now=early)
    assert not Event.objects.filter(kind=Event.Kind.REVIEW_DUE).exists()
    assert plan_of(bo).next_due_at == due
    services.release_due(now=due + timedelta(seconds=1))
    (event,) = Event.objects.filter(kind=Event.Kind.REVIEW_DUE)
    assert event.payload["due"] == (look(bo, broad, now=due + timedelta(seconds=1)).spread <= due.timestamp() + 1).sum()


# A policy of the school's own


def try_out(school: School, curriculum: Curriculum, new: Side, *, alpha: float = 0.5) -> PolicyTrial:
    return trials.begin(
        school.pk, curriculum, None, approved=Side("gain", None), new=new, promise=Promise(alpha=alpha),
        unrehearsed="agreed", now=NOW,
    )  # fmt: skip


def promote(school: School, curriculum: Curriculum, new: Side) -> None:
    trials.promote(try_out(school, curriculum, new), anyway=True, reason="the staff wants it", now=NOW)
    trials.forget()


def test_reviews_come_at_the_retention_that_the_schools_own_policy_sets(
    school: School, broad: Curriculum, bo: Learner
) -> None:
    config = configs.create(school.pk, name="keen", policy="gain", parameters={"retention": 0.98}, now=NOW)
    promote(school, broad, Side("gain", config))
    ahead, belief = look(bo, broad), believed(bo, broad, now=NOW)
    plan = services.choose(belief, now=NOW, seed=1)
    by_class = due_at(belief.table, belief.evidence, ahead.prospect.content, ahead.agreed.criteria)[0]
    came = [entry.due_at for entry in plan.entries if entry.concept == 0] or [plan.next_due_at]
    assert ahead.agreed.policy_criteria.retention == 0.98 and ahead.agreed.criteria.retention == 0.9
    assert max(ahead.due[0], NOW.timestamp()) == pytest.approx(came[0]) and ahead.due[0] < by_class


def test_while_a_trial_draws_the_agenda_goes_by_the_plan_that_was_drawn(
    school: School, broad: Curriculum, bo: Learner
) -> None:
    try_out(school, broad, Side("leitner", None))
    trials.forget()
    belief, drawn = believed(bo, broad, now=NOW), set()
    for seed in range(8):
        body = services.choose(belief, now=NOW, seed=seed)
        services.save(belief, body)
        drawn.add(body.policy)
        assert (body.policy == "leitner") == (first_days(look(bo, broad), 0) == [32])
    assert drawn == {"gain", "leitner"}


# Goals and pins


def begun_in_order(ahead: Ahead) -> list[str]:
    keys = ahead.prospect.content.concept_keys
    new = ahead.agenda.concept[np.array(KINDS)[ahead.agenda.kind] == Kind.NEW]
    return [keys[concept] for concept in new.tolist()]


def new_of(keys: Sequence[str]) -> list[str]:
    return [key for key in keys if key not in ("c0", "c1")]


@pytest.mark.parametrize("policy", ["gain", "threshold"])
def test_goals_are_taken_up_first_where_next_offers_them_first(
    policy: str, broad: Curriculum, class_8a: Group, bo: Learner
) -> None:
    settle_on(class_8a, goals=("c4", "c5"), explores=False, policy=policy)
    wanted = ["c4", "c5", "c2", "c3"] if policy == "gain" else ["c2", "c3", "c4", "c5"]
    assert begun_in_order(look(bo, broad)) == wanted == new_of(concepts(ask(bo, 8, now=NOW, curriculum="broad")))


def test_what_a_goal_rests_on_comes_before_what_it_does_not(
    fractions: Curriculum, class_7b: Group, ana: Learner
) -> None:
    """Adding needs halves; equal parts need nothing and open nothing that is wanted."""
    keys = contents.latest(fractions.pk).concept_keys
    settle_on(class_7b, goals=(keys[-1],), explores=False)
    ahead = look(ana, fractions)
    assert begun_in_order(ahead)[:1] == concepts(ask(ana, 1, now=NOW))


def test_what_a_teacher_pins_comes_today_before_goals_and_beyond_the_rate(
    broad: Curriculum, class_8a: Group, bo: Learner, ms_diaz: User
) -> None:
    settle_on(class_8a, goals=("c4",), new_a_day=0)
    say(ms_diaz, bo, broad, "pin", "c3", now=NOW)
    say(ms_diaz, bo, broad, "pin", "c0", now=NOW)
    ahead = look(bo, broad)
    assert first_days(ahead, 3) == first_days(ahead, 0) == [0]
    assert begun_in_order(ahead) == ["c3"]
    assert concepts(ask(bo, 2, now=NOW, curriculum="broad")) == ["c3", "c0"]


# Cost


@pytest.mark.parametrize(("policy", "is_tried"), [("leitner", False), ("gain", True)])
def test_statements_of_a_class_do_not_grow_with_it(
    policy: str, is_tried: bool, school: School, broad: Curriculum, class_8a: Group, bo: Learner
) -> None:
    others = steps.learners(school, 3)
    class_8a.learners.add(*others)
    for each in others:
        learn(each, broad)
    if is_tried:
        try_out(school, broad, Side("leitner", None))
        trials.forget()
    else:
        settle_on(class_8a, policy=policy)
    counts, content = [], contents.latest(broad.pk)
    for some in ([bo], [bo], [bo, *others]):
        fresh = list(Learner.objects.filter(pk__in=[each.pk for each in some]))
        with statements() as sent:
            class_ahead(class_8a.school, content, fresh, at(days=20).date(), now=NOW)
        counts.append(len(sent))
    assert counts[1] == counts[2]
