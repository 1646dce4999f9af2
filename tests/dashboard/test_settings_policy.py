"""How policies compare: only what trials, rehearsals and the log say, to whom it may be told, with what it rests on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.dashboard.classroom import a_classroom
from tests.dashboard.conftest import SignIn
from tests.dashboard.mastery_map import table
from tests.dashboard.test_settings import address, words
from tests.flow.steps import statements
from tests.scheduling.ope_world import World, suited
from tutor.accounts.models import Group, School, User
from tutor.dashboard.settings_policy import is_told
from tutor.scheduling import configs, guard, jobs, rehearsals, trials
from tutor.scheduling.evaluations import Outcome, Replayed
from tutor.scheduling.guard import Promise
from tutor.scheduling.models import Evaluation, PolicyTrial, Rehearsal
from tutor.scheduling.ope import targets
from tutor.scheduling.ope.report import evaluate
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.policies import POLICIES
from tutor.scheduling.tournament import gate
from tutor.scheduling.trials import Side

GAIN, THRESHOLD = Side("gain", None), Side("threshold", None)

Open = Callable[..., Any]


@pytest.fixture
def open_policies(class_7b: Group, ms_diaz: User, signed_in: SignIn) -> Open:
    def open_(user: User | None = None, **parameters: str) -> Any:
        return signed_in(user or ms_diaz).get(address(class_7b, "policy/"), parameters)

    return open_


def begin(school: School, curriculum: Curriculum, group: Group | None, now: datetime, **options: Any) -> PolicyTrial:
    asked = {"approved": GAIN, "new": THRESHOLD, "promise": Promise(), "unrehearsed": "agreed with parents", **options}
    return trials.begin(school.pk, curriculum, group, now=now, by="Head", **asked)


def looked_at(trial: PolicyTrial, learners: int, *, gain: float = 0.0) -> None:
    """As the nightly look leaves it, with results of so many learners."""
    chance = np.random.default_rng(1)
    approved = chance.uniform(0.4, 0.6, learners)
    told = guard.look(approved, np.clip(approved + gain, 0, 1), trials.promise_of(trial), at=1)
    counted = {"counted": {"approved": 90, "new": 9}, "pending": {"approved": 4, "new": 1}}
    PolicyTrial.objects.filter(pk=trial.pk).update(figures=told.to_json() | counted, looks=1)


def judged(school: School, curriculum: Curriculum, now: datetime, *, learners: int, choices: int = 20) -> Evaluation:
    """As a worker leaves it: a report on a log of so many learners."""
    reward = Reward(Kind.SUCCESS)
    logged = World(learners=learners, choices=choices).draw(0)
    report = evaluate(logged, targets.best(suited), reward=reward)
    outcome = Outcome(Replayed(len(logged), len(logged), 0), report)
    job = Evaluation(
        school_id=school.pk, policy="threshold", curriculum=curriculum, since=now - timedelta(days=60), until=now,
        reward=reward.kind.value, delay_days=reward.delay_days, window_days=reward.window_days, status="done",
        report=outcome.to_json(), created_at=now, finished_at=now,
    )  # fmt: skip
    job.save()
    return job


def test_each_policy_is_told_in_a_sentence_and_which_is_agreed(open_policies: Open, class_7b: Group) -> None:
    text = words(open_policies()).replace("&#x27;", "'")
    for policy in POLICIES.values():
        assert policy.about in text
    assert "Agreed: Most learnt per minute ." in text
    assert "No trial holds here." in text
    assert "There has been no trial here." in text
    assert "no verdict is on record" in text


def test_a_school_s_own_policies_are_told_with_what_is_set(
    open_policies: Open, school: School, now: datetime
) -> None:  # fmt: skip
    configs.create(school.pk, name="gentle", policy="gain", parameters={"success": 0.9}, now=now)
    assert "gentle 1" in words(open_policies())
    assert "success = 0.9" in words(open_policies())


def test_a_trial_of_the_class_is_told_with_its_results(
    open_policies: Open, class_7b: Group, school: School, fractions: Curriculum, now: datetime
) -> None:
    trial = begin(school, fractions, class_7b, now)
    text = words(open_policies())
    assert "A trial is running: Reviews first makes 5% of the plans, “Most learnt per minute” the rest." in text
    assert "It is of this class alone." in text
    assert "Nobody has looked at its results yet" in text
    assert "Begun without a rehearsal; the reason given: “agreed with parents”." in text
    looked_at(trial, 5)
    text = words(open_policies())
    assert "Too few learners have met both: nothing is said yet." in text
    assert "Difference:" not in text
    looked_at(trial, 400, gain=0.2)
    text = words(open_policies())
    assert "The new policy is surely better; somebody may promote it." in text
    assert "Of 400 learners who met both:" in text
    assert "Difference: +20.0% (+" in text
    assert "Choices counted: 90 approved, 9 new" in text


def test_a_promoted_policy_is_said_to_make_every_plan(
    open_policies: Open, class_7b: Group, school: School, fractions: Curriculum, now: datetime
) -> None:
    trial = begin(school, fractions, None, now)
    trials.promote(trial, anyway=True, reason="all want it", by="Head", now=now)
    text = words(open_policies())
    assert "Promoted after a trial: Reviews first makes every plan. It is of the whole school." in text
    assert "all want it Head" in text


def test_figures_over_few_learners_of_other_classes_are_not_told(
    open_policies: Open, class_7b: Group, school: School, fractions: Curriculum, head: User, now: datetime
) -> None:
    """Two of them may be this class's own."""
    trial = begin(school, fractions, None, now)
    judged(school, fractions, now, learners=11, choices=400)
    for learners, is_shown in ((11, False), (12, True)):
        looked_at(trial, learners)
        text = words(open_policies())
        assert (f"Of {learners} learners who met both" in text) == is_shown
        assert ("Too few learners of other classes have met both" in text) != is_shown
        assert f"Of {learners} learners who met both" in words(open_policies(head))
    text = words(open_policies())
    assert "Too few learners of other classes are in it" in text
    assert "IPS" not in text.split("Judged by the log")[1].split("Every policy")[0].replace("IPS, SNIPS and DR", "")
    rows = table(open_policies_file(open_policies, "evaluations"))
    assert rows[0]["Value (%)"] == ""
    assert rows[0]["Effective sample"] == ""
    assert "Effective sample:" in words(open_policies(head))


def open_policies_file(open_policies: Open, name: str) -> Any:
    page = open_policies()
    return page.client.get(page.request["PATH_INFO"] + f"{name}.csv")


def test_the_rule_holds_whoever_of_the_class_is_among_them() -> None:
    assert is_told(0, 2)
    assert not is_told(9, 0)
    assert is_told(10, 0)
    assert not is_told(24, 15)


def test_trials_of_classes_that_one_does_not_teach_are_absent(
    open_policies: Open, school: School, fractions: Curriculum, ms_roth: User, now: datetime
) -> None:
    hers = people.a_group(school, "7c", teachers=(ms_roth,), curriculum=fractions)
    begin(school, fractions, hers, now)
    assert "There has been no trial here." in words(open_policies())


def test_an_evaluation_is_told_with_its_estimators_and_what_they_rest_on(
    open_policies: Open, school: School, fractions: Curriculum, now: datetime
) -> None:
    job = judged(school, fractions, now, learners=200)
    text = words(open_policies())
    told = job.report
    for name in ("ips", "snips", "dr"):
        assert f"{100 * told['values'][name]['value']['value']:.1f}%" in text
        assert f"{100 * told['values'][name]['gain']['low']:+.1f}%".replace("-", "\N{MINUS SIGN}") in text
    assert f"Effective sample: {told['overlap']['effective']:.1f}." in text
    assert "200 learners." in text
    for line in told["assumptions"]:
        assert line in text.replace("&#x27;", "'")
    rows = table(open_policies_file(open_policies, "evaluations"))
    assert [row["Estimate"] for row in rows] == [
        "What was done", "IPS, weighed by odds", "SNIPS, the same with weights that sum to one", "DR, doubly robust",
    ]  # fmt: skip


def test_too_small_a_log_says_nothing_but_why(
    open_policies: Open, school: School, fractions: Curriculum, now: datetime
) -> None:  # fmt: skip
    job = judged(school, fractions, now, learners=40, choices=3)
    assert "100 are needed" in job.report["refusal"]
    text = words(open_policies()).replace("&#x27;", "'")
    assert "Nothing can be told:" in text
    assert job.report["refusal"] in text
    assert "DR, doubly robust" not in text


def test_a_rehearsal_is_told_with_its_worlds_and_the_trial_that_it_let_begin(
    school: School, ms_diaz: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    monkeypatch.setattr(gate, "LEARNERS", 16)
    monkeypatch.setattr(gate, "DAYS", 10)
    group = a_classroom(school, ms_diaz, n=4, now=now)
    assert group.curriculum is not None
    same = Side("gain", configs.create(school.pk, name="same", policy="gain", parameters={}, now=now))
    jobs.request(rehearsals.question(school.pk, group.curriculum.pk, same, GAIN, now=now))
    browser = signed_in(ms_diaz)
    assert "A worker takes it up soon" in words(browser.get(address(group, "policy/")))
    assert rehearsals.run_next(now=timezone.now())
    begin(school, group.curriculum, group, timezone.now(), new=same, unrehearsed="")
    text = words(browser.get(address(group, "policy/")))
    assert "Passed: it was not shown to teach less." in text
    assert "16 simulated learners, 10 days" in text
    assert "Rehearsed on simulated learners on" in text
    rows = table(browser.get(address(group, "policy/rehearsals.csv")))
    assert [row["Difference (%)"] for row in rows] == ["0.0", "0.0"]
    assert table(browser.get(address(group, "policy/trials.csv")))[0]["Rehearsal"] == "passed"


def test_an_administrator_has_a_policy_judged(
    open_policies: Open, class_7b: Group, head: User, signed_in: SignIn, fractions: Curriculum
) -> None:
    since = (timezone.now() - timedelta(days=50)).date().isoformat()
    asked = {"policy": "threshold", "since": since, "logged_policy": "gain", "reward": "success"}
    answer = signed_in(head).post(address(class_7b, "policy/evaluate/"), asked, follow=True)
    assert "“Reviews first” will be judged by the log." in words(answer)
    job = Evaluation.objects.get()
    assert (job.policy, job.logged_policy, job.reward, job.status) == ("threshold", "gain", "success", "queued")
    assert (job.school_id, job.curriculum_id, job.requested_by) == (class_7b.school_id, fractions.pk, "Head")
    assert job.since.astimezone(ZoneInfo("Europe/Berlin")).date().isoformat() == since
    assert "A worker takes it up soon" in words(open_policies())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"since": "2999-01-01"}, "is not after since"),
        ({"since": "soon"}, "“soon” is no day"),
        ({"policy": "alp_gmm"}, "goes by what whole classes did: judge it in the simulator"),
        ({"reward": "luck"}, "“luck” cannot be"),
    ],
)
def test_what_cannot_be_judged_is_said_and_stays_typed(
    changes: dict[str, str], said: str, class_7b: Group, head: User, signed_in: SignIn
) -> None:
    asked = {"policy": "threshold", "since": "2026-01-02", "logged_policy": "gain", "reward": "success", **changes}
    answer = signed_in(head).post(address(class_7b, "policy/evaluate/"), asked, follow=True)
    assert said in words(answer)
    assert answer.context["asked"] == {**asked, "against": ""}
    assert not Evaluation.objects.exists()


def test_an_administrator_has_a_policy_rehearsed(class_7b: Group, head: User, signed_in: SignIn) -> None:
    browser, to = signed_in(head), address(class_7b, "policy/rehearse/")
    assert "both are" in words(browser.post(to, {"policy": "gain", "against": "gain"}, follow=True))
    assert not Rehearsal.objects.exists()
    answer = browser.post(to, {"policy": "threshold", "against": "gain"}, follow=True)
    assert "“Reviews first” will be tried on simulated learners." in words(answer)
    assert (Rehearsal.objects.get().policy, Rehearsal.objects.get().against) == ("threshold", "gain")


def test_a_policy_that_is_not_there_cannot_be_judged(
    class_7b: Group, head: User, signed_in: SignIn, other_school: School, now: datetime
) -> None:
    theirs = configs.create(other_school.pk, name="theirs", policy="gain", parameters={}, now=now)
    for policy in ("magic", str(theirs.pk)):
        asked = {"policy": policy, "since": "2026-01-02", "reward": "success"}
        assert signed_in(head).post(address(class_7b, "policy/evaluate/"), asked).status_code == 404


PAGES = ("policy/", "policy/policies.csv", "policy/trials.csv", "policy/evaluations.csv", "policy/rehearsals.csv")
ACTIONS = ("policy/evaluate/", "policy/rehearse/")


@pytest.mark.parametrize("outsider", ["mr_chen", "ms_roth", "operator", "their_head"])
def test_for_others_the_policies_do_not_exist(
    outsider: str, class_7b: Group, mr_chen: User, ms_roth: User, other_school: School, signed_in: SignIn
) -> None:
    users = {
        "mr_chen": mr_chen,
        "ms_roth": ms_roth,
        "operator": User.objects.create_superuser("op@example.org", "x"),
        "their_head": people.a_teacher(other_school, "Their Head", role=User.Role.ADMIN),
    }
    browser = signed_in(users[outsider])
    assert [browser.get(address(class_7b, page)).status_code for page in PAGES] == [404] * len(PAGES)
    assert [browser.post(address(class_7b, each), {"policy": "gain"}).status_code for each in ACTIONS] == [404, 404]


def test_a_teacher_reads_and_asks_for_nothing(
    class_7b: Group, ms_diaz: User, head: User, signed_in: SignIn
) -> None:  # fmt: skip
    browser = signed_in(ms_diaz)
    assert [browser.get(address(class_7b, page)).status_code for page in PAGES] == [200] * len(PAGES)
    assert "Ask for more" not in words(browser.get(address(class_7b, "policy/")))
    assert "Ask for more" in words(signed_in(head).get(address(class_7b, "policy/")))
    asked = {"policy": "threshold", "against": "gain", "since": "2026-01-02", "reward": "success"}
    assert [browser.post(address(class_7b, each), asked).status_code for each in ACTIONS] == [404, 404]
    assert not Evaluation.objects.exists()
    assert browser.post(address(class_7b, "policy/")).status_code == 405
    assert browser.get(address(class_7b, "policy/evaluate/")).status_code == 405
    assert browser.get(address(class_7b, "policy/magic.csv")).status_code == 404


def test_whoever_is_not_signed_in_is_asked_to(class_7b: Group) -> None:
    page = address(class_7b, "policy/")
    assert Client().get(page).headers["Location"] == f"/login/?next={page}"


def test_statements_do_not_grow_with_what_is_kept(
    class_7b: Group, school: School, fractions: Curriculum, head: User, signed_in: SignIn, now: datetime
) -> None:
    browser, counts = signed_in(head), []
    for n in (1, 5):
        for at in range(n):
            trials.stop(begin(school, fractions, None, now + timedelta(minutes=at)), now=now + timedelta(hours=1))
            judged(school, fractions, now, learners=40, choices=3)
            rehearsals.question(school.pk, fractions.pk, THRESHOLD, GAIN, now=now).save()
            configs.create(school.pk, name=f"own-{n}-{at}", policy="gain", parameters={}, now=now)
        browser.get(address(class_7b, "policy/"))
        with statements() as sent:
            browser.get(address(class_7b, "policy/"))
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 14
