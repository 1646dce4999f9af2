"""Every task has its queue, its limits and its rhythm, in one table."""

from __future__ import annotations

from typing import Any

import pytest
from celery.schedules import crontab

from tutor.celery import ROUTES, SCHEDULE, app, transport_options
from tutor.registry import trainer

app.loader.import_default_modules()
OURS = sorted(name for name in app.tasks if not name.startswith("celery."))
#: Tasks too long to be unacknowledged meanwhile: a row with a lease brings them back, not the broker.
LEASED = {
    "tutor.scheduling.tasks.run_import",
    "tutor.scheduling.tasks.run_evaluations",
    "tutor.registry.tasks.run_training",
}
every_task = pytest.mark.parametrize("name", OURS)
every_entry = pytest.mark.parametrize("entry", SCHEDULE.values(), ids=list(SCHEDULE))


def test_every_task_has_a_route_and_every_route_a_task() -> None:
    assert sorted(ROUTES) == OURS


@every_task
def test_a_message_goes_to_the_queue_of_the_table(name: str) -> None:
    route = app.amqp.router.route({}, name)
    assert route["queue"].name == ROUTES[name]


@every_task
def test_a_task_that_hangs_is_stopped(name: str) -> None:
    """Where workers can: a soft limit that it may clean up after, and a hard one soon after."""
    task = app.tasks[name]
    assert task.soft_time_limit < task.time_limit
    assert task.time_limit <= 600 or name in LEASED


@every_task
def test_a_task_that_dies_is_tried_again(name: str) -> None:
    task = app.tasks[name]
    assert task.acks_late == (name not in LEASED)
    assert task.reject_on_worker_lost


@every_task
def test_a_message_is_a_doorbell_and_carries_nothing(name: str) -> None:
    app.tasks[name].__header__()


@every_task
def test_no_task_keeps_a_result(name: str) -> None:
    assert app.tasks[name].ignore_result


@every_entry
def test_what_beat_sends_is_a_task_of_ours(entry: dict[str, Any]) -> None:
    assert entry["task"] in OURS


@every_entry
def test_an_entry_expires_before_the_next_is_sent(entry: dict[str, Any]) -> None:
    assert 0 < entry["options"]["expire_seconds"] <= _pause(entry["schedule"])


def _pause(rhythm: float | crontab) -> float:
    """Seconds between two messages; of a crontab, of those of one day."""
    if isinstance(rhythm, crontab):
        return 86_400.0 / (len(rhythm.hour) * len(rhythm.minute))
    return rhythm


def test_what_is_rung_by_name_is_a_task_of_ours() -> None:
    assert trainer.LOOK in OURS


@pytest.mark.parametrize("task", ["advance_and_plan", "release_due"])
def test_what_must_not_wait_for_a_bell_is_rung_every_minute(task: str) -> None:
    rhythms = [entry["schedule"] for entry in SCHEDULE.values() if entry["task"].endswith(f".{task}")]
    assert min(rhythms) <= 60


@pytest.mark.parametrize("url", ["redis://localhost", "rediss://localhost", "unix:///tmp/valkey.sock"])
def test_what_a_dead_worker_held_comes_back_within_minutes(url: str) -> None:
    """kombu forgets it for an hour unless told."""
    options = transport_options(url)
    assert options["visibility_timeout"] + options["unacked_restore_interval"] <= 120


def test_rabbitmq_confirms_what_it_was_given() -> None:
    assert transport_options("amqp://localhost") == {"confirm_publish": True}
