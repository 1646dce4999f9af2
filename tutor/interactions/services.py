"""Writes to the log. The head row is locked before anything is inserted; see docs/decisions/0003."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from django.db import transaction

from tutor import db

Key = tuple[UUID, UUID]  # learner, curriculum


class Answer(NamedTuple):
    """One answer, its references resolved. `seconds` is Unix time; item and concepts are curriculum positions."""

    learner_id: UUID
    curriculum_id: UUID
    item: int
    concepts: tuple[int, ...]
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


_LOCK: Final = """
SELECT h.learner_id, h.curriculum_id, h.seq
FROM interactions_loghead h
JOIN unnest(%s::uuid[], %s::uuid[]) AS wanted(learner_id, curriculum_id) USING (learner_id, curriculum_id)
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

_APPEND: Final = """
WITH input AS (
    SELECT * FROM unnest(
        %s::uuid[], %s::uuid[], %s::bigint[], %s::float8[], %s::int[], %s::text[], %s::real[],
        %s::real[], %s::smallint[], %s::smallint[], %s::text[], %s::text[], %s::uuid[]
    ) AS t(learner_id, curriculum_id, seq, seconds, item, concepts, correct,
           response_seconds, hints, attempt, source, client_id, decision_id)
), fresh AS (
    INSERT INTO interactions_clientkey (school_id, source, client_id, learner_id, curriculum_id, seq)
    SELECT %s, source, client_id, learner_id, curriculum_id, seq FROM input ORDER BY source, client_id
    ON CONFLICT DO NOTHING
    RETURNING learner_id, curriculum_id, seq
), logged AS (
    INSERT INTO interactions_interaction (
        learner_id, curriculum_id, seq, occurred_at, school_id, received_at, item, concepts, correct,
        response_seconds, hints, attempt, source, client_id, decision_id)
    SELECT learner_id, curriculum_id, seq, to_timestamp(seconds), %s, %s, item, concepts::int[], correct,
           response_seconds, hints, attempt, source, client_id, decision_id
    FROM input JOIN fresh USING (learner_id, curriculum_id, seq)
), heads AS (
    UPDATE interactions_loghead h
    SET seq = n.seq,
        behind_since = COALESCE(h.behind_since, %s),
        behind_from = LEAST(h.behind_from, n.earliest)
    FROM (
        SELECT learner_id, curriculum_id, max(seq) AS seq, to_timestamp(min(seconds)) AS earliest
        FROM input JOIN fresh USING (learner_id, curriculum_id, seq) GROUP BY 1, 2
    ) n
    WHERE h.learner_id = n.learner_id AND h.curriculum_id = n.curriculum_id
)
SELECT learner_id, curriculum_id, seq FROM fresh
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
    with transaction.atomic():
        heads = _lock(school_id, {(a.learner_id, a.curriculum_id) for a in answers})
        known = [i for i, a in enumerate(answers) if (a.learner_id, a.curriculum_id) in heads]
        outcomes = [Outcome.UNKNOWN_LEARNER] * len(answers)
        seqs = _number([answers[i] for i in known], heads)
        fresh = _append(school_id, [answers[i] for i in known], seqs, now) if known else set()
        repeated = []
        for i, seq in zip(known, seqs, strict=True):
            is_fresh = (answers[i].learner_id, answers[i].curriculum_id, seq) in fresh
            outcomes[i] = Outcome.ACCEPTED if is_fresh else Outcome.DUPLICATE
            if not is_fresh:
                repeated.append(i)
        if repeated:
            for i, outcome in zip(repeated, _compare(school_id, [answers[i] for i in repeated]), strict=True):
                outcomes[i] = outcome
        return outcomes


def _lock(school_id: UUID, keys: set[Key]) -> dict[Key, int]:
    heads = _lock_existing(school_id, keys)
    if missing := keys - heads.keys():
        db.rows(_OPEN, [*_columns(sorted(missing)), school_id])
        heads |= _lock_existing(school_id, missing)
    return heads


def _lock_existing(school_id: UUID, keys: set[Key]) -> dict[Key, int]:
    found = db.rows(_LOCK, [*_columns(sorted(keys)), school_id])
    return {(learner, curriculum): seq for learner, curriculum, seq in found}


def _columns(keys: Sequence[Key]) -> tuple[list[UUID], list[UUID]]:
    return [learner for learner, _ in keys], [curriculum for _, curriculum in keys]


def _number(answers: Sequence[Answer], heads: dict[Key, int]) -> list[int]:
    """The next sequence numbers of each head. A number that a duplicate leaves unused stays unused."""
    seqs = []
    for a in answers:
        key = (a.learner_id, a.curriculum_id)
        heads[key] += 1
        seqs.append(heads[key])
    return seqs


def _append(school_id: UUID, answers: Sequence[Answer], seqs: list[int], now: datetime) -> set[tuple[UUID, UUID, int]]:
    columns = list(zip(*answers, strict=True))
    learner, curriculum, item, concepts, correct, seconds, source, client, response, hints, attempt, decision, _ = (
        columns
    )
    texts = ["{" + ",".join(map(str, positions)) + "}" for positions in concepts]
    parameters = (
        learner,
        curriculum,
        seqs,
        seconds,
        item,
        texts,
        correct,
        response,
        hints,
        attempt,
        source,
        client,
        decision,
    )
    found = db.rows(_APPEND, [*map(list, parameters), school_id, school_id, now, now])
    return {(learner, curriculum, seq) for learner, curriculum, seq in found}


def _compare(school_id: UUID, repeated: Sequence[Answer]) -> list[Outcome]:
    columns = [a.source for a in repeated], [a.client_id for a in repeated]
    earlier = {row[:2]: row[2:] for row in db.rows(_EARLIER, [*columns, school_id])}
    return [Outcome.DUPLICATE if _same(a, *earlier[a.source, a.client_id]) else Outcome.CONFLICT for a in repeated]


def _same(a: Answer, learner: UUID, curriculum: UUID, seconds: float, item: int, correct: float) -> bool:
    same_answer = (learner, curriculum, item) == (a.learner_id, a.curriculum_id, a.item)
    # PostgreSQL keeps microseconds, and correctness in single precision.
    same_time = not a.is_timed or abs(seconds - a.seconds) < 2e-6
    return same_answer and same_time and abs(correct - a.correct) < 1e-6
