"""Whole histories out of the log, for policies that keep schedules of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np

from tutor import db
from tutor.scheduling.policies import History

#: A learner on a curriculum.
Pair = tuple[UUID, UUID]

_HISTORY: Final = """
SELECT i.learner_id, i.curriculum_id, i.item, i.concepts, extract(epoch FROM i.occurred_at)::float8, i.correct
FROM unnest(%s::uuid[], %s::uuid[]) AS w(learner_id, curriculum_id)
JOIN interactions_interaction i ON i.learner_id = w.learner_id AND i.curriculum_id = w.curriculum_id
    AND i.occurred_at >= COALESCE(%s::timestamptz, '-infinity')
ORDER BY i.learner_id, i.curriculum_id, i.occurred_at, i.seq
"""


def histories_of(pairs: Collection[Pair], *, since: datetime | None = None) -> dict[Pair, History]:
    """Of those who have any answer: one statement, rows in the order in which they happened."""
    if not pairs:
        return {}
    learners, curricula = map(list, zip(*pairs, strict=True))
    rows: dict[Pair, list[tuple[Any, ...]]] = defaultdict(list)
    found = db.rows(_HISTORY, [learners, curricula, since], prepare=True)
    for learner, curriculum, item, concepts, seconds, correct in found:
        rows[learner, curriculum] += [(item, concept, seconds, correct) for concept in concepts]
    return {pair: _history(each) for pair, each in rows.items() if each}


def _history(rows: Sequence[tuple[Any, ...]]) -> History:
    item, concept, seconds, correct = zip(*rows, strict=True)
    return History(
        np.array(item, np.int64), np.array(concept, np.int64), np.array(seconds, np.float64), np.array(correct)
    )  # fmt: skip
