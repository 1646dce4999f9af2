"""Import jobs: files of answers that workers take in, part by part, each with its counts in one transaction."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import IO, Any, Final
from uuid import UUID

import msgspec
import structlog
from django.core.files import File
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from tutor.accounts.access import Client, NotFound
from tutor.scheduling import bell, importfile, intake
from tutor.scheduling.importfile import BadFile, Row
from tutor.scheduling.intake import AnswerIn, Receipt
from tutor.scheduling.models import ImportJob

log = structlog.get_logger()

#: Rejected rows may hold personal data; whoever wants them has had time to.
ERRORS_KEPT: Final = timedelta(days=30)
#: Largest file of one job; more goes in several.
MAX_BYTES: Final = 100 * 1024 * 1024
#: A worker that has not committed a part for this long is taken for dead: a part takes a second.
LEASE: Final = timedelta(minutes=2)
#: How often a job may be taken up without getting any further.
MAX_ATTEMPTS: Final = 5
#: Rows of a part, and of its transaction.
PART: Final = intake.MAX_ROWS
FORMATS: Final = {"application/x-ndjson": "ndjson", "text/csv": "csv"}


class Truncated(ValueError):
    def __init__(self, received: int, announced: int) -> None:
        super().__init__(f"{received} of {announced} bytes came: send the file again")


class LostLease(RuntimeError):
    """Another worker has taken the job over, so this one must not write any more."""


class ErrorLine(msgspec.Struct, frozen=True):
    """A row that was not taken, as a line of the error file."""

    line: int
    id: str
    code: str
    message: str
    pointer: str
    row: str


def create(
    client: Client, stream: IO[bytes], *, length: int, format: str, source: str, curriculum: str, dry_run: bool,
    now: datetime,
) -> ImportJob:  # fmt: skip
    """Keeps the file and queues a job for it; the stream is read in pieces, never whole.

    Raises:
        Truncated: if the stream ends before `length` bytes.
    """
    job = ImportJob(
        school_id=client.school_id, client_id=client.id, format=format, source=source, curriculum=curriculum,
        dry_run=dry_run, created_at=now,
    )  # fmt: skip
    job.file = storages["imports"].save(f"{job.pk}.{format}", File(stream))
    received = storages["imports"].size(job.file)
    if received != length:
        storages["imports"].delete(job.file)
        raise Truncated(received, length)
    with transaction.atomic():
        job.save(force_insert=True)
        transaction.on_commit(bell.ring_imports)
    return job


def visible(client: Client) -> QuerySet[ImportJob]:
    return ImportJob.objects.filter(school_id=client.school_id)


def access(client: Client, job_id: UUID) -> ImportJob:
    """Raises:
    NotFound: alike for what is absent and what is another school's.
    """
    found = visible(client).filter(pk=job_id).first()
    if found is None:
        raise NotFound("import", job_id)
    return found


def error_chunks(job: ImportJob) -> Iterator[bytes]:
    """The error file, in pieces; nothing while the job runs, and of a job without errors."""
    if job.error_file:
        with storages["imports"].open(job.error_file, "rb") as stream:
            yield from stream.chunks()


def run_next(*, now: datetime) -> bool:
    """Takes up the oldest job that nobody works on, and runs it to its end; False if there is none."""
    job = _claim(now)
    if job is None:
        return False
    if job.attempts > MAX_ATTEMPTS:
        _finish(job, ImportJob.Status.FAILED, f"given up after {MAX_ATTEMPTS} attempts; the last: {job.message}")
        return True
    try:
        _run(job)
    except LostLease:
        log.warning("import_taken_over", job=str(job.pk))
    except (BadFile, FileNotFoundError) as error:
        _finish(job, ImportJob.Status.FAILED, str(error))
    except Exception as error:
        # Left to its lease: whatever it was may have passed by then.
        log.exception("import_interrupted", job=str(job.pk))
        ImportJob.objects.filter(pk=job.pk).update(message=f"{type(error).__name__}: {error}"[:2000])
    return True


def prune(*, now: datetime) -> int:
    """Deletes error files that nobody has needed for `ERRORS_KEPT`; how many. The jobs and their counts stay."""
    old = ImportJob.objects.filter(finished_at__lt=now - ERRORS_KEPT).exclude(error_file="")
    for job in old:
        storages["imports"].delete(job.error_file)
        ImportJob.objects.filter(pk=job.pk).update(error_file="")
    return len(old)


def _claim(now: datetime) -> ImportJob | None:
    open_ = ImportJob.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), finished_at=None)
    with transaction.atomic():
        job = open_.select_for_update(skip_locked=True).order_by("created_at").first()
        if job is not None:
            job.status, job.lease_until = ImportJob.Status.RUNNING, timezone.now() + LEASE
            job.started_at, job.attempts = job.started_at or now, job.attempts + 1
            job.save(update_fields=["status", "lease_until", "started_at", "attempts"])
    return job


def _run(job: ImportJob) -> None:
    """From the beginning of the file: parts that were committed are read once more for their errors only."""
    client = Client(id=job.client_id or job.pk, school_id=job.school_id, name="import", scopes=frozenset())
    done = job.rows
    with storages["imports"].open(job.file, "rb") as stream, tempfile.TemporaryFile() as errors:
        rows = importfile.rows(stream, job.format)
        read = 0
        while part := list(islice(rows, PART)):
            read += len(part)
            faults = (_take_again if read <= done else _take)(client, job, part)
            errors.writelines(msgspec.json.encode(fault) + b"\n" for fault in faults)
        if errors.tell():
            errors.seek(0)
            job.error_file = _keep_errors(job, errors)
    _finish(job, ImportJob.Status.DONE, "")


def _take(client: Client, job: ImportJob, part: Sequence[Row]) -> list[ErrorLine]:
    """Raises:
    LostLease: if another worker has the job; nothing of the part is written then.
    """
    with transaction.atomic():
        receipts = _submit(client, job, part, dry_run=job.dry_run)
        statuses = [receipt.status for receipt in receipts]
        job.rows += len(part)
        counts = {name: F(name) + statuses.count(name) for name in ("accepted", "duplicate", "rejected")}
        _hold(job, rows=job.rows, attempts=0, **counts)
    return _faults(part, receipts)


def _take_again(client: Client, job: ImportJob, part: Sequence[Row]) -> list[ErrorLine]:
    receipts = _submit(client, job, part, dry_run=True)
    _hold(job)
    return _faults(part, receipts)


def _hold(job: ImportJob, **changes: Any) -> None:
    """Renews the lease, if it is still ours: its time is its name."""
    until = timezone.now() + LEASE
    ours = ImportJob.objects.filter(pk=job.pk, lease_until=job.lease_until, finished_at=None)
    if not ours.update(lease_until=until, **changes):
        raise LostLease
    job.lease_until = until


def _submit(client: Client, job: ImportJob, part: Sequence[Row], *, dry_run: bool) -> list[Receipt]:
    """A receipt each, in order; faulty lines are rejected unseen."""
    good = [_completed(row.answer, job) for row in part if row.answer is not None]
    taken = iter(intake.submit(client, good, now=timezone.now(), dry_run=dry_run))
    return [Receipt("", "rejected", row.fault) if row.answer is None else next(taken) for row in part]


def _completed(answer: AnswerIn, job: ImportJob) -> AnswerIn:
    """With the job's source and curriculum where the row says none."""
    if (answer.source or not job.source) and (answer.curriculum or not job.curriculum):
        return answer
    return msgspec.structs.replace(
        answer, source=answer.source or job.source, curriculum=answer.curriculum or job.curriculum or None
    )


def _faults(part: Sequence[Row], receipts: Sequence[Receipt]) -> list[ErrorLine]:
    return [
        ErrorLine(row.line, receipt.id, receipt.error.code, receipt.error.message, receipt.error.pointer, row.shown)
        for row, receipt in zip(part, receipts, strict=True)
        if receipt.error is not None
    ]


def _keep_errors(job: ImportJob, errors: IO[bytes]) -> str:
    # A worker that died right here may have left one.
    name = f"{job.pk}.errors.ndjson"
    storages["imports"].delete(name)
    return storages["imports"].save(name, File(errors))


def _finish(job: ImportJob, status: ImportJob.Status, message: str) -> None:
    ours = ImportJob.objects.filter(pk=job.pk, lease_until=job.lease_until)
    ended = {"status": status, "message": message[:2000], "error_file": job.error_file, "finished_at": timezone.now()}
    if ours.update(**ended, lease_until=None):
        storages["imports"].delete(job.file)
