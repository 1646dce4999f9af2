"""Answers in: the endpoint that runs most often, so a plain view (`api.fast`)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from msgspec import Meta

from api.body import decode, require_media_type
from api.errors import CONFLICT, INVALID, Fault, Kind, Problem, bad_parameter
from api.fast import Client, body, endpoint, methods, query, respond
from api.pagination import DEFAULT_LIMIT, MAX_LIMIT, encode
from api.pagination import decode as pagination_decode
from curricula.snapshot import Snapshot
from tutor.accounts import access
from tutor.interactions.models import Interaction
from tutor.interactions.queries import history
from tutor.scheduling import contents, intake
from tutor.scheduling.intake import MAX_ROWS, AnswerIn, Receipt, Rejection

UNKNOWN_REFERENCE: Final = Kind("unknown-reference", 422, "The answer names something that is not there")


class BatchIn(msgspec.Struct, forbid_unknown_fields=True):
    """Answers of any number of learners, in any order."""

    interactions: Annotated[list[AnswerIn], Meta(min_length=1, max_length=MAX_ROWS)]


class _RawBatch(msgspec.Struct, forbid_unknown_fields=True):
    interactions: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_ROWS)]


class BatchOut(msgspec.Struct):
    """One receipt a row, in the order sent."""

    accepted: int
    duplicate: int
    rejected: int
    results: list[Receipt]


@endpoint(
    "POST",
    scope="interactions:write",
    bucket="ingest",
    summary="Record one answer",
    tags=["Interactions"],
    request=AnswerIn,
    responses={202: Receipt, 200: Receipt},
    errors={
        409: "the id was used for an answer that says something else",
        422: "the learner, item or curriculum is unknown, or the time is in the future",
    },
)
def post_interaction(request: HttpRequest, client: Client) -> HttpResponse:
    """202 when the answer is in the log, 200 when it was there already: sending it again does no harm."""
    receipt = intake.submit(client, [body(request, AnswerIn)], now=timezone.now())[0]
    if receipt.error:
        raise _problem(receipt.error)
    return respond(receipt, status=200 if receipt.status == "duplicate" else 202)


@endpoint(
    "POST",
    scope="interactions:write",
    bucket="ingest",
    summary="Record up to 1,000 answers",
    tags=["Interactions"],
    request=BatchIn,
    responses={202: BatchOut},
    errors={422: "the body is no batch; faults of single rows are told in `results` and harm no other row"},
)
def post_interactions(request: HttpRequest, client: Client) -> HttpResponse:
    """Every row is accepted, a duplicate, or rejected with its reason, each by itself."""
    require_media_type(request, "application/json")
    try:
        receipts = intake.submit(client, decode(request.body, BatchIn).interactions, now=timezone.now())
    except Problem as problem:
        if problem.kind is not INVALID:
            raise
        receipts = _row_by_row(client, _raw_rows(request.body))
    return respond(_summary(receipts), status=202)


def _raw_rows(body: bytes) -> list[msgspec.Raw]:
    """The rows as they came, whatever they hold."""
    try:
        return msgspec.json.decode(body, type=_RawBatch).interactions
    except msgspec.ValidationError:
        return decode(body, _RawBatch).interactions  # worded for the sender


def _row_by_row(client: Client, raw: Sequence[msgspec.Raw]) -> list[Receipt]:
    """The slow way, when some row is no answer: the others are recorded all the same."""
    receipts: list[Receipt | None] = [None] * len(raw)
    good: list[AnswerIn] = []
    for row, text in enumerate(raw):
        try:
            good.append(decode(bytes(text), AnswerIn))
        except Problem as problem:
            fault = problem.errors[0] if problem.errors else Fault("", problem.kind.slug, problem.detail)
            receipts[row] = Receipt(_id_of(text), "rejected", Rejection(fault.code, fault.message, fault.pointer))
    recorded = iter(intake.submit(client, good, now=timezone.now()))
    return [receipt or next(recorded) for receipt in receipts]


def _id_of(text: msgspec.Raw) -> str:
    """The id of a row that is no answer, as far as it has one."""
    try:
        named = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    found = named.get("id") if isinstance(named, dict) else None
    return found if isinstance(found, str) else ""


def _summary(receipts: Sequence[Receipt]) -> BatchOut:
    counts = dict.fromkeys(("accepted", "duplicate", "rejected"), 0)
    for receipt in receipts:
        counts[receipt.status] += 1
    return BatchOut(**counts, results=list(receipts))


_KINDS: Final = {"id_conflict": CONFLICT, "future_time": INVALID, "implausible_time": INVALID, "bad_text": INVALID}


def _problem(error: Rejection) -> Problem:
    kind = _KINDS.get(error.code, UNKNOWN_REFERENCE)
    return Problem(kind, error.message, [Fault(error.pointer, error.code, error.message)])


class LogQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Whose answers to list, and which of them; times are those of the answers, `until` excluded."""

    learner: Annotated[str, Meta(min_length=1, max_length=400)]
    curriculum: Annotated[str, Meta(min_length=1, max_length=120)] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None
    concept: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Meta(max_length=200)] | None = None


class InteractionOut(msgspec.Struct):
    """An answer as it was recorded. Keys of items and concepts since removed from the curriculum are empty."""

    id: str
    source: str
    learner: UUID
    item: str
    concepts: list[str]
    correct: float
    occurred_at: datetime
    received_at: datetime
    response_seconds: float | None
    hints: int | None
    attempt: int | None
    recommendation: UUID | None


class LogPage(msgspec.Struct):
    data: list[InteractionOut]
    next_cursor: str | None


@endpoint(
    "GET",
    scope="mastery:read",
    bucket="reports",
    summary="List a learner's answers",
    tags=["Interactions"],
    query=LogQuery,
    responses={200: LogPage},
    errors={404: "there is no such learner or curriculum"},
    for_learners=True,
)
def list_interactions(request: HttpRequest, client: Client) -> HttpResponse:
    """In the order in which they happened, every attempt."""
    asked = query(request, LogQuery)
    learner_id = access.learner_id(client, asked.learner)
    content = contents.latest(contents.resolve(client.school_id, asked.curriculum))
    after = _place(asked.cursor) if asked.cursor else None
    concept = None if asked.concept is None else content.concept_position.get(asked.concept)
    if asked.concept is not None and concept is None:
        raise bad_parameter("concept", "unknown_concept", f"{asked.concept!r} is no concept of {content.title!r}")
    rows = history(
        learner_id,
        content.curriculum_id,
        since=asked.since,
        until=asked.until,
        concept=concept,
        after=after,
        limit=asked.limit + 1,
    )
    page = rows[: asked.limit]
    cursor = _cursor(page[-1]) if len(rows) > asked.limit else None
    return respond(LogPage([_shown(row, content) for row in page], cursor))


def _shown(row: Interaction, content: Snapshot) -> InteractionOut:
    return InteractionOut(
        id=row.client_id,
        source=row.source,
        learner=row.learner_id,
        item=content.item_keys[row.item],
        concepts=[content.concept_keys[c] for c in row.concepts],
        correct=row.correct,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        response_seconds=row.response_seconds,
        hints=row.hints,
        attempt=row.attempt,
        recommendation=row.decision_id,
    )


def _cursor(row: Interaction) -> str:
    return encode(struct.pack(">qq", round(row.occurred_at.timestamp() * 1e6), row.seq))


def _place(cursor: str) -> tuple[datetime, int]:
    micros, seq = struct.unpack(">qq", pagination_decode(cursor, 16))
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros), seq
    except OverflowError as error:
        raise bad_parameter("cursor", "bad_cursor", "is none of ours: send a next_cursor as you got it") from error


urlpatterns = [
    path("interactions", methods(GET=list_interactions, POST=post_interaction)),
    path("interactions:batch", post_interactions),
]
