"""A new policy is tried on as many plans as results allow, night by night, and anybody may end it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from curricula.ids import uuid7
from curricula.models import Curriculum
from curricula.snapshot import latest
from tests import people
from tests.flow.steps import answer, at, learners, record, statements
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group, Learner, School
from tutor.scheduling import configs, trials
from tutor.scheduling.guard import Promise
from tutor.scheduling.models import Decision, PolicyConfig, PolicyTrial
from tutor.scheduling.ope.rewards import Kind
from tutor.scheduling.policies import POLICIES
from tutor.scheduling.trials import CannotTry, Ended, Side

pytestmark = pytest.mark.django_db

GAIN, THRESHOLD = Side("gain", None), Side("threshold", None)


@pytest.fixture(autouse=True)
def fresh_look() -> None:
    trials.forget()


def begin(school: School, curriculum: Curriculum, group: Group | None = None, **options: Any) -> PolicyTrial:
    asked = {
        "approved": GAIN, "new": THRESHOLD, "promise": Promise(), "reward": Kind.SUCCESS, "unrehearsed": "agreed",
        "now": at(0), **options,
    }  # fmt: skip
    return trials.begin(school.pk, curriculum, group, **asked)


def drawn(school: School, curriculum: Curriculum, n: int = 2_000, group: Group | None = None) -> list[str]:
    arms = [trials.arm(school.pk, group.pk if group else None, curriculum.pk, "", seed) for seed in range(n)]
    return [arm.chosen.label if arm else "" for arm in arms]


def choice(
    learner: Learner, curriculum: Curriculum, policy: str, served: datetime, *, credit: float | None, **fields: Any
) -> Decision:
    content = latest(curriculum.pk)
    answered = (
        {} if credit is None else {"answered_seq": 1, "correct": credit, "outcome": "answered", "outcome_at": served}
    )
    return Decision(
        id=uuid7(), school_id=learner.school_id, learner_id=learner.pk, curriculum_id=curriculum.pk,
        curriculum_version_id=content.version_id, model_version_id=uuid7(), policy=policy, seed=0,
        decided_at=served, served_at=served, slot=0, concept=0, item=0, kind="practice", due_at=served, score=1.0,
        reasons=[], candidates=[[0, 0, 1.0, 1.0]],
        **{"policy_version": POLICIES[policy].version, "propensity": 1.0, **answered, **fields},
    )  # fmt: skip


def results(trial: PolicyTrial, group: list[Learner], p: dict[str, float], n: int, *, day: int = 0) -> None:
    """Choices of every learner under both policies, right with these chances."""
    chance = np.random.default_rng(7 + day)
    Decision.objects.bulk_create(
        choice(learner, trial.curriculum, policy, at(minute, days=day), credit=float(chance.random() < p[policy]))
        for learner in group
        for policy in p
        for minute in range(n)
    )


def look(trial: PolicyTrial, *, days: float = 30) -> PolicyTrial:
    trials.look_at_all(now=at(days=days))
    trial.refresh_from_db()
    return trial


def test_where_no_trial_runs_nothing_is_drawn_and_little_is_asked(school: School, fractions: Curriculum) -> None:
    with statements() as sent:
        assert set(drawn(school, fractions, 50)) == {""}
    assert len(sent) == 1
    assert trials.mark(school.pk, None, fractions.pk, "") == ""


def test_many_questions_cost_one_query(
    school: School, fractions: Curriculum, django_assert_num_queries: people.Counter
) -> None:
    begin(school, fractions)
    with django_assert_num_queries(1):
        drawn(school, fractions, 100)


def test_a_trial_begins_with_the_share_that_may_be_lost(school: School, fractions: Curriculum) -> None:
    begin(school, fractions, promise=Promise(alpha=0.1))
    arms = drawn(school, fractions, 5_000)
    assert arms.count("threshold") == pytest.approx(500, abs=120)
    assert arms.count("gain") == 5_000 - arms.count("threshold")
    assert arms == drawn(school, fractions, 5_000)


def test_who_drew_in_one_trial_draws_anew_in_another(
    school: School, other_school: School, fractions: Curriculum
) -> None:
    for each in (school, other_school):
        begin(each, fractions, promise=Promise(alpha=0.5))
    one, other = drawn(school, fractions, 400), drawn(other_school, fractions, 400)
    assert 120 < sum(a == b for a, b in zip(one, other, strict=True)) < 280


def test_a_class_of_its_own_trial_is_not_in_the_schools(school: School, fractions: Curriculum, class_7b: Group) -> None:
    begin(school, fractions)
    config = configs.create(school.pk, name="gentle", policy="gain", parameters={"success": 0.9}, now=at(0))
    begin(school, fractions, class_7b, new=Side("gain", config), promise=Promise(alpha=0.5))
    assert set(drawn(school, fractions, 300, class_7b)) == {"gain", "gentle"}
    assert set(drawn(school, fractions, 300)) == {"gain", "threshold"}
    arm = next(
        arm for seed in range(100) if (arm := trials.arm(school.pk, class_7b.pk, fractions.pk, "", seed)) and arm.is_new
    )
    assert (arm.chosen.version, arm.chosen.settings().success) == (1, 0.9)


def test_other_schools_and_curricula_are_not_in_it(school: School, other_school: School, fractions: Curriculum) -> None:
    begin(school, fractions)
    algebra = people.a_curriculum(school.pk, "algebra")
    assert set(drawn(other_school, fractions, 50)) == set(drawn(school, algebra, 50)) == {""}


def test_a_better_policy_is_mixed_in_and_proposed(school: School, fractions: Curriculum) -> None:
    trial = begin(school, fractions)
    results(trial, learners(school, 150), {"gain": 0.4, "threshold": 0.8}, 20)
    look(trial)
    assert (trial.state, trial.mixing, trial.looks) == ("running", 0.9, 1)
    assert trial.proposed_at == at(days=30)
    assert trial.shares == [[at(0).timestamp(), 0.05], [at(days=30).timestamp(), 0.9]]
    assert trial.figures["verdict"] == "better"
    assert trial.figures["learners"] == 150
    assert trial.figures["counted"] == {"approved": 3_000, "new": 3_000}
    assert set(drawn(school, fractions, 100)) == {"gain", "threshold"}


def test_a_worse_policy_is_stopped(school: School, fractions: Curriculum) -> None:
    trial = begin(school, fractions)
    results(trial, learners(school, 150), {"gain": 0.8, "threshold": 0.3}, 20)
    look(trial)
    assert (trial.state, trial.mixing, trial.decided_by) == ("stopped", 0.0, "guard")
    assert trial.reason.startswith("surely worse than the approved policy: 0.3")
    assert set(drawn(school, fractions, 100)) == {""}


def test_few_learners_change_nothing(school: School, fractions: Curriculum) -> None:
    trial = begin(school, fractions)
    results(trial, learners(school, 10), {"gain": 0.0, "threshold": 1.0}, 20)
    look(trial)
    assert (trial.mixing, trial.figures["verdict"], trial.proposed_at) == (0.05, "warming up", None)


def test_a_look_a_night_and_none_for_nothing_new(school: School, fractions: Curriculum) -> None:
    trial = begin(school, fractions)
    results(trial, learners(school, 40), {"gain": 0.5, "threshold": 0.5}, 5)
    assert look(trial, days=30).looks == 1
    assert trials.look_at_all(now=at(days=30.5)) == 0
    assert look(trial, days=31).looks == 1
    results(trial, learners(school, 1), {"gain": 0.5, "threshold": 0.5}, 5, day=20)
    assert look(trial, days=32).looks == 2


def test_young_choices_are_pending(school: School, fractions: Curriculum, bo: Learner) -> None:
    trial = begin(school, fractions)
    choice(bo, fractions, "gain", at(days=29), credit=1.0).save()
    choice(bo, fractions, "threshold", at(days=20), credit=None).save()
    look(trial)
    assert trial.figures["pending"] == {"approved": 1, "new": 0}
    assert trial.figures["counted"] == {"approved": 0, "new": 0}


def test_values_are_of_the_same_days_whatever_the_share_was(school: School, fractions: Curriculum) -> None:
    """Learners get better, and the new policy chooses more of the later days: that makes it no better."""
    trial = begin(school, fractions)
    trial.shares = [[at(0).timestamp(), 0.2], [at(days=5).timestamp(), 0.8]]
    trial.save()
    rows: list[Decision] = []
    for learner in learners(school, 40):
        for day, right, new in ((1, 0.0, 2), (6, 1.0, 8)):
            for minute in range(10):
                policy = "threshold" if minute < new else "gain"
                rows.append(choice(learner, fractions, policy, at(minute, days=day), credit=right))
    Decision.objects.bulk_create(rows)
    figures = look(trial).figures
    assert figures["new"] == pytest.approx(0.8)
    assert figures["approved"] == pytest.approx(0.8)


def test_results_are_those_of_the_log(
    school: School, fractions: Curriculum, class_7b: Group, bo: Learner, ana: Learner
) -> None:
    """Against a count by hand: pins, offers set aside, other choices, versions and classes are left out."""
    trial = begin(school, fractions, class_7b, promise=Promise(warm_up=2), reward=Kind.RETENTION)
    cy = people.a_learner(school, "Cy")
    # A right answer a day and a half after each offer is its worth; two are never asked again.
    served = {}
    for n, (learner, policy, later) in enumerate(
        [(bo, "gain", 1.0), (bo, "threshold", 0.0), (bo, "threshold", 1.0), (ana, "gain", 0.0), (ana, "threshold", 1.0),
         (ana, "gain", None), (cy, "gain", 1.0), (cy, "threshold", 1.0)]
    ):  # fmt: skip
        when = at(days=1 + 3 * n)
        served[n] = choice(learner, fractions, policy, when, credit=None)
        served[n].save()
        if later is not None:
            moment = when + timedelta(days=1.5)
            record(school, [answer(learner, fractions, 0, correct=later, seconds=moment.timestamp())], now=moment)
    for strange in ({"propensity": 0.0}, {"policy_version": 99}, {"outcome": "overridden"}):
        choice(bo, fractions, "threshold", at(days=2), credit=None, **strange).save()
    choice(bo, fractions, "random", at(days=2), credit=None).save()
    figures = look(trial, days=80).figures
    by_hand: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, policy, later in (
        ("bo", "gain", 1.0),
        ("bo", "threshold", 0.0),
        ("bo", "threshold", 1.0),
        ("ana", "gain", 0.0),
        ("ana", "threshold", 1.0),
    ):
        by_hand[policy][name].append(later)
    assert figures["counted"] == {"approved": 2, "new": 3}
    assert figures["learners"] == 2
    for side, policy in (("approved", "gain"), ("new", "threshold")):
        assert figures[side] == pytest.approx(np.mean([np.mean(each) for each in by_hand[policy].values()]))


def test_promotion_needs_results_or_a_reason(school: School, fractions: Curriculum) -> None:
    trial = begin(school, fractions)
    with pytest.raises(Ended, match="no learner has met both"):
        trials.promote(trial, now=at(1))
    with pytest.raises(Ended, match="with a reason"):
        trials.promote(trial, anyway=True, now=at(1))
    trials.promote(trial, anyway=True, reason="agreed with the staff", by="Ms Diaz", now=at(1))
    assert (trial.state, trial.mixing, trial.ended_at) == ("promoted", 1.0, None)
    assert set(drawn(school, fractions, 50)) == {"threshold"}


def test_a_promotion_can_be_taken_back(school: School, fractions: Curriculum) -> None:
    trial = trials.promote(begin(school, fractions), anyway=True, reason="agreed", now=at(1))
    trials.stop(trial, reason="complaints", now=at(2))
    assert (trial.state, trial.ended_at) == ("stopped", at(2))
    assert set(drawn(school, fractions, 50)) == {""}
    with pytest.raises(Ended, match="was stopped already: begin another one"):
        trials.stop(trial, now=at(3))
    with pytest.raises(Ended):
        trials.promote(trial, anyway=True, reason="again", now=at(3))


def test_the_next_trial_begins_from_what_was_promoted(school: School, fractions: Curriculum) -> None:
    first = trials.promote(begin(school, fractions), anyway=True, reason="agreed", now=at(1))
    with pytest.raises(Ended, match="'threshold' was promoted here"):
        begin(school, fractions, new=Side("random", None))
    begin(school, fractions, approved=THRESHOLD, new=GAIN, now=at(2))
    first.refresh_from_db()
    assert (first.state, first.ended_at) == ("promoted", at(2))
    assert set(drawn(school, fractions, 300)) == {"gain", "threshold"}


def test_plans_from_before_no_longer_hold(school: School, fractions: Curriculum) -> None:
    trial = begin(school, fractions)
    marks = [trials.mark(school.pk, None, fractions.pk, "")]
    trials.promote(trial, anyway=True, reason="agreed", now=at(1))
    marks.append(trials.mark(school.pk, None, fractions.pk, ""))
    trials.stop(trial, now=at(2))
    marks.append(trials.mark(school.pk, None, fractions.pk, ""))
    assert len(set(marks)) == 3
    assert marks[-1] == ""


def test_one_trial_at_a_time(school: School, fractions: Curriculum) -> None:
    running = begin(school, fractions)
    with pytest.raises(Ended, match=f"trial {running.pk} is running here: stop or promote it first"):
        begin(school, fractions)


def retired(school: School) -> PolicyConfig:
    config = configs.create(school.pk, name="old", policy="gain", parameters={}, now=at(0))
    return configs.retire(config, now=at(0))


def test_trials_without_sense_are_refused(school: School, fractions: Curriculum) -> None:
    for options, words in (
        ({"new": GAIN}, "both are 'gain'"),
        ({"new": Side("exam", None)}, "needs a date"),
        ({"new": Side("gain", retired(school))}, "'old' is retired"),
        ({"reward": Kind.GAIN}, "reward 'gain' is not within 0 and 1"),
    ):
        with pytest.raises(CannotTry, match=words):
            begin(school, fractions, **options)


def test_other_schools_know_nothing_of_it(school: School, other_school: School, fractions: Curriculum) -> None:
    trial = begin(school, fractions)
    with pytest.raises(NotFound):
        trials.access(other_school.pk, trial.pk)
    assert not trials.visible(other_school.pk).exists()
