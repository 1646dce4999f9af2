"""How long each learner's answers take, by the newest that tell their time: for agendas and for sessions alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int
from tutor import db
from tutor.scheduling import contents
from tutor.scheduling.calendar import Bool
from tutor.scheduling.histories import Pair
from tutor.scheduling.policies import Pace
from tutor.tracing.evidence import RIGHT

#: Answers whose times tell how fast a learner is, and how old they may be: one bounded query.
PACE_ANSWERS: Final = 200
PACE_DAYS: Final = 180
#: Answers at the author's pace that a learner's own are put together with: so few of them say little.
PACE_PRIOR: Final = 20.0
#: One answer tells no more than this many times faster or slower: tabs stay open over lunch.
PACE_LIMIT: Final = 8.0

_TIMES: Final = """
SELECT w.learner_id, w.curriculum_id, t.items, t.seconds, t.correct
FROM unnest(%s::uuid[], %s::uuid[]) AS w(learner_id, curriculum_id)
CROSS JOIN LATERAL (
    SELECT array_agg(item) AS items, array_agg(response_seconds) AS seconds, array_agg(correct) AS correct FROM (
        SELECT i.item, i.response_seconds, i.correct FROM interactions_interaction i
        WHERE i.learner_id = w.learner_id AND i.curriculum_id = w.curriculum_id AND i.occurred_at > %s
            AND i.response_seconds > 0
        ORDER BY i.occurred_at DESC, i.seq DESC LIMIT %s
    ) newest
) t
WHERE t.items IS NOT NULL
"""


def paces_of(learner_ids: Sequence[UUID], content: Snapshot, now: datetime) -> dict[UUID, float]:
    """Minutes that each learner takes for each that an author expects, by their newest answers that tell their time."""
    read = _times([(learner, content.curriculum_id) for learner in learner_ids], now)
    out = dict.fromkeys(learner_ids, 1.0)
    for (learner, _), (item, taken, _right) in read.items():
        known = item < content.n_items
        out[learner] = pace(taken[known], content.item_minutes[item[known]])
    return out


def usual_of(schools: Mapping[Pair, Pace], now: datetime) -> dict[Pair, float]:
    """In place of the school's `Pace.usual`: the same of each learner's own answers, put together with the school's."""
    read = _times(list(schools), now)
    out = {pair: school.usual for pair, school in schools.items()}
    for pair, (item, taken, right) in read.items():
        minutes, school = contents.latest(pair[1]).item_minutes, schools[pair]
        known = item < len(minutes)
        expected = minutes[item[known]] * school.usual * np.where(right[known], 1.0, school.wrong)
        out[pair] = school.usual * pace(taken[known], expected)
    return out


def _times(pairs: Sequence[Pair], now: datetime) -> dict[Pair, tuple[Int, Float, Bool]]:
    """Items, seconds and whether right, (answers,) of each who has told any: one statement."""
    if not pairs:
        return {}
    learners, curricula = map(list, zip(*pairs, strict=True))
    rows = db.rows(_TIMES, (learners, curricula, now - timedelta(days=PACE_DAYS), PACE_ANSWERS), prepare=True)
    return {
        (learner, curriculum): (np.array(items, np.int64), np.array(seconds, np.float64), np.array(correct) >= RIGHT)
        for learner, curriculum, items, seconds, correct in rows
    }


def pace(seconds: Sequence[float] | Float, minutes: Sequence[float] | Float) -> float:
    """Geometric mean of actual over expected time, drawn towards 1 as if by `PACE_PRIOR` answers at that pace; pure.

    Args:
        seconds: > 0, that each answer took.      minutes: that its item is expected to take.
    """
    if not len(seconds):
        return 1.0
    ratios = np.log(np.asarray(seconds, np.float64) / (60.0 * np.maximum(np.asarray(minutes, np.float64), 1e-3)))
    limit = math.log(PACE_LIMIT)
    return math.exp(float(np.clip(ratios, -limit, limit).sum()) / (len(ratios) + PACE_PRIOR))
