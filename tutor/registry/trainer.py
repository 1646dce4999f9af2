"""Carries out training runs, step by step, each in a process of its own that can be killed at any moment.

A run's folder holds what its steps made: the export, artifacts, the checkpoint of a fit under way, the verdict. Each
appears whole or not at all, so whoever takes a run over goes on after the last one that is there. A worker that works
in another folder finds none, and starts again.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, final

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from tutor import db
from tutor.children import Child
from tutor.interactions.export import ANSWERS
from tutor.language import GIVEN_UP, Sentence, sentences, told_again
from tutor.registry import steps
from tutor.registry.breath import breath
from tutor.registry.last_words import ENDED, last_words, of_processes
from tutor.registry.models import TrainingRun
from tutor.registry.steps import BASELINE, CHECKPOINT, CUT, DATA, LOG, MODEL, Cut

log = structlog.get_logger()

RENEW_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.2
#: How often a run may be taken up without getting any further.
MAX_ATTEMPTS: Final = 5
#: Records of a fit that are kept as its learning curve.
CURVE: Final = 200
#: Of learners, for the epoch that is kept.
VALIDATION: Final = 0.1
#: The task that finds whose states lag beside a champion.
LOOK: Final = "tutor.tracing.tasks.look_beside"
#: Exit status by which a fit says that a checkpoint is not its own.
FOREIGN: Final = 3
#: Kinds whose fits take long enough for checkpoints and several processes.
LONG: Final = frozenset({"psikt", "cakt"})

#: Begins the processes of a fit; its own exit status is 1, whatever theirs are.
_TORCHRUN: Final = "torch.distributed.run"

Status, Step = TrainingRun.Status, TrainingRun.Step


class LostLease(RuntimeError):
    """Another worker has taken the run over, so this one must not write any more."""


class Cancelled(Exception):
    """Somebody asked for the run to end."""


class StepFailed(Exception):
    """A step says why it cannot be done; trying again would say the same."""


class CheckpointForeign(Exception):
    """A fit cannot go on from the checkpoint that is there."""


class StepKilled(Exception):
    """A step was killed from outside; it may work the next time."""


def run_next(*, now: datetime) -> bool:
    """Takes up the oldest run that nobody works on, and carries it to its end; False if there is none."""
    _sweep()
    run = _claim(now)
    if run is None:
        return False
    work = _Work(run, settings.TRAINING_DIR / str(run.pk))
    try:
        if run.attempts > MAX_ATTEMPTS:
            last = told_again(run.message, run.said, "/message")
            raise StepFailed(Sentence(GIVEN_UP, n=MAX_ATTEMPTS, last=last))
        work.carry_out()
        work.finish(Status.DONE, "")
    except LostLease:
        log.warning("training_taken_over", run=str(run.pk))
    except Cancelled:
        # Too late for one whose model is registered.
        done = work.run.version_id is not None
        work.finish(Status.DONE if done else Status.CANCELLED, "" if done else "cancelled")
    except StepFailed as error:
        work.finish(Status.FAILED, error.args[0])
    except StepKilled as error:
        work.release(error.args[0])
    except Exception as error:
        log.exception("training_interrupted", run=str(run.pk))
        work.release(f"{type(error).__name__}: {error}")
    return True


def _sweep() -> None:
    """Removes what is left here of runs that have ended elsewhere, or that are no more."""
    # Folders first: one that is made meanwhile is of a run that is found then.
    folders = list(settings.TRAINING_DIR.glob("*-*-*-*-*"))
    unfinished = {str(pk) for pk in TrainingRun.objects.filter(finished_at=None).values_list("pk", flat=True)}
    for folder in folders:
        if folder.name not in unfinished:
            shutil.rmtree(folder, ignore_errors=True)


def _claim(now: datetime) -> TrainingRun | None:
    free = TrainingRun.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), finished_at=None)
    with transaction.atomic():
        # One that was broken off waits behind the others.
        run = free.select_for_update(skip_locked=True).order_by("attempts", "created_at").first()
        if run is not None:
            run.status, run.lease_until, run.attempts = Status.RUNNING, _lease(), run.attempts + 1
            run.started_at, run.worker = run.started_at or now, f"{socket.gethostname()}:{os.getpid()}"
            run.save(update_fields=["status", "lease_until", "attempts", "started_at", "worker"])
    return run


def _lease() -> datetime:
    return timezone.now() + timedelta(seconds=settings.TRAINING_LEASE_SECONDS)


@final
@dataclass
class _Work:
    """A run that this worker holds."""

    run: TrainingRun
    folder: Path
    renewed: float = 0.0

    def carry_out(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # What a killed worker may have left running here.
        self._child().sweep()
        self._step(Step.EXPORT, self.folder / CUT, steps.command(self.run, Step.EXPORT))
        cut = Cut.read(self.folder)
        for kind in dict.fromkeys((BASELINE, self.run.kind)):
            own = kind == self.run.kind
            if own:
                steps.prepare_fit(self.run, self.folder, cut)
            self._step(Step.FIT, self.folder / MODEL / kind, self._fit(kind, cut, own), kind)
        if self.run.version_id is None:
            self._do(Step.JUDGE, steps.command(self.run, Step.JUDGE))

    def finish(self, status: TrainingRun.Status, message: str) -> None:
        self._child().stop()
        ours = TrainingRun.objects.filter(pk=self.run.pk, lease_until=self.run.lease_until, finished_at=None)
        ended = {"status": status, "finished_at": timezone.now(), "lease_until": None}
        if ours.update(**ended, **_worded(message)):
            shutil.rmtree(self.folder, ignore_errors=True)
            log.info("training_ended", run=str(self.run.pk), kind=self.run.kind, status=status, message=message)
        if status == Status.DONE:
            _ring()

    def release(self, message: str) -> None:
        """Leaves the run to whoever comes next, after a pause: what ended it may pass by itself."""
        self._child().stop()
        again = timezone.now() + timedelta(seconds=settings.TRAINING_PAUSE_SECONDS * self.run.attempts)
        TrainingRun.objects.filter(pk=self.run.pk, lease_until=self.run.lease_until).update(
            lease_until=again, status=Status.QUEUED, **_worded(message)
        )

    def _fit(self, kind: str, cut: Cut, own: bool) -> list[str]:
        """The command line of a fit: the candidate's with its settings, a baseline's with its defaults."""
        answers, out = self.folder / DATA / ANSWERS, self.folder / MODEL / kind
        command = [
            "fit", "--model", kind, "--data", str(answers), "--out", str(out),
            "--before", repr(cut.before), "--concepts", str(cut.concepts), "--items", str(cut.items),
            "--validation", str(VALIDATION), "--json-log", str(self.folder / LOG), "--seed", str(self.run.seed),
        ]  # fmt: skip
        if own:
            command += [part for name, value in self.run.settings.items() for part in ("--set", f"{name}={value}")]
            command += steps.fit_options(self.folder)
        if kind in LONG:
            command += ["--device", settings.TRAINING_DEVICE, "--checkpoint", str(self.folder / CHECKPOINT)]
        return [sys.executable, *_launcher(kind), "kt_models", *command]

    def _step(self, step: TrainingRun.Step, outcome: Path, command: Sequence[str], part: str = "") -> None:
        if outcome.exists():
            return
        try:
            self._do(step, command, part)
        except CheckpointForeign:
            # Of other settings of the site or another release, or spoilt: nothing is lost but time.
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
            self._do(step, command, part)
        (self.folder / CHECKPOINT).unlink(missing_ok=True)
        self._hold(attempts=0)

    def _do(self, step: TrainingRun.Step, command: Sequence[str], part: str = "") -> None:
        """Raises:
        StepFailed, StepKilled, CheckpointForeign, Cancelled, LostLease: as they say; the process has ended then.
        """
        self._tidy()
        self._hold(step=step, progress=self.run.progress if (self.folder / CHECKPOINT).exists() else {})
        child = self._child()
        how = [os.getpid(), settings.TRAINING_NICE, settings.TRAINING_CPUS]
        own = [sys.executable, "-m", "tutor.registry.leash", *map(str, how), *command]
        child.spawn(own, env=_environment(), cwd=settings.BASE_DIR)
        assert child.process is not None  # noqa: S101
        air = breath(settings.TRAINING_SHARE, processes=settings.TRAINING_PROCESSES)
        try:
            while child.running():
                air.draw(child.process.pid, POLL_SECONDS)
                self._tell(step, part)
        finally:
            child.stop()
        self._tell(step, part, always=True)
        if status := child.process.returncode:
            self._refuse(step, status, _TORCHRUN in command)

    def _tidy(self) -> None:
        """Removes what an earlier attempt left half written, and its words."""
        for half in self.folder.rglob(".*.part"):
            shutil.rmtree(half) if half.is_dir() else half.unlink()
        self._child().log.unlink(missing_ok=True)
        if not (self.folder / CHECKPOINT).exists():
            (self.folder / LOG).unlink(missing_ok=True)

    def _refuse(self, step: TrainingRun.Step, status: int, several: bool) -> None:
        """Why a process did not end well: as it told itself, or as it was ended."""
        if status < 0:
            raise StepKilled(Sentence(ENDED, step=_named(step), n=-status))
        told = [record for record in _records(self.folder / LOG) if record.get("event") == "failed"]
        if told and told[-1].get("status") == FOREIGN:
            raise CheckpointForeign
        if told and "said" in told[-1]:
            raise StepFailed(Sentence.again(told[-1]["said"]))
        unknown = Sentence(gettext_noop("{step} ended with exit status {n}"), step=_named(step), n=status)
        if several and not told:
            # One that is killed and one that is at fault look alike to the others, and to the launcher's status.
            raise StepKilled(of_processes(self._child().log, _named(step)) or unknown)
        words = told[-1]["message"] if told else last_words(self._child().log)
        raise StepFailed(words or unknown)

    def _tell(self, step: TrainingRun.Step, part: str, *, always: bool = False) -> None:
        if not always and time.monotonic() - self.renewed < RENEW_SECONDS:
            return
        records = list(_records(self.folder / LOG))
        records = [record for record in records if record.get("event") != "failed"]
        told: dict[str, Any] = {"progress": records[-1]} if records else {}
        furthest, place = self.run.furthest, f"{step} {part}".strip()
        reached = records[-1].get("step", 0) if records else 0
        if reached > furthest.get(place, 0):
            # Further than any attempt before.
            told |= {"attempts": 0, "furthest": furthest | {place: reached}}
        curve = {"log": _thinned(records)} if step == Step.FIT and records else {}
        self._hold(**told, **curve)

    def _hold(self, **changes: Any) -> None:
        """Renews the lease, if it is still ours: its time is its name."""
        until = _lease()
        ours = TrainingRun.objects.filter(pk=self.run.pk, lease_until=self.run.lease_until, finished_at=None)
        if not ours.update(lease_until=until, **changes):
            raise LostLease
        self.run.refresh_from_db()
        self.renewed = time.monotonic()
        if self.run.cancel_requested:
            raise Cancelled

    def _child(self) -> Child:
        return Child("training", self.folder / "step.pid", self.folder / "step.log", patience_seconds=10.0)


def _worded(message: str) -> dict[str, Any]:
    """Columns of a run."""
    return {"message": message[:2000], "said": sentences({"message": message})}


def _named(step: TrainingRun.Step) -> Sentence:
    names = {Step.EXPORT: gettext_noop("export"), Step.FIT: gettext_noop("fit"), Step.JUDGE: gettext_noop("judge")}
    return Sentence(names[step])


def _ring() -> None:
    """There may be a new challenger, whose states are to be built."""
    from tutor.celery import app

    try:
        # By name, for it stands above; one try: beat rings as well.
        app.send_task(LOOK, expires=600, retry=False)
    except Exception as error:
        log.warning("bell_not_published", task=LOOK, error=f"{type(error).__name__}: {error}")


def _launcher(kind: str) -> list[str]:
    if kind in LONG and settings.TRAINING_PROCESSES > 1:
        return ["-m", _TORCHRUN, "--standalone", f"--nproc-per-node={settings.TRAINING_PROCESSES}", "-m"]
    return ["-m"]


def _environment() -> dict[str, str]:
    """The step's processes work on the database and in the folder of this one, whatever the environment says."""
    threads = str(settings.TRAINING_THREADS)
    limits = {f"{library}_NUM_THREADS": threads for library in ("OMP", "MKL", "OPENBLAS")}
    return {**os.environ, **limits, "DATABASE_URL": db.url(), "TRELLIS_TRAINING_DIR": str(settings.TRAINING_DIR)}


def _thinned(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that tell a loss, of which there is one an epoch; where none does yet, all of them."""
    kept = [record for record in records if any(name.endswith("log_loss") for name in record)] or records
    return kept[:: len(kept) // CURVE + 1]


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for line in path.read_text().splitlines():
            # The last one may be half written.
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record
