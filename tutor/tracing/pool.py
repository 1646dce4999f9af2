"""The supervisor of inference workers: a process a card, started again when it dies, falls silent or grows too large.

Light: it imports no model and no torch, and nothing is lost with it. What it leaves behind when it is killed goes on
working, until the next supervisor on the same folder ends it and starts its own.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, final

from tutor.children import Child, Kept, stop_together
from tutor.tracing.slots import Slot

ROOT: Final = Path(__file__).resolve().parents[2]
#: A busy worker was measured to take up to 32 s for a warm shutdown.
PATIENCE_SECONDS: Final = 55.0
#: A silent worker that restarting does not help is left in peace for longer each time, up to so many times as long: the
#: trouble is elsewhere, such as in the broker or in the store of models.
MOST_PATIENCE: Final = 16

#: Process, batches, answers.
Counts = tuple[int, int, int]


@final
@dataclass
class Vigil:
    """Whether one worker is silent: learners wait, and its counts stand still, for longer than patience.

    By a clock of ours: neither that of a worker that hangs is asked, nor that of another machine.
    """

    patience_seconds: float
    counted: Counts | None = None
    since: float = 0.0
    restarts: int = 0

    def look(self, counted: Counts | None, waiting_seconds: float, now: float) -> bool:
        """`counted` is None for a worker that has not told anything yet."""
        if counted is not None and self.counted is not None and counted != self.counted:
            self.restarts = 0
        if counted != self.counted:
            self.counted, self.since = counted, now
        patience = self.patience_seconds * min(1 << self.restarts, MOST_PATIENCE)
        return waiting_seconds > self.patience_seconds and now - self.since > patience

    def restarted(self, now: float) -> None:
        self.counted, self.since = None, now
        self.restarts += 1


@final
@dataclass(frozen=True)
class Seen:
    """Of one worker, as the database tells it."""

    batches: int
    answers: int
    memory_bytes: int


@final
@dataclass(frozen=True)
class Sight:
    """What the database says: how long the oldest learner has waited, and the workers by name."""

    waiting_seconds: float
    workers: Mapping[str, Seen] = field(default_factory=dict)


@final
class WorkerProcess(Child):
    """Writes where its supervisor writes, so that a container or a journal has the words of both."""

    def output(self) -> IO[bytes]:
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")


@final
class Pool:
    """The workers of some slots, kept running until told to stop."""

    def __init__(
        self, places: Sequence[Slot], folder: Path, *, queues: str = "inference", silent_seconds: float,
        max_memory_bytes: int = 0, patience_seconds: float = PATIENCE_SECONDS, tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._tell, self._max_memory = tell, max_memory_bytes
        self._patience = patience_seconds
        self._workers = [_Worker(slot, folder, queues, silent_seconds, patience_seconds) for slot in places]
        self._folder = folder

    def start(self) -> None:
        for left in sorted(self._folder.glob("inference-*.pid")):
            # Also of slots that there are no more.
            WorkerProcess(left.stem, left, left, patience_seconds=self._patience).sweep()
        for worker in self._workers:
            worker.kept.start()

    def tend(self, now: float) -> None:
        """Starts again what has died; `now` is of a monotonic clock."""
        for worker in self._workers:
            status = worker.child.process.poll() if worker.child.process else None
            if told := worker.kept.tend(now):
                self._tell(told if status is None else f"{told} (exit status {status})")

    def judge(self, sight: Sight, now: float) -> None:
        """Ends who is silent, and asks who has grown too large to stop; both are then started again like the dead."""
        for worker in self._workers:
            if not worker.child.running():
                continue
            seen = sight.workers.get(worker.row)
            counted = (worker.pid, seen.batches, seen.answers) if seen else None
            if worker.vigil.look(counted, sight.waiting_seconds, now):
                quiet = f"{worker.child.name} has done nothing for {now - worker.vigil.since:.0f} s"
                self._tell(f"{quiet}, while a learner has waited for {sight.waiting_seconds:.0f} s: ended")
                worker.vigil.restarted(now)
                worker.child.kill()
            elif seen and self._max_memory and seen.memory_bytes > self._max_memory and worker.stopping != worker.pid:
                self._tell(f"{worker.child.name} takes {seen.memory_bytes / 2**20:.0f} MiB: it is to start anew")
                worker.stopping = worker.pid
                worker.child.ask_to_stop()

    def stop(self) -> None:
        """Warm: each finishes its batch."""
        stop_together([worker.child for worker in self._workers])

    def kill(self) -> None:
        for worker in self._workers:
            worker.child.kill()


@final
class _Worker:
    def __init__(self, slot: Slot, folder: Path, queues: str, silent_seconds: float, patience_seconds: float) -> None:
        name = f"inference-{slot.name}"
        self.child = WorkerProcess(
            name, folder / f"{name}.pid", folder / f"{name}.log", patience_seconds=patience_seconds
        )
        line = command(name, queues)
        self.kept = Kept(name, lambda: self.child.spawn(line, env=self._env(slot), cwd=ROOT), self.child.running)
        self.vigil = Vigil(silent_seconds)
        #: The process that was asked to stop for its size.
        self.stopping: int | None = None

    @property
    def pid(self) -> int:
        return self.child.process.pid if self.child.process else 0

    @property
    def row(self) -> str:
        """As the worker names itself."""
        return f"{socket.gethostname()}:{self.pid}"

    @staticmethod
    def _env(slot: Slot) -> dict[str, str]:
        # Several processes share the cores: more threads in each only get into each other's way.
        return {"OMP_NUM_THREADS": "1", **os.environ, **slot.env}


def command(name: str, queues: str) -> list[str]:
    """A worker: one thread, which owns the card, beside the one that listens to the broker. CUDA survives no fork."""
    line = (
        f"celery -A tutor worker -n {name}@%h -Q {queues} --pool threads --concurrency 1 --prefetch-multiplier 1 "
        f"--without-gossip --without-mingle -l {os.environ.get('LOG_LEVEL', 'INFO')}"
    )
    return [sys.executable, "-m", *line.split()]


def look() -> Sight:
    """Asks the database."""
    from django.utils import timezone

    from tutor.tracing import workers
    from tutor.tracing.models import WorkerStatus

    rows = WorkerStatus.objects.values_list("name", "batches", "answers", "memory_bytes")
    seen = {name: Seen(*figures) for name, *figures in rows}
    return Sight(workers.queue(timezone.now()).oldest_seconds, seen)
