"""A trial draws who makes each plan, and the log tells the arm."""

from __future__ import annotations

from collections import Counter

import pytest

from curricula.models import Curriculum
from tests.flow.steps import answer, at, believed, client_of, learners, record, work
from tutor.accounts.models import Learner, School
from tutor.scheduling import services, trials
from tutor.scheduling.guard import Promise
from tutor.scheduling.models import Decision
from tutor.scheduling.policy_models import PolicyTrial
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
    begun = trials.begin(school.pk, fractions, None, approved=approved, new=new, promise=Promise(alpha=0.5), now=NOW)
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


def _is_new(trial: PolicyTrial, seed: int) -> bool:
    arm = trials.arm(trial.school_id, None, trial.curriculum_id, seed)
    return arm is not None and arm.is_new
