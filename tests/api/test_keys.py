from datetime import timedelta

from django.utils import timezone

from tests import people
from tests.api.test_errors import problem
from tests.people import Caller
from tutor.accounts.models import School


def test_a_new_key_is_told_once_and_works(client: Caller) -> None:
    made = client.post("/api/v1/api-keys", {"name": "Moodle", "scopes": ["roster:read"]})
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    moodle = Caller(made.json()["key"])
    assert moodle.get("/api/v1/me").json()["scopes"] == ["roster:read"]
    again = client.get(made["Location"]).json()
    assert "key" not in again
    assert again["prefix"] == moodle.key[:12]


def test_a_key_cannot_give_what_it_has_not(school: School) -> None:
    keeper = people.a_client(school, "keys:admin")
    response = keeper.post("/api/v1/api-keys", {"name": "more", "scopes": ["roster:write"]})
    problem(response, 403, "missing-scope")
    assert keeper.post("/api/v1/api-keys", {"name": "same", "scopes": ["keys:admin"]}).status_code == 201


def test_rotation_gives_a_new_key_and_lets_the_old_one_run_out(client: Caller, school: School) -> None:
    old = people.a_client(school, "roster:read")
    pk = old.get("/api/v1/me").json()["id"]
    fresh = client.post(f"/api/v1/api-keys/{pk}:rotate", {"overlap_hours": 1}).json()
    assert fresh["scopes"] == ["roster:read"]
    assert Caller(fresh["key"]).get("/api/v1/me").status_code == 200
    assert old.get("/api/v1/me").status_code == 200
    assert client.get(f"/api/v1/api-keys/{pk}").json()["expires_at"] < (timezone.now() + timedelta(hours=1)).isoformat()


def test_rotation_without_overlap_ends_the_old_key(client: Caller, school: School) -> None:
    old = people.a_client(school, "roster:read")
    path = f"/api/v1/api-keys/{old.get('/api/v1/me').json()['id']}:rotate"
    assert client.post(path, {"overlap_hours": 0}).status_code == 201
    problem(old.get("/api/v1/me"), 401, "unauthenticated")
    problem(client.post(path, {}), 409, "conflict")


def test_a_key_is_not_stored_for_an_idempotency_key(client: Caller) -> None:
    body = {"name": "Moodle", "scopes": ["roster:read"]}
    first = client.post("/api/v1/api-keys", body, idempotency_key="k1").json()
    second = client.post("/api/v1/api-keys", body, idempotency_key="k1").json()
    assert first["key"] != second["key"]


def test_a_key_that_would_never_work_is_refused(client: Caller) -> None:
    body = {"name": "late", "scopes": ["roster:read"], "expires_at": "2020-01-01T00:00:00Z"}
    assert problem(client.post("/api/v1/api-keys", body), 422, "invalid")["errors"][0]["pointer"] == "/expires_at"
