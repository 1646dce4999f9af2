"""What lies ahead of a class: the agenda of each learner, and what everybody will know on a day."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

import msgspec
import numpy as np
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from msgspec import Meta

from api.errors import bad_parameter
from api.fast import Client, endpoint, query, respond, timed
from api.pagination import decode, encode
from api.v1.agenda import Read, agenda_of, positions_of
from api.v1.agenda_shapes import AgendaDay, AgendaOut, AllowanceOut, Key, NewPerDay
from api.v1.alerts import content_of
from api.v1.next import ConceptRef, concept_ref
from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int
from tutor.accounts.access import NotFound, access_group
from tutor.accounts.models import Group, Learner
from tutor.scheduling import agreements, contents, forecasts
from tutor.scheduling.calendar import Bool
from tutor.scheduling.class_forecasts import ClassAhead, Recall, class_ahead, score
from tutor.scheduling.forecasts import OutOfReach
from tutor.tracing.beliefs import beliefs

#: Agendas of a page, at most: each is a simulation.
MOST: Final = 50


class ClassAgendaQuery(msgspec.Struct, forbid_unknown_fields=True):
    days: Annotated[int, Meta(ge=1, le=56, description="How far ahead; today is the first day")] = 7
    new_per_day: NewPerDay | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST, description="Learners a page, at most")] = 20
    cursor: Annotated[str, Meta(max_length=200, description="`next_cursor` of the page before")] | None = None


class ClassForecastQuery(msgspec.Struct, forbid_unknown_fields=True):
    date: Annotated[dt.date, Meta(description="The learners' own day, at its first hour; within a year")]
    concepts: Annotated[
        list[Key],
        Meta(max_length=1000, description="Keys of the concepts that count; the goals of the class if absent, or all"),
    ] = []


class LearnerAgenda(msgspec.Struct):
    """As `GET /learners/{id}/agenda` tells it; `reviews` is its `data`."""

    learner_id: UUID
    reviews: list[AgendaOut]
    days: list[AgendaDay]
    until: dt.datetime
    pace: float
    retention: float
    new_per_day: float
    allowance: AllowanceOut
    degraded: bool


class ClassAgenda(msgspec.Struct):
    """A page of the learners of a class, in the order in which they were made known."""

    data: list[LearnerAgenda]
    next_cursor: str | None


class ScoreOut(msgspec.Struct):
    """Share of right answers that is expected, one of average difficulty to each concept, with its 90 % range."""

    value: float
    low: float
    high: float


class LearnerForecast(msgspec.Struct):
    """`alone` if nothing is practised until the date, `with_agenda` if the agenda is followed; both null without enough
    answers to any of the concepts. `known` of the concepts have enough; `mastered` of these are expected to be mastered
    left alone, `mastered_with_agenda` if the agenda is followed. `minutes_per_day` is what that takes on average.
    """

    learner_id: UUID
    alone: ScoreOut | None
    with_agenda: ScoreOut | None
    known: int
    mastered: float
    mastered_with_agenda: float
    minutes_per_day: float


class ConceptForecast(msgspec.Struct):
    """Recall, averaged over the `known` learners who have given enough answers, null without any; and how many of them
    are expected to have mastered the concept on the date.
    """

    concept: ConceptRef
    alone: ScoreOut | None
    with_agenda: ScoreOut | None
    known: int
    mastered: float
    mastered_with_agenda: float


class ClassForecast(msgspec.Struct):
    """`days` lie ahead; `calibrated`: chances of mastery are corrected by what came of past ones."""

    data: list[LearnerForecast]
    concepts: list[ConceptForecast]
    date: dt.date
    days: int
    calibrated: bool
    degraded: bool


@endpoint(
    "GET",
    scope="recommend:read",
    bucket="reports",
    summary="What falls due for review when for each learner of a class, and what each day takes",
    tags=["Classes"],
    query=ClassAgendaQuery,
    responses={200: ClassAgenda},
    errors={404: "there is no such class, or it works on nothing"},
    path={"group": "id of the class, or `external:{source}:{id}`"},
)
def get_class_agenda(request: HttpRequest, client: Client, group: str) -> HttpResponse:
    """The agendas of a page of learners, in as many statements as for one."""
    started = time.perf_counter()
    asked = query(request, ClassAgendaQuery)
    found = access_group(client, group)
    learners, cursor = _page(found, asked)
    rows = list(_agendas(learners, content_of(found), asked, timezone.now()))
    return timed(respond(ClassAgenda(rows, cursor)), simulate=time.perf_counter() - started)


@endpoint(
    "GET",
    scope="mastery:read",
    bucket="reports",
    summary="What a class will know on a day: left alone, and if everybody follows their agenda",
    tags=["Classes"],
    query=ClassForecastQuery,
    responses={200: ClassForecast},
    errors={404: "there is no such class, or it works on nothing"},
    path={"group": "id of the class, or `external:{source}:{id}`"},
)
def get_class_forecast(request: HttpRequest, client: Client, group: str) -> HttpResponse:
    """`data` are the learners, `concepts` those that count: the same figures as on the page *Forecast* of the class."""
    started = time.perf_counter()
    asked = query(request, ClassForecastQuery)
    found = access_group(client, group)
    content = content_of(found)
    counted = _counted(found, content, asked.concepts)
    learners = list(found.learners.order_by("id"))
    try:
        ahead = class_ahead(found.school, content, learners, asked.date, now=timezone.now())
    except OutOfReach as error:
        raise bad_parameter("date", "out_of_range", str(error)) from error
    answer = ClassForecast(
        data=_learners(ahead, counted),
        concepts=_concepts(ahead, counted),
        date=asked.date,
        days=ahead.days,
        calibrated=ahead.is_corrected,
        degraded=ahead.degraded,
    )
    return timed(respond(answer), simulate=time.perf_counter() - started)


def _page(group: Group, asked: ClassAgendaQuery) -> tuple[list[Learner], str | None]:
    rows = group.learners.order_by("id")
    if asked.cursor is not None:
        rows = rows.filter(id__gt=UUID(bytes=decode(asked.cursor, 16)))
    found = list(rows[: asked.limit + 1])
    page = found[: asked.limit]
    return page, encode(page[-1].pk.bytes) if len(found) > asked.limit else None


def _agendas(
    learners: list[Learner], content: Snapshot, asked: ClassAgendaQuery, now: dt.datetime
) -> Iterator[LearnerAgenda]:
    if not learners:
        return
    where = learners[0].school_id, content.curriculum_id
    known = beliefs(*where, [learner.pk for learner in learners], now.timestamp())
    gated = [contents.gated(*where, belief.version_id) for belief in known]
    days = [asked.days] * len(learners)
    aheads = forecasts.all_ahead(learners, known, gated, now=now, days=days, new_per_day=asked.new_per_day)
    for learner, belief, own, ahead in zip(learners, known, gated, aheads, strict=True):
        told = msgspec.structs.asdict(agenda_of(Read(learner, belief, own, now), ahead))
        yield LearnerAgenda(learner.pk, told.pop("data"), **told)


def _counted(group: Group, content: Snapshot, keys: list[str]) -> Int:
    """Raises: NotFound: if the curriculum has no concept any more."""
    wanted = positions_of(content, keys)
    if wanted is None:
        goals = agreements.knobs_of(agreements.of_group(group)).goals
        wanted = frozenset(content.concept_position[key] for key in goals if key in content.concept_position)
    every = np.flatnonzero(content.concept_active)
    if not wanted and not len(every):
        raise NotFound("concept in the curriculum of this class", group.pk)
    return np.array(sorted(wanted), np.int64) if wanted else every


def _learners(ahead: ClassAhead, counted: Int) -> list[LearnerForecast]:
    if not ahead.learners:
        return []
    known = ahead.has_enough[:, counted]
    loads = ahead.minutes()
    minutes = np.nansum(loads, axis=1) / np.maximum((~np.isnan(loads)).sum(axis=1), 1)
    scores = [_told(np.stack(score(each, counted))) for each in (ahead.alone, ahead.followed)]
    mastered = [_expected(each, counted, known).sum(axis=1).tolist() for each in (ahead.alone, ahead.followed)]
    return [
        LearnerForecast(
            learner_id=learner.pk,
            alone=scores[0][row] if known[row].any() else None,
            with_agenda=scores[1][row] if known[row].any() else None,
            known=int(known[row].sum()),
            mastered=round(mastered[0][row], 2),
            mastered_with_agenda=round(mastered[1][row], 2),
            minutes_per_day=round(float(minutes[row]), 2),
        )
        for row, learner in enumerate(ahead.learners)
    ]


def _concepts(ahead: ClassAhead, counted: Int) -> list[ConceptForecast]:
    known = ahead.has_enough[:, counted]
    n = known.sum(axis=0)
    means = [_told(_means(each, counted, known)) for each in (ahead.alone, ahead.followed)]
    mastered = [_expected(each, counted, known).sum(axis=0).tolist() for each in (ahead.alone, ahead.followed)]
    return [
        ConceptForecast(
            concept=concept_ref(ahead.content, concept),
            alone=means[0][at] if n[at] else None,
            with_agenda=means[1][at] if n[at] else None,
            known=int(n[at]),
            mastered=round(mastered[0][at], 2),
            mastered_with_agenda=round(mastered[1][at], 2),
        )
        for at, concept in enumerate(counted.tolist())
    ]


def _expected(recall: Recall, counted: Int, known: Bool) -> Float:
    """(learners, concepts) chances of mastery, 0 where nothing is known."""
    return np.where(known, recall.mastered[:, counted], 0.0)


def _means(recall: Recall, counted: Int, known: Bool) -> Float:
    """(3, concepts) recall and its range, over the learners with enough answers."""
    columns = np.stack([each[:, counted] for each in recall[:3]])
    return np.asarray(np.where(known, columns, 0.0).sum(axis=1) / np.maximum(known.sum(axis=0), 1))


def _told(figures: Float) -> list[ScoreOut]:
    """Of (3, any) value, low and high."""
    return [ScoreOut(*row) for row in figures.T.round(4).tolist()]


urlpatterns = [
    path("classes/<str:group>/agenda", get_class_agenda),
    path("classes/<str:group>/forecast", get_class_forecast),
]
