"""Runs that are cancelled, killed, taken over or left by their worker."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from curricula.models import Curriculum
from tests.registry.training import Busy, finished, fit_of, rank_of, reached, request
from tutor.registry import runs, trainer
from tutor.registry import services as registry
from tutor.registry import steps as training_steps
from tutor.registry.models import TrainingRun

Status = TrainingRun.Status
#: Steps are processes, which see what is committed only.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("folder")]


def test_a_run_is_cancelled_at_once_while_nobody_works_on_it(practised: Curriculum) -> None:
    run = runs.cancel(request(practised), now=timezone.now())
    assert run.status == Status.CANCELLED
    assert not trainer.run_next(now=timezone.now())
    request(practised)


def test_a_run_that_its_worker_left_is_cancelled_at_once(practised: Curriculum) -> None:
    """Its target is free though no other worker comes, and whoever comes back writes no more."""
    now = timezone.now()
    left = request(practised)
    TrainingRun.objects.filter(pk=left.pk).update(
        status=Status.RUNNING, lease_until=now - timedelta(minutes=5), message="fit was ended by signal 9"
    )
    left.refresh_from_db()
    assert runs.cancel(left, now=now).status == Status.CANCELLED
    assert (left.finished_at, left.lease_until, left.message) == (now, None, "cancelled")
    assert not trainer.run_next(now=now)
    request(practised)


def test_a_run_whose_worker_died_before_it_saw_the_cancellation_blocks_nobody(practised: Curriculum) -> None:
    now = timezone.now()
    left = request(practised)
    TrainingRun.objects.filter(pk=left.pk).update(status=Status.RUNNING, lease_until=now + timedelta(minutes=1))
    left.refresh_from_db()
    assert runs.cancel(left, now=now).status == Status.RUNNING
    TrainingRun.objects.filter(pk=left.pk).update(lease_until=now - timedelta(minutes=1))
    again = request(practised)
    left.refresh_from_db()
    assert (left.status, again.status) == (Status.CANCELLED, Status.QUEUED)


def test_a_run_whose_model_is_registered_is_done_and_not_cancelled(practised: Curriculum) -> None:
    now = timezone.now()
    run = request(practised)
    TrainingRun.objects.filter(pk=run.pk).update(
        status=Status.RUNNING, lease_until=now - timedelta(minutes=1), version=registry.ensure_served(practised.pk)
    )
    assert runs.cancel(run, now=now).status == Status.DONE


def test_a_run_shows_how_far_it_is_and_ends_when_it_is_cancelled(busy: tuple[TrainingRun, Busy], folder: Path) -> None:
    run, worker = busy
    assert run.progress.keys() >= {"step"}
    assert run.status == Status.RUNNING
    assert os.getpriority(os.PRIO_PROCESS, fit_of(folder, run)) == 5
    runs.cancel(run, now=timezone.now())
    worker.join(30)
    reached(run, lambda run: run.status == Status.CANCELLED)
    assert not (folder / str(run.pk)).exists()


def test_a_fit_that_is_killed_goes_on_from_its_checkpoint(busy: tuple[TrainingRun, Busy], folder: Path) -> None:
    run, worker = busy
    reached(run, lambda run: (folder / str(run.pk) / "checkpoint").exists())
    os.kill(fit_of(folder, run), signal.SIGKILL)
    worker.join(30)
    reached(run, lambda run: run.status == Status.QUEUED)
    assert "fit was ended by signal 9" in run.message
    far = run.progress["step"]
    again = Busy()
    again.start()
    reached(run, lambda run: run.status == Status.RUNNING and run.progress.get("step", 0) > far)
    curve = [record["step"] for record in run.log if record.get("event") == "step"]
    assert curve == sorted(curve)
    runs.cancel(run, now=timezone.now())
    again.join(30)


def test_a_fit_on_several_processes_one_of_which_is_killed_goes_on_from_its_checkpoint(
    practised: Curriculum, folder: Path, settings: Any
) -> None:
    settings.TRAINING_PROCESSES = 2
    run, worker = request(practised, "psikt", settings={"epochs": 100_000}), Busy()
    worker.start()
    reached(run, lambda run: (folder / str(run.pk) / "checkpoint").exists())
    os.kill(rank_of(folder, run, 1), signal.SIGKILL)
    worker.join(30)
    reached(run, lambda run: run.status == Status.QUEUED)
    assert run.message == "fit was ended by signal 9"
    far = run.progress["step"]
    again = Busy()
    again.start()
    reached(run, lambda run: run.status == Status.RUNNING and run.progress.get("step", 0) > far)
    runs.cancel(run, now=timezone.now())
    again.join(30)


def test_a_fit_that_always_dies_at_the_same_place_is_given_up_and_holds_nobody_up(
    practised: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying, other = request(practised, "psikt", settings={"epochs": 100_000}), request(practised, "half-life")
    tell, deaths = trainer._Work._tell, []

    def killed(work: Any, step: Any, part: str, **options: Any) -> None:
        """As memory that always ends at the third epoch."""
        tell(work, step, part, **options)
        if work.run.pk == dying.pk and work.run.progress.get("step", 0) >= 3 and part == "psikt":
            deaths.append(1)
            raise trainer.StepKilled("fit was ended by signal 9")

    monkeypatch.setattr(trainer._Work, "_tell", killed)
    assert finished(dying).status == Status.FAILED
    assert dying.message.startswith(f"given up after {trainer.MAX_ATTEMPTS} attempts; the last: fit was ended")
    # Once while it got further than before, and then as often as is allowed.
    assert len(deaths) <= trainer.MAX_ATTEMPTS + 2
    other.refresh_from_db()
    assert other.finished_at < dying.finished_at


def test_a_run_registers_one_version_and_none_once_cancelled(practised: Curriculum, folder: Path) -> None:
    run = request(practised)
    TrainingRun.objects.filter(pk=run.pk).update(cancel_requested=True, worker="another")
    told = pytest.raises(training_steps.CannotStep, match="cancelled or taken over: nothing is registered")
    with told, transaction.atomic():
        training_steps._still_ours(run)


def test_a_worker_who_lost_the_run_writes_no_more(busy: tuple[TrainingRun, Busy]) -> None:
    run, worker = busy
    later = timezone.now() + timedelta(hours=1)
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=later, message="taken over")
    worker.join(30)
    run.refresh_from_db()
    assert (run.status, run.message, run.lease_until) == (Status.RUNNING, "taken over", later)


def test_a_run_that_gets_nowhere_is_given_up(practised: Curriculum) -> None:
    run = request(practised)
    TrainingRun.objects.filter(pk=run.pk).update(attempts=trainer.MAX_ATTEMPTS, message="fit was ended by signal 9")
    assert finished(run).status == Status.FAILED
    assert run.message == f"given up after {trainer.MAX_ATTEMPTS} attempts; the last: fit was ended by signal 9"
