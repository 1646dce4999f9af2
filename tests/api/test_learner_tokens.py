"""A learner's token opens that learner's own data, to be read, for a time; nothing else, and nobody else's."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from api import auth
from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.api.test_openapi import operations
from tests.flow import steps
from tests.people import Caller, Counter
from tutor.accounts import learner_tokens
from tutor.accounts.models import Group, IdempotentAnswer, Learner, LearnerToken, School
from tutor.scheduling.models import Decision

TOKENS = "/api/v1/learner-tokens"
OWN = ("mastery", "forecast?date={day}", "agenda", "workload")


def made(client: Caller, learner: Learner, **fields: Any) -> dict[str, Any]:
    answer = client.post(TOKENS, {"learner": str(learner.pk), **fields})
    assert answer.status_code == 201, answer.content
    told: dict[str, Any] = answer.json()
    return told


@pytest.fixture
def practised(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    now = timezone.now()
    given = [steps.answer(bo, fractions, 0, seconds=(now - timedelta(minutes=60 - i)).timestamp()) for i in range(4)]
    steps.record(school, given, now=now)
    steps.work(now=now)
    return bo


@pytest.fixture
def token(client: Caller, practised: Learner) -> Caller:
    """Bo's own."""
    return Caller(made(client, practised)["token"])


def own_paths(learner: Learner) -> list[str]:
    day = (timezone.now() + timedelta(days=7)).date()
    paths = [f"/api/v1/learners/{learner.pk}/{what.format(day=day)}" for what in OWN]
    return [*paths, f"/api/v1/interactions?learner={learner.pk}"]


def test_a_learner_reads_what_the_school_s_machine_reads(client: Caller, token: Caller, practised: Learner) -> None:
    for path in own_paths(practised):
        own, theirs = token.get(path), client.get(path)
        assert own.status_code == 200, own.content
        assert own.json().keys() == theirs.json().keys()
        assert len(own.json()["data"]) == len(theirs.json()["data"]) > 0
    by_name = token.get("/api/v1/learners/external:lms:bo/mastery")
    assert [row["estimate"]["status"] for row in by_name.json()["data"]] == ["mastered", "not_enough_data", "locked"]


def test_a_token_says_whose_it_is(client: Caller, token: Caller, bo: Learner) -> None:
    me = token.get("/api/v1/me").json()
    assert (me["learner"], me["scopes"]) == (str(bo.pk), ["mastery:read", "recommend:read"])
    assert client.get("/api/v1/me").json()["learner"] is None


def test_another_learner_is_not_there(token: Caller, ana: Learner, dee: Learner) -> None:
    for other in (ana, dee):
        for path in own_paths(other):
            problem(token.get(path), 404, "not-found")
    problem(token.get("/api/v1/learners/external:lms:ana/mastery"), 404, "not-found")
    problem(token.get("/api/v1/interactions?learner=external:lms:ana"), 404, "not-found")


def opened(one: dict[str, Any]) -> bool:
    return {"learner": []} in one["security"]


def test_the_document_says_what_a_token_opens() -> None:
    assert {f"{method} {path}" for method, path, one in operations() if opened(one)} == {
        "GET /api/v1/me",
        "GET /api/v1/learners/{learner}/mastery",
        "GET /api/v1/learners/{learner}/forecast",
        "GET /api/v1/learners/{learner}/agenda",
        "GET /api/v1/learners/{learner}/workload",
        "GET /api/v1/interactions",
    }


@pytest.mark.parametrize(
    ("method", "path", "one"),
    [each for each in operations() if not opened(each[2])],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_else_is_for_learners(
    token: Caller, practised: Learner, class_7b: Group, fractions: Curriculum, method: str, path: str,
    one: dict[str, Any],
) -> None:  # fmt: skip
    ours = {"learner": practised.pk, "group": class_7b.pk, "curriculum": fractions.pk}
    address = re.sub(r"\{(\w+)\}", lambda name: str(ours.get(name[1], practised.pk)), path)
    said = problem(token.send(method, address, {}, if_match="*", idempotency_key="k1"), 403, "learner-token")
    assert "not for learners" in said["detail"]
    assert not IdempotentAnswer.objects.exists()


def test_what_comes_next_is_told_without_an_offer(token: Caller, practised: Learner) -> None:
    assert token.get(f"/api/v1/learners/{practised.pk}/agenda").json()["days"]
    problem(token.get(f"/api/v1/learners/{practised.pk}/next"), 403, "learner-token")
    assert not Decision.objects.exists()


def test_a_token_is_told_once_and_kept_as_its_digest(client: Caller, bo: Learner) -> None:
    answer = client.post(TOKENS, {"learner": "external:lms:bo", "name": "parents"})
    told = answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert told["token"].startswith(told["prefix"]) and told["prefix"].startswith("trlt_")
    assert told["page"] == f"http://testserver/me/enter/?token={told['token']}"
    assert told["token"] not in " ".join(str(value) for value in vars(LearnerToken.objects.get()).values())
    again = client.get(answer["Location"]).json()
    assert again.keys() == told.keys() - {"token", "page"}
    assert (again["learner"], again["name"]) == (str(bo.pk), "parents")


def test_a_token_is_not_stored_for_an_idempotency_key(client: Caller, bo: Learner) -> None:
    first, second = (
        client.post(TOKENS, {"learner": str(bo.pk)}, idempotency_key="k1").json()["token"] for _ in range(2)
    )
    assert first != second


def test_a_token_ends_in_30_days_unless_said_otherwise_and_never_after_a_year(client: Caller, bo: Learner) -> None:
    now = timezone.now()
    ends = datetime.fromisoformat(made(client, bo)["expires_at"])
    assert timedelta(days=30) <= ends - now < timedelta(days=30, minutes=5)
    soon = (now + timedelta(minutes=10)).isoformat()
    assert datetime.fromisoformat(made(client, bo, expires_at=soon)["expires_at"]).timestamp() == pytest.approx(
        (now + timedelta(minutes=10)).timestamp(), abs=1
    )
    for days in (367, -1):
        body = {"learner": str(bo.pk), "expires_at": (now + timedelta(days=days)).isoformat()}
        refused = problem(client.post(TOKENS, body), 422, "invalid")
        assert refused["errors"][0]["pointer"] == "/expires_at"
        assert "366 days" in refused["detail"]


def test_an_expired_token_is_refused(client: Caller, bo: Learner, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Caller(made(client, bo)["token"])
    assert own.get("/api/v1/me").status_code == 200
    later = timezone.now() + timedelta(days=31)
    monkeypatch.setattr(auth.time, "time", lambda: later.timestamp())
    monkeypatch.setattr(auth.timezone, "now", lambda: later)
    problem(own.get("/api/v1/me"), 401, "unauthenticated")


def test_a_revoked_token_is_refused_at_once(client: Caller, token: Caller, practised: Learner) -> None:
    assert token.get("/api/v1/me").status_code == 200
    row = LearnerToken.objects.get()
    assert client.delete(f"{TOKENS}/{row.pk}").status_code == 204
    problem(token.get("/api/v1/me"), 401, "unauthenticated")
    ended = LearnerToken.objects.get().revoked_at
    assert client.delete(f"{TOKENS}/{row.pk}").status_code == 204, "again is no error"
    assert LearnerToken.objects.get().revoked_at == ended is not None


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.swapcase(), lambda t: "trlt_"])
def test_a_token_that_was_tampered_with_is_refused(client: Caller, bo: Learner, change: Any) -> None:
    problem(Caller(change(made(client, bo)["token"])).get("/api/v1/me"), 401, "unauthenticated")


def test_erasing_the_learner_ends_the_token(client: Caller, token: Caller, practised: Learner) -> None:
    practised.delete()
    assert not LearnerToken.objects.exists()
    auth.forget()
    problem(token.get("/api/v1/me"), 401, "unauthenticated")


def test_the_list_tells_the_last_use_and_those_that_have_ended(client: Caller, bo: Learner, ana: Learner) -> None:
    used, other = made(client, bo, name="phone"), made(client, bo, name="lost")
    made(client, ana)
    Caller(used["token"]).get("/api/v1/me")
    client.delete(f"{TOKENS}/{other['id']}")
    rows = client.get(f"{TOKENS}?learner=external:lms:bo").json()["data"]
    assert [(row["name"], bool(row["last_used_at"]), bool(row["revoked_at"])) for row in rows] == [
        ("phone", True, False),
        ("lost", False, True),
    ]


def test_a_remembered_token_costs_no_query(token: Caller, django_assert_num_queries: Counter) -> None:
    token.get("/api/v1/me")
    with django_assert_num_queries(1):  # the school
        token.get("/api/v1/me")


def test_another_school_makes_lists_and_ends_none(outsider: Caller, client: Caller, bo: Learner) -> None:
    row = made(client, bo)
    problem(outsider.post(TOKENS, {"learner": str(bo.pk)}), 404, "not-found")
    problem(outsider.get(f"{TOKENS}?learner={bo.pk}"), 404, "not-found")
    for method in ("GET", "DELETE"):
        problem(outsider.send(method, f"{TOKENS}/{row['id']}"), 404, "not-found")
    assert Caller(row["token"]).get("/api/v1/me").status_code == 200


def test_a_key_cannot_make_a_token_that_reads_more_than_itself(school: School, bo: Learner) -> None:
    blind = people.a_client(school, "tokens:write", "mastery:read")
    said = problem(blind.post(TOKENS, {"learner": str(bo.pk)}), 403, "missing-scope")
    assert "recommend:read" in said["detail"]


def test_who_made_a_token_is_kept(client: Caller, bo: Learner, ms_diaz: Any) -> None:
    made(client, bo)
    learner_tokens.create(ms_diaz, bo, now=timezone.now())
    machine, person = LearnerToken.objects.order_by("id")
    assert (machine.made_client and machine.made_client.name, machine.made_by) == ("LMS", None)
    assert (person.made_client, person.made_by) == (None, ms_diaz)
