"""An inference worker's own part: its device before it begins, its pulse while it lives, its end when it must.

Connected to Celery's signals by importing this (`tracing.tasks`). Workers of other queues are left alone.
"""

from __future__ import annotations

import os
import socket
import sys
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any, Final, final

import structlog
from celery import signals
from celery.worker import state as celery_state
from django.db import connection
from django.utils import timezone

from tutor.celery import ROUTES
from tutor.registry import device, loader
from tutor.tracing.models import WorkerStatus
from tutor.tracing.pulse import PULSE, Pulse

log = structlog.get_logger()

QUEUE: Final = ROUTES["tutor.scheduling.tasks.advance_and_plan"]
BEAT_SECONDS: Final = 3.0
#: What is left of a worker that was killed is shown for so long.
KEPT: Final = timedelta(days=1)
#: Exit statuses of sysexits.h, for whoever starts workers: the device is not there, and another try may do.
CANNOT_RUN, TRY_AGAIN = 78, 75


@final
class Reporter:
    """Says every few seconds that this process lives, and what it has done, in a thread of its own."""

    def __init__(self, pulse: Pulse, queues: list[str], now: datetime) -> None:
        self.name, self._pulse, self._queues, self._started = worker_name(), pulse, queues, now
        self._stop = Event()
        self._thread = Thread(target=self._report, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Whoever stops in good order leaves nothing behind."""
        self._stop.set()
        self._thread.join(BEAT_SECONDS)

    def say(self, now: datetime) -> None:
        """One statement for the row, one for those of workers long gone."""
        row = self._row(now)
        changing = [field.name for field in WorkerStatus._meta.fields if field.name != "name"]
        WorkerStatus.objects.bulk_create([row], update_conflicts=True, unique_fields=["name"], update_fields=changing)
        WorkerStatus.objects.filter(beat_at__lt=now - KEPT).delete()

    def _row(self, now: datetime) -> WorkerStatus:
        pulse, (memory, on_device) = self._pulse, device.memory_bytes()
        return WorkerStatus(
            name=self.name, queues=self._queues, device=device.name(), started_at=self._started, beat_at=now,
            drained_at=pulse.drained_at, batches=pulse.batches, learners=pulse.learners, answers=pulse.answers,
            batch_sizes=list(pulse.sizes), halvings=pulse.halvings, memory_bytes=memory,
            device_memory_bytes=on_device, versions=loader.loaded(),
        )  # fmt: skip

    def _report(self) -> None:
        while True:
            self._try(lambda: self.say(timezone.now()))
            if self._stop.wait(BEAT_SECONDS):
                break
        self._try(lambda: WorkerStatus.objects.filter(name=self.name).delete())
        connection.close()

    def _try(self, action: Any) -> None:
        try:
            action()
        except Exception as error:
            # Of the database, mostly; the next beat has a new connection.
            log.warning("pulse_not_told", error=f"{type(error).__name__}: {error}")
            connection.close()


_reporters: list[Reporter] = []


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


@signals.worker_init.connect
def _before_work(sender: Any, **_: Any) -> None:
    queues = sorted(sender.app.amqp.queues.consume_from)
    if QUEUE not in queues:
        return
    try:
        device.require()
    except device.Unusable as error:
        print(f"inference worker: {error}", file=sys.stderr, flush=True)
        raise SystemExit(CANNOT_RUN) from error
    _reporters.append(Reporter(PULSE, queues, timezone.now()))


@signals.worker_ready.connect
def _at_work(**_: Any) -> None:
    for reporter in _reporters:
        reporter.start()


@signals.worker_shutdown.connect
def _after_work(**_: Any) -> None:
    for reporter in _reporters:
        reporter.stop()


@signals.task_failure.connect
def _give_up(exception: BaseException, **_: Any) -> None:
    """A device that fails does so for this process for good; a warm stop, for the transaction was rolled back."""
    if isinstance(exception, device.Unusable):
        log.error("worker_gives_up", error=str(exception))
        # As Celery's own handlers of signals do; its stubs know the first value only.
        vars(celery_state)["should_stop"] = TRY_AGAIN
