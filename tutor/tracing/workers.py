"""How the workers are and what waits for them: for operators, dashboards of machines, and the supervisor. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, final
from uuid import UUID

from django.conf import settings

from tutor import db
from tutor.tracing.models import WorkerStatus

State = Literal["ok", "idle", "silent", "gone"]
STATES: Final[tuple[State, ...]] = ("ok", "idle", "silent", "gone")
#: A worker beats every three seconds; a database that is busy may delay some.
GONE_AFTER: Final = timedelta(seconds=20)
#: Whoever has drained nothing for so long has nothing to do.
IDLE_AFTER: Final = timedelta(seconds=60)

# Those put off stand in the future. By the clock that the web set `behind_since` by, or one close to it.
_QUEUE: Final = """
SELECT count(*) FILTER (WHERE behind_since <= %s), count(*) FILTER (WHERE behind_since > %s),
       coalesce(extract(epoch FROM %s - min(behind_since) FILTER (WHERE behind_since <= %s)), 0)::float8
FROM interactions_loghead WHERE behind_since IS NOT NULL AND (%s::uuid IS NULL OR school_id = %s)
"""


@final
@dataclass(frozen=True)
class Queue:
    """Learners whose states are behind their logs; those put off after a failure wait for another try."""

    behind: int
    put_off: int
    oldest_seconds: float


@final
@dataclass(frozen=True)
class Worker:
    status: WorkerStatus
    state: State


def queue(now: datetime, school_id: UUID | None = None) -> Queue:
    """Of one school, or of all."""
    return Queue(*db.rows(_QUEUE, [now, now, now, now, school_id, school_id])[0])


def workers(now: datetime, oldest_seconds: float) -> list[Worker]:
    """All of the last day, by name; `oldest_seconds` of the queue of all schools."""
    found: Iterable[WorkerStatus] = WorkerStatus.objects.order_by("name")
    return [Worker(status, state(status, oldest_seconds, now)) for status in found]


def state(status: WorkerStatus, oldest_seconds: float, now: datetime) -> State:
    """By what a worker has done lately: a process may live, and beat, and do nothing."""
    if now - status.beat_at > GONE_AFTER:
        return "gone"
    quiet = now - (status.drained_at or status.started_at)
    if min(oldest_seconds, quiet.total_seconds()) > settings.SILENT_SECONDS:
        return "silent"
    return "idle" if status.drained_at is None or quiet > IDLE_AFTER else "ok"
