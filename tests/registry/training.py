"""Training runs, and a worker that carries them out, for the tests of what comes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from django.utils import timezone

from curricula.models import Curriculum
from tutor.children import marked, wait_for
from tutor.registry import runs, trainer
from tutor.registry.models import TrainingRun


def request(curriculum: Curriculum, kind: str = "logistic", **options: object) -> TrainingRun:
    return runs.request(kind=kind, curriculum_id=curriculum.pk, now=timezone.now(), **options)  # type: ignore[arg-type]


def finished(run: TrainingRun) -> TrainingRun:
    while trainer.run_next(now=timezone.now()):
        pass
    run.refresh_from_db()
    return run


class Busy(threading.Thread):
    """A worker of this process that carries out one run of a fit that takes long."""

    def __init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        from django.db import connection

        try:
            trainer.run_next(now=timezone.now())
        finally:
            connection.close()


def reached(run: TrainingRun, what: Callable[[TrainingRun], bool]) -> None:
    def there() -> bool:
        run.refresh_from_db()
        return what(run)

    assert wait_for(there, 180), f"{run.status} {run.step} {run.progress} {run.message}"


def fit_of(folder: Path, run: TrainingRun) -> int:
    return int((folder / str(run.pk) / "step.pid").read_text().split()[0])


def rank_of(folder: Path, run: TrainingRun, rank: int) -> int:
    """One of the processes that torchrun has begun."""
    every = marked(str((folder / str(run.pk) / "step.pid").absolute()))
    (found,) = (pid for pid in every if f"\0RANK={rank}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes())
    return found
