"""Do looks ahead come true? Forecasts of mastery and of workload against simulated worlds, where the truth is known.

`python -m tests.bench outlook_truth [--quick] [--kind half-life]`

A model is fitted on some learners of a world; of others it sees 14 days of practice. Then, in the same world:
mastery: P(true recall >= the mastery level) after 7 and 28 days, left alone and with the agenda followed, by tenth of
    the forecast, against the share of (learner, concept) pairs whose true recall is there; `error`: mean distance.
workload: minutes that `outlook.workload` expects over 28 days, against those of learners who do each day what their
    agenda of that day asks, made anew from what they answered: `ratio` is expected over actual.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, final

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutor.settings")
# Nothing is read or written: settings only want to be told.
for name, value in (("SECRET_KEY", "bench"), ("DATABASE_URL", "postgres://x/x"), ("BROKER_URL", "redis://x")):
    os.environ.setdefault(name, value)
django.setup()

from kt_models.base import LearnerModel  # noqa: E402
from kt_models.recall import SECONDS_PER_DAY, Float, Int  # noqa: E402
from kt_models.simulate import Attendance, Scene, Shape, World, day_start, open_world  # noqa: E402
from tests.bench import harness  # noqa: E402
from tutor.scheduling import outlook  # noqa: E402
from tutor.scheduling.calendar import Days  # noqa: E402
from tutor.scheduling.courses import Course  # noqa: E402
from tutor.scheduling.outlook import Prospect  # noqa: E402
from tutor.scheduling.policies.situation import concept_minutes  # noqa: E402
from tutor.scheduling.tournament.course import Ground, ground  # noqa: E402
from tutor.scheduling.tournament.run import warm_up  # noqa: E402
from tutor.tracing.pupils import Log, Pupils, fit  # noqa: E402
from tutor.tracing.status import DEFAULT  # noqa: E402

WORLDS: Final = ("psikt", "power", "fsrs", "space", "unruly")
SEED: Final = 0
#: Days seen, and days looked ahead.
SEEN, AHEAD = 14, 28
WEEK: Final = 7
RETENTIONS: Final = (0.8, 0.9)


@final
@dataclass(frozen=True)
class Size:
    learners: int = 30
    concepts: int = 40


def figures(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    size = Size(15, 30) if options.quick else Size()
    for kind in WORLDS[:2] if options.quick else WORLDS:
        harness.remark(f"world {kind}")
        yield from _of_world(kind, options.kind or "half-life", size)


def _of_world(kind: str, model_kind: str, size: Size) -> Iterator[dict[str, Any]]:
    scene = Scene(size.learners, Shape(concepts=size.concepts), Attendance.steady(15.0))
    fitted_on = open_world(kind, scene, seed=SEED)
    there = ground(scene, fitted_on.course)
    model = fit(model_kind, warm_up(fitted_on, there, SEEN), there.content, seed=SEED)
    world = open_world(
        kind, Scene(size.learners, scene.shape, scene.attendance, course=fitted_on.course), seed=SEED + 1
    )
    seen, now = warm_up(world, there, SEEN), day_start(SEEN)
    pupils = _pupils(model, there, seen, size)
    yield from (_named(kind, model_kind, each) for each in _mastery(world, there, pupils, now))
    for retention in RETENTIONS:
        lived = _lived(world.copy(), there, _pupils(model, there, seen, size), now, retention)
        yield _named(kind, model_kind, _workload(there, pupils, now, retention, lived))


def _named(world: str, model: str, figure: dict[str, Any]) -> dict[str, Any]:
    return {**figure, "name": f"{world}.{model}.{figure['name']}", "seed": SEED}


def _pupils(model: LearnerModel, there: Ground, seen: Log, size: Size) -> Pupils:
    pupils = Pupils(model, size.learners, there.content, day_start(0))
    _observe(pupils, seen)
    return pupils


def _observe(pupils: Pupils, log: Log) -> None:
    order = np.lexsort((log.seconds, log.learner))
    columns = (log.learner, log.item, log.correct, log.seconds)
    pupils.observe(*(column[order] for column in columns))


def _prospect(pupils: Pupils, there: Ground, row: int, now: float, days: int) -> Prospect:
    horizon = Days.ahead("UTC", int(now // 3_600 % 24), now, days)
    return Prospect(
        now=now,
        content=there.content,
        table=pupils.table(row, now),
        evidence=pupils.evidence(row),
        days=horizon,
        quiet=np.zeros(days, np.bool_),
        minutes=concept_minutes(there.content),
    )


def _mastery(world: World[Any], there: Ground, pupils: Pupils, now: float) -> Iterator[dict[str, Any]]:
    level = DEFAULT.mastered_at
    for days in (WEEK, AHEAD):
        at = now + days * SECONDS_PER_DAY
        ahead = [_prospect(pupils, there, row, now, days) for row in range(world.n_learners)]
        agendas = [outlook.follow(each) for each in ahead]
        alone = [outlook.recall_alone(each.table, there.content.n_concepts, at) for each in ahead]
        followed = [outlook.recall_then(each, agenda, at) for each, agenda in zip(ahead, agendas, strict=True)]
        practised = world.copy()
        _follow(practised, there, agendas, now, days)
        for name, told, truth in (("alone", alone, world.recall(at)), ("followed", followed, practised.recall(at))):
            chance = np.array([outlook.chance_of_mastery(*each, level) for each in told])
            yield from _by_tenth(f"mastery.{days}d.{name}", chance.ravel(), (truth >= level).ravel())


def _by_tenth(name: str, chance: Float, came: Float) -> Iterator[dict[str, Any]]:
    parts = np.array_split(np.argsort(chance, kind="stable"), 10)
    told = [(round(float(chance[part].mean()), 3), round(float(came[part].mean()), 3)) for part in parts]
    error = float(np.mean([abs(a - b) for a, b in told]))
    yield {
        "name": f"{name}.error", "value": round(error, 4), "unit": "probability", "n": len(chance),
        "mean_forecast": round(float(chance.mean()), 4), "share": round(float(came.mean()), 4), "tenths": told,
    }  # fmt: skip


def _workload(there: Ground, pupils: Pupils, now: float, retention: float, lived: float) -> dict[str, Any]:
    """`lived`: minutes that it took in truth."""
    rows, days = range(pupils.n_learners), AHEAD * pupils.n_learners
    ahead = (_prospect(pupils, there, row, now, AHEAD) for row in rows)
    expected = sum(float(outlook.workload(each, [retention])[0].sum()) for each in ahead)
    return {
        "name": f"workload.{retention}.ratio",
        "value": round(expected / lived, 3) if lived else None,
        "unit": "expected / actual",
        "expected_minutes_per_day": round(expected / days, 2),
        "actual_minutes_per_day": round(lived / days, 2),
    }


def _lived(world: World[Any], there: Ground, pupils: Pupils, now: float, retention: float) -> float:
    """Minutes of learners who do each day what the agenda of the day asks."""
    minutes, spent = concept_minutes(there.content), 0.0
    for day in range(AHEAD):
        today = now + day * SECONDS_PER_DAY
        prospects = (_prospect(pupils, there, row, today, 1) for row in range(pupils.n_learners))
        agendas = [outlook.follow(each, retention=retention) for each in prospects]
        spent += sum(float((agenda.answers * minutes[agenda.concept]).sum()) for agenda in agendas)
        log = _follow(world, there, agendas, today, 1)
        if len(log.learner):
            _observe(pupils, log)
    return spent


def _follow(world: World[Any], there: Ground, agendas: list[Course], now: float, days: int) -> Log:
    """Lets every learner do what is on their agenda, a minute after the other, from the hour at which days begin."""
    found: list[tuple[Int, Int, Any, Float]] = []
    for day in range(days):
        queues = [np.repeat(a.concept[a.day == day], a.answers[a.day == day]) for a in agendas]
        for place in range(max((len(queue) for queue in queues), default=0)):
            rows = np.array([row for row, queue in enumerate(queues) if len(queue) > place], np.int64)
            concepts = np.array([queues[row][place] for row in rows], np.int64)
            items = there.course.item(concepts, world.practised[rows, concepts])
            seconds = np.full(len(rows), now + day * SECONDS_PER_DAY + 60.0 * (place + 1))
            found.append((rows, items, world.answer(rows, items, seconds).correct, seconds))
    nothing = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0)
    learner, item, correct, seconds = (np.concatenate(column) for column in zip(nothing, *found, strict=True))
    return Log(learner, item, correct, seconds, np.full(len(learner), np.nan, np.float32))
