"""How long answers really take on a curriculum: measured by workers now and then, read at every choice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np

from tutor import db
from tutor.apart import apart
from tutor.scheduling import contents
from tutor.scheduling.models import MeasuredPace
from tutor.scheduling.policies import Pace, pace_of
from tutor.tracing.evidence import RIGHT

#: The learners whose answers came in last tell, with at most so many answers in all.
LEARNERS: Final = 200
MOST: Final = 20_000
#: Measured anew when it is older, and answers have come in since.
KEPT: Final = timedelta(hours=6)

_STALE: Final = """
SELECT h.school_id, h.curriculum_id
FROM tracing_learnerstate s
JOIN interactions_loghead h ON h.learner_id = s.learner_id AND h.curriculum_id = s.curriculum_id
LEFT JOIN scheduling_measuredpace p ON p.school_id = h.school_id AND p.curriculum_id = h.curriculum_id
GROUP BY h.school_id, h.curriculum_id
HAVING max(p.measured_at) IS NULL OR (max(p.measured_at) < %s AND max(s.as_of) > max(p.measured_at) - interval '1 day')
"""

# Whole histories, for the first answer to a concept takes longest.
_TIMES: Final = """
SELECT i.learner_id, i.item, i.concepts[1], i.correct, i.response_seconds
FROM (
    SELECT h.learner_id, h.curriculum_id FROM interactions_loghead h
    JOIN tracing_learnerstate s ON s.learner_id = h.learner_id AND s.curriculum_id = h.curriculum_id
    WHERE h.school_id = %s AND h.curriculum_id = %s
    GROUP BY h.learner_id, h.curriculum_id ORDER BY max(s.as_of) DESC NULLS LAST LIMIT %s
) h
JOIN interactions_interaction i ON i.learner_id = h.learner_id AND i.curriculum_id = h.curriculum_id
WHERE cardinality(i.concepts) > 0
ORDER BY i.learner_id, i.occurred_at, i.seq LIMIT %s
"""


def measure(*, now: datetime) -> int:
    """Measures where that was not done lately and answers have come in; how many schools' curricula."""
    return sum(_measure(school, curriculum, now) for school, curriculum in db.rows(_STALE, [now - KEPT]))


def _measure(school_id: UUID, curriculum_id: UUID, now: datetime) -> bool:
    with apart("pace_not_measured", school=str(school_id), curriculum=str(curriculum_id)):
        pace = _measured(school_id, curriculum_id)
        MeasuredPace.objects.update_or_create(
            school_id=school_id,
            curriculum_id=curriculum_id,
            defaults={"measured_at": now, "first": pace.first, "wrong": pace.wrong, "usual": pace.usual},
        )
        return True
    return False


def _measured(school_id: UUID, curriculum_id: UUID) -> Pace:
    minutes = contents.latest(curriculum_id).item_minutes
    seen: set[tuple[UUID, int]] = set()
    answers: list[tuple[float, float, bool, bool]] = []
    for learner, item, concept, correct, seconds in db.rows(_TIMES, [school_id, curriculum_id, LEARNERS, MOST]):
        is_first = (learner, concept) not in seen
        seen.add((learner, concept))
        if seconds and item < len(minutes):
            answers.append((seconds, minutes[item], is_first, correct >= RIGHT))
    return pace_of(*map(np.array, zip(*answers, strict=True))) if answers else Pace()
