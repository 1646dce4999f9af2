"""States made anew, for a school or for all: after a promotion, or when what is stored is doubted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from tutor import db
from tutor.registry import queries as registry
from tutor.tracing import services

_PAIRS: Final = """
SELECT DISTINCT school_id, curriculum_id FROM interactions_loghead
WHERE (%s::uuid IS NULL OR school_id = %s) AND (%s::uuid IS NULL OR curriculum_id = %s)
"""

_OPEN: Final = """
INSERT INTO tracing_learnerstate (learner_id, version_id, curriculum_id, school_id, applied_seq)
SELECT learner_id, %s, curriculum_id, school_id, 0 FROM interactions_loghead
WHERE school_id = %s AND curriculum_id = %s AND (%s::uuid[] IS NULL OR learner_id = ANY(%s::uuid[]))
ORDER BY learner_id
ON CONFLICT DO NOTHING
"""

_LEARNERS: Final = """
SELECT learner_id FROM interactions_loghead
WHERE school_id = %s AND curriculum_id = %s AND (%s::uuid[] IS NULL OR learner_id = ANY(%s::uuid[]))
"""


def rebuild_serving(
    *,
    school_id: UUID | None = None,
    curriculum_id: UUID | None = None,
    learner_ids: Collection[UUID] | None = None,
    now: datetime,
) -> int:
    """Queues learners for a fold of their whole log by the version that serves them now; how many.

    Those of whom that version has no state yet are among them, so this also follows a promotion.
    """
    pairs = db.rows(_PAIRS, [school_id, school_id, curriculum_id, curriculum_id])
    chosen = None if learner_ids is None else list(learner_ids)
    queued = 0
    for (school, curriculum), serving in registry.serving((s, c) for s, c in pairs).items():
        with transaction.atomic():
            db.rows(_OPEN, [serving.version_id, school, curriculum, chosen, chosen])
            concerned = [learner for (learner,) in db.rows(_LEARNERS, [school, curriculum, chosen, chosen])]
            queued += services.rebuild(version_id=serving.version_id, learner_ids=concerned, now=now)
    return queued
