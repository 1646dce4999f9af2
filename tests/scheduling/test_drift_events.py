"""A school hears once of each alert of its own champion; of what serves all schools, only the operator does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import at
from tests.flow.together import together
from tests.people import Caller
from tutor.accounts.models import School
from tutor.lms.webhooks import sender, services
from tutor.lms.webhooks.models import Delivery
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.scheduling import events
from tutor.scheduling.event_models import Event
from tutor.tracing.models import DriftAlert

pytestmark = pytest.mark.django_db

Raise = Callable[..., DriftAlert]


@pytest.fixture
def champion(fractions: Curriculum) -> ModelVersion:
    found = registry.ensure_served(fractions.pk)
    assert found
    return found


@pytest.fixture
def alert(champion: ModelVersion, fractions: Curriculum) -> Raise:
    def raise_(school_id: UUID | None, kind: str = "log_loss", *, minutes: float = 0) -> DriftAlert:
        return DriftAlert.objects.create(
            version_id=champion.pk, curriculum_id=fractions.pk, school_id=school_id, kind=kind, raised_at=at(minutes)
        )

    return raise_


def told() -> list[tuple[UUID, str]]:
    return [(event.school_id, event.payload["kind"]) for event in Event.objects.order_by("key")]


def test_a_school_is_told_once_of_each_alert_of_its_own(
    alert: Raise, school: School, champion: ModelVersion, fractions: Curriculum
) -> None:
    raised = alert(school.pk)
    for minutes in (5, 10):
        events.announce_drift(now=at(minutes))
    event = Event.objects.get()
    assert (event.school_id, event.kind, event.curriculum_id) == (school.pk, "drift.alert", fractions.pk)
    assert event.payload == {
        "curriculum_id": str(fractions.pk),
        "model_id": str(champion.pk),
        "kind": "log_loss",
        "raised_at": "2026-03-02T08:00:00.000Z",
    }
    raised.cleared_at = at(20)
    raised.save()
    alert(school.pk, minutes=30)
    events.announce_drift(now=at(35))
    assert told() == [(school.pk, "log_loss")] * 2


def test_of_what_serves_all_schools_no_school_is_told(alert: Raise, school: School) -> None:
    alert(None)
    events.announce_drift(now=at(5))
    assert told() == []


def test_an_alert_of_months_is_not_told_again_when_its_event_is_gone(alert: Raise, school: School) -> None:
    alert(school.pk)
    for days in range(0, 90, 10):
        events.announce_drift(now=at(5, days=days))
        events.prune(now=at(6, days=days))
    assert told() == []
    assert events.announce_drift(now=at(7)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_of_it_once(alert: Raise, school: School) -> None:
    for kind in ("log_loss", "calibration", "input"):
        alert(school.pk, kind)
    together(*[lambda: events.announce_drift(now=at(5))] * 4)
    assert Counter(told()) == {(school.pk, kind): 1 for kind in ("log_loss", "calibration", "input")}


def test_another_schools_webhook_hears_nothing(alert: Raise, school: School, other_school: School) -> None:
    ours, theirs = (
        services.create(each.pk, url="https://93.184.215.14/hook", kinds=["drift.alert"], now=timezone.now())
        for each in (school, other_school)
    )
    alert(school.pk)
    events.announce_drift(now=at(5))
    sender.relay(now=at(5))
    assert [each.endpoint for each in Delivery.objects.all()] == [ours]
    assert not services.deliveries(theirs).exists()


def test_metrics_count_what_is_open(alert: Raise, school: School) -> None:
    alert(None)
    alert(school.pk)
    alert(school.pk, "input")
    over = alert(None, "calibration")
    over.cleared_at = at(0) + timedelta(days=1)
    over.save()
    figures = Caller().get("/metrics").content.decode()
    for kind, scope, n in (
        ("log_loss", "site", 1),
        ("log_loss", "school", 1),
        ("input", "school", 1),
        ("input", "site", 0),
        ("calibration", "site", 0),
    ):
        assert f'trellis_drift_alerts{{kind="{kind}",scope="{scope}"}} {n}.0\n' in figures


def test_a_school_asks_for_it_by_the_api(school: School, outsider: Caller) -> None:
    client = people.a_client(school, "webhooks:admin")
    body = {"url": "https://93.184.215.14/hook", "events": ["drift.alert"]}
    made = client.post("/api/v1/webhooks", body)
    assert (made.status_code, made.json()["events"]) == (201, ["drift.alert"])
    assert outsider.get(f"/api/v1/webhooks/{made.json()['id']}").status_code in (403, 404)
