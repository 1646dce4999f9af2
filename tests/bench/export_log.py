"""The log exported as Parquet: time, memory and size, of answers made up in the database.

`python -m tests.bench export_log [--answers 20000000] [--quick]`

PostgreSQL is a process of its own on this machine. Answers are of learners with 100 each, over a year, and lie in the
log's partitions as real ones do; they are written by SQL, without intake. `driver`: growth of the process that exports;
`postgres`: its largest process, which sorts on disk beyond its working memory.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import psutil

from tests.bench import harness
from tests.bench._meters import MIB, Meters
from tutor.embedded import Postgres

ANSWERS: Final = 2_000_000
QUICK_ANSWERS: Final = 20_000
EACH: Final = 100
#: Answers inserted by one statement.
STATEMENT: Final = 500_000
END: Final = datetime(2026, 6, 1, tzinfo=UTC)

_ANSWERS: Final = 20_000
EACH: Final = 100
#: Answers inserted by one statement.
STATEMENT: Final = 500_000
END: Final = datetime(2026, 6, 1, tzinfo=UTC)

_LEARNERS: Final = """
INSERT INTO accounts_learner (id, school_id, external_id, name, timezone, day_cutoff_hour, created_at)
SELECT md5('learner' || n)::uuid, %(school)s, n::text, '', '', 4, now() FROM generate_series(0, %(learners)s - 1) n
"""
_ANSWERS: Final = """
INSERT INTO interactions_interaction (
    learner_id, curriculum_id, seq, occurred_at, school_id, received_at, item, correct, response_seconds, attempt,
    concepts, source, client_id
)
SELECT md5('learner' || n / %(each)s)::uuid, %(curriculum)s, n %% %(each)s,
       %(end)s - make_interval(secs => (1 + (n * 7919) %% 31536000)), %(school)s, %(end)s, (n * 31) %% 5000,
       (n * 104729) %% 3 / 2.0, (n %% 600) / 10.0, 1,
       CASE WHEN n %% 4 = 0 THEN ARRAY[n %% 500, (n + 7) %% 500] ELSE ARRAY[n %% 500] END::int[], 'bench', n::text
FROM generate_series(%(start)s::bigint, %(stop)s::bigint - 1) n
"""


def figures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    n = options.answers or (QUICK_ANSWERS if options.quick else ANSWERS)
    with _log(n) as (curriculum, postgres), tempfile.TemporaryDirectory() as name:
        from tutor.interactions import export

        folder, me = Path(name), psutil.Process()
        before = me.memory_info().rss / MIB
        meters = Meters({"driver": os.getpid(), "postgres": postgres}, alone="driver")
        start, cpu = time.perf_counter(), time.process_time()
        manifest = export.write(folder, curriculum)
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
        meters.close()
        assert manifest.answers == n
        yield {"name": "rate", "value": round(n / seconds), "unit": "answers/s", "n": n}
        yield {"name": "driver.cpu", "value": round(cpu * 1e6 / n, 2), "unit": "CPU us/answer", "n": n}
        grown = max(meters.peak_mib["driver"], me.memory_info().rss / MIB) - before
        yield {"name": "driver.memory", "value": round(grown, 1), "unit": "MiB", "n": n}
        yield {"name": "postgres.memory", "value": round(meters.peak_mib["postgres"], 1), "unit": "MiB", "n": n}
        size = (folder / export.ANSWERS).stat().st_size
        yield {"name": "size", "value": round(size / n, 2), "unit": "bytes/answer", "n": n}


@contextmanager
def _log(answers: int) -> Iterator[tuple[UUID, int]]:
    """A database whose log holds the answers; the curriculum and the server's pid."""
    with tempfile.TemporaryDirectory() as name:
        server = Postgres(Path(name) / "pg")
        server.start()
        try:
            os.environ |= {
                "DATABASE_URL": server.url,
                "SECRET_KEY": "bench",
                "DJANGO_SETTINGS_MODULE": "tutor.settings",
            }
            subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=harness.ROOT, check=True)
            import django

            django.setup()
            curriculum = _fill(answers)
            assert server.child.process is not None
            yield curriculum, server.child.process.pid
        finally:
            server.stop()


def _fill(answers: int) -> UUID:
    from django.db import connection

    from tutor.accounts.models import Learner, School
    from tutor.interactions import partitions

    school, curriculum = School.objects.create(name="Bench"), uuid4()
    partitions.make(partitions.months_between(END - timedelta(days=366), END))
    ids = (
        UUID(hashlib.md5(f"learner{n}".encode(), usedforsecurity=False).hexdigest()) for n in range(-(-answers // EACH))
    )
    people = (Learner(pk=key, school=school, source="bench", external_id=str(key)) for key in ids)
    while some := list(islice(people, 5_000)):
        Learner.objects.bulk_create(some)
    common = {"school": school.pk, "curriculum": curriculum, "each": EACH, "end": END}
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for start in range(0, answers, STATEMENT):
            cursor.execute(_ANSWERS, common | {"start": start, "stop": min(start + STATEMENT, answers)})
            harness.remark(f"{min(start + STATEMENT, answers):,} answers in the log")
        cursor.execute("ANALYZE interactions_interaction")
    return curriculum
