"""Inference workers of this machine, kept running: `manage.py inference_pool [--devices auto]`."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from tutor.tracing import pool
from tutor.tracing.pool import Pool
from tutor.tracing.slots import NoDevices, slots

TICK_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 5.0


class Command(BaseCommand):
    help = (
        "Runs one inference worker a card, or some on the CPU, and starts again what dies, falls silent or grows too "
        "large. SIGTERM lets each finish its batch; SIGQUIT, or a second SIGTERM, does not wait."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        devices = os.environ.get("TRELLIS_DEVICE", "auto")
        parser.add_argument("--devices", default=devices, help="auto, cpu, cuda (all cards), or cuda:0,cuda:1")
        parser.add_argument("--processes", type=int, help="on the CPU; a card has one")
        parser.add_argument("-Q", "--queues", default="inference,rollout", help="of Celery, separated by commas")
        parser.add_argument("--silent-seconds", type=float, default=settings.SILENT_SECONDS,
                            help="a worker that drains nothing for so long while learners wait is ended")  # fmt: skip
        parser.add_argument("--max-memory", type=int, default=0, metavar="MIB",
                            help="a worker that takes more is started anew; 0 is without limit")  # fmt: skip
        parser.add_argument("--patience", type=float, default=pool.PATIENCE_SECONDS, metavar="SECONDS",
                            help="that a worker has to finish its batch when all are to stop")  # fmt: skip
        parser.add_argument("--run", type=Path, default=None, metavar="FOLDER",
                            help="of pid files, by which what a killed supervisor left is found")  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            places = slots(options["devices"], options["processes"], os.environ)
        except NoDevices as error:
            raise CommandError(str(error), returncode=os.EX_CONFIG) from error
        with alone_in(options["run"] or _default_folder()) as folder:
            workers = Pool(
                places, folder, queues=options["queues"], silent_seconds=options["silent_seconds"],
                max_memory_bytes=options["max_memory"] * 2**20, patience_seconds=options["patience"], tell=self._tell,
            )  # fmt: skip
            self._tell(f"{len(places)} workers: {', '.join(place.name for place in places)}")
            _run(workers, min(LOOK_SECONDS, options["silent_seconds"] / 3), self._tell)

    def _tell(self, text: str) -> None:
        self.stdout.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} inference pool: {text}")
        self.stdout.flush()


def _run(workers: Pool, look_seconds: float, tell: Any) -> None:
    stop = Event()

    def on_signal(number: int, frame: object) -> None:
        if number == signal.SIGQUIT or stop.is_set():
            workers.kill()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, on_signal)
    try:
        workers.start()
        looked = time.monotonic()
        while not stop.wait(TICK_SECONDS):
            workers.tend(time.monotonic())
            if time.monotonic() - looked >= look_seconds:
                looked = time.monotonic()
                _judge(workers, tell)
        tell("the workers finish what they do")
    finally:
        workers.stop()


def _judge(workers: Pool, tell: Any) -> None:
    try:
        sight = pool.look()
    except Exception as error:
        # Whoever does not answer us does not answer the workers either: none is to blame.
        tell(f"the database does not answer ({type(error).__name__}); no worker is judged meanwhile")
        connection.close()
        return
    workers.judge(sight, time.monotonic())


def _default_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"trellis-inference-{os.getuid()}"


@contextmanager
def alone_in(folder: Path) -> Iterator[Path]:
    """The kernel lets go of the lock when its holder dies, however it dies."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise CommandError(f"--run {folder} belongs to another user: name a folder of your own")
    with (folder / "inference.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"another pool runs from {folder}: stop it first, or name another folder with --run"
            ) from error
        yield folder
