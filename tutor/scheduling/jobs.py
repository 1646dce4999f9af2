"""Questions about policies as rows with a lease each: asked by anybody, answered by workers of the training queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from tutor.language import GIVEN_UP, Sentence, sentences
from tutor.scheduling.policy_models import Job

log = structlog.get_logger()

J = TypeVar("J", bound=Job)

#: A worker that has not been heard of for this long is taken for dead: a step takes seconds.
LEASE: Final = timedelta(minutes=10)
#: How often a job may be taken up.
MAX_ATTEMPTS: Final = 3
#: Of one kind, that a school may have waiting.
WAITING: Final = 20
_TOO_MANY: Final = {
    "evaluation": gettext_noop("%(n)s evaluations of the school wait already: wait for one of them"),
    "rehearsal": gettext_noop("%(n)s rehearsals of the school wait already: wait for one of them"),
}


class TooMany(RuntimeError):
    """Others of the school wait already."""


class LostLease(RuntimeError):
    """Another worker has taken the job over, so this one must not write any more."""


def request(job: Job) -> None:
    """Queues it and rings for the worker.

    Raises:
        TooMany: if enough wait.
    """
    kind = type(job)
    waiting = kind._default_manager.filter(school_id=job.school_id, finished_at=None).count()
    if waiting >= WAITING:
        raise TooMany(gettext(_TOO_MANY[str(kind._meta.verbose_name)]) % {"n": waiting})
    with transaction.atomic():
        job.save(force_insert=True)
        transaction.on_commit(ring)


def run_next(
    kind: type[J], work: Callable[[J], dict[str, Any]], *, refused: tuple[type[Exception], ...], now: datetime
) -> bool:
    """Takes up the oldest job that nobody works on, and ends it; False if there is none.

    Args:
        work: gives the report.     refused: what it raises where no other try would help; the message is told,
            in everybody's language if it is `Sentence`.
    """
    job = _claim(kind, now)
    if job is None:
        return False
    if job.attempts > MAX_ATTEMPTS:
        given_up = Sentence(GIVEN_UP, n=MAX_ATTEMPTS, last=job.message)
        _finish(job, Job.Status.FAILED, message=given_up)
        return True
    try:
        _finish(job, Job.Status.DONE, report=work(job))
    except LostLease:
        log.warning("job_taken_over", kind=kind.__name__, job=str(job.pk))
    except refused as error:
        _finish(job, Job.Status.FAILED, message=error.args[0])
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        # Left to its lease: whatever it was may have passed by then.
        log.exception("job_interrupted", kind=kind.__name__, job=str(job.pk))
        kind._default_manager.filter(pk=job.pk).update(message=f"{type(error).__name__}: {error}"[:2000])
    return True


def tell(job: Job, done: int, total: int) -> None:
    """How far it is; renews the lease, if it is still ours: its time is its name.

    Raises:
        LostLease: if it is not.
    """
    until = timezone.now() + LEASE
    ours = type(job)._default_manager.filter(pk=job.pk, lease_until=job.lease_until, finished_at=None)
    if not ours.update(lease_until=until, done=done, total=total):
        raise LostLease
    job.lease_until = until


def ring() -> None:
    """A job is waiting."""
    from tutor.scheduling import tasks

    try:
        # One try: beat is the retry.
        tasks.run_evaluations.apply_async(expires=60, retry=False)
    except Exception as error:
        log.warning("bell_not_published", task="run_evaluations", error=f"{type(error).__name__}: {error}")


def _claim(kind: type[J], now: datetime) -> J | None:
    open_ = kind._default_manager.filter(Q(lease_until=None) | Q(lease_until__lt=now), finished_at=None)
    with transaction.atomic():
        job = open_.select_for_update(skip_locked=True, of=("self",)).order_by("created_at").first()
        if job is not None:
            job.status, job.lease_until = Job.Status.RUNNING, timezone.now() + LEASE
            job.started_at, job.attempts = job.started_at or now, job.attempts + 1
            job.save(update_fields=["status", "lease_until", "started_at", "attempts"])
    return job


def _finish(job: Job, status: Job.Status, *, message: str = "", report: dict[str, Any] | None = None) -> None:
    ours = type(job)._default_manager.filter(pk=job.pk, lease_until=job.lease_until)
    ours.update(
        status=status, message=message[:2000], report=report, said=sentences({"message": message, "report": report}),
        finished_at=timezone.now(), lease_until=None,
    )  # fmt: skip
