"""A site for benchmarks of inference: servers, a worker, schools of any number of concepts, models of every kind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from tests.bench import harness
from tutor.children import Child
from tutor.embedded import Postgres, Valkey

KINDS: Final = ("half-life", "psikt", "cakt")
#: Longest wait for the worker to come up, or to get level.
PATIENCE_SECONDS: Final = 120.0
POOL: Final = "manage inference_pool --devices {} --processes 1 --run {}"


@dataclass(frozen=True)
class Servers:
    folder: Path
    postgres_pid: int

    @contextmanager
    def worker(self, device: str = "cpu") -> Iterator[None]:
        """One, under its supervisor."""
        line = POOL.format(device, self.folder / "pool").split()
        child = Child("pool", self.folder / "pool.pid", self.folder / "pool.log")
        child.spawn([sys.executable, "-m", *line], env=os.environ, cwd=harness.ROOT)
        try:
            yield
        finally:
            child.stop()


@contextmanager
def servers() -> Iterator[Servers]:
    """PostgreSQL as durable as in production, Valkey, and Django ready in this process."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
        for server in (postgres, valkey):
            stack.callback(server.stop)
            server.start()
        os.environ |= {
            "DATABASE_URL": postgres.url, "BROKER_URL": valkey.url, "SECRET_KEY": "bench", "OMP_NUM_THREADS": "1",
            "TRELLIS_MODEL_STORE": str(folder / "models"), "DJANGO_SETTINGS_MODULE": "tutor.settings",
            "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=harness.ROOT, check=True)
        import django

        django.setup()
        assert postgres.child.process is not None
        yield Servers(folder, postgres.child.process.pid)


def a_model(kind: str, concepts: int) -> Any:
    """Not fitted: what a step costs does not depend on parameters."""
    from kt_models.baselines import half_life
    from tests.bench import cakt_cost, psikt_cost

    if kind == "half-life":
        return half_life.prior_model(concepts, concepts)
    if kind == "cakt":
        return cakt_cost.untrained(cakt_cost.Config(), cakt_cost.practised(64, 20, concepts))
    return psikt_cost.model_of(psikt_cost.Setting("inference", concepts, 300, 20, 20))


@dataclass(frozen=True)
class School:
    """Learners of a school whose curriculum one model serves."""

    id: UUID
    curriculum: UUID
    learners: Sequence[UUID]
    concepts: int

    @classmethod
    def create(cls, kind: str, concepts: int, learners: int) -> School:
        from django.utils import timezone

        from curricula import services as curricula
        from tutor.accounts import services as accounts
        from tutor.accounts.models import Learner
        from tutor.interactions import partitions

        now = timezone.now()
        school = accounts.create_school(f"{kind} {concepts}")
        draft = curricula.create(_document(concepts), owner=school.pk, now=now)
        version = curricula.publish(draft.curriculum, now=now)
        made = [Learner(school=school, source="bench", external_id=str(n)) for n in range(learners)]
        for start in range(0, learners, 5_000):
            Learner.objects.bulk_create(made[start : start + 5_000])
        partitions.make(partitions.months_between(now - timedelta(days=60), now))
        _serve(a_model(kind, concepts), version)
        return cls(school.pk, draft.curriculum_id, [learner.pk for learner in made], concepts)

    def answer(self, step: int, learners: int, at: datetime) -> None:
        """One answer of each of the first so many, at a concept near the last one."""
        from tutor.interactions.services import Answer, record

        answers = [
            Answer(
                learner_id=self.learners[n], curriculum_id=self.curriculum, item=(concept := self.concept(n, step)),
                concepts=[concept], correct=float((n * 7 + step * 13) % 10 < 7), seconds=at.timestamp(),
                source="bench", client_id=f"{self.id}-{step}-{n}",
            )
            for n in range(learners)
        ]  # fmt: skip
        for start in range(0, learners, 1_000):
            record(school_id=self.id, answers=answers[start : start + 1_000], now=at)

    def concept(self, learner: int, step: int) -> int:
        return (learner * 31 + (step * step) % 20) % self.concepts

    def behind(self) -> int:
        from tutor import db

        found = db.rows(
            "SELECT count(*) FROM interactions_loghead WHERE behind_since IS NOT NULL AND school_id = %s", [self.id]
        )
        return int(found[0][0])


def _serve(model: Any, curriculum_version: Any) -> None:
    from tutor.registry import deployments

    deployments.promote(register(model, curriculum_version))


def register(model: Any, curriculum_version: Any) -> Any:
    from tutor.registry import services as registry

    with tempfile.TemporaryDirectory() as name:
        model.save(Path(name) / "model")
        return registry.register(Path(name) / "model", curriculum_version=curriculum_version)


def _document(concepts: int) -> dict[str, Any]:
    listed = [{"key": f"c{n}", "title": f"Concept {n}"} for n in range(concepts)]
    items = [{"key": f"i{n}", "concepts": [f"c{n}"], "statement": f"Item {n}"} for n in range(concepts)]
    head = {"format": "trellis-curriculum/1", "key": f"bench-{concepts}", "title": "Bench", "language": "en"}
    return {**head, "concepts": listed, "items": items}


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"workers were not level after {PATIENCE_SECONDS:.0f} s: see the remarks above")
        time.sleep(0.002)
