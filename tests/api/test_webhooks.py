"""Webhooks over the API: registered, tried, looked into and sent again, by their school alone; the secret told once."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from tests import people
from tests.api.test_errors import problem
from tests.lms.receiver import Receiver, running
from tests.people import Caller
from tutor.accounts.models import School
from tutor.lms.webhooks import sender, services
from tutor.scheduling.event_models import Event

WEBHOOKS = "/api/v1/webhooks"


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]


@pytest.fixture
def receiver() -> Any:
    with running(Receiver()) as receiver:
        yield receiver


def register(client: Caller, receiver: Receiver, **fields: Any) -> dict[str, Any]:
    made = client.post(WEBHOOKS, {"url": receiver.url, "events": ["review.due"], **fields})
    assert made.status_code == 201, made.content
    return {**made.json(), "at": made["Location"], "etag": made["ETag"]}


def test_a_secret_is_told_once(client: Caller, receiver: Receiver) -> None:
    made = client.post(WEBHOOKS, {"url": receiver.url, "events": ["review.due", "agenda.daily"], "description": "LMS"})
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert made.json()["secret"].startswith("whsec_")
    again = client.get(made["Location"]).json()
    assert again == {key: value for key, value in made.json().items() if key != "secret"}
    assert again["events"] == ["agenda.daily", "review.due"]
    assert client.get(WEBHOOKS).json()["data"] == [again]


@pytest.mark.parametrize("url", ["http://169.254.169.254/latest", "http://[::1]/", "https://10.0.0.1/", "no address"])
def test_an_address_that_is_not_public_is_refused(url: str, client: Caller) -> None:
    refused = problem(client.post(WEBHOOKS, {"url": url, "events": ["review.due"]}), 422, "invalid")
    assert (refused["errors"][0]["pointer"], refused["errors"][0]["code"]) == ("/url", "refused_address")


def test_neither_is_it_accepted_as_a_change(client: Caller, receiver: Receiver) -> None:
    made = register(client, receiver)
    problem(client.patch(made["at"], {"url": "https://192.168.1.1/"}, if_match=made["etag"]), 422, "invalid")
    assert client.get(made["at"]).json()["url"] == receiver.url


@pytest.mark.parametrize("body", [{"events": []}, {"events": ["ping"]}, {"events": ["school.burnt"]}, {"secret": "s"}])
def test_what_cannot_be_is_refused(body: dict[str, Any], client: Caller, receiver: Receiver) -> None:
    problem(client.post(WEBHOOKS, {"url": receiver.url, "events": ["review.due"], **body}), 422, "invalid")


def test_a_change_needs_what_was_read(client: Caller, receiver: Receiver) -> None:
    made = register(client, receiver)
    problem(client.patch(made["at"], {"enabled": False}), 428, "precondition-required")
    changed = client.patch(made["at"], {"enabled": False, "events": ["agenda.daily"]}, if_match=made["etag"])
    assert (changed.json()["enabled"], changed.json()["events"]) == (False, ["agenda.daily"])
    problem(client.patch(made["at"], {"enabled": True}, if_match=made["etag"]), 412, "stale")


def test_a_ping_arrives_signed(client: Caller, receiver: Receiver) -> None:
    made = register(client, receiver)
    sent = client.post(f"{made['at']}:test")
    assert (sent.status_code, sent.json()["status"], sent.json()["event"]) == (202, "pending", "ping")
    sender.send_due()
    (message,) = receiver.messages
    assert message.verified(made["secret"])["data"] == {"webhook_id": made["id"]}
    (delivery,) = client.get(f"{made['at']}/deliveries").json()["data"]
    assert (delivery["status"], delivery["attempts"], delivery["response_status"]) == ("delivered", 1, 200)
    assert delivery["event_id"] == message.id


def test_a_rotated_secret_is_told_once_and_both_sign(client: Caller, receiver: Receiver) -> None:
    made = register(client, receiver)
    rotated = client.post(f"{made['at']}:rotate-secret", {"overlap_hours": 1})
    assert rotated["Cache-Control"] == "no-store"
    assert "secret" not in client.get(made["at"]).json()
    client.post(f"{made['at']}:test")
    sender.send_due()
    (message,) = receiver.messages
    assert message.verified(made["secret"]) == message.verified(rotated.json()["secret"])


def test_what_was_given_up_is_listed_and_sent_again(client: Caller, school: School, receiver: Receiver) -> None:
    receiver.says = lambda n: 410 if n == 0 else 200
    made = register(client, receiver)
    Event.objects.create(school_id=school.pk, kind="review.due", payload={"due": 2}, created_at=timezone.now())
    sender.send_due()
    (dead,) = client.get(f"{made['at']}/deliveries?status=dead").json()["data"]
    assert (dead["error"], dead["data"]) == ("answered 410", {"due": 2})
    replay = f"{made['at']}/deliveries/{dead['id']}:replay"
    assert "switched off" in problem(client.post(replay), 409, "conflict")["detail"]
    now = client.get(made["at"])
    assert "410" in now.json()["disabled_reason"]
    client.patch(made["at"], {"enabled": True}, if_match=now["ETag"])
    assert client.post(replay).status_code == 202
    sender.send_due()
    assert client.get(f"{made['at']}/deliveries?status=dead").json()["data"] == []
    assert len(set(receiver.ids)) == 1


def test_deliveries_come_in_pages(
    client: Caller, receiver: Receiver, django_assert_num_queries: people.Counter
) -> None:
    made = register(client, receiver)
    for _ in range(5):
        client.post(f"{made['at']}:test")
    with django_assert_num_queries(2):
        first = client.get(f"{made['at']}/deliveries?limit=3").json()
    rest = client.get(f"{made['at']}/deliveries?limit=3&cursor={first['next_cursor']}").json()
    assert len({each["id"] for each in first["data"] + rest["data"]}) == 5
    assert rest["next_cursor"] is None


def test_a_deleted_webhook_hears_nothing_more(client: Caller, receiver: Receiver) -> None:
    made = register(client, receiver)
    client.post(f"{made['at']}:test")
    assert client.delete(made["at"]).status_code == 204
    sender.send_due()
    assert receiver.messages == []
    problem(client.get(made["at"]), 404, "not-found")


def test_a_school_has_no_more_than_its_share(client: Caller, receiver: Receiver) -> None:
    for _ in range(services.MAX_ENDPOINTS):
        register(client, receiver)
    problem(client.post(WEBHOOKS, {"url": receiver.url, "events": ["review.due"]}), 409, "conflict")


def test_it_takes_a_scope_of_its_own(school: School, receiver: Receiver) -> None:
    problem(people.a_client(school, "keys:admin", "models:admin").get(WEBHOOKS), 403, "missing-scope")
    register(people.a_client(school, "webhooks:admin"), receiver)


def test_another_school_sees_and_moves_none_of_it(client: Caller, outsider: Caller, receiver: Receiver) -> None:
    made = register(client, receiver)
    delivery = client.post(f"{made['at']}:test").json()["id"]
    assert outsider.get(WEBHOOKS).json()["data"] == []
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", ":rotate-secret", {}),
        ("POST", ":test", None),
        ("GET", "/deliveries", None),
        ("POST", f"/deliveries/{delivery}:replay", None),
    ):
        problem(outsider.send(method, made["at"] + path, body, if_match="*"), 404, "not-found")
    assert client.get(made["at"]).json()["enabled"]
    own = register(outsider, receiver)
    problem(outsider.post(f"{own['at']}/deliveries/{delivery}:replay"), 404, "not-found")
    problem(client.get(f"{WEBHOOKS}/{uuid4()}"), 404, "not-found")
