"""Answers in: the endpoint that runs most often, so a plain view (`api.fast`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from msgspec import Meta

from api.body import decode, require_media_type
from api.errors import CONFLICT, INVALID, Fault, Kind, Problem
from api.fast import Client, body, endpoint, respond
from tutor.scheduling import intake
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
        receipts = _row_by_row(client, decode(request.body, _RawBatch).interactions)
    return respond(_summary(receipts), status=202)


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


def _problem(error: Rejection) -> Problem:
    kind = CONFLICT if error.code == "id_conflict" else UNKNOWN_REFERENCE
    return Problem(kind, error.message, [Fault(error.pointer, error.code, error.message)])


urlpatterns = [
    path("interactions", post_interaction),
    path("interactions:batch", post_interactions),
]
