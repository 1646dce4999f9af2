"""States of a whole school rebuilt from the log: time and memory.

`python -m tests.bench rebuild [--learners 100000] [--kind half-life] [--quick]`

Answers are made up in the database, twenty a learner over a month, and lie in the log's partitions as real ones do;
they are written by SQL, without intake. All states are forgotten and queued by `tracing.rebuild`, and folded by
`tracing.advance`, 256 learners a batch, in this process: one worker, one thread. Models are not fitted: what a step
costs does not depend on parameters. `driver`: largest resident memory of the process that folds; `postgres`: of
PostgreSQL's largest process.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from tests.bench import _pool_site as pool
from tests.bench import harness
from tests.bench._meters import Meters
from tests.bench._pool_site import School

LEARNERS: Final = 100_000
QUICK_LEARNERS: Final = 500
EACH: Final = 20
CONCEPTS: Final = 100
BATCH: Final = 256
#: Learners whose answers are inserted by one statement.
STATEMENT: Final = 20_000

_ANSWERS: Final = """
INSERT INTO interactions_interaction (
    learner_id, curriculum_id, seq, occurred_at, school_id, received_at, item, correct, attempt, concepts, source,
    client_id
)
SELECT l.id, %(curriculum)s, 1 + n,
       %(end)s - make_interval(hours => 36 * (%(each)s - n), secs => l.external_id::int %% 3600),
       %(school)s, %(end)s, c, ((l.external_id::int * 7 + n * 13) %% 10 < 7)::int, 1, ARRAY[c], 'bench',
       l.external_id || '-' || n
FROM accounts_learner l
CROSS JOIN generate_series(0, %(each)s - 1) n
CROSS JOIN LATERAL (SELECT (l.external_id::int * 31 + n * n %% 20) %% %(concepts)s AS c) c
WHERE l.school_id = %(school)s AND l.external_id::int >= %(start)s AND l.external_id::int < %(stop)s
"""
_HEADS: Final = """
INSERT INTO interactions_loghead (learner_id, curriculum_id, school_id, seq, behind_since, behind_from, level_seq)
SELECT id, %(curriculum)s, school_id, %(each)s, NULL, NULL, %(each)s FROM accounts_learner WHERE school_id = %(school)s
"""
_STATES: Final = """
INSERT INTO tracing_learnerstate (learner_id, version_id, curriculum_id, school_id, applied_seq)
SELECT id, %(version)s, %(curriculum)s, school_id, %(each)s FROM accounts_learner WHERE school_id = %(school)s
"""


def figures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    n = options.learners or (QUICK_LEARNERS if options.quick else LEARNERS)
    kind = options.kind or "half-life"
    with pool.servers() as servers:
        school = School.create(kind, CONCEPTS, n)
        meters = Meters({"driver": os.getpid(), "postgres": servers.postgres_pid}, alone="driver")
        yield from _rebuilt(school, kind, n)
        meters.close()
        for name, peak in meters.peak_mib.items():
            yield {"name": f"{kind}.{name}.memory", "value": round(peak, 1), "unit": "MiB", "learners": n}


def _rebuilt(school: School, kind: str, n: int) -> Iterator[dict[str, Any]]:
    from django.utils import timezone

    from tutor.registry import queries
    from tutor.tracing import services as tracing

    version = queries.serving([(school.id, school.curriculum)])[school.id, school.curriculum].version_id
    fill(school, version)
    begin = time.perf_counter()
    queued = tracing.rebuild(version_id=version, now=timezone.now())
    assert queued == n
    yield {"name": f"{kind}.queue", "value": round(time.perf_counter() - begin, 2), "unit": "s", "learners": n}
    begin, cpu, done = time.perf_counter(), time.process_time(), 0
    while advanced := tracing.advance(limit=BATCH, now=timezone.now()):
        done += len(advanced)
        if done % (40 * BATCH) == 0:
            harness.remark(f"{done:,} learners in {time.perf_counter() - begin:.0f} s")
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    assert done == n
    of = {"learners": n, "answers": n * EACH, "batch": BATCH}
    yield {"name": f"{kind}.seconds", "value": round(seconds, 1), "unit": "s", **of}
    yield {"name": f"{kind}.rate", "value": round(n / seconds), "unit": "learners/s", **of}
    yield {"name": f"{kind}.cpu", "value": round(cpu / n * 1e6), "unit": "CPU us/learner", **of}


def fill(school: School, version: UUID) -> None:
    """Answers and empty states of the version, for all learners."""
    from django.db import connection
    from django.utils import timezone

    common = {
        "school": school.id, "curriculum": school.curriculum, "each": EACH, "concepts": school.concepts,
        "end": timezone.now() - timedelta(hours=2), "version": version,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for start in range(0, len(school.learners), STATEMENT):
            cursor.execute(_ANSWERS, common | {"start": start, "stop": start + STATEMENT})
        cursor.execute(_HEADS, common)
        cursor.execute(_STATES, common)
        cursor.execute("ANALYZE interactions_interaction, interactions_loghead, accounts_learner")
        cursor.execute("SET synchronous_commit = on")
    harness.remark(f"{len(school.learners) * EACH:,} answers in the log")
