"""A trial draws who makes each plan, and the log tells the arm."""

from __future__ import annotations

from collections import Counter

import pytest

from curricula.models import Curriculum
from tests.flow.agreed import ask, wide
from tests.flow.steps import answer, at, believed, client_of, learners, plan_of, record, work
from tutor.accounts.models import Learner, School, User
from tutor.scheduling import agreements, configs, plans, rules, services, trials
from tutor.scheduling.guard import Promise
from tutor.scheduling.models import Decision
from tutor.scheduling.policy_models import PolicyConfig, PolicyTrial
from tutor.scheduling.serving import next_for
from tutor.scheduling.trials import Side

NOW = at(61)


@pytest.fixture
def bo(school: School, fractions: Curriculum) -> Learner:
    [learner] = learners(school, 1)
    record(school, [answer(learner, fractions, 0)])
    work()
    return learner


@pytest.fixture
def trial(school: School, fractions: Curriculum, bo: Learner) -> PolicyTrial:
    """Leitner's boxes, which read the history, are tried beside `gain` in one plan of two."""
    new, approved = Side("leitner", None), Side("gain", None)
    begun = trials.begin(
        school.pk, fractions, None, approved=approved, new=new, promise=Promise(alpha=0.5), unrehearsed="agreed",
        now=NOW,
    )  # fmt: skip
    trials.forget()
    return begun


def asked(bo: Learner, school: School) -> str:
    return next_for(client_of(school), str(bo.pk), curriculum=None, n=1, narrowing=None, now=NOW).body.policy


def test_each_plan_is_made_by_the_arm_that_its_seed_draws(
    school: School, fractions: Curriculum, bo: Learner, trial: PolicyTrial
) -> None:
    belief = believed(bo, fractions)
    made = Counter(services.choose(belief, now=NOW, seed=seed).policy for seed in range(200))
    assert set(made) == {"gain", "leitner"} and 60 < made["leitner"] < 140
    assert {services.choose(belief, now=NOW, seed=7).policy for _ in range(3)} == {
        services.choose(belief, now=NOW, seed=7).policy
    }


def test_who_is_not_to_be_drawn_for_has_the_approved_policy_until_the_new_one_is_promoted(
    school: School, fractions: Curriculum, bo: Learner, ms_diaz: User, trial: PolicyTrial
) -> None:
    agreements.change_learner(bo, {"explores": False}, by_whom=ms_diaz, now=NOW)
    belief = believed(bo, fractions)
    assert {services.choose(belief, now=NOW, seed=seed).policy for seed in range(50)} == {"gain"}
    trials.promote(trial, anyway=True, reason="the staff wants it", now=NOW)
    assert {services.choose(belief, now=NOW, seed=seed).policy for seed in range(50)} == {"leitner"}


def test_the_log_tells_the_arm(school: School, bo: Learner, trial: PolicyTrial) -> None:
    policy = asked(bo, school)
    assert set(Decision.objects.values_list("policy", flat=True)) == {policy}


def test_a_plan_from_before_a_trial_ended_no_longer_holds(
    school: School, bo: Learner, trial: PolicyTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = next(seed for seed in range(100) if _is_new(trial, seed))
    monkeypatch.setattr("tutor.scheduling.plans.new_seed", lambda: drawn)
    assert asked(bo, school) == "leitner"
    trials.stop(trial, reason="enough seen", now=NOW)
    trials.forget()
    assert asked(bo, school) == "gain"


def test_a_trial_that_begins_while_a_plan_is_made_has_the_next_one(
    school: School, fractions: Curriculum, bo: Learner
) -> None:
    """Before it began, nobody read the history that Leitner's boxes go by."""
    before = rules.agreed(school.pk, fractions.pk, [bo.pk], NOW)[bo.pk]
    new, approved = Side("leitner", None), Side("gain", None)
    trials.begin(
        school.pk, fractions, None, approved=approved, new=new, promise=Promise(alpha=0.5), unrehearsed="agreed",
        now=NOW,
    )  # fmt: skip
    trials.forget()
    belief = believed(bo, fractions)
    made = {services.choose(belief, now=NOW, seed=seed, agreed=before).policy for seed in range(20)}
    assert made == {"gain"}


def test_a_trial_of_what_a_release_no_longer_allows_serves_nobody_and_stops_nobody(
    school: School, fractions: Curriculum, bo: Learner
) -> None:
    config = configs.create(school.pk, name="keen", policy="gain", parameters={"retention": 0.95}, now=NOW)
    approved, new = Side("gain", None), Side("gain", config)
    begun = trials.begin(
        school.pk, fractions, None, approved=approved, new=new, promise=Promise(alpha=0.5), unrehearsed="agreed",
        now=NOW,
    )  # fmt: skip
    # As an earlier release may have let it be set.
    PolicyConfig.objects.filter(pk=config.pk).update(parameters={"retention": 0.999})
    trials.forget()
    assert asked(bo, school) == "gain"
    assert trials.look_at_all(now=NOW) == 0
    assert trials.stop(begun, reason="of an earlier release", now=NOW).state == "stopped"


def test_a_plan_has_as_many_entries_as_its_policy_sets_or_as_are_asked_for(school: School) -> None:
    curriculum = wide(school.pk, 12)
    [learner] = learners(school, 1)
    config = configs.create(school.pk, name="short", policy="gain", parameters={"size": 3}, now=NOW)
    approved, new = Side("gain", None), Side("gain", config)
    begun = trials.begin(
        school.pk, curriculum, None, approved=approved, new=new, promise=Promise(), unrehearsed="agreed",
        now=NOW,
    )  # fmt: skip
    trials.promote(begun, anyway=True, reason="sessions are short", now=NOW)
    record(school, [answer(learner, curriculum, 0)])
    work()
    assert len(plans.decode(plan_of(learner).body).entries) == 3
    assert len(ask(learner, 5, now=NOW).entries) == 5


def test_a_class_that_has_agreed_on_a_policy_of_its_own_is_left_out(
    school: School, fractions: Curriculum, trial: PolicyTrial
) -> None:
    where = school.pk, None, fractions.pk
    assert [trials.arm(*where, agreed, 1) is None for agreed in ("", "gain", "exam")] == [False, False, True]
    assert trials.mark(*where, "exam") == ""


def _is_new(trial: PolicyTrial, seed: int) -> bool:
    arm = trials.arm(trial.school_id, None, trial.curriculum_id, "", seed)
    return arm is not None and arm.is_new
