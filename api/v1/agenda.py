"""What lies ahead of a learner: what is planned when, what it takes, and what will be known on a day."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from api.errors import bad_parameter
from api.fast import Client, endpoint, query, respond, timed
from api.v1.agenda_shapes import (
    AgendaDay,
    AgendaList,
    AgendaOut,
    AgendaQuery,
    AllowanceOut,
    BandOut,
    CoverageOut,
    DecileOut,
    ForecastList,
    ForecastOut,
    ForecastQuery,
    MasteryCoverageOut,
    RecallOut,
    Visit,
    WorkloadList,
    WorkloadOut,
    WorkloadQuery,
)
from api.v1.next import ModelRef, concept_ref
from curricula.snapshot import Snapshot
from kt_models.recall import Float
from tutor.accounts.access import access_learner
from tutor.accounts.models import Learner
from tutor.scheduling import contents, forecasts
from tutor.scheduling.courses import KINDS
from tutor.scheduling.coverage import Coverage, Decile, kept_coverage
from tutor.scheduling.forecasts import Ahead, OutOfReach
from tutor.scheduling.mastery_coverage import LEAST, MasteryCoverage, correction, mastery_coverage
from tutor.scheduling.outlook import chance_of_mastery, recall_alone
from tutor.scheduling.plans import moment
from tutor.tracing.beliefs import Belief, belief
from tutor.tracing.estimates import Estimate, Outlook, estimates, outlook


class Read(NamedTuple):
    learner: Learner
    belief: Belief
    content: Snapshot
    now: dt.datetime


@endpoint(
    "GET",
    scope="recommend:read",
    bucket="reports",
    summary="What falls due for review when, and what each day takes",
    tags=["Recommendations"],
    query=AgendaQuery,
    responses={200: AgendaList},
    errors={404: "there is no such learner or curriculum"},
    path={"learner": "id of the learner, or `external:{source}:{id}`"},
    for_learners=True,
)
def get_agenda(request: HttpRequest, client: Client, learner: str) -> HttpResponse:
    """`data` are the reviews known now, the earliest first; what is overdue comes before all.

    `days` is what to expect of each day, by a simulation in which everything is practised when it is planned. What the
    day's allowances of answers, minutes and new concepts do not hold waits for the next day that has room.
    """
    started = time.perf_counter()
    asked = query(request, AgendaQuery)
    read = _read(client, learner, asked.curriculum)
    ahead = _ahead(read, asked.days, asked.new_per_day)
    return timed(respond(agenda_of(read, ahead)), simulate=time.perf_counter() - started)


@endpoint(
    "GET",
    scope="recommend:read",
    bucket="reports",
    summary="Minutes a day for each wanted retention",
    tags=["Recommendations"],
    query=WorkloadQuery,
    responses={200: WorkloadList},
    errors={404: "there is no such learner or curriculum"},
    path={"learner": "id of the learner, or `external:{source}:{id}`"},
    for_learners=True,
)
def get_workload(request: HttpRequest, client: Client, learner: str) -> HttpResponse:
    """From the same simulation as the agenda, without load balancing and allowances: what a retention would take.

    `retention` is the share of recall right after practice at which a review comes; `coverage` tells how far forecasts
    came true so far.
    """
    started = time.perf_counter()
    asked = query(request, WorkloadQuery)
    read = _read(client, learner, asked.curriculum)
    ahead = _ahead(read, asked.days, asked.new_per_day)
    loads = zip(asked.retention, ahead.workload(asked.retention), strict=True)
    answer = WorkloadList(
        data=[WorkloadOut(share, round(float(load.mean()), 2), load.round(2).tolist()) for share, load in loads],
        first_day=ahead.days.first,
        pace=round(ahead.pace, 3),
        retention=ahead.agreed.policy_criteria.retention,
        new_per_day=ahead.agreed.new_per_day,
        coverage=_coverage(kept_coverage(client.school_id, read.belief.curriculum_id)),
        degraded=read.belief.degraded,
    )
    return timed(respond(answer), simulate=time.perf_counter() - started)


@endpoint(
    "GET",
    scope="mastery:read",
    bucket="reports",
    summary="What a learner will know on a day: left alone, after practice now, and if the agenda is followed",
    tags=["Learner states"],
    query=ForecastQuery,
    responses={200: ForecastList},
    errors={404: "there is no such learner or curriculum"},
    path={"learner": "id of the learner, or `external:{source}:{id}`"},
    for_learners=True,
)
def get_forecast(request: HttpRequest, client: Client, learner: str) -> HttpResponse:
    """Reads one learner's belief; no worker is needed.

    `coverage` tells how often chances of mastery, as they were told for a day, came true in the school.
    """
    asked = query(request, ForecastQuery)
    read = _read(client, learner, asked.curriculum)
    found, content = read.belief, read.content
    wanted = positions_of(content, asked.concepts)
    later, ahead = _until(read, asked)
    alone = outlook(found, content, now=read.now.timestamp(), then=later.timestamp())
    criteria = forecasts.agreement(read.learner, found, content, read.now).criteria
    known, level = estimates(found, content, read.now.timestamp(), criteria), criteria.mastered_at
    chances = _chances(read, later, ahead, level)
    rows = zip(known, alone, strict=True)
    data = [_forecast(read, e, o, *chances[e.concept]) for e, o in rows if wanted is None or e.concept in wanted]
    coverage = mastery_coverage(client.school_id, found.curriculum_id)
    calibrated = correction(client.school_id, found.curriculum_id, found.version_id).is_made
    return respond(ForecastList(data, later, level, _mastery_coverage(coverage), calibrated, found.degraded))


def _read(client: Client, ref: str, curriculum: str | None) -> Read:
    now = timezone.now()
    learner = access_learner(client, ref)
    curriculum_id = contents.resolve(client.school_id, curriculum)
    found = belief(client.school_id, learner.pk, curriculum_id, now.timestamp())
    return Read(learner, found, contents.gated(client.school_id, curriculum_id, found.version_id), now)


def agenda_of(read: Read, ahead: Ahead) -> AgendaList:
    agreed = ahead.agreed
    return AgendaList(
        data=_reviews(read, ahead),
        days=_days(read.content, ahead),
        until=_moment(ahead.days.starts[-1]),
        pace=round(ahead.pace, 3),
        retention=agreed.policy_criteria.retention,
        new_per_day=agreed.new_per_day,
        allowance=AllowanceOut(*agreed.daily),
        degraded=read.belief.degraded,
    )


def _ahead(read: Read, days: int, new_per_day: float | None) -> Ahead:
    learner, found, content, now = read
    return forecasts.ahead(learner, found, content, now=now, days=days, new_per_day=new_per_day)


def _reviews(read: Read, ahead: Ahead) -> list[AgendaOut]:
    seconds, end = read.now.timestamp(), ahead.days.starts[-1]
    criteria = ahead.agreed.criteria
    known = [e for e in estimates(read.belief, read.content, seconds, criteria) if ahead.due[e.concept] < end]
    return [
        AgendaOut(
            concept=concept_ref(read.content, e.concept),
            estimate=_recall(read.belief, e),
            due_at=_moment(ahead.due[e.concept]),
            planned_at=None if planned is None else _moment(planned),
            day=None if planned is None else forecasts.calendar(read.learner, planned, 1).first,
            is_due=bool(ahead.spread[e.concept] <= seconds),
            waits=bool(ahead.planned[e.concept] > ahead.spread[e.concept]),
            minutes=round(float(ahead.prospect.minutes[e.concept]), 2),
        )
        for e in sorted(known, key=lambda e: float(ahead.due[e.concept]))
        for planned in [_finite(ahead.planned[e.concept])]
    ]


def _finite(seconds: float) -> float | None:
    return float(seconds) if np.isfinite(seconds) else None


def _days(content: Snapshot, ahead: Ahead) -> list[AgendaDay]:
    course, minutes = ahead.agenda, ahead.minutes()
    visits: list[list[Visit]] = [[] for _ in range(len(ahead.days))]
    columns = (course.concept, course.day, course.kind, course.answers)
    for concept, day, kind, answers in zip(*(column.tolist() for column in columns), strict=True):
        each = float(ahead.prospect.minutes[concept])
        visits[day].append(Visit(concept_ref(content, concept), KINDS[kind], answers, round(answers * each, 2)))
    return [
        AgendaDay(
            ahead.days.day(i), bool(ahead.prospect.quiet[i]), bool(ahead.full[i]), round(float(minutes[i]), 2), of_day
        )
        for i, of_day in enumerate(visits)
    ]


def _until(read: Read, asked: ForecastQuery) -> tuple[dt.datetime, Ahead | None]:
    """When the forecast is for, and the days until then; None if there are none."""
    try:
        then, days = forecasts.until(asked.date, read.learner, read.now)
    except OutOfReach as error:
        raise bad_parameter("date", "out_of_range", str(error)) from error
    return _moment(then), _ahead(read, days, asked.new_per_day) if days > 0 else None


def _chances(read: Read, at: dt.datetime, ahead: Ahead | None, level: float) -> list[tuple[float, float, float]]:
    """By concept: recall if the agenda is followed, and the chances of mastery without and with it."""
    # Of no day there is nothing to follow: both are the same.
    alone = recall_alone(read.belief.table, read.content.n_concepts, at.timestamp())
    followed = ahead.recall_then(at.timestamp()) if ahead else alone
    mastered, with_agenda = chance_of_mastery(*alone, level), chance_of_mastery(*followed, level)
    if ahead:
        correct = correction(read.learner.school_id, read.belief.curriculum_id, read.belief.version_id)
        with_agenda = correct.told(mastered, with_agenda, ahead.agenda.practices > 0)
    columns: Sequence[Float] = (followed[0], mastered, with_agenda)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _forecast(
    read: Read, e: Estimate, o: Outlook, with_agenda: float, mastered: float, mastered_with_agenda: float
) -> ForecastOut:
    return ForecastOut(
        concept=concept_ref(read.content, e.concept),
        estimate=_recall(read.belief, e, o),
        now=round(e.value, 4),
        after_practice=round(o.after_practice, 4),
        with_agenda=round(with_agenda, 4),
        mastered=round(mastered, 4),
        mastered_with_agenda=round(mastered_with_agenda, 4),
    )


def _recall(found: Belief, e: Estimate, at: Estimate | Outlook | None = None) -> RecallOut:
    shown = at or e
    return RecallOut(
        value=round(shown.value, 4),
        low=round(shown.low, 4),
        high=round(shown.high, 4),
        n=e.n,
        status=e.status.value,
        model=ModelRef(found.model, found.version_id),
        as_of=moment(found.as_of),
    )


def _coverage(found: Coverage) -> CoverageOut:
    error = None if found.error is None else round(found.error, 4)
    return CoverageOut(found.answers, found.learners, error, [_decile(each) for each in found.deciles])


def _mastery_coverage(found: MasteryCoverage) -> MasteryCoverageOut:
    return MasteryCoverageOut(
        is_checked=found.is_checked,
        checked=found.checked,
        needed=LEAST,
        waiting=found.waiting,
        bands=[_band(each) for each in found.bands],
        first_answers=[_band(each) for each in found.first_answers],
    )


def _decile(found: Decile) -> DecileOut:
    return DecileOut(found.n, *_figures(found))


def _band(found: Decile) -> BandOut:
    return BandOut(found.n, *_figures(found))


def _figures(found: Decile) -> list[float]:
    return [round(figure, 4) for figure in (found.forecast, found.observed, found.low, found.high)]


def positions_of(content: Snapshot, keys: list[str]) -> frozenset[int] | None:
    """Positions of the concepts asked for, None for all."""
    for key in keys:
        if key not in content.concept_position:
            raise bad_parameter("concepts", "unknown_concept", f"{key!r} is no concept of {content.title!r}")
    return frozenset(content.concept_position[key] for key in keys) if keys else None


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(float(seconds), dt.UTC)


urlpatterns = [
    path("learners/<str:learner>/agenda", get_agenda),
    path("learners/<str:learner>/workload", get_workload),
    path("learners/<str:learner>/forecast", get_forecast),
]
