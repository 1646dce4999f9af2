"""Rehearsals over HTTP: asked for, answered by a worker, asked for by trials; and who may not know."""

from __future__ import annotations

from typing import Any

import pytest

from curricula.models import Curriculum
from tests import people
from tests.people import Caller
from tutor.accounts.models import School
from tutor.scheduling import trials
from tutor.scheduling.models import Rehearsal

REHEARSALS, TRIALS = "/api/v1/rehearsals", "/api/v1/policy-trials"


@pytest.fixture(autouse=True)
def fresh_look() -> None:
    trials.forget()


@pytest.fixture
def rehearsal(client: Caller, fractions: Curriculum) -> dict[str, Any]:
    asked = {"curriculum": str(fractions.pk), "against": "gain", "seed": 3}
    response = client.post("/api/v1/policies/threshold:rehearse", asked)
    assert response.status_code == 202
    assert response["Location"] == f"{REHEARSALS}/{response.json()['id']}"
    found: dict[str, Any] = response.json()
    return found


def test_a_rehearsal_waits_for_a_worker(rehearsal: dict[str, Any], client: Caller, fractions: Curriculum) -> None:
    told = {name: rehearsal[name] for name in ("policy", "against", "curriculum", "seed", "status", "report")}
    assert told == {
        "policy": "threshold", "against": "gain", "curriculum": str(fractions.pk), "seed": 3, "status": "queued",
        "report": None,
    }  # fmt: skip
    assert client.get(f"{REHEARSALS}/{rehearsal['id']}").json() == rehearsal
    assert client.get(REHEARSALS).json()["data"] == [rehearsal]


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"against": "threshold"}, 422, "both are 'threshold'"),
        ({"against": "magic"}, 404, "there is no policy 'magic'"),
        ({"seed": -1}, 422, "seed"),
    ],
)
def test_questions_without_sense_are_refused(
    changes: dict[str, Any], status: int, words: str, client: Caller, fractions: Curriculum
) -> None:
    asked = {"curriculum": str(fractions.pk), "against": "gain", **changes}
    refused = client.post("/api/v1/policies/threshold:rehearse", asked)
    assert refused.status_code == status
    assert words in refused.content.decode()
    assert not Rehearsal.objects.exists()


def test_a_trial_asks_for_it(client: Caller, fractions: Curriculum) -> None:
    asked = {"curriculum": str(fractions.pk), "approved": "gain", "new": "threshold"}
    refused = client.post(TRIALS, asked)
    assert refused.status_code == 422
    assert "has not been tried against 'gain' on simulated learners" in refused.json()["detail"]
    begun = client.post(TRIALS, asked | {"unrehearsed": "a study approved by the board"}).json()
    assert (begun["rehearsal"], begun["unrehearsed"]) == (None, "a study approved by the board")


def test_other_schools_know_nothing_of_it(
    rehearsal: dict[str, Any], outsider: Caller, fractions: Curriculum, school: School
) -> None:
    assert outsider.get(f"{REHEARSALS}/{rehearsal['id']}").status_code == 404
    assert outsider.get(REHEARSALS).json()["data"] == []
    asked = {"curriculum": str(fractions.pk), "against": "gain"}
    assert outsider.post("/api/v1/policies/threshold:rehearse", asked).status_code == 404
    assert people.a_client(school, "mastery:read").get(REHEARSALS).status_code == 403
    assert Rehearsal.objects.count() == 1
