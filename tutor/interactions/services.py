"""Writes to the log. The head row is locked before anything is inserted; see docs/decisions/0003."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from django.db import connection

from tutor import db


class Answer(msgspec.Struct):
    """One answer, its references resolved. `seconds` is Unix time; item and concepts are curriculum positions."""

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


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    #: The client id was used before, for an answer that says something else.
    CONFLICT = "conflict"
    UNKNOWN_LEARNER = "unknown_learner"


_OPEN: Final = """
INSERT INTO interactions_loghead AS h (learner_id, curriculum_id, school_id, seq)
SELECT l.id, wanted.curriculum_id, l.school_id, 0
FROM unnest(%s::uuid[], %s::uuid[]) AS wanted(learner_id, curriculum_id)
JOIN accounts_learner l ON l.id = wanted.learner_id AND l.school_id = %s
ORDER BY 1, 2
ON CONFLICT (learner_id, curriculum_id) DO UPDATE SET seq = h.seq
RETURNING 1
"""

# Heads are locked before anything is inserted, in one order for all: `fresh` sorts, so it waits for every lock.
# One JSON text goes in and places come out: a list parameter a column, or two ids a row back, cost the caller more
# than all the rest.
_APPEND: Final = """
WITH input AS MATERIALIZED (
    SELECT * FROM ROWS FROM (
        json_to_recordset(%s::json) AS (
            learner_id uuid, curriculum_id uuid, seconds float8, item int, concepts int[], correct real,
            response_seconds real, hints smallint, attempt smallint, source text, client_id text, decision_id uuid)
    ) WITH ORDINALITY AS t(
        learner_id, curriculum_id, seconds, item, concepts, correct,
        response_seconds, hints, attempt, source, client_id, decision_id, place)
), head AS MATERIALIZED (
    SELECT h.learner_id, h.curriculum_id, h.seq FROM interactions_loghead h
    WHERE h.school_id = %s AND (h.learner_id, h.curriculum_id) IN (SELECT learner_id, curriculum_id FROM input)
    ORDER BY h.learner_id, h.curriculum_id
    FOR UPDATE
), numbered AS MATERIALIZED (
    SELECT input.*, head.seq + row_number() OVER (PARTITION BY learner_id, curriculum_id ORDER BY place) AS seq
    FROM input JOIN head USING (learner_id, curriculum_id)
), fresh AS (
    INSERT INTO interactions_clientkey (school_id, source, client_id, learner_id, curriculum_id, seq)
    SELECT %s, source, client_id, learner_id, curriculum_id, seq FROM numbered ORDER BY source, client_id, place
    ON CONFLICT DO NOTHING
    RETURNING learner_id, curriculum_id, seq
), new AS MATERIALIZED (
    SELECT numbered.* FROM numbered JOIN fresh USING (learner_id, curriculum_id, seq)
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
SELECT (SELECT array_agg(place - 1) FROM new), (SELECT array_agg(place - 1) FROM numbered)
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

    One statement, however many answers, and so a transaction of its own unless there is one already; two more when
    something is repeated, or a learner's first. Locks the log heads concerned until the transaction ends.
    """
    outcomes = [Outcome.UNKNOWN_LEARNER] * len(answers)
    if connection.in_atomic_block:
        # Locks last longer than a statement: opening logs with others' heads in hand could deadlock with their holder.
        _open(school_id, answers)
    _append(school_id, answers, range(len(answers)), outcomes, now)
    unknown = [i for i, outcome in enumerate(outcomes) if outcome is Outcome.UNKNOWN_LEARNER]
    if unknown and _open(school_id, [answers[i] for i in unknown]):
        _append(school_id, answers, unknown, outcomes, now)
    repeated = [i for i, outcome in enumerate(outcomes) if outcome is Outcome.DUPLICATE]
    if repeated:
        for i, outcome in zip(repeated, _compare(school_id, [answers[i] for i in repeated]), strict=True):
            outcomes[i] = outcome
    return outcomes


def _append(
    school_id: UUID, answers: Sequence[Answer], places: Sequence[int], outcomes: list[Outcome], now: datetime
) -> None:
    """Appends the answers at some places, and notes the outcomes of those whose learners have a log."""
    if not places:
        return
    text = msgspec.json.encode([answers[i] for i in places]).decode()
    parameters = [text, school_id, school_id, school_id, now, now]
    try:
        new, known = db.rows(_APPEND, parameters)[0]
    except psycopg.errors.CheckViolation:
        # The month of an answer got its partition while the answer was on its way into the default one.
        if connection.in_atomic_block:
            raise
        new, known = db.rows(_APPEND, parameters)[0]
    for i in known or ():
        outcomes[places[i]] = Outcome.DUPLICATE
    for i in new or ():
        outcomes[places[i]] = Outcome.ACCEPTED


def _open(school_id: UUID, answers: Sequence[Answer]) -> bool:
    """Opens a log for each learner of the school who has none yet; whether there was any."""
    pairs = {(a.learner_id, a.curriculum_id) for a in answers}
    columns = [learner for learner, _ in pairs], [curriculum for _, curriculum in pairs]
    return bool(db.rows(_OPEN, [*columns, school_id]))


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
