"""A school's states and plans under another version: built beside, promoted, planned anew.

`python -m tests.bench roll_out [--learners 10000] [--kind half-life] [--quick]`

Learners have twenty answers each over a month, and plans. A second version is put in shadow, its states are built
beside, 64 learners a batch; it is promoted, and every plan is made anew by what it believes, as `follow_promotions`
does in bounded batches; then it is rolled back. One process, one thread.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from tests.bench import _pool_site as pool
from tests.bench import harness, rebuild
from tests.bench._pool_site import School

LEARNERS: Final = 10_000
QUICK_LEARNERS: Final = 300
CONCEPTS: Final = 100
BATCH: Final = 64


def figures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    n = options.learners or (QUICK_LEARNERS if options.quick else LEARNERS)
    kind = options.kind or "half-life"
    with pool.servers():
        school = School.create(kind, CONCEPTS, n)
        for name, (seconds, done) in _rolled_out(school, kind):
            yield {"name": f"{kind}.{name}", "value": round(seconds, 3), "unit": "s", "learners": done}


def _rolled_out(school: School, kind: str) -> Iterator[tuple[str, tuple[float, int]]]:
    from django.utils import timezone

    from curricula.models import CurriculumVersion
    from tutor.registry import queries
    from tutor.scheduling import rollout, services
    from tutor.tracing import beside
    from tutor.tracing import services as tracing

    n, now = len(school.learners), timezone.now
    first = queries.serving([(school.id, school.curriculum)])[school.id, school.curriculum].version_id
    rebuild.fill(school, first)
    tracing.rebuild(version_id=first, now=now())
    yield "planned", _timed(lambda: services.advance_and_plan(limit=rebuild.BATCH, now=now()))
    harness.remark(f"{n:,} learners have plans")
    second = pool.register(pool.a_model(kind, CONCEPTS), CurriculumVersion.objects.get(curriculum=school.curriculum))
    rollout.challenge(second, now=now())
    yield "look", (_timed_once(lambda: beside.look(now=now())), n)
    yield "states_beside", _timed(lambda: beside.step(limit=BATCH, now=now()))
    yield "promote", (_timed_once(lambda: rollout.promote(second, now=now())), n)
    yield "plans_after_roll_out", _timed(lambda: rollout.follow(now=now()))
    yield "roll_back", (_timed_once(lambda: rollout.roll_back(school.curriculum, None, now=now())), n)


def _timed(step: Callable[[], int]) -> tuple[float, int]:
    """Until a step does nothing more: seconds, and of how many learners."""
    begin, done = time.perf_counter(), 0
    while some := step():
        done += some
    return time.perf_counter() - begin, done


def _timed_once(act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return time.perf_counter() - begin
