"""Where answers enter, whichever way they came: API, import, LMS. All or nothing a row, never half a row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from django.db import transaction
from msgspec import Meta

from curricula.snapshot import Snapshot
from tutor.accounts.access import Client, External, learner_ids, parse_ref
from tutor.interactions import services as interactions
from tutor.interactions.services import Answer, Outcome
from tutor.scheduling import bell, contents

#: Clocks of devices are wrong; by more than this a time is refused, for it would block the learner's later answers.
CLOCK_SKEW_SECONDS: Final = 300.0
#: Nothing was answered before Unix time began.
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Rows of one call: bounds its transaction.
MAX_ROWS: Final = 1000

Text = Annotated[str, Meta(min_length=1, max_length=255)]


class AnswerIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One answer as sent. `id` is the sender's own name for it: sent again, it counts once.

    `learner` is an id or `external:{source}:{id}`; `item` and `concepts` are keys of the curriculum, which may be left
    out by schools that have one; concepts default to those of the item. `recommendation` is the `decision_id` that
    led to the answer.
    """

    id: Text
    learner: Text
    item: Text
    correct: Annotated[float, Meta(ge=0, le=1)] | bool
    occurred_at: Annotated[datetime, Meta(tz=True)] | None = None
    curriculum: Text | None = None
    concepts: Annotated[list[Text], Meta(min_length=1, max_length=20)] | None = None
    source: Annotated[str, Meta(max_length=64)] = ""
    response_seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    hints: Annotated[int, Meta(ge=0, le=1000)] | None = None
    attempt: Annotated[int, Meta(ge=1, le=1000)] | None = None
    recommendation: UUID | None = None


class Rejection(msgspec.Struct, frozen=True):
    """Why a row was refused: `pointer` is relative to the row (RFC 6901)."""

    code: str
    message: str
    pointer: str = ""


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one row: accepted, duplicate (it was in the log already) or rejected."""

    id: str
    status: str
    error: Rejection | None = None


class _Refused(Exception):
    def __init__(self, code: str, message: str, pointer: str) -> None:
        super().__init__(message)
        self.rejection = Rejection(code, message, pointer)


def submit(client: Client, answers: Sequence[AnswerIn], *, now: datetime, dry_run: bool = False) -> list[Receipt]:
    """Checks answers and appends the good ones to the log; one receipt each, in order.

    Raises:
        ValueError: if there are more than `MAX_ROWS`.
    """
    if len(answers) > MAX_ROWS:
        raise ValueError(f"{len(answers)} answers in one call, {MAX_ROWS} at most: send them in parts")
    names = learner_ids(client, {a.learner for a in answers if isinstance(parse_ref(a.learner), External)})
    receipts: list[Receipt | None] = [None] * len(answers)
    good: list[Answer] = []
    rows: list[int] = []
    for row, answer in enumerate(answers):
        try:
            good.append(_resolve(client.school_id, answer, names, now))
            rows.append(row)
        except _Refused as refused:
            receipts[row] = Receipt(answer.id, "rejected", refused.rejection)
    outcomes = _record(client, good, now, dry_run)
    for row, outcome in zip(rows, outcomes, strict=True):
        receipts[row] = _receipt(answers[row], outcome)
    return receipts  # type: ignore[return-value]  # every row is one or the other


def _record(client: Client, good: Sequence[Answer], now: datetime, dry_run: bool) -> list[Outcome]:
    if not good:
        return []
    with transaction.atomic():
        outcomes = interactions.record(school_id=client.school_id, answers=good, now=now)
        if dry_run:
            transaction.set_rollback(True)
        elif Outcome.ACCEPTED in outcomes:
            transaction.on_commit(bell.ring)
    return outcomes


def _resolve(school_id: UUID, answer: AnswerIn, names: dict[str | UUID, UUID], now: datetime) -> Answer:
    curriculum_id = _curriculum(school_id, answer)
    item, concepts = _content(curriculum_id, answer)
    return Answer(
        learner_id=_learner(answer, names),
        curriculum_id=curriculum_id,
        item=item,
        concepts=concepts,
        correct=float(answer.correct),
        seconds=_seconds(answer.occurred_at, now),
        source=_stored(answer.source, "/source"),
        client_id=_stored(answer.id, "/id"),
        response_seconds=answer.response_seconds,
        hints=answer.hints,
        attempt=answer.attempt,
        decision_id=answer.recommendation,
        is_timed=answer.occurred_at is not None,
    )


def _learner(answer: AnswerIn, names: dict[str | UUID, UUID]) -> UUID:
    if found := names.get(answer.learner):
        return found
    ref = parse_ref(answer.learner)
    if isinstance(ref, UUID):
        return ref
    raise _Refused(*_unknown_learner(answer))


def _unknown_learner(answer: AnswerIn) -> tuple[str, str, str]:
    text = f"learner {answer.learner!r} is not in this school: create the learner first, or send an id of this school"
    return "unknown_learner", text, "/learner"


def _curriculum(school_id: UUID, answer: AnswerIn) -> UUID:
    try:
        return contents.resolve(school_id, answer.curriculum)
    except contents.AmbiguousCurriculum as error:
        raise _Refused("ambiguous_curriculum", str(error), "/curriculum") from error
    except contents.UnknownCurriculum as error:
        raise _Refused("unknown_curriculum", str(error), "/curriculum") from error


def _content(curriculum_id: UUID, answer: AnswerIn) -> tuple[int, tuple[int, ...]]:
    content = contents.latest(curriculum_id)
    item = content.item_position.get(answer.item)
    if item is None:
        content = contents.latest(curriculum_id, fresh=True)
        item = content.item_position.get(answer.item)
    if item is None:
        text = (
            f"item {answer.item!r} is not in version {content.number} of curriculum {content.title!r}: "
            "publish a version that has it, or send an item of this one"
        )
        raise _Refused("unknown_item", text, "/item")
    if answer.concepts is None:
        start, end = content.item_concepts.offset[item : item + 2]
        return item, tuple(content.item_concepts.flat[start:end].tolist())
    return item, tuple(dict.fromkeys(_concept(content, key, i) for i, key in enumerate(answer.concepts)))


def _concept(content: Snapshot, key: str, index: int) -> int:
    position = content.concept_position.get(key)
    if position is None:
        text = f"concept {key!r} is not in version {content.number} of curriculum {content.title!r}: leave concepts out"
        raise _Refused("unknown_concept", text, f"/concepts/{index}")
    return position


def _seconds(occurred_at: datetime | None, now: datetime) -> float:
    if occurred_at is None:
        return now.timestamp()
    seconds = occurred_at.timestamp()
    if seconds - now.timestamp() > CLOCK_SKEW_SECONDS:
        text = (
            f"occurred_at {occurred_at.isoformat()} is {seconds - now.timestamp():.0f} s in the future, "
            f"{CLOCK_SKEW_SECONDS:.0f} s are allowed: set the clock of the sender, or leave occurred_at out"
        )
        raise _Refused("future_time", text, "/occurred_at")
    if occurred_at < EARLIEST:
        text = f"occurred_at {occurred_at.isoformat()} is before 1970: send the time of the answer"
        raise _Refused("implausible_time", text, "/occurred_at")
    return seconds


def _stored(text: str, pointer: str) -> str:
    if "\0" in text:
        raise _Refused("bad_text", f"{text!r} holds a NUL character, which cannot be stored: leave it out", pointer)
    return text


def _receipt(answer: AnswerIn, outcome: Outcome) -> Receipt:
    if outcome is Outcome.UNKNOWN_LEARNER:
        return Receipt(answer.id, "rejected", Rejection(*_unknown_learner(answer)))
    if outcome is Outcome.CONFLICT:
        text = (
            f"id {answer.id!r} was used before for an answer that says something else: "
            "answers are never changed; send this one under an id of its own"
        )
        return Receipt(answer.id, "rejected", Rejection("id_conflict", text, "/id"))
    return Receipt(answer.id, outcome.value)
