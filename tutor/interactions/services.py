"""Writes to the log. The head row is locked before anything is inserted; see docs/decisions/0003."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import transaction

from tutor import db

#: Learner and curriculum, as integers: hashing a UUID runs Python code.
Key = tuple[int, int]


class Answer(msgspec.Struct):
    """One answer, its references resolved. `seconds` is Unix time; item and concepts are curriculum positions.

    `seq` is given by `record`.
    """

    learner_id: UUID
    curriculum_id: UUID
    item: int
    concepts: list[int]
    correct: float
    seconds: float
    source: str
    client_id: str
    response_seconds: float | None = None
    hints: int | None = None
    attempt: int | None = None
    decision_id: UUID | None = None
    #: False when the sender gave no time and that of receipt stands in: a repeat then has another one.
    is_timed: bool = True
    seq: int = 0


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    #: The client id was used before, for an answer that says something else.
    CONFLICT = "conflict"
    UNKNOWN_LEARNER = "unknown_learner"


# Rows are answered for by their place: reading two ids a row back costs more than everything else here.
_LOCK: Final = """
SELECT wanted.place - 1, h.seq
FROM unnest(%s::uuid[], %s::uuid[]) WITH ORDINALITY AS wanted(learner_id, curriculum_id, place)
JOIN interactions_loghead h ON h.learner_id = wanted.learner_id AND h.curriculum_id = wanted.curriculum_id
WHERE h.school_id = %s
ORDER BY h.learner_id, h.curriculum_id
FOR UPDATE OF h
"""

_OPEN: Final = """
INSERT INTO interactions_loghead (learner_id, curriculum_id, school_id, seq)
SELECT l.id, wanted.curriculum_id, l.school_id, 0
FROM unnest(%s::uuid[], %s::uuid[]) AS wanted(learner_id, curriculum_id)
JOIN accounts_learner l ON l.id = wanted.learner_id AND l.school_id = %s
ORDER BY 1, 2
ON CONFLICT DO NOTHING
"""

# One JSON text: a list parameter a column costs the sender ten times as much.
_APPEND: Final = """
WITH input AS MATERIALIZED (
    SELECT * FROM ROWS FROM (
        json_to_recordset(%s::json) AS (
            learner_id uuid, curriculum_id uuid, seq bigint, seconds float8, item int, concepts int[], correct real,
            response_seconds real, hints smallint, attempt smallint, source text, client_id text, decision_id uuid)
    ) WITH ORDINALITY AS t(
        learner_id, curriculum_id, seq, seconds, item, concepts, correct,
        response_seconds, hints, attempt, source, client_id, decision_id, place)
), fresh AS (
    INSERT INTO interactions_clientkey (school_id, source, client_id, learner_id, curriculum_id, seq)
    SELECT %s, source, client_id, learner_id, curriculum_id, seq FROM input ORDER BY source, client_id
    ON CONFLICT DO NOTHING
    RETURNING learner_id, curriculum_id, seq
), new AS MATERIALIZED (
    SELECT input.* FROM input JOIN fresh USING (learner_id, curriculum_id, seq)
), logged AS (
    INSERT INTO interactions_interaction (
        learner_id, curriculum_id, seq, occurred_at, school_id, received_at, item, concepts, correct,
        response_seconds, hints, attempt, source, client_id, decision_id)
    SELECT learner_id, curriculum_id, seq, to_timestamp(seconds), %s, %s, item, concepts, correct,
           response_seconds, hints, attempt, source, client_id, decision_id
    FROM new
), heads AS (
    UPDATE interactions_loghead h
    SET seq = n.seq,
        behind_since = COALESCE(h.behind_since, %s),
        behind_from = LEAST(h.behind_from, n.earliest)
    FROM (
        SELECT learner_id, curriculum_id, max(seq) AS seq, to_timestamp(min(seconds)) AS earliest
        FROM new GROUP BY 1, 2
    ) n
    WHERE h.learner_id = n.learner_id AND h.curriculum_id = n.curriculum_id
)
SELECT array_agg(place - 1) FROM new
"""

_EARLIER: Final = """
SELECT k.source, k.client_id, i.learner_id, i.curriculum_id, extract(epoch FROM i.occurred_at)::float8, i.item,
       i.correct::float8
FROM unnest(%s::text[], %s::text[]) AS t(source, client_id)
JOIN interactions_clientkey k ON k.school_id = %s AND k.source = t.source AND k.client_id = t.client_id
JOIN interactions_interaction i
    ON i.learner_id = k.learner_id AND i.curriculum_id = k.curriculum_id AND i.seq = k.seq
"""


def record(*, school_id: UUID, answers: Sequence[Answer], now: datetime) -> list[Outcome]:
    """Appends answers to their learners' logs; one outcome an answer. Each natural key counts once, for ever.

    Locks the log heads concerned until the surrounding transaction ends; three statements, however many answers.
    """
    if not answers:
        return []
    # No savepoint of its own: it costs two statements, and a failure here fails the caller's transaction anyway.
    with transaction.atomic(savepoint=False):
        keys = [(a.learner_id.int, a.curriculum_id.int) for a in answers]
        heads = _lock(school_id, dict(zip(keys, answers, strict=True)))
        known = [i for i, key in enumerate(keys) if key in heads]
        for i in known:
            # A number that a duplicate leaves unused stays unused.
            heads[keys[i]] += 1
            answers[i].seq = heads[keys[i]]
        outcomes = [Outcome.UNKNOWN_LEARNER] * len(answers)
        for i in known:
            outcomes[i] = Outcome.DUPLICATE
        for place in _append(school_id, [answers[i] for i in known], now) if known else []:
            outcomes[known[place]] = Outcome.ACCEPTED
        repeated = [i for i in known if outcomes[i] is Outcome.DUPLICATE]
        if repeated:
            for i, outcome in zip(repeated, _compare(school_id, [answers[i] for i in repeated]), strict=True):
                outcomes[i] = outcome
        return outcomes


def _lock(school_id: UUID, wanted: dict[Key, Answer]) -> dict[Key, int]:
    """The last sequence number of each head, locked; heads are made for learners of the school who have none."""
    heads = _lock_existing(school_id, wanted)
    if missing := {key: a for key, a in wanted.items() if key not in heads}:
        db.rows(_OPEN, [*_columns(missing), school_id])
        heads |= _lock_existing(school_id, missing)
    return heads


def _lock_existing(school_id: UUID, wanted: dict[Key, Answer]) -> dict[Key, int]:
    keys = list(wanted)
    return {keys[place]: seq for place, seq in db.rows(_LOCK, [*_columns(wanted), school_id])}


def _columns(wanted: dict[Key, Answer]) -> tuple[list[UUID], list[UUID]]:
    return [a.learner_id for a in wanted.values()], [a.curriculum_id for a in wanted.values()]


def _append(school_id: UUID, answers: Sequence[Answer], now: datetime) -> list[int]:
    """The places of those that were new."""
    text = msgspec.json.encode(answers).decode()
    return db.rows(_APPEND, [text, school_id, school_id, now, now])[0][0] or []


def _compare(school_id: UUID, repeated: Sequence[Answer]) -> list[Outcome]:
    columns = [a.source for a in repeated], [a.client_id for a in repeated]
    earlier = {row[:2]: row[2:] for row in db.rows(_EARLIER, [*columns, school_id])}
    return [_verdict(a, earlier.get((a.source, a.client_id))) for a in repeated]


def _verdict(a: Answer, earlier: tuple[Any, ...] | None) -> Outcome:
    # A key outlives its answer when old months are taken out of the log.
    return Outcome.DUPLICATE if earlier is None or _same(a, *earlier) else Outcome.CONFLICT


def _same(a: Answer, learner: UUID, curriculum: UUID, seconds: float, item: int, correct: float) -> bool:
    same_answer = (learner, curriculum, item) == (a.learner_id, a.curriculum_id, a.item)
    # PostgreSQL keeps microseconds, and correctness in single precision.
    same_time = not a.is_timed or abs(seconds - a.seconds) < 2e-6
    return same_answer and same_time and abs(correct - a.correct) < 1e-6
