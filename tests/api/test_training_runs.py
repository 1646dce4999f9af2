"""Training runs over HTTP: who may ask for one, what is told of it, and who may not know."""

from __future__ import annotations

from typing import Any

import pytest

from api.v1.training_runs import LOG_SHOWN
from curricula.models import Curriculum
from tests import people
from tests.people import Caller
from tutor.accounts.models import School
from tutor.registry.models import TrainingRun

URL = "/api/v1/training-runs"


@pytest.fixture
def run(client: Caller, fractions: Curriculum) -> dict[str, Any]:
    asked = {"curriculum": str(fractions.pk), "kind": "logistic", "seed": 3}
    response = client.post(URL, asked)
    assert response.status_code == 202
    assert response["Location"] == f"{URL}/{response.json()['id']}"
    found: dict[str, Any] = response.json()
    return found


def test_a_run_is_queued_for_the_school_of_the_key(run: dict[str, Any], client: Caller, school: School) -> None:
    assert (run["status"], run["kind"], run["seed"], run["requested_by"]) == ("queued", "logistic", 3, "LMS")
    assert TrainingRun.objects.get(pk=run["id"]).school == school
    assert client.get(f"{URL}/{run['id']}").json() == run | {"log": []}
    assert client.get(URL).json()["data"] == [run]


def test_a_run_read_alone_tells_its_learning_curve(run: dict[str, Any], client: Caller) -> None:
    log = [{"event": "epoch", "epoch": epoch, "train_log_loss": 0.6} for epoch in range(LOG_SHOWN + 30)]
    TrainingRun.objects.update(log=log)
    assert client.get(f"{URL}/{run['id']}").json()["log"] == log[30:]


def test_other_schools_know_nothing_of_it(run: dict[str, Any], outsider: Caller, fractions: Curriculum) -> None:
    assert outsider.get(f"{URL}/{run['id']}").status_code == 404
    assert outsider.post(f"{URL}/{run['id']}:cancel").status_code == 404
    assert outsider.get(URL).json()["data"] == []
    assert outsider.post(URL, {"curriculum": str(fractions.pk), "kind": "logistic"}).status_code == 404


def test_a_key_needs_the_scope(run: dict[str, Any], school: School) -> None:
    other = people.a_client(school, "mastery:read")
    assert other.get(URL).status_code == other.post(f"{URL}/{run['id']}:cancel").status_code == 403


def test_a_run_is_cancelled_once(run: dict[str, Any], client: Caller) -> None:
    assert client.post(f"{URL}/{run['id']}:cancel").json()["status"] == "cancelled"
    assert client.post(f"{URL}/{run['id']}:cancel").json()["status"] == "cancelled"


def test_a_second_run_of_the_same_target_conflicts(run: dict[str, Any], client: Caller) -> None:
    again = client.post(URL, {"curriculum": run["curriculum"], "kind": "logistic"})
    assert again.status_code == 409
    assert f"(run {run['id']}): wait for it, or cancel it" in again.json()["detail"]
    assert client.post(URL, {"curriculum": run["curriculum"], "kind": "half-life"}).status_code == 202


def test_what_cannot_be_fitted_is_refused(client: Caller, fractions: Curriculum) -> None:
    asked = {"curriculum": str(fractions.pk), "kind": "dkt"}
    refused = client.post(URL, asked)
    assert refused.status_code == 422
    assert "no model is named 'dkt': give one of cakt" in refused.json()["detail"]
    refused = client.post(URL, asked | {"kind": "cakt", "settings": {"window": [1]}})
    assert "setting window is [1]: must be a number" in refused.json()["detail"]
