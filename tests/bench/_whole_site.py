"""A whole site for a benchmark: every server and process that a small school runs, and an LMS that speaks to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.bench import harness
from tutor.children import Child, wait_for
from tutor.embedded import Postgres, Valkey, free_port

#: Longest wait for anything but a fit.
PATIENCE_SECONDS: Final = 900.0
_CELERY: Final = (
    "celery -A tutor worker -n {name}@%h -Q {queues} --pool threads --concurrency {n} --prefetch-multiplier 1"
)
_WEB: Final = (
    "granian --interface wsgi --host 127.0.0.1 --port {port} --workers 1 --blocking-threads 4 tutor.wsgi:application"
)

_POOL: Final = "manage inference_pool -Q inference,rollout --devices cpu --processes 1 --run {run}"


class Refused(RuntimeError):
    """The API did not do what it was asked."""


class Site:
    """Runs inside `with`; Django is ready in this process too, on the same database."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.key = folder, free_port(), ""
        self.postgres, self.valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
        self._stack = ExitStack()

    def __enter__(self) -> Site:
        for server in (self.postgres, self.valkey):
            self._stack.callback(server.stop)
            server.start()
        os.environ |= {
            "DATABASE_URL": self.postgres.url, "BROKER_URL": self.valkey.url, "SECRET_KEY": "bench" * 10,
            "OMP_NUM_THREADS": "1", "DJANGO_SETTINGS_MODULE": "tutor.settings", "LOG_LEVEL": "WARNING",
            "TRELLIS_MODEL_STORE": str(self.folder / "models"), "TRELLIS_IMPORT_STORE": str(self.folder / "imports"),
            "TRELLIS_TRAINING_DIR": str(self.folder / "training"),
            "TRELLIS_RATE_LIMITS": "ingest=0,recommend=0,default=0",
        }  # fmt: skip
        self.manage("migrate", "-v0")
        import django

        django.setup()
        programs = {
            "web": _WEB.format(port=self.port),
            "pool": _POOL.format(run=self.folder / "pool"),
            "background": _CELERY.format(name="background", queues="schedule,ingest", n=2),
            "training": _CELERY.format(name="training", queues="training", n=1),
            "beat": "celery -A tutor beat",
        }
        for name, line in programs.items():
            child = Child(name, self.folder / f"{name}.pid", self.folder / f"{name}.log", patience_seconds=10)
            self._stack.callback(child.stop)
            child.spawn([sys.executable, "-m", *line.split()], cwd=harness.ROOT)
        self.wait(lambda: self._answers("/readyz"), "the web server")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def manage(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=harness.ROOT, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-4000:]}")
        for line in done.stdout.splitlines():
            harness.remark(line)

    def take_key(self) -> None:
        """Of the only school, with all scopes."""
        from tutor.accounts import services
        from tutor.accounts.models import ApiClient, School

        self.key = services.create_key(School.objects.get().pk, name="LMS", scopes=list(ApiClient.Scope.values)).key

    def get(self, path: str) -> Any:
        return self.ask("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.ask("POST", path, body)

    def ask(self, method: str, path: str, body: Any = None, connection: HTTPConnection | None = None) -> Any:
        """On a connection of its own, unless one is given that is kept.

        Raises:
            Refused: if the answer is no success.     OSError: if there is none.
        """
        said = json.dumps(body) if body is not None else None
        headers = {"Host": "localhost", "Authorization": f"Bearer {self.key}"}
        if said is not None:
            headers["Content-Type"] = "application/json"
        given, connection = connection, connection or self.connection()
        try:
            connection.request(method, path, said, headers)
            answer = connection.getresponse()
            content = answer.read()
        except Exception as error:
            connection.close()
            raise OSError(f"{method} {path}: {type(error).__name__}: {error}") from error
        finally:
            if given is None:
                connection.close()
        if answer.status >= 400:
            raise Refused(f"{method} {path}: {answer.status} {content[:400]!r}")
        return json.loads(content) if content else None

    def connection(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        if not wait_for(condition, PATIENCE_SECONDS):
            logs = {path.stem: path.read_text()[-1500:] for path in self.folder.glob("*.log")}
            raise RuntimeError(f"{what} did not come within {PATIENCE_SECONDS:.0f} s: {logs}")

    def number(self, query: str, *parameters: Any) -> int:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            row = connection.execute(query, parameters).fetchone()
            return int(row[0]) if row else 0

    def is_behind(self, external_id: str) -> bool:
        query = (
            "SELECT count(*) FROM interactions_loghead h JOIN accounts_learner l ON l.id = h.learner_id "
            "WHERE l.external_id = %s AND h.behind_since IS NOT NULL"
        )
        return self.number(query, external_id) > 0

    def progress(self, curriculum: str) -> dict[str, Any]:
        challenger = self.get(f"/api/v1/curricula/{curriculum}/deployment")["challenger"]
        return dict(self.get(f"/api/v1/models/{challenger}/rollout")) if challenger else {}

    def is_level(self, curriculum: str) -> bool:
        found = self.progress(curriculum)
        return bool(found) and found["level"] == found["learners"]

    def all_level(self) -> bool:
        """Of the version that serves and of those beside it."""
        lagging = (
            "SELECT count(*) FROM interactions_loghead h "
            "JOIN tracing_learnerstate s USING (learner_id, curriculum_id) "
            "JOIN registry_deployment d ON d.curriculum_id = h.curriculum_id AND d.school_id = h.school_id "
            "AND s.version_id IN (d.champion_id, d.previous_id) "
            "WHERE s.applied_seq < h.seq OR h.behind_since IS NOT NULL"
        )
        return self.number(lagging) == 0

    def retrain(self, curriculum: str, kinds: tuple[str, ...]) -> None:
        """As an operator does it, waiting for the end."""
        asked = [part for kind in kinds for part in ("--kind", kind)]
        self.manage("retrain", curriculum, "--school", "Elm", *asked)

    def runs(self) -> Iterator[dict[str, Any]]:
        """What came of the training runs: how long they took, and what their gates found."""
        from tutor.registry.models import TrainingRun

        for run in TrainingRun.objects.select_related("version").order_by("created_at"):
            if run.version is None or run.finished_at is None or run.started_at is None:
                raise RuntimeError(f"{run.kind}: {run.status}: {run.message}")
            seconds = (run.finished_at - run.started_at).total_seconds()
            yield {"name": f"fit_{run.kind}", "value": round(seconds), "unit": "s", "outcome": run.version.state}
            for figure in ("log_loss", "auc", "brier", "ece"):
                yield {"name": f"{run.kind}_{figure}", "unit": figure, **run.version.metrics[figure]}
            for name, found in run.version.metrics["rivals"].items():
                yield {"name": f"{run.kind}_beside_{name}_log_loss", "unit": "nat", **found["log_loss"]}
            for gate in run.version.verdict["gates"]:
                yield {
                    "name": f"gate_{run.kind}_{gate['block']}: {gate['name']}", "value": int(gate["passed"]),
                    "unit": "passed", "reason": gate["reason"],
                }  # fmt: skip

    def check(self, learners: int) -> dict[str, Any]:
        """How many answers the log holds, and how many states are not what a fresh fold gives, by kind of model."""
        from tests.flow.folds import assert_state_is_the_fold_of_the_log
        from tutor.accounts.models import Learner
        from tutor.registry.models import Deployment
        from tutor.tracing.models import LearnerState

        current = Deployment.objects.exclude(school=None).get()
        different: dict[str, int] = {}
        for version in filter(None, (current.champion, current.previous)):
            states = LearnerState.objects.filter(version_id=version.pk).order_by("learner_id")
            different[version.kind] = 0
            for learner in Learner.objects.filter(pk__in=states.values_list("learner_id", flat=True)[:learners]):
                try:
                    assert_state_is_the_fold_of_the_log(learner, version.pk)
                except AssertionError as error:
                    different[version.kind] += 1
                    harness.remark(f"{version.kind}, learner {learner.pk}: {str(error)[:500]}")
        return {"answers": self.number("SELECT count(*) FROM interactions_interaction"), "different": different}

    def _answers(self, path: str) -> bool:
        try:
            self.get(path)
        except (OSError, Refused):
            return False
        return True
