"""The decision log of a school as columns, each choice with what its learner's answers said before and after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
import psycopg
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from kt_models.recall import Float, Int
from tutor.language import Sentence
from tutor.scheduling import contents
from tutor.scheduling.ope.logged import SUM_TOLERANCE, BadLog, Logged
from tutor.scheduling.ope.rewards import Reward

#: The newest choices are read, at most so many, with at most so many candidates: some 200 MB at work.
MOST: Final = 200_000
MOST_CANDIDATES: Final = 1_000_000
#: What a learner answered in the days before tells of prior mastery.
HISTORY_DAYS: Final = 30
_FETCHED: Final = 2_000
#: Answers that a learner's mean before is worth in the mean credit of one concept.
_SHRINK: Final = 2.0

# Erased learners are no longer in the accounts. The past leaves out the answer to the offer: clocks differ, so that it
# may seem to come first.
_READ: Final = """
SELECT d.id, d.learner_id, d.curriculum_id, extract(epoch FROM d.served_at)::float8, d.slot, d.concept, d.item,
    d.propensity, d.candidates::text, d.answered_seq IS NOT NULL, d.correct, later.correct,
    past.n, past.credit, past.unasked, past.concept_n, past.concept_credit, d.outcome = 'overridden'
FROM scheduling_decision d
JOIN accounts_learner l ON l.id = d.learner_id
LEFT JOIN LATERAL (
    SELECT i.correct FROM interactions_interaction i
    WHERE i.learner_id = d.learner_id AND i.curriculum_id = d.curriculum_id AND d.concept = ANY(i.concepts)
        AND i.occurred_at >= CASE WHEN d.answered_seq IS NULL THEN d.served_at ELSE d.outcome_at END + %(delay)s
        AND i.occurred_at < d.served_at + %(window)s AND i.seq IS DISTINCT FROM d.answered_seq
    ORDER BY i.occurred_at, i.seq LIMIT 1
) later ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS n, sum(i.correct) AS credit, count(*) FILTER (WHERE i.decision_id IS NULL) AS unasked,
        count(*) FILTER (WHERE d.concept = ANY(i.concepts)) AS concept_n,
        sum(i.correct) FILTER (WHERE d.concept = ANY(i.concepts)) AS concept_credit
    FROM interactions_interaction i
    WHERE i.learner_id = d.learner_id AND i.curriculum_id = d.curriculum_id
        AND i.occurred_at >= d.served_at - %(history)s AND i.occurred_at < d.served_at
        AND i.seq IS DISTINCT FROM d.answered_seq
) past ON true
WHERE d.school_id = %(school)s AND d.served_at >= %(since)s AND d.served_at < %(until)s
    AND (%(policy)s::text IS NULL OR d.policy = %(policy)s)
    AND (%(curriculum)s::uuid IS NULL OR d.curriculum_id = %(curriculum)s)
ORDER BY d.served_at DESC, d.id DESC LIMIT %(most)s
"""

_candidates: Final = msgspec.json.Decoder(list[tuple[int, int, float, float]]).decode


def read(
    school_id: UUID,
    policy: str | None,
    since: datetime,
    until: datetime,
    *,
    reward: Reward | None = None,
    curriculum_id: UUID | None = None,
    now: datetime | None = None,
    most: int = MOST,
) -> Logged:
    """Choices offered from `since` until before `until`, with their rewards; one query, in bounded memory.

    Choices whose reward may still come are left out (`Reward.closes_after_days`). Of more than `most` the newest are
    read. A learner's own chances of exploration and each policy's are in the rows, so several policies may be mixed.

    Args:
        policy: that made the choices; None for all.     curriculum_id: None for all.

    Raises:
        BadLog: naming the decision whose candidates or probabilities do not fit.
    """
    reward = reward or Reward()
    closed = (now or timezone.now()) - timedelta(days=reward.closes_after_days)
    columns = _Columns(reward, most)
    parameters = {
        "school": school_id, "policy": policy, "curriculum": curriculum_id, "since": since, "until": min(until, closed),
        "delay": timedelta(days=reward.delay_days), "window": timedelta(days=reward.window_days),
        "history": timedelta(days=HISTORY_DAYS), "most": most + 1,
    }  # fmt: skip
    for batch in _batches(parameters):
        if not columns.add(batch):
            break
    return columns.logged()


def _batches(parameters: dict[str, Any]) -> Iterator[list[tuple[Any, ...]]]:
    # Django's own cursor would hold all rows at once.
    with transaction.atomic():
        connection.ensure_connection()
        with psycopg.ServerCursor(connection.connection, "ope_log") as cursor:
            cursor.execute(_READ, parameters)
            while batch := cursor.fetchmany(_FETCHED):
                yield batch


class _Columns:
    """Columns under way, batch by batch."""

    def __init__(self, reward: Reward, most: int) -> None:
        self._reward, self._most = reward, most
        self._learners: dict[UUID, int] = {}
        self._parts: list[dict[str, Any]] = []
        self._rows = self._candidates = 0
        self._truncated = False

    def add(self, batch: list[tuple[Any, ...]]) -> bool:
        """Whether there is room for more."""
        if self._rows + len(batch) > self._most:
            batch, self._truncated = batch[: self._most - self._rows], True
        if batch:
            part = _part(batch, self._learners, self._reward)
            self._rows, self._candidates = self._rows + len(batch), self._candidates + len(part["concept"])
            self._parts.append(part)
        if self._candidates > MOST_CANDIDATES:
            self._truncated = True
        return not self._truncated

    def logged(self) -> Logged:
        parts = self._parts or [_part([], self._learners, self._reward)]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        counts = columns.pop("counts")
        offset = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        columns["chosen"] = columns["chosen"] + offset[:-1]
        return Logged(
            **columns,
            offset=offset,
            truncated=self._truncated,
            feature_names=("credit_before", "answers_before", "unasked_before", "slot"),
            candidate_feature_names=("score", "is_best", "difficulty"),
            chosen_feature_names=("concept_credit_before", "concept_answers_before"),
        )


def _part(batch: list[tuple[Any, ...]], learners: dict[UUID, int], reward: Reward) -> dict[str, Any]:
    offered = [_offered(row) for row in batch]
    flat = [each for candidates, _, _ in offered for each in candidates]
    counts: Int = np.array([len(candidates) for candidates, _, _ in offered], dtype=np.int64)
    concept, item, score, probability = (np.array(column) for column in (zip(*flat, strict=True) if flat else [()] * 4))
    answered, credit, later = (_floats(row[at] for row in batch) for at in (9, 10, 11))
    curricula, overridden = [row[2] for row in batch], np.array([row[17] for row in batch], dtype=bool)
    return {
        "decision": np.array([row[0] for row in batch], dtype=object),
        "learner": np.array([learners.setdefault(row[1], len(learners)) for row in batch], dtype=np.int64),
        "seconds": _floats(row[3] for row in batch),
        "counts": counts,
        "concept": concept.astype(np.int64),
        "item": item.astype(np.int64),
        "score": score.astype(np.float64),
        "probability": probability.astype(np.float64),
        "chosen": np.array([place for _, place, _ in offered], dtype=np.int64),
        "drawn": np.array([drawn for *_, drawn in offered], dtype=bool),
        "answered": answered > 0,
        "credit": np.where(answered > 0, credit, np.nan),
        "overridden": overridden,
        "reward": np.where(overridden, np.nan, reward.of(answered > 0, credit, later)),
        "features": _before(batch),
        "candidate_features": _candidate_features(score, item, counts, curricula),
        "chosen_features": _concept_before(batch),
    }


def _offered(row: tuple[Any, ...]) -> tuple[list[tuple[int, int, float, float]], int, bool]:
    """Candidates, the place of what was offered among them, and whether the policy drew it.

    What was offered with propensity 0 a teacher pinned, whatever chance the policy would have given it. Something that
    the candidates do not hold, or with another probability than theirs, was set by somebody else too.
    """
    decision, concept, item, propensity, candidates = row[0], row[5], row[6], row[7], _candidates(row[8])
    total = sum(probability for *_, probability in candidates)
    if abs(total - 1) > SUM_TOLERANCE:
        text = gettext_noop(
            "decision {decision}: its candidates' probabilities sum to {total:.6g}, not to 1: leave out the time or "
            "the policy it is of, for nobody knows how it was drawn"
        )
        raise BadLog(Sentence(text, decision=str(decision), total=total))
    for place, (a_concept, an_item, _, probability) in enumerate(candidates):
        if (a_concept, an_item) == (concept, item):
            drawn = propensity > 0 and probability > 0 and abs(probability - propensity) <= SUM_TOLERANCE
            return candidates, place, drawn
    return [*candidates, (concept, item, 0.0, 0.0)], len(candidates), False


def _before(batch: list[tuple[Any, ...]]) -> Float:
    n, credit, unasked, slot = (_floats(row[at] or 0 for row in batch) for at in (12, 13, 14, 4))
    return np.column_stack([_mean_before(n, credit), np.log1p(n), unasked / np.maximum(n, 1), slot])


def _concept_before(batch: list[tuple[Any, ...]]) -> Float:
    n, credit, concept_n, concept_credit = (_floats(row[at] or 0 for row in batch) for at in (12, 13, 15, 16))
    shrunk = (concept_credit + _SHRINK * _mean_before(n, credit)) / (concept_n + _SHRINK)
    return np.column_stack([shrunk, np.log1p(concept_n)])


def _mean_before(n: Float, credit: Float) -> Float:
    """Mean credit, drawn towards one half where there are few answers."""
    return (credit + _SHRINK / 2) / (n + _SHRINK)


def _candidate_features(score: Float, item: Int, counts: Int, curricula: list[UUID]) -> Float:
    """Score, whether it is the highest of its row, and the item's difficulty in logits."""
    if not len(score):
        return np.zeros((0, 3))
    start = np.cumsum(counts) - counts
    is_best = score == np.repeat(np.maximum.reduceat(score, start), counts)
    owner = np.repeat(np.arange(len(counts)), counts)
    difficulty = np.zeros(len(score))
    for curriculum in set(curricula):
        of = np.array([each == curriculum for each in curricula])[owner]
        difficulty[of] = _difficulties(curriculum, int(item[of].max()))[item[of]]
    return np.column_stack([score, is_best, difficulty])


def _difficulties(curriculum: UUID, last: int) -> Float:
    """By position. These are append-only: the newest version knows every item that was ever offered."""
    known = contents.latest(curriculum).item_difficulty
    return known if last < len(known) else contents.latest(curriculum, fresh=True).item_difficulty


_floats: Final = partial(np.fromiter, dtype=np.float64)
