"""How far the states of a version are; states made anew where they are doubted; states that nobody needs any more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final, final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from tutor import db
from tutor.language import Sentence
from tutor.registry import deployments
from tutor.registry import queries as registry
from tutor.registry.deployments import PREVIOUS_KEPT
from tutor.registry.models import Deployment, ModelVersion
from tutor.tracing import beside, services

#: A state that lags by answers of this age at most is level: workers are on their way.
UNDER_WAY: Final = timedelta(minutes=1)
#: States of a version are kept for so long after it served, challenged or was kept for a roll-back.
STATES_KEPT: Final = PREVIOUS_KEPT + timedelta(days=1)


@final
@dataclass(frozen=True)
class Progress:
    """Learners with answers whom a version is to serve, by how far their states under it are.

    Attributes:
        level: know all that the serving version knows, or nearly.     missing: not begun.
        troubled: could not be folded, though the serving version could fold them.
    """

    learners: int
    level: int
    missing: int
    troubled: int

    @property
    def is_level(self) -> bool:
        return self.level == self.learners

    def __str__(self) -> str:
        text = gettext_noop("{level:,} of {learners:,} learners are level, {missing:,} not begun")
        if self.troubled:
            text = gettext_noop(
                "{level:,} of {learners:,} learners are level, {missing:,} not begun, {troubled:,} in trouble"
            )
        return Sentence(text, **asdict(self))


# Where the serving version cannot fold a learner either, a challenger is not to blame. The time is no condition: its
# index would be read from end to end for each learner where statistics are old.
_PROGRESS: Final = """
SELECT count(*), count(*) FILTER (WHERE level), count(*) FILTER (WHERE missing AND NOT level),
       count(*) FILTER (WHERE troubled AND NOT level)
FROM (
    SELECT s.state IS NULL AND COALESCE(s.trouble, '') = '' AS missing, COALESCE(s.trouble, '') <> '' AS troubled,
        COALESCE(front.trouble, '') <> '' OR s.state IS NOT NULL AND s.trouble = '' AND (
            s.applied_seq >= h.seq
            OR h.behind_since IS NOT NULL AND s.applied_seq >= h.level_seq
            OR COALESCE((
                SELECT bool_or(l.active_at > %s) FROM tracing_lag l
                WHERE l.learner_id = h.learner_id AND l.curriculum_id = h.curriculum_id
            ), false)
        ) AS level
    FROM interactions_loghead h
    LEFT JOIN tracing_learnerstate s ON s.learner_id = h.learner_id AND s.version_id = %s
    LEFT JOIN tracing_learnerstate front ON front.learner_id = h.learner_id AND front.version_id = %s
    WHERE h.curriculum_id = %s AND (%s::uuid IS NULL OR h.school_id = %s) AND h.school_id <> ALL(%s::uuid[])
        AND h.seq > 0
) AS each
"""

_PRUNE: Final = """
DELETE FROM tracing_learnerstate WHERE (learner_id, version_id) IN (
    SELECT s.learner_id, s.version_id
    FROM registry_modelversion v JOIN tracing_learnerstate s ON s.version_id = v.id
    WHERE v.idle_since < %s AND v.id <> ALL(%s::uuid[])
        AND NOT EXISTS (
            SELECT FROM registry_deployment d
            WHERE v.id IN (d.champion_id, d.challenger_id) AND (d.follows_since IS NULL OR d.follows_since > %s)
        )
        AND NOT EXISTS (SELECT FROM registry_deployment d WHERE v.id = d.previous_id AND d.champion_since > %s)
    LIMIT %s
)
RETURNING 1
"""

# From version to version, for there are few of them and many states.
_PRUNE_LOST: Final = """
WITH RECURSIVE known(version_id) AS (
    (SELECT version_id FROM tracing_learnerstate ORDER BY version_id LIMIT 1)
    UNION ALL
    SELECT (SELECT s.version_id FROM tracing_learnerstate s WHERE s.version_id > k.version_id ORDER BY 1 LIMIT 1)
    FROM known k WHERE k.version_id IS NOT NULL
)
DELETE FROM tracing_learnerstate WHERE (learner_id, version_id) IN (
    SELECT s.learner_id, s.version_id FROM known k JOIN tracing_learnerstate s ON s.version_id = k.version_id
    WHERE NOT EXISTS (SELECT FROM registry_modelversion v WHERE v.id = k.version_id)
    LIMIT %s
)
RETURNING 1
"""

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


def progress(deployment: Deployment, version_id: UUID, *, now: datetime, under_way: timedelta = UNDER_WAY) -> Progress:
    """How far the states of a version are for those whom a deployment serves. One pass over log heads.

    Args:
        under_way: a state that lags by answers of this age at most counts as level.
    """
    front, school, apart = beside.served_by(deployment), deployment.school_id, deployments.schools_apart(deployment)
    concerned = deployment.curriculum_id, school, school, apart
    return Progress(*db.rows(_PROGRESS, [now - under_way, version_id, front, *concerned])[0])


def prune_states(*, limit: int, now: datetime) -> int:
    """Deletes at most `limit` states of versions that no deployment has needed for `STATES_KEPT`; how many.

    And of versions that are no more.
    """
    kept = now - PREVIOUS_KEPT
    pruned = len(db.rows(_PRUNE, [now - STATES_KEPT, _stand_ins(), kept, kept, limit]))
    return pruned + len(db.rows(_PRUNE_LOST, [limit - pruned]))


def _stand_ins() -> list[UUID]:
    """Versions that serve though no deployment points at them: their champions cannot be loaded."""
    failed = Deployment.objects.filter(champion__state=ModelVersion.State.FAILED, follows_since=None)
    served = (beside.served_by(deployment) for deployment in failed.select_related("champion"))
    return [version for version in served if version]
