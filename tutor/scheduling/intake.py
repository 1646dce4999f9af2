"""Where answers enter, whichever way they came: API, import, LMS. All or nothing a row, never half a row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
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
#: Of credits and durations: the log keeps single precision, and refuses what is too small for it.
DECIMALS: Final = 9
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
    resolver = _Resolver(client, answers, now)
    receipts: list[Receipt | None] = [None] * len(answers)
    good: list[Answer] = []
    rows: list[int] = []
    for row, answer in enumerate(answers):
        try:
            good.append(resolver.resolve(answer))
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
    if dry_run:
        with transaction.atomic():
            outcomes = interactions.record(school_id=client.school_id, answers=good, now=now)
            transaction.set_rollback(True)
        return outcomes
    outcomes = interactions.record(school_id=client.school_id, answers=good, now=now)
    if Outcome.ACCEPTED in outcomes:
        transaction.on_commit(bell.ring)
    return outcomes


class _Resolver:
    """Looks each reference of a call up once, however many answers share it."""

    def __init__(self, client: Client, answers: Sequence[AnswerIn], now: datetime) -> None:
        self._school_id, self._now = client.school_id, now.timestamp()
        parsed = {ref: parse_ref(ref) for ref in {a.learner for a in answers}}
        self._learners = {ref: found for ref, found in parsed.items() if isinstance(found, UUID)}
        names = [ref for ref, found in parsed.items() if isinstance(found, External)]
        if names:
            self._learners |= learner_ids(client, names)  # type: ignore[arg-type]
        self._contents: dict[str | None, Snapshot] = {}

    def resolve(self, answer: AnswerIn) -> Answer:
        learner_id = self._learners.get(answer.learner)
        if learner_id is None:
            raise _Refused(*_unknown_learner(answer))
        content = self._contents.get(answer.curriculum) or self._content(answer)
        item = content.item_position.get(answer.item)
        if item is None:
            content = self._content(answer, fresh=True)
            item = _item(content, answer.item)
        return Answer(
            learner_id,
            content.curriculum_id,
            item,
            _exercised(content, item) if answer.concepts is None else _concepts(content, answer.concepts),
            round(float(answer.correct), DECIMALS),
            self._now if answer.occurred_at is None else self._seconds(answer.occurred_at),
            _stored(answer.source, "/source"),
            _stored(answer.id, "/id"),
            None if answer.response_seconds is None else round(answer.response_seconds, DECIMALS),
            answer.hints,
            answer.attempt,
            answer.recommendation,
            answer.occurred_at is not None,
        )

    def _content(self, answer: AnswerIn, *, fresh: bool = False) -> Snapshot:
        try:
            curriculum_id = contents.resolve(self._school_id, answer.curriculum)
        except contents.AmbiguousCurriculum as error:
            raise _Refused("ambiguous_curriculum", str(error), "/curriculum") from error
        except contents.UnknownCurriculum as error:
            raise _Refused("unknown_curriculum", str(error), "/curriculum") from error
        content = contents.latest(curriculum_id, fresh=fresh)
        self._contents[answer.curriculum] = content
        return content

    def _seconds(self, occurred_at: datetime) -> float:
        seconds = occurred_at.timestamp()
        if seconds - self._now > CLOCK_SKEW_SECONDS:
            text = (
                f"occurred_at {occurred_at.isoformat()} is {seconds - self._now:.0f} s in the future, "
                f"{CLOCK_SKEW_SECONDS:.0f} s are allowed: set the clock of the sender, or leave occurred_at out"
            )
            raise _Refused("future_time", text, "/occurred_at")
        if seconds < 0:
            text = f"occurred_at {occurred_at.isoformat()} is before 1970: send the time of the answer"
            raise _Refused("implausible_time", text, "/occurred_at")
        return seconds


def _unknown_learner(answer: AnswerIn) -> tuple[str, str, str]:
    text = f"learner {answer.learner!r} is not in this school: create the learner first, or send an id of this school"
    return "unknown_learner", text, "/learner"


def _item(content: Snapshot, key: str) -> int:
    position = content.item_position.get(key)
    if position is None:
        text = (
            f"item {key!r} is not in version {content.number} of curriculum {content.title!r}: "
            "publish a version that has it, or send an item of this one"
        )
        raise _Refused("unknown_item", text, "/item")
    return position


@lru_cache(maxsize=100_000)
def _exercised(content: Snapshot, item: int) -> list[int]:
    start, end = content.item_concepts.offset[item : item + 2]
    concepts: list[int] = content.item_concepts.flat[start:end].tolist()
    return concepts


def _concepts(content: Snapshot, keys: Sequence[str]) -> list[int]:
    return list(dict.fromkeys(_concept(content, key, i) for i, key in enumerate(keys)))


def _concept(content: Snapshot, key: str, index: int) -> int:
    position = content.concept_position.get(key)
    if position is None:
        text = f"concept {key!r} is not in version {content.number} of curriculum {content.title!r}: leave concepts out"
        raise _Refused("unknown_concept", text, f"/concepts/{index}")
    return position


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
