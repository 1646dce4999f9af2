from typing import Any

from tests.api.test_errors import problem
from tests.people import Caller


def test_who_asks_too_often_waits_and_others_do_not(client: Caller, outsider: Caller, settings: Any) -> None:
    settings.RATE_LIMITS = {"default": 3}
    answers = [client.get("/api/v1/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0]["RateLimit-Policy"] == '"default";q=3;w=60'
    assert answers[0]["RateLimit"].startswith('"default";r=2;t=')
    problem(answers[3], 429, "too-many-requests")
    assert 0 < int(answers[3]["Retry-After"]) <= 20
    assert outsider.get("/api/v1/me").status_code == 200


def test_the_limit_holds_for_all_views_of_a_bucket(client: Caller, settings: Any) -> None:
    settings.RATE_LIMITS = {"default": 2}
    client.get("/api/v1/me")
    client.get("/api/v1/learners")
    problem(client.get("/api/v1/classes"), 429, "too-many-requests")


def test_time_pays_the_debt(client: Caller, settings: Any, monkeypatch: Any) -> None:
    from api import ratelimit

    settings.RATE_LIMITS = {"default": 1}
    client.get("/api/v1/me")
    later = ratelimit.time.monotonic() + ratelimit.WINDOW_SECONDS
    monkeypatch.setattr(ratelimit.time, "monotonic", lambda: later)
    assert client.get("/api/v1/me").status_code == 200


def test_zero_is_without_limit(client: Caller, settings: Any) -> None:
    settings.RATE_LIMITS = {"default": 0}
    assert "RateLimit" not in client.get("/api/v1/me")
