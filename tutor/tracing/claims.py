"""The statements of `advance`: claim learners who are behind, read what they answered, write what is believed now.

Intake locks log heads, workers lock state rows, so neither waits for the other (docs/decisions/0003).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from kt_models.base import ConceptLists, Interactions
from tutor import db

#: How many learners behind are looked at when states that do not exist yet are opened.
LOOK_AHEAD: Final = 1024


class Claim(NamedTuple):
    """A state row, locked by this transaction."""

    learner_id: UUID
    curriculum_id: UUID
    version_id: UUID
    school_id: UUID
    applied_seq: int
    as_of: float | None
    state: bytes | None
    evidence: bytes | None
    #: Answers received (Unix time) before it are not scored.
    scored_from: float = -math.inf
    #: Of a version that does not serve: it never touches log heads.
    is_beside: bool = False


class Unseen(NamedTuple):
    """An answer that a state does not know yet; `row` is the position of its claim."""

    row: int
    seq: int
    seconds: float
    item: int
    concepts: list[int]
    correct: float
    response_seconds: float | None
    hints: int | None
    attempt: int | None
    decision_id: UUID | None
    received: float


@dataclass(frozen=True)
class Advance:
    """What one claim becomes."""

    claim: Claim
    applied_seq: int
    as_of: float
    state: bytes
    recall: bytes
    evidence: bytes


_BEHIND: Final = """
SELECT DISTINCT school_id, curriculum_id FROM (
    SELECT school_id, curriculum_id FROM interactions_loghead
    WHERE behind_since <= %s AND (school_id, curriculum_id) NOT IN (SELECT * FROM unnest(%b::uuid[], %b::uuid[]))
    ORDER BY behind_since LIMIT %s
) AS behind
"""

_OPEN: Final = """
INSERT INTO tracing_learnerstate (learner_id, version_id, curriculum_id, school_id, applied_seq)
SELECT h.learner_id, v.version_id, h.curriculum_id, h.school_id, 0
FROM (
    SELECT learner_id, curriculum_id, school_id FROM interactions_loghead
    WHERE behind_since <= %s AND (school_id, curriculum_id) NOT IN (SELECT * FROM unnest(%b::uuid[], %b::uuid[]))
    ORDER BY behind_since LIMIT %s
) h
JOIN unnest(%b::uuid[], %b::uuid[], %b::uuid[]) AS v(school_id, curriculum_id, version_id)
    USING (school_id, curriculum_id)
WHERE NOT EXISTS (
    SELECT FROM tracing_learnerstate s WHERE s.learner_id = h.learner_id AND s.version_id = v.version_id
)
ON CONFLICT DO NOTHING
"""

# A state opened for a learner whom another version knows foretells nothing: its model may have been fitted on all that.
_CLAIM: Final = """
SELECT s.learner_id, s.curriculum_id, s.version_id, s.school_id, s.applied_seq,
       extract(epoch FROM s.as_of)::float8, s.state, s.evidence,
       CASE WHEN s.applied_seq = 0 AND h.level_seq > 0 THEN 'Infinity' ELSE '-Infinity' END::float8
FROM interactions_loghead h
JOIN unnest(%b::uuid[], %b::uuid[], %b::uuid[]) AS v(school_id, curriculum_id, version_id)
    USING (school_id, curriculum_id)
JOIN tracing_learnerstate s ON s.learner_id = h.learner_id AND s.version_id = v.version_id
WHERE h.behind_since <= %s
ORDER BY h.behind_since
LIMIT %s
FOR UPDATE OF s SKIP LOCKED
"""

# `behind_from` is read in the same snapshot as the answers: an older one could hide a late answer for ever. It is of no
# use to a state that was not level when the head was, as of a version that serves again. It stands beside the claims,
# for only conditions on one relation let PostgreSQL skip the months before it.
_UNSEEN: Final = """
WITH c AS MATERIALIZED (
    SELECT c.row, c.learner_id, c.curriculum_id, c.applied_seq,
           CASE WHEN c.applied_seq = 0 OR c.applied_seq < h.level_seq THEN '-infinity' ELSE h.behind_from END AS since
    FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[]) WITH ORDINALITY AS c(learner_id, curriculum_id, applied_seq, row)
    JOIN interactions_loghead h ON h.learner_id = c.learner_id AND h.curriculum_id = c.curriculum_id
)
SELECT c.row - 1, i.seq, extract(epoch FROM i.occurred_at)::float8, i.item, i.concepts, i.correct::float8,
       i.response_seconds::float8, i.hints, i.attempt, i.decision_id, extract(epoch FROM i.received_at)::float8
FROM c
JOIN interactions_interaction i
    ON i.learner_id = c.learner_id AND i.curriculum_id = c.curriculum_id AND i.seq > c.applied_seq
    AND i.occurred_at >= c.since
ORDER BY c.row, i.occurred_at, i.seq
"""

_WRITE: Final = """
UPDATE tracing_learnerstate s
SET applied_seq = w.applied_seq, as_of = to_timestamp(w.as_of), state = w.state, recall = w.recall,
    evidence = w.evidence, trouble = ''
FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[], %b::float8[], %b::bytea[], %b::bytea[], %b::bytea[])
    AS w(learner_id, version_id, applied_seq, as_of, state, recall, evidence)
WHERE s.learner_id = w.learner_id AND s.version_id = w.version_id
"""

# Heads that intake holds are skipped: it is about to put them behind again anyway, and waiting could deadlock.
_LEVEL: Final = """
UPDATE interactions_loghead h SET behind_since = NULL, behind_from = NULL, level_seq = h.seq
FROM (
    SELECT h.learner_id, h.curriculum_id
    FROM interactions_loghead h
    JOIN unnest(%b::uuid[], %b::uuid[], %b::bigint[]) AS c(learner_id, curriculum_id, applied_seq)
        ON h.learner_id = c.learner_id AND h.curriculum_id = c.curriculum_id AND h.seq <= c.applied_seq
    WHERE h.behind_since IS NOT NULL
    FOR UPDATE OF h SKIP LOCKED
) level
WHERE h.learner_id = level.learner_id AND h.curriculum_id = level.curriculum_id
"""

_TROUBLE: Final = """
UPDATE tracing_learnerstate SET trouble = %s WHERE learner_id = %s AND version_id = %s
"""

_PUT_OFF: Final = """
UPDATE interactions_loghead h SET behind_since = %s
FROM (
    SELECT learner_id, curriculum_id FROM interactions_loghead
    WHERE learner_id = %s AND curriculum_id = %s
    FOR UPDATE SKIP LOCKED
) free
WHERE h.learner_id = free.learner_id AND h.curriculum_id = free.curriculum_id
"""

_SCORE: Final = """
INSERT INTO tracing_score (version_id, learner_id, curriculum_id, seq, occurred_at, scored_at, p, correct, in_order)
SELECT version_id, learner_id, curriculum_id, seq, to_timestamp(seconds), %s, p, correct, in_order
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::bigint[], %b::float8[], %b::float8[], %b::float8[], %b::bool[])
    AS t(version_id, learner_id, curriculum_id, seq, seconds, p, correct, in_order)
"""

_LAG: Final = """
INSERT INTO tracing_lag (learner_id, curriculum_id, school_id, active_at)
SELECT learner_id, curriculum_id, school_id, %s
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[]) AS t(learner_id, curriculum_id, school_id)
"""

Pair = tuple[UUID, UUID]  # school, curriculum
Serving = Sequence[tuple[UUID, UUID, UUID]]  # school, curriculum, version


def behind(since: datetime, apart: Collection[Pair]) -> list[Pair]:
    """(school, curriculum) of the learners who have waited longest, at least since a time, but for those `apart`."""
    return [(school, curriculum) for school, curriculum in db.rows(_BEHIND, _waiting(since, apart))]


def open_states(serving: Serving, since: datetime, apart: Collection[Pair]) -> None:
    """Makes the state rows that learners behind do not have yet."""
    db.rows(_OPEN, [*_waiting(since, apart), *_transpose(serving, 3)])


def _waiting(since: datetime, apart: Collection[Pair]) -> list[object]:
    return [since, *_transpose(list(apart), 2), LOOK_AHEAD]


def claim(serving: Serving, since: datetime, limit: int) -> list[Claim]:
    """Locks states that are behind and that no other worker holds."""
    return [Claim(*row) for row in db.rows(_CLAIM, [*_transpose(serving, 3), since, limit])]


def unseen(claims: Sequence[Claim], *, from_start: bool = False) -> list[Unseen]:
    """The answers that the claimed states lack, or all of them, grouped by claim, in time order."""
    columns = _transpose([(c.learner_id, c.curriculum_id, 0 if from_start else c.applied_seq) for c in claims], 3)
    return [Unseen(*row) for row in db.rows(_UNSEEN, columns, prepare=True)]


def write(advances: Sequence[Advance]) -> None:
    fields = [
        (a.claim.learner_id, a.claim.version_id, a.applied_seq, a.as_of, a.state, a.recall, a.evidence)
        for a in advances
    ]
    db.rows(_WRITE, _transpose(fields, 7))


def level(claims: Sequence[tuple[Claim, int]]) -> None:
    """Marks log heads level with their states, where nothing has been appended since; (claim, applied_seq) each."""
    db.rows(_LEVEL, _transpose([(c.learner_id, c.curriculum_id, seq) for c, seq in claims], 3))


def lag(claims: Sequence[Claim], now: datetime) -> None:
    """Notes that states beside those claimed lag from now on."""
    db.rows(_LAG, [now, *_transpose([(c.learner_id, c.curriculum_id, c.school_id) for c in claims], 3)])


def put_off(claim: Claim, reason: str, until: datetime) -> None:
    """Keeps one learner who cannot be updated from blocking the others: last in the queue, with the reason."""
    db.rows(_TROUBLE, [reason[:500], claim.learner_id, claim.version_id])
    if not claim.is_beside:
        db.rows(_PUT_OFF, [until, claim.learner_id, claim.curriculum_id])


def score(scored: Sequence[tuple[Claim, Unseen, float]], now: datetime) -> None:
    """Notes what was expected of answers, unless they are of before the claim's version had its say.

    A state that is built with such answers scores nothing while it is built.

    Args:
        scored: all answers folded together, grouped by claim, in time order.
    """
    built = {(c.learner_id, c.version_id) for c, u, _ in scored if c.applied_seq == 0 and u.received < c.scored_from}
    fields = [
        (c.version_id, c.learner_id, c.curriculum_id, u.seq, u.seconds, p, u.correct, in_order)
        for (c, u, p), in_order in zip(scored, _in_order(scored), strict=True)
        if u.received >= c.scored_from and (c.learner_id, c.version_id) not in built
    ]
    if fields:
        db.rows(_SCORE, [now, *_transpose(fields, 8)])


def _in_order(scored: Sequence[tuple[Claim, Unseen, float]]) -> list[bool]:
    """Whether those before it by time are those before it by receipt, of each."""
    found: list[bool] = []
    for _, group in groupby(scored, key=lambda each: each[1].row):
        seqs = [u.seq for _, u, _ in group]
        found += [
            seq == ranked == latest
            for seq, ranked, latest in zip(seqs, sorted(seqs), accumulate(seqs, max), strict=True)
        ]
    return found


def interactions(answers: Sequence[Unseen]) -> Interactions:
    """The columns a model reads; `answers` are grouped by ascending row, in time order."""
    nan = float("nan")
    return Interactions(
        learner=np.array([a.row for a in answers], np.int64),
        seconds=np.array([a.seconds for a in answers], np.float64),
        item=np.array([a.item for a in answers], np.int64),
        concepts=ConceptLists.of([a.concepts for a in answers]),
        correct=np.array([a.correct for a in answers], np.float32),
        response_seconds=np.array(
            [nan if a.response_seconds is None else a.response_seconds for a in answers], np.float32
        ),
        hints=np.array([a.hints or 0 for a in answers], np.int64),
        attempt=np.array([a.attempt or 0 for a in answers], np.int64),
    )


def _transpose(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
