"""Trials of policies, begun and ended on the page by administrators, who are told before what will happen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.dashboard.conftest import SignIn
from tests.dashboard.test_settings import address, words
from tests.dashboard.test_settings_policy import GAIN, THRESHOLD, begin
from tests.flow.steps import statements
from tutor.accounts.models import Group, School, User
from tutor.scheduling import configs, guard, rehearsals, trials
from tutor.scheduling.models import PolicyTrial, Rehearsal

ASKED = {"act": "begin", "policy": "threshold", "against": "gain", "unrehearsed": "agreed with parents"}

Send = Callable[..., Any]


@pytest.fixture
def send(class_7b: Group, head: User, signed_in: SignIn) -> Send:
    """Presses a button of the page as the administrator, and reads what comes back."""

    def send_(to: str = "begin/", by: User | None = None, **changes: str) -> Any:
        asked = {**(ASKED if to == "begin/" else {}), **changes}
        return signed_in(by or head).post(address(class_7b, f"policy/trials/{to}"), asked, follow=True)

    return send_


@pytest.fixture
def preview(class_7b: Group, head: User, signed_in: SignIn) -> Callable[..., str]:
    """What is said before a trial begins."""

    def preview_(**asked: str) -> str:
        text = words(signed_in(head).get(address(class_7b, "policy/"), {"act": "begin", **asked}))
        return text.split("What will happen")[1].split("Begin the trial")[0]

    return preview_


def test_an_administrator_begins_a_trial_of_the_class(
    send: Send, class_7b: Group, fractions: Curriculum
) -> None:  # fmt: skip
    text = words(send())
    assert "The trial has begun: “Reviews first” makes 5.0% of the plans, “Most learnt per minute” the rest." in text
    trial = PolicyTrial.objects.get()
    assert trials.sides(trial) == (GAIN, THRESHOLD)
    assert (trial.school_id, trial.group, trial.curriculum) == (class_7b.school_id, class_7b, fractions)
    assert (trial.created_by, trial.unrehearsed, trial.reward) == ("Head", "agreed with parents", "retention")
    assert trials.promise_of(trial) == guard.Promise()
    assert "A trial is running: Reviews first makes 5% of the plans" in text


def test_what_is_promised_may_be_set(send: Send, school: School) -> None:
    send(whose="school", reward="success", alpha="2,5", confidence="99%", warm_up="50", least_gain="3")
    trial = PolicyTrial.objects.get()
    assert (trial.group, trial.reward, trial.mixing) == (None, "success", 0.025)
    assert trials.promise_of(trial) == guard.Promise(0.025, 0.99, 50, 0.03)


def test_what_will_happen_is_said_before(preview: Callable[..., str]) -> None:
    said = preview(policy="threshold", against="gain")
    assert "“Reviews first” makes 5% of the plans, by lot; “Most learnt per minute” keeps 95%." in said
    assert "It is for 7b alone" in said
    assert "does not rise before 30 learners have met both" in said
    assert "“Most learnt per minute” always keeps at least 10%" in said
    assert "It ends by itself if the new policy is surely worse, and else only when somebody ends it." in said
    assert "It has not been rehearsed against that policy in the last 90 days" in said
    said = preview(policy="threshold", against="gain", whose="school", alpha="12.5", least_gain="2")
    assert "makes 12.5% of the plans, by lot; “Most learnt per minute” keeps 87.5%." in said
    assert "every class of the school but those that have agreed on another policy" in said
    assert "surely better by 2% or more" in said


def test_what_a_rehearsal_said_and_what_runs_is_minded_before(
    preview: Callable[..., str], class_7b: Group, school: School, fractions: Curriculum, now: datetime
) -> None:
    job = rehearsals.question(school.pk, fractions.pk, THRESHOLD, GAIN, now=now)
    job.status, job.finished_at, job.report = Rehearsal.Status.DONE, now, {"passed": True, "worlds": {}}
    job.save()
    assert "Mind:" not in preview(policy="threshold", against="gain")
    Rehearsal.objects.update(report={"passed": False, "worlds": {}, "reason": "teaches less"})
    assert "it was shown to teach less: say why it is to be tried all the same" in preview(policy="threshold")
    begin(school, fractions, None, now)
    assert "Another trial is running here" not in preview(policy="threshold")
    assert "Another trial is running here: end that one first." in preview(policy="threshold", whose="school")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unrehearsed": ""}, "has not been tried against"),
        ({"policy": "gain"}, "both are"),
        ({"policy": "exam"}, "needs a date"),
        ({"alpha": "70"}, "“70” cannot be for “Value that may be lost, at most (%)”: give a number from 0.1 to 50."),
        ({"alpha": "much"}, "“much” cannot be for"),
        ({"confidence": "100"}, "“100” cannot be for"),
        ({"warm_up": "2.5"}, "“2.5” cannot be for"),
        ({"reward": "gain"}, "“gain” cannot be: choose one of the list."),
        ({"whose": "everybody"}, "“everybody” cannot be: choose one of the list."),
        ({"unrehearsed": "x" * 2001}, "2001 characters cannot be"),
    ],
)
def test_what_cannot_be_tried_is_said_and_stays_typed(changes: dict[str, str], said: str, send: Send) -> None:
    answer = send(**changes)
    assert f"Not begun: {said}"[:11] in words(answer)
    assert said in words(answer)
    form = answer.context["begin"]
    assert form.is_open
    assert (form.new, form.approved) == (changes.get("policy", "threshold"), "gain")
    assert form.unrehearsed == changes.get("unrehearsed", "agreed with parents")
    assert {number.name: number.value for number in form.numbers}["alpha"] == changes.get("alpha", "5")
    assert not PolicyTrial.objects.exists()


def test_a_second_trial_is_refused_until_the_first_is_ended(send: Send, now: datetime) -> None:
    send()
    first = PolicyTrial.objects.get()
    answer = send(policy="random")
    assert "is running here: stop or promote it first" in words(answer)
    answer = send(f"{first.pk}/end/", reason="children were bored")
    text = words(answer)
    assert "The trial of “Reviews first” has ended: what is agreed with each class holds again." in text
    assert "children were bored Head" in text
    first.refresh_from_db()
    assert (first.state, first.decided_by, first.reason) == ("stopped", "Head", "children were bored")
    assert "Not ended: the trial was stopped already: begin another one." in words(send(f"{first.pk}/end/"))
    send(policy="random")
    assert PolicyTrial.objects.count() == 2


def test_a_promotion_is_taken_back_and_the_next_trial_begins_from_one(
    send: Send, class_7b: Group, school: School, fractions: Curriculum, head: User, signed_in: SignIn, now: datetime
) -> None:
    trial = begin(school, fractions, None, now)
    trials.promote(trial, anyway=True, reason="all want it", by="Head", now=now)
    answer = signed_in(head).get(address(class_7b, "policy/"))
    assert "Take the promotion back…" in words(answer)
    assert answer.context["begin"].approved == "threshold"
    assert "has ended" in words(send(f"{trial.pk}/end/"))
    trial.refresh_from_db()
    assert trial.ended_at
    assert "End the trial…" not in words(send(f"{trial.pk}/end/"))


def test_policies_of_other_schools_cannot_be_tried(send: Send, other_school: School, now: datetime) -> None:
    theirs = configs.create(other_school.pk, name="theirs", policy="gain", parameters={}, now=now)
    for policy in ("magic", str(theirs.pk)):
        assert send(policy=policy).status_code == 404
    assert not PolicyTrial.objects.exists()


@pytest.mark.parametrize("outsider", ["ms_diaz", "mr_chen", "ms_roth", "operator", "their_head"])
def test_nobody_else_begins_or_ends_a_trial(
    outsider: str, class_7b: Group, school: School, fractions: Curriculum, ms_diaz: User, mr_chen: User, ms_roth: User,
    other_school: School, send: Send, signed_in: SignIn, now: datetime,
) -> None:  # fmt: skip
    users = {
        "ms_diaz": ms_diaz,
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    running = begin(school, fractions, class_7b, now)
    for to in ("begin/", f"{running.pk}/end/"):
        assert send(to, by=users[outsider]).status_code == 404
    assert PolicyTrial.objects.get().ended_at is None
    shown = signed_in(ms_diaz).get(address(class_7b, "policy/"))
    assert "Begin a trial" not in words(shown)
    assert "End the trial" not in words(shown)


def test_trials_of_another_class_or_school_are_not_ended_from_here(
    send: Send, school: School, other_school: School, fractions: Curriculum, ms_roth: User, now: datetime
) -> None:
    hers = begin(school, fractions, people.a_group(school, "7c", teachers=(ms_roth,), curriculum=fractions), now)
    theirs = begin(other_school, fractions, None, now)
    for trial in (hers, theirs):
        assert send(f"{trial.pk}/end/").status_code == 404
        trial.refresh_from_db()
        assert trial.ended_at is None


def test_whoever_is_not_signed_in_is_asked_to_and_reading_changes_nothing(
    class_7b: Group, head: User, signed_in: SignIn, school: School, fractions: Curriculum, now: datetime
) -> None:
    running = begin(school, fractions, class_7b, now)
    for rest in ("begin/", f"{running.pk}/end/"):
        to = address(class_7b, f"policy/trials/{rest}")
        assert Client().post(to, ASKED).headers["Location"].startswith("/login/")
        assert signed_in(head).get(to).status_code == 405
        assert Client(enforce_csrf_checks=True).post(to, ASKED).status_code in (302, 403)
    assert PolicyTrial.objects.get().ended_at is None


def test_what_is_said_before_costs_as_much_with_many_trials_as_with_one(
    class_7b: Group, head: User, signed_in: SignIn, school: School, fractions: Curriculum
) -> None:
    browser, counts, now = signed_in(head), [], timezone.now()
    for n in (1, 5):
        for at in range(n):
            trials.stop(begin(school, fractions, None, now + timedelta(minutes=at)), now=now + timedelta(hours=1))
        browser.get(address(class_7b, "policy/"), {"act": "begin"})
        with statements() as sent:
            browser.get(address(class_7b, "policy/"), {"act": "begin"})
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 15
