"""A whole site that can be broken: real servers and processes, each killed and started again like a supervisor does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

import psycopg

from tests.faults import inside
from tutor.children import Child, wait_for
from tutor.embedded import Postgres, Valkey, free_port

ROOT = Path(__file__).parents[2]
#: Nothing here takes a third of this on two cores, unless it hangs.
SECONDS = 60.0

WORKER = "celery -A tutor worker -Q inference --pool=threads --concurrency=1 -n w@%h --without-gossip --without-mingle"
BEAT = "celery -A tutor beat --max-interval 2"
POOL = "manage inference_pool --devices cpu --processes 2 --silent-seconds 4 --run {folder}/pool"
WEB = "granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 --blocking-threads 4 tutor.wsgi:application"


class Site:
    """Servers run from the start; what else runs is the test's affair. `url` of the broker may be another's."""

    def __init__(self, folder: Path, broker_url: str | None = None) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres", throwaway=True)
        self.valkey = Valkey(folder / "valkey", throwaway=True)
        self.port = free_port()
        commands = {
            "worker": WORKER, "beat": BEAT, "web": WEB.format(port=self.port), "pool": POOL.format(folder=folder),
            "nursery": "tests.faults.nursery", "trainer": f"{inside.__name__} train",
        }  # fmt: skip
        self._commands = {name: line.split() for name, line in commands.items()}
        self.children = {name: self._child(name) for name in commands}
        self.broker_url = broker_url

    def _child(self, name: str) -> Child:
        return Child(name, self.folder / f"{name}.pid", self.folder / f"{name}.log", patience_seconds=5)

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.postgres.url,
            "BROKER_URL": self.broker_url or self.valkey.url,
            "SECRET_KEY": "of-a-site-that-lasts-a-minute-and-keeps-no-secrets-at-all",
            "TRELLIS_MODEL_STORE": str(self.folder / "models"),
            "TRELLIS_TRAINING_DIR": str(self.folder / "training"),
            "TRELLIS_TRAINING_LEASE_SECONDS": "2",
            "TRELLIS_TRAINING_NICE": "0",
            "TRELLIS_TRAINING_SHARE": "1",
            "TRELLIS_TRAINING_PAUSE_SECONDS": "0",
            "TRELLIS_RATE_LIMITS": "ingest=0,recommend=0",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def install(self) -> None:
        """An empty database with all tables."""
        self.postgres.start()
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=self.env, check=True, timeout=SECONDS)

    def start(self, name: str) -> None:
        self.children[name].spawn([sys.executable, "-m", *self._commands[name]], env=self.env, cwd=ROOT)

    def stop(self) -> None:
        # The pool first: it would start its workers again.
        for child in (*self.children.values(), *self.pool_workers()):
            child.kill() if child.process else child.sweep()
        self.valkey.stop()
        self.postgres.stop()

    def pool_workers(self) -> list[Child]:
        """What the pool has started, found by pid file as the next pool finds it."""
        files = sorted((self.folder / "pool").glob("*.pid"))
        return [Child(file.stem, file, file, stop_signal=SIGKILL) for file in files]

    def tend(self) -> None:
        """Starts what has died by itself."""
        for name, child in self.children.items():
            if child.process is not None and not child.running():
                self.start(name)

    def do(self, command: str, *arguments: str) -> Any:
        """One of the commands of `inside`, in a process of its own; what it says."""
        done = subprocess.run(
            [sys.executable, "-m", inside.__name__, command, *arguments],
            capture_output=True, text=True, check=False, cwd=ROOT, env=self.env, timeout=2 * SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return json.loads(done.stdout.strip().splitlines()[-1])

    @contextmanager
    def doing(self, command: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """The same, while the block runs; it must have gone well at the end."""
        log = self.folder / f"{command}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", inside.__name__, command, *arguments],
                stdout=output, stderr=output, text=True, cwd=ROOT, env=self.env,
            )  # fmt: skip
            try:
                yield process
                assert process.wait(2 * SECONDS) == 0, log.read_text()[-4000:]
            finally:
                process.kill()
                process.wait()

    def number(self, query: str) -> int:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            row = connection.execute(query).fetchone()
            assert row is not None
            return int(row[0])

    def logged(self) -> int:
        return self.number("SELECT count(*) FROM interactions_interaction")

    def folded(self) -> int:
        return self.number("SELECT coalesce(sum(applied_seq), 0) FROM tracing_learnerstate")

    def behind(self) -> int:
        return self.number("SELECT count(*) FROM interactions_loghead WHERE behind_since IS NOT NULL")

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Until it holds, as a supervisor waits: what dies meanwhile is started again."""

        def holds() -> bool:
            self.tend()
            return condition()

        if not wait_for(holds, SECONDS):
            raise AssertionError(f"{what} did not come within {SECONDS:.0f} s; the worker says:\n{self.said('worker')}")

    def said(self, name: str) -> str:
        log = self.children[name].log
        return log.read_text()[-3000:] if log.exists() else ""
