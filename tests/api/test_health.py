from typing import Any

import pytest

from api import health
from tests.people import Caller


def test_the_process_is_up_without_a_key_or_a_known_host(db: None) -> None:
    assert Caller().get("/healthz", host="10.1.2.3").json()["status"] == "ok"


def test_readiness_names_what_is_missing(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "BROKER_SECONDS", 0.2)
    settings.BROKER_URL = "redis://:hunter2@127.0.0.1:1/0"
    response = Caller().get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert (checks["database"]["ok"], checks["migrations"]["ok"], checks["broker"]["ok"]) == (True, True, False)
    assert "hunter2" not in response.content.decode()


def test_metrics_count_requests_by_route_not_by_learner(client: Caller) -> None:
    client.get("/api/v1/learners/external:lms:somebody")
    figures = Caller().get("/metrics").content.decode()
    assert 'route="api/v1/learners/<str:learner>",status="404"' in figures
    assert "somebody" not in figures
