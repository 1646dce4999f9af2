"""States beside the serving ones: of challengers, and for some days of champions of before, kept level with the log.

`advance` notes whose states lag from then on (`Lag`), `look` finds all that lag, and `step` brings them level, a batch
a call. Nothing here holds a log head for longer than a statement or waits for a row, so that the answer path is not
slowed (docs/decisions/0012). A serving version that lags, as after a promotion in haste, is left to `advance`: plans
follow it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from tutor import db
from tutor.registry import deployments, queries
from tutor.registry.deployments import PREVIOUS_KEPT, Beside
from tutor.registry.models import Deployment, ModelVersion
from tutor.tracing import services
from tutor.tracing.claims import Claim

Pair = tuple[UUID, UUID]  # school, curriculum


class _Lagging(NamedTuple):
    """A row of `Lag`."""

    id: int
    learner_id: UUID
    curriculum_id: UUID
    school_id: UUID

    @property
    def pair(self) -> Pair:
        return self.school_id, self.curriculum_id


_NEXT: Final = """
SELECT id, learner_id, curriculum_id, school_id FROM tracing_lag ORDER BY active_at DESC LIMIT %s
"""

_TAKE: Final = _NEXT + "FOR UPDATE SKIP LOCKED"

# With those whose log was erased.
_DONE: Final = """
DELETE FROM tracing_lag l WHERE l.id = ANY(%s::bigint[]) OR l.id = ANY(%s::bigint[]) AND NOT EXISTS (
    SELECT FROM interactions_loghead h WHERE h.learner_id = l.learner_id AND h.curriculum_id = l.curriculum_id
)
"""

_OPEN: Final = """
INSERT INTO tracing_learnerstate (learner_id, version_id, curriculum_id, school_id, applied_seq)
SELECT DISTINCT h.learner_id, t.version_id, h.curriculum_id, h.school_id, 0
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[]) AS t(learner_id, version_id, curriculum_id)
JOIN interactions_loghead h ON h.learner_id = t.learner_id AND h.curriculum_id = t.curriculum_id
ORDER BY h.learner_id, t.version_id
ON CONFLICT DO NOTHING
"""

# All that are not held by somebody else; whether they lag is known only when they are held.
_CLAIM: Final = """
SELECT s.learner_id, s.curriculum_id, s.version_id, s.school_id, s.applied_seq,
       extract(epoch FROM s.as_of)::float8, s.state, s.evidence,
       v.since, true,
       s.applied_seq < h.seq OR s.state IS NULL
FROM (
    SELECT DISTINCT learner_id, version_id, curriculum_id, since
    FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::float8[]) AS t(learner_id, version_id, curriculum_id, since)
) v
JOIN tracing_learnerstate s ON s.learner_id = v.learner_id AND s.version_id = v.version_id
JOIN interactions_loghead h ON h.learner_id = v.learner_id AND h.curriculum_id = v.curriculum_id
FOR UPDATE OF s SKIP LOCKED
"""

# A head that is behind will bring its learner to `advance` anyway.
_UNSERVED: Final = """
SELECT DISTINCT v.learner_id, v.curriculum_id
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[]) AS v(learner_id, version_id, curriculum_id)
JOIN interactions_loghead h ON h.learner_id = v.learner_id AND h.curriculum_id = v.curriculum_id
LEFT JOIN tracing_learnerstate s ON s.learner_id = v.learner_id AND s.version_id = v.version_id
WHERE h.behind_since IS NULL AND h.seq > 0 AND (s.state IS NULL OR s.applied_seq < h.seq)
"""

_QUEUE: Final = """
UPDATE interactions_loghead h SET behind_since = COALESCE(h.behind_since, %s), behind_from = 'epoch'
FROM (
    SELECT h.learner_id, h.curriculum_id
    FROM interactions_loghead h JOIN unnest(%b::uuid[], %b::uuid[]) AS t(learner_id, curriculum_id)
        USING (learner_id, curriculum_id)
    ORDER BY h.learner_id, h.curriculum_id
    FOR UPDATE OF h SKIP LOCKED
) free
WHERE h.learner_id = free.learner_id AND h.curriculum_id = free.curriculum_id
"""

_WAITING: Final = """
SELECT count(*) FROM (SELECT FROM interactions_loghead WHERE behind_since IS NOT NULL LIMIT %s) AS behind
"""

# Learners with fewer level states than there are versions. Sorted, so that all are found before the first is noted: a
# scan for those noted would else run over what this statement has written itself.
_LOOK: Final = """
INSERT INTO tracing_lag (learner_id, curriculum_id, school_id, active_at)
SELECT h.learner_id, h.curriculum_id, h.school_id, COALESCE((
    SELECT max(s.as_of) FROM tracing_learnerstate s
    WHERE s.learner_id = h.learner_id AND s.curriculum_id = h.curriculum_id
), 'epoch')
FROM interactions_loghead h
WHERE h.curriculum_id = %s AND (%s::uuid IS NULL OR h.school_id = %s) AND h.school_id <> ALL(%s::uuid[]) AND h.seq > 0
    AND (
        SELECT count(*) FROM tracing_learnerstate s
        WHERE s.learner_id = h.learner_id AND s.version_id = ANY(%s::uuid[]) AND s.state IS NOT NULL
            AND s.applied_seq >= h.seq
    ) < cardinality(%s::uuid[])
    AND NOT EXISTS (
        SELECT FROM tracing_lag l WHERE l.learner_id = h.learner_id AND l.curriculum_id = h.curriculum_id
    )
ORDER BY 4 DESC
RETURNING 1
"""


def step(*, limit: int, now: datetime) -> int:
    """Brings the states of at most `limit` learners level, the latest active first; of how many rows of `Lag`.

    One transaction: a crash leaves the rows, and the next call goes on. Learners that somebody else holds stay noted.
    """
    upcoming = [_Lagging(*row) for row in db.rows(_NEXT, [limit])]
    if not upcoming:
        return 0
    # Before the transaction: others who open the same states would wait for it.
    _open(upcoming, _versions(upcoming, now))
    held_up = _queue_unserved(upcoming, limit, now)
    with transaction.atomic():
        db.rows("SET LOCAL synchronous_commit = off")
        taken = [_Lagging(*row) for row in db.rows(_TAKE, [limit])]
        versions = _versions(taken, now)
        claimed = _claim(taken, versions)
        services.fold_beside([claim for claim, lags in claimed if lags], now=now)
        ours = {(claim.learner_id, claim.version_id) for claim, _ in claimed}
        done = [row.id for row in taken if row.learner_id not in held_up and _is_ours(row, versions, ours)]
        db.rows(_DONE, [done, [row.id for row in taken]])
    return len(taken)


_ended: float = -math.inf


def turn(*, now: datetime) -> bool:
    """One step of a size and after a pause that the settings say; whether to come again.

    A call within the pause does nothing and ends there: of the chains of messages that beat begins, one goes on.
    """
    global _ended
    if time.monotonic() < _ended + settings.ROLLOUT_PAUSE / 2:
        return False
    if not step(limit=settings.ROLLOUT_BATCH, now=now):
        return False
    _ended = time.monotonic()
    return True


def look(*, now: datetime) -> int:
    """Notes every learner whose states lag beside a champion, or under a new one; how many. One pass over log heads.

    What finds learners when a version begins to challenge or to serve, and what `advance` may have missed then.
    """
    recent = Q(champion_since__gt=now - PREVIOUS_KEPT) | Q(follows_since__gt=now - PREVIOUS_KEPT)
    kept = Deployment.objects.filter(recent | Q(challenger__isnull=False) | Q(champion__state="failed"))
    return sum(look_at(deployment, now=now) for deployment in kept.select_related("champion"))


def look_at(deployment: Deployment, *, now: datetime) -> int:
    """The same for one deployment."""
    deployment = deployments.reopened(deployment)
    wanted = versions_of(deployment, now)
    school, apart = deployment.school_id, deployments.schools_apart(deployment)
    return len(db.rows(_LOOK, [deployment.curriculum_id, school, school, apart, wanted, wanted]))


def versions_of(deployment: Deployment, now: datetime) -> list[UUID]:
    """The serving version of a deployment first, then those beside it."""
    front = served_by(deployment)
    beside = [deployment.challenger]
    if deployment.champion_since and deployment.champion_since > now - PREVIOUS_KEPT:
        beside.append(deployment.previous)
    usable = [version.pk for version in beside if version and version.state != ModelVersion.State.FAILED]
    return list(dict.fromkeys([*([front] if front else []), *usable]))


def served_by(deployment: Deployment) -> UUID | None:
    """The version that serves: the champion, or while it cannot be loaded what stands in for it."""
    if deployment.champion.state != ModelVersion.State.FAILED:
        return deployment.champion_id
    # Not by the deployment's own fields: one that is `reopened` tells of a way back that does not stand in.
    serving = queries.serving_one(deployment.school_id, deployment.curriculum_id)
    return serving.version_id if serving else None


def _versions(rows: Sequence[_Lagging], now: datetime) -> dict[Pair, list[Beside]]:
    """What stands beside the version that serves each school."""
    pairs = {row.pair for row in rows}
    serving = queries.serving(pairs)
    return {
        pair: [version for version in versions if pair in serving and version.version_id != serving[pair].version_id]
        for pair, versions in deployments.beside(pairs, now).items()
    }


def _open(rows: Sequence[_Lagging], versions: Mapping[Pair, Sequence[Beside]]) -> None:
    fields = [
        (row.learner_id, each.version_id, row.curriculum_id) for row in rows for each in versions.get(row.pair, ())
    ]
    if fields:
        db.rows(_OPEN, [list(column) for column in zip(*fields, strict=True)])


def _claim(rows: Sequence[_Lagging], versions: Mapping[Pair, Sequence[Beside]]) -> list[tuple[Claim, bool]]:
    """States that nobody else holds, and whether each lags."""
    fields = [
        (row.learner_id, each.version_id, row.curriculum_id, each.since.timestamp())
        for row in rows
        for each in versions.get(row.pair, ())
    ]
    if not fields:
        return []
    found = db.rows(_CLAIM, [list(column) for column in zip(*fields, strict=True)])
    return [(Claim(*row[:-1]), row[-1]) for row in found]


def _is_ours(row: _Lagging, versions: Mapping[Pair, Sequence[Beside]], ours: Collection[tuple[UUID, UUID]]) -> bool:
    return all((row.learner_id, each.version_id) in ours for each in versions.get(row.pair, ()))


def _queue_unserved(rows: Sequence[_Lagging], limit: int, now: datetime) -> frozenset[UUID]:
    """Puts learners whom the serving version lags behind in `advance`'s queue; those for whom it has no room yet."""
    serving = queries.serving({row.pair for row in rows})
    fields = [(row.learner_id, serving[row.pair].version_id, row.curriculum_id) for row in rows if row.pair in serving]
    unserved = db.rows(_UNSERVED, [list(column) for column in zip(*fields, strict=True)]) if fields else []
    if not unserved:
        return frozenset()
    # Whoever answers meanwhile waits for one such batch at most.
    room = max(limit - int(db.rows(_WAITING, [limit])[0][0]), 0)
    if queued := unserved[:room]:
        db.rows(_QUEUE, [now, *(list(column) for column in zip(*queued, strict=True))])
    return frozenset(learner for learner, _ in unserved[room:])
