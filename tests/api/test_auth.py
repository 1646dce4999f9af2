"""Keys: who gets in, for how long, and with what scopes."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from api import auth
from tests import people
from tests.api.test_errors import problem
from tests.people import Caller, Counter
from tutor.accounts import services
from tutor.accounts.models import ApiClient, School


def test_me_names_the_key_and_its_school(client: Caller) -> None:
    me = client.get("/api/v1/me").json()
    assert me["name"] == "LMS"
    assert me["school"]["name"] == "Elm School"


def test_the_key_may_come_in_x_api_key(client: Caller) -> None:
    assert Caller().get("/api/v1/me", x_api_key=client.key).status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic Ym86Ym8=", "Bearer trl_guess", "Bearer \xff"])
@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/learners"])
def test_without_a_valid_key_nothing_is_told(db: None, path: str, header: str) -> None:
    response = Caller().get(path, **({"authorization": header} if header else {}))
    problem(response, 401, "unauthenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_key_is_kept_only_as_its_digest(client: Caller) -> None:
    row = ApiClient.objects.get(name="LMS")
    assert client.key.startswith(row.prefix)
    stored = " ".join(str(value) for value in vars(row).values())
    assert client.key not in stored


def test_an_expired_key_is_refused(school: School) -> None:
    expired = services.create_key(
        school.pk, name="old", scopes=people.ALL_SCOPES, expires_at=timezone.now() - timedelta(seconds=1)
    )
    problem(Caller(expired.key).get("/api/v1/me"), 401, "unauthenticated")


def test_a_key_that_expires_while_it_is_remembered_is_refused(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = timezone.now() + timedelta(seconds=20)
    caller = Caller(services.create_key(school.pk, name="brief", scopes=people.ALL_SCOPES, expires_at=ends).key)
    assert caller.get("/api/v1/me").status_code == 200
    monkeypatch.setattr(auth.time, "time", lambda: ends.timestamp() + 1)
    monkeypatch.setattr(auth.timezone, "now", lambda: ends + timedelta(seconds=1))
    problem(caller.get("/api/v1/me"), 401, "unauthenticated")


def test_a_revoked_key_is_believed_for_30_seconds_at_most(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    me = client.get("/api/v1/me").json()
    services.revoke_key(ApiClient.objects.get(pk=me["id"]), now=timezone.now())  # by another process
    assert client.get("/api/v1/me").status_code == 200
    later = auth.time.time() + auth.CACHE_SECONDS
    monkeypatch.setattr(auth.time, "time", lambda: later)
    problem(client.get("/api/v1/me"), 401, "unauthenticated")


def test_a_key_revoked_through_the_api_is_refused_at_once(client: Caller, school: School) -> None:
    other = people.a_client(school, name="to be revoked")
    pk = UUID(other.get("/api/v1/me").json()["id"])
    assert client.delete(f"/api/v1/api-keys/{pk}").status_code == 204
    problem(other.get("/api/v1/me"), 401, "unauthenticated")
    assert client.delete(f"/api/v1/api-keys/{pk}").status_code == 204, "again is no error"


def test_a_remembered_key_costs_no_query(client: Caller, django_assert_num_queries: Counter) -> None:
    client.get("/api/v1/me")
    with django_assert_num_queries(1):  # the school
        client.get("/api/v1/me")
