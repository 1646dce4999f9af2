"""Refusals: each a problem document, none of them a stack trace."""

import logging
from typing import Any

import pytest
from django.db import OperationalError

from api import errors
from api.v1 import me
from tests.people import Caller
from tutor.accounts.models import Learner

pytestmark = pytest.mark.django_db


def problem(response: Any, status: int, slug: str) -> dict[str, Any]:
    """The body, once it is known to be a complete problem document."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"/problems/{slug}"
    assert body["status"] == status
    assert body["request_id"] == response["X-Request-ID"]
    assert "Traceback" not in response.content.decode()
    return body


def test_an_unknown_address_is_a_problem(client: Caller) -> None:
    assert problem(client.get("/api/v1/nothing"), 404, "not-found")["instance"] == "/api/v1/nothing"


@pytest.mark.parametrize("path", ["/api/v1/learners", "/api/v1/me"])
def test_another_method_is_told_which_ones_there_are(client: Caller, path: str) -> None:
    response = client.delete(path)
    problem(response, 405, "method-not-allowed")
    assert "GET" in response["Allow"]


@pytest.mark.parametrize(
    "body", [b"{", b"[1", b"\xff", b'{"name": NaN}', b'{"name": "\\ud800"}', b"[" * 100_000], ids=repr
)
def test_what_is_not_json_is_400(client: Caller, body: bytes) -> None:
    problem(client.post("/api/v1/learners", body), 400, "malformed-json")


def test_an_empty_body_is_not_an_empty_object(client: Caller) -> None:
    problem(client.post("/api/v1/learners", b" "), 400, "malformed-json")
    problem(client.post("/api/v1/learners"), 415, "unsupported-media-type")


def test_another_media_type_is_415(client: Caller) -> None:
    response = client.post("/api/v1/learners", b"name=Bo", content_type="application/x-www-form-urlencoded")
    problem(response, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"nmae": "Bo"}, "/nmae", "unknown_field"),
        ({"name": 7}, "/name", "invalid_type"),
        ({"name": None}, "/name", "invalid_type"),
        ({"name": "x" * 201}, "/name", "max_length"),
        ({"day_cutoff_hour": 24}, "/day_cutoff_hour", "max_value"),
        ({"day_cutoff_hour": "4"}, "/day_cutoff_hour", "invalid_type"),
        ({"day_cutoff_hour": True}, "/day_cutoff_hour", "invalid_type"),
        ({"day_cutoff_hour": 10**30}, "/day_cutoff_hour", "max_value"),
        ({"timezone": "Mars/Olympus"}, "/timezone", "invalid"),
        ({"source": "lms"}, "/external_id", "invalid"),
        ({"source": "a:b", "external_id": "1"}, "/source", "invalid"),
        ({"name": "B\0o"}, "", "nul_character"),
        ([], "", "invalid"),
    ],
    ids=str,
)
def test_each_fault_in_a_body_is_pointed_at(client: Caller, body: object, pointer: str, code: str) -> None:
    faults = problem(client.post("/api/v1/learners", body), 422, "invalid")["errors"]
    assert (pointer, code) in [(fault["pointer"], fault["code"]) for fault in faults]


def test_a_backslash_before_u0000_is_ordinary_text(client: Caller) -> None:
    response = client.post("/api/v1/learners", rb'{"name": "C:\\u0000"}')
    assert response.json()["name"] == r"C:\u0000"


@pytest.mark.parametrize(
    "query",
    [
        "grup=7b",
        "limit=0",
        "limit=201",
        "limit=9999999999999999999999",
        "limit=x",
        "limit=1&limit=2",
        "cursor=?",
        "a%00b=1",
    ],
)
def test_a_parameter_without_sense_is_400(client: Caller, query: str) -> None:
    problem(client.get(f"/api/v1/learners?{query}"), 400, "bad-parameter")


def test_a_nul_character_in_an_address_is_404(client: Caller) -> None:
    problem(client.get("/api/v1/learners/a%00b"), 404, "not-found")
    problem(client.get("/api/v1/learners/external:lms:%00"), 404, "not-found")


def test_an_enormous_body_is_refused_before_it_is_read(client: Caller, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 100
    problem(client.post("/api/v1/learners", {"name": "x" * 100}), 413, "body-too-large")


def test_a_body_of_untold_length_is_refused(client: Caller) -> None:
    response = client.send("POST", "/api/v1/learners", transfer_encoding="chunked")
    problem(response, 411, "length-required")


def test_accept_that_names_no_form_of_ours_is_406(client: Caller) -> None:
    problem(client.get("/api/v1/me", accept="text/html"), 406, "not-acceptable")
    assert client.get("/api/v1/me", accept="text/html, application/json;q=0.5").status_code == 200
    assert client.get("/api/v1/me", accept="*/*").status_code == 200


def test_a_failure_is_logged_with_the_request_id_and_told_without_its_trace(
    client: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("the secret detail")

    monkeypatch.setattr(me, "respond", fail)
    caller = Caller(client.key, raise_errors=False)
    with caplog.at_level(logging.ERROR, logger="api"):
        response = caller.get("/api/v1/me", x_request_id="trace-me-7")
    assert "secret" not in response.content.decode()
    assert problem(response, 500, "internal")["request_id"] == "trace-me-7"
    assert "trace-me-7" in caplog.text
    assert "the secret detail" in caplog.text


def test_a_silent_database_is_503_and_worth_another_try(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("server closed the connection: password=hunter2")

    monkeypatch.setattr(me, "respond", fail)
    response = client.get("/api/v1/me")
    assert "hunter2" not in problem(response, 503, "unavailable")["detail"]
    assert response["Retry-After"]


@pytest.mark.parametrize("sent", ["", "has space", "x" * 129, "a\tb"])
def test_an_ill_formed_request_id_is_replaced(client: Caller, sent: str) -> None:
    assert client.get("/api/v1/me", x_request_id=sent)["X-Request-ID"] not in ("", sent)


def test_every_kind_of_problem_is_in_the_manual() -> None:
    from pathlib import Path

    manual = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    assert [slug for slug in errors.KINDS if f"`{slug}`" not in manual] == []


def test_a_refused_body_changes_nothing(client: Caller) -> None:
    client.post("/api/v1/learners", {"name": "Bo", "day_cutoff_hour": 99})
    assert not Learner.objects.exists()
