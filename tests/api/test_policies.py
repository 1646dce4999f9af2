"""Policies over HTTP: what there is, a school's own, what the log says of them, and trials; and who may not know."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.people import Caller
from tutor.accounts.models import Group, School
from tutor.scheduling import evaluations, jobs, trials
from tutor.scheduling.models import Evaluation, PolicyConfig, PolicyTrial
from tutor.scheduling.policies import POLICIES

POLICIES_URL, EVALUATIONS, TRIALS = "/api/v1/policies", "/api/v1/evaluations", "/api/v1/policy-trials"
UNREHEARSED = {"unrehearsed": "agreed with the head"}
BEGUN = (timezone.now() - timedelta(days=90)).isoformat()


@pytest.fixture(autouse=True)
def fresh_look() -> None:
    trials.forget()


@pytest.fixture
def gentle(client: Caller, school: School) -> dict[str, Any]:
    asked = {"name": "gentle", "policy": "gain", "parameters": {"success": 0.85}, "about": "for beginners"}
    response = client.post(POLICIES_URL, asked)
    assert response.status_code == 201
    assert response["Location"] == f"{POLICIES_URL}/{response.json()['id']}"
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture
def evaluation(client: Caller, gentle: dict[str, Any]) -> dict[str, Any]:
    response = client.post(f"{POLICIES_URL}/{gentle['id']}:evaluate-offline", {"since": BEGUN, "reward": "success"})
    assert response.status_code == 202
    assert response["Location"] == f"{EVALUATIONS}/{response.json()['id']}"
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture
def trial(client: Caller, gentle: dict[str, Any], fractions: Curriculum) -> dict[str, Any]:
    asked = {"curriculum": str(fractions.pk), "approved": "gain", "new": gentle["id"], "alpha": 0.1, **UNREHEARSED}
    response = client.post(TRIALS, asked)
    assert response.status_code == 201
    assert response["Location"] == f"{TRIALS}/{response.json()['id']}"
    found: dict[str, Any] = response.json()
    return found


def test_policies_that_are_built_in_are_told(client: Caller) -> None:
    told = client.get(POLICIES_URL).json()
    assert told["data"] == []
    assert [each["id"] for each in told["built_in"]] == list(POLICIES)
    exam = next(each for each in told["built_in"] if each["id"] == "exam")
    assert (exam["needs"], exam["version"]) == (["exam"], POLICIES["exam"].version)
    assert client.get(f"{POLICIES_URL}/exam").json() == exam


def test_a_school_has_its_own(gentle: dict[str, Any], client: Caller, school: School) -> None:
    assert (gentle["name"], gentle["version"], gentle["parameters"]) == ("gentle", 1, {"success": 0.85})
    assert gentle["created_by"] == "LMS"
    assert PolicyConfig.objects.get(pk=gentle["id"]).school_id == school.pk
    assert client.get(f"{POLICIES_URL}/{gentle['id']}").json() == gentle
    assert client.get(POLICIES_URL).json()["data"] == [gentle]


def test_the_same_name_makes_the_next_version(gentle: dict[str, Any], client: Caller) -> None:
    again = client.post(POLICIES_URL, {"name": "gentle", "policy": "threshold"}).json()
    assert (again["version"], again["policy"]) == (2, "threshold")
    assert client.get(f"{POLICIES_URL}/{gentle['id']}").json() == gentle


def test_what_is_retired_is_offered_no_longer(gentle: dict[str, Any], client: Caller, fractions: Curriculum) -> None:
    assert client.post(f"{POLICIES_URL}/{gentle['id']}:retire").json()["retired_at"] is not None
    asked = {"curriculum": str(fractions.pk), "approved": "gain", "new": gentle["id"]}
    refused = client.post(TRIALS, asked)
    assert refused.status_code == 422
    assert "policy 'gentle' is retired" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"name": "gain"}, "/name", "'gain' is a policy itself"),
        ({"policy": "magic"}, "/policy", "no policy is named 'magic': give one of gain"),
        ({"parameters": {"success": 2}}, "/parameters/success", "success is 2: give a number from 0.3 to 0.95"),
        ({"parameters": {"a/b": 2}}, "/parameters/a~1b", "there is no parameter 'a/b'"),
        ({"paramters": {}}, "/paramters", "there is no such field"),
    ],
)
def test_what_cannot_be_set_is_refused(changes: dict[str, Any], pointer: str, words: str, client: Caller) -> None:
    refused = client.post(POLICIES_URL, {"name": "gentle", "policy": "gain", **changes})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert words in refused.json()["detail"]


def test_an_evaluation_is_queued_and_told(evaluation: dict[str, Any], client: Caller, gentle: dict[str, Any]) -> None:
    assert (evaluation["status"], evaluation["policy"], evaluation["report"]) == ("queued", gentle["id"], None)
    assert evaluations.run_next(now=timezone.now())
    done = client.get(f"{EVALUATIONS}/{evaluation['id']}").json()
    assert (done["status"], done["total"]) == ("done", 0)
    assert done["report"]["refusal"] == (
        "no choice of this policy is on record here: take a longer time, or another policy"
    )
    assert client.get(EVALUATIONS).json()["data"] == [done]


@pytest.mark.parametrize(
    ("asked", "pointer", "words"),
    [
        ({"since": "2030-01-01T00:00:00Z"}, "/until", "is not after since"),
        ({"since": "2026-01-01T00:00:00Z", "until": "2025-01-01T00:00:00Z"}, "/until", "is not after since"),
        ({"since": BEGUN, "window_days": 5.0}, "/window_days", "leaves no time for the later answer"),
        ({"since": BEGUN, "reward": "joy"}, "/reward", "joy"),
        ({}, "/since", "required"),
    ],
)
def test_questions_without_sense_are_refused(asked: dict[str, Any], pointer: str, words: str, client: Caller) -> None:
    refused = client.post(f"{POLICIES_URL}/gain:evaluate-offline", asked)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert words in refused.json()["detail"]


def test_a_queue_that_is_full_is_said(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "WAITING", 0)
    refused = client.post(f"{POLICIES_URL}/gain:evaluate-offline", {"since": BEGUN})
    assert refused.status_code == 409


def test_a_trial_begins_small(trial: dict[str, Any], client: Caller, gentle: dict[str, Any]) -> None:
    assert (trial["state"], trial["mixing"], trial["approved"], trial["new"]) == ("running", 0.1, "gain", gentle["id"])
    assert (trial["reward"], trial["confidence"], trial["warm_up"], trial["group"]) == ("retention", 0.95, 30, None)
    assert client.get(f"{TRIALS}/{trial['id']}").json() == trial
    assert client.get(TRIALS).json()["data"] == [trial]


def test_a_class_may_have_its_own_trial(
    trial: dict[str, Any], client: Caller, class_7b: Group, fractions: Curriculum
) -> None:
    asked = {"curriculum": str(fractions.pk), "group": str(class_7b.pk), "approved": "gain", "new": "threshold"}
    assert client.post(TRIALS, asked | UNREHEARSED).json()["group"] == str(class_7b.pk)


def test_a_trial_is_promoted_with_a_reason_and_stopped(trial: dict[str, Any], client: Caller) -> None:
    refused = client.post(f"{TRIALS}/{trial['id']}:promote", {})
    assert refused.status_code == 409
    assert "no learner has met both" in refused.json()["detail"]
    promoted = client.post(f"{TRIALS}/{trial['id']}:promote", {"anyway": True, "reason": "agreed"}).json()
    assert (promoted["state"], promoted["mixing"], promoted["decided_by"]) == ("promoted", 1.0, "LMS")
    stopped = client.post(f"{TRIALS}/{trial['id']}:stop", {"reason": "complaints"}).json()
    assert (stopped["state"], stopped["mixing"], stopped["reason"]) == ("stopped", 0.0, "complaints")
    assert client.post(f"{TRIALS}/{trial['id']}:stop", {}).status_code == 409


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"new": "gain"}, 422, "both are 'gain'"),
        ({"new": "magic"}, 404, "there is no policy 'magic'"),
        ({"alpha": 0.9}, 422, "alpha is 0.9: it must be above 0, at most 0.5"),
        ({"confidence": 1.0}, 422, "confidence is 1.0: it must be from 0.5 to below 1"),
        ({"least_gain": -1.0}, 422, "least_gain is -1.0"),
        ({"reward": "gain"}, 422, "gain"),
        ({"group": "external:lms:nowhere"}, 404, "class"),
    ],
)
def test_trials_without_sense_are_refused(
    changes: dict[str, Any], status: int, words: str, client: Caller, fractions: Curriculum
) -> None:
    asked = {"curriculum": str(fractions.pk), "approved": "gain", "new": "threshold", **changes}
    refused = client.post(TRIALS, asked)
    assert refused.status_code == status
    assert words in refused.json()["detail"]


def test_one_trial_at_a_time(trial: dict[str, Any], client: Caller, fractions: Curriculum) -> None:
    refused = client.post(TRIALS, {"curriculum": str(fractions.pk), "approved": "gain", "new": "threshold"})
    assert refused.status_code == 409
    assert f"trial {trial['id']} is running here" in refused.json()["detail"]


def test_other_schools_know_nothing_of_it(
    gentle: dict[str, Any], evaluation: dict[str, Any], trial: dict[str, Any], outsider: Caller, fractions: Curriculum
) -> None:
    own, job, running = f"{POLICIES_URL}/{gentle['id']}", f"{EVALUATIONS}/{evaluation['id']}", f"{TRIALS}/{trial['id']}"
    for url in (own, job, running):
        assert outsider.get(url).status_code == 404
    assert outsider.post(f"{own}:evaluate-offline", {"since": BEGUN}).status_code == 404
    for action in (f"{own}:retire", f"{running}:stop", f"{running}:promote"):
        assert outsider.post(action, {}).status_code == 404
    for url in (POLICIES_URL, EVALUATIONS, TRIALS):
        assert outsider.get(url).json()["data"] == []
    others = people.a_curriculum(None, "shared")
    for changes in ({}, {"curriculum": str(others.pk)}):
        asked = {"curriculum": str(fractions.pk), "approved": "gain", "new": gentle["id"], **changes}
        assert outsider.post(TRIALS, asked).status_code == 404
    asked = {"since": BEGUN, "curriculum": str(fractions.pk)}
    assert outsider.post(f"{POLICIES_URL}/gain:evaluate-offline", asked).status_code == 404
    assert (Evaluation.objects.count(), PolicyTrial.objects.count()) == (1, 1)


def test_another_schools_class_is_not_tried_on(outsider: Caller, other_school: School, class_7b: Group) -> None:
    shared = people.a_curriculum(None, "shared")
    asked = {"curriculum": str(shared.pk), "group": str(class_7b.pk), "approved": "gain", "new": "threshold"}
    assert outsider.post(TRIALS, asked).status_code == 404


def test_a_key_needs_the_scope(trial: dict[str, Any], school: School) -> None:
    other = people.a_client(school, "mastery:read")
    for url in (POLICIES_URL, EVALUATIONS, TRIALS):
        assert other.get(url).status_code == 403
    assert other.post(f"{TRIALS}/{trial['id']}:stop", {}).status_code == 403
