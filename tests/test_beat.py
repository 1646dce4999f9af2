"""Beat: what a release ships is rung, each message expires, and what operators move stays where they moved it."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from celery.schedules import crontab
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from tutor.beat import Scheduler
from tutor.celery import ROUTES, SCHEDULE, app

# The scheduler closes its connection, as beat's needs to be.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shipped() -> Iterator[dict[str, Any]]:
    """What this release ships; a test may make another release of it."""
    entries = deepcopy(SCHEDULE)
    app.conf.beat_schedule = entries
    yield entries
    app.conf.beat_schedule = SCHEDULE


@pytest.fixture(autouse=True)
def tasks() -> None:
    app.loader.import_default_modules()


def start() -> Scheduler:
    return Scheduler(app=app)


def row(name: str) -> PeriodicTask:
    return PeriodicTask.objects.get(name=name)


def move(name: str, **schedule: Any) -> None:
    """As an operator does it in the admin pages."""
    task = row(name)
    task.interval = task.crontab = None
    for column, value in schedule.items():
        setattr(task, column, value)
    task.save()


def by_night(hour: int) -> CrontabSchedule:
    return CrontabSchedule.objects.create(hour=hour, minute=0)


def test_every_row_expires_before_it_is_due_again() -> None:
    start()
    entries: dict[str, Any] = dict(SCHEDULE)
    found = {task.name: task.expire_seconds for task in PeriodicTask.objects.all()}
    assert found == {name: entry["options"]["expire_seconds"] for name, entry in entries.items()}


def test_every_message_says_when_it_expires() -> None:
    scheduler, sent_at = start(), timezone.now()
    assert set(scheduler.schedule) == set(SCHEDULE)
    with app.connection_for_write("memory://") as connection, connection.channel() as channel:
        producer = app.amqp.Producer(channel)
        for name, entry in scheduler.schedule.items():
            scheduler.apply_async(entry, producer=producer, advance=False)
            message = cast(Any, channel).basic_get(ROUTES[entry.task])
            seconds = row(name).expire_seconds
            left = datetime.fromisoformat(message.headers["expires"]) - sent_at - timedelta(seconds=seconds)
            assert timedelta(0) <= left < timedelta(seconds=30)
            assert float(message.properties["expiration"]) == seconds * 1000, "by which RabbitMQ drops it"


def test_a_schedule_that_an_operator_moved_stays_moved() -> None:
    start()
    move("retrain", crontab=by_night(23))
    move("advance-behind", interval=IntervalSchedule.objects.create(every=1, period="minutes"))
    for _ in range(2):
        rung = start().schedule
        assert str(row("retrain").crontab).startswith("0 23 * * *")
        assert rung["advance-behind"].schedule.run_every == timedelta(minutes=1)


def test_what_an_operator_switched_off_stays_off() -> None:
    start()
    task = row("retrain")
    task.enabled = False
    task.save()
    assert "retrain" not in start().schedule
    assert not row("retrain").enabled


def test_a_release_moves_what_nobody_has_moved(shipped: dict[str, Any]) -> None:
    start()
    move("retrain", crontab=by_night(23))
    shipped["retrain"]["schedule"] = crontab(hour=4, minute=0)
    shipped["look-at-trials"]["schedule"] = crontab(hour=5, minute=0)
    shipped["retrain"]["options"]["expire_seconds"] = 60
    start()
    assert (row("retrain").crontab.hour, row("look-at-trials").crontab.hour) == ("23", "5")
    assert row("retrain").expire_seconds == 60


def test_what_was_moved_back_goes_with_releases_again(shipped: dict[str, Any]) -> None:
    start()
    shipped_at = row("retrain").crontab
    move("retrain", crontab=by_night(23))
    start()
    move("retrain", crontab=shipped_at)
    shipped["retrain"]["schedule"] = crontab(hour=4, minute=0)
    start()
    assert row("retrain").crontab.hour == "4"


def test_a_release_adds_entries_and_takes_its_own_away(shipped: dict[str, Any]) -> None:
    start()
    PeriodicTask.objects.create(name="ours", task="tutor.registry.tasks.retrain", crontab=by_night(12))
    shipped["retrain-at-noon"] = shipped.pop("retrain")
    rung = start().schedule
    assert "retrain-at-noon" in rung
    assert set(PeriodicTask.objects.values_list("name", flat=True)) == {"ours", *shipped}


def test_a_start_of_beat_begins_no_wait_anew() -> None:
    """A task of once a day would never run where beat starts once a day."""
    start()
    before = {task.name: task.date_changed for task in PeriodicTask.objects.all()}
    start()
    assert {task.name: task.date_changed for task in PeriodicTask.objects.all()} == before


def test_what_nobody_serves_is_not_rung() -> None:
    start()
    assert {task.task for task in PeriodicTask.objects.all()} <= set(ROUTES)
