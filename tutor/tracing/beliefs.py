"""What is believed of a learner, as everybody but workers reads it: no model, no torch, one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, final
from uuid import UUID

import structlog

from curricula.snapshot import Snapshot
from kt_models.recall import BadRecallTable, RecallTable
from tutor import db
from tutor.registry import queries as registry
from tutor.registry import services as registry_services
from tutor.registry.models import ModelVersion
from tutor.tracing.evidence import BadEvidence, Evidence

log = structlog.get_logger()


@final
@dataclass(frozen=True, eq=False)
class Belief:
    """Recall and evidence of one learner on one curriculum, and what they rest on.

    `as_of` is the Unix time of the last answer folded in, None before the first; the table starts there. `degraded`:
    the champion cannot be loaded, what it wrote cannot be read, or answers have waited for longer than `STALE_SECONDS`,
    since no worker serves it.
    """

    school_id: UUID
    learner_id: UUID
    curriculum_id: UUID
    version_id: UUID
    model: str
    degraded: bool
    applied_seq: int
    as_of: float | None
    table: RecallTable
    evidence: Evidence

    def is_newer_than(self, content: Snapshot) -> bool:
        """Whether the worker that wrote it saw a newer version of the curriculum than this."""
        return self.table.n_concepts > content.n_concepts or self.evidence.last_item >= content.n_items


class NoModel(Exception):
    """A curriculum has no published version, so nothing can be believed about anybody on it."""

    def __init__(self, curriculum_id: UUID) -> None:
        super().__init__(f"curriculum {curriculum_id} has no published version: publish it first")


#: Answers that nobody has folded in for so long tell that no worker does.
STALE_SECONDS: Final = 300.0

# Looked up once a statement. Removed items keep their positions, so that no newer version has fewer.
_ITEMS: Final = """
(SELECT max(n_items) FROM curricula_curriculumversion WHERE curriculum_id = %s AND published_at IS NOT NULL)
"""

_STATES: Final = f"""
SELECT s.learner_id, {_ITEMS}, s.applied_seq, extract(epoch FROM s.as_of)::float8, s.recall, s.evidence,
       COALESCE(h.behind_since < to_timestamp(%s), false)
FROM tracing_learnerstate s
LEFT JOIN interactions_loghead h ON h.learner_id = s.learner_id AND h.curriculum_id = s.curriculum_id
WHERE s.version_id = %s AND s.learner_id = ANY(%s::uuid[]) AND s.recall IS NOT NULL
"""  # noqa: S608

# Of versions that have served: what a challenger believes is shown to nobody.
_STAND_INS: Final = f"""
SELECT DISTINCT ON (s.learner_id) s.learner_id, {_ITEMS}, s.applied_seq, extract(epoch FROM s.as_of)::float8, s.recall,
       s.evidence, false, s.version_id, v.kind
FROM tracing_learnerstate s JOIN registry_modelversion v ON v.id = s.version_id
WHERE s.learner_id = ANY(%s::uuid[]) AND s.curriculum_id = %s AND s.recall IS NOT NULL
    AND v.state IN ('champion', 'retired', 'failed') AND s.version_id <> %s
ORDER BY s.learner_id, s.applied_seq DESC, s.version_id DESC
"""  # noqa: S608

# Without waiting for anybody, who may wait for what the caller holds: whoever holds a state writes it anew.
_MEND: Final = """
WITH held AS (
    SELECT s.learner_id, s.curriculum_id, t.reason
    FROM unnest(%s::uuid[], %s::text[]) AS t(learner_id, reason)
    JOIN tracing_learnerstate s ON s.learner_id = t.learner_id AND s.version_id = %s AND s.state IS NOT NULL
    JOIN interactions_loghead h ON h.learner_id = s.learner_id AND h.curriculum_id = s.curriculum_id
    ORDER BY s.learner_id FOR UPDATE OF s, h SKIP LOCKED
), marked AS (
    UPDATE interactions_loghead h
    SET behind_since = COALESCE(h.behind_since, to_timestamp(%s)), behind_from = 'epoch'
    FROM held WHERE h.learner_id = held.learner_id AND h.curriculum_id = held.curriculum_id
)
UPDATE tracing_learnerstate s SET state = NULL, trouble = held.reason
FROM held WHERE s.learner_id = held.learner_id AND s.version_id = %s
RETURNING s.learner_id
"""


def belief(school_id: UUID, learner_id: UUID, curriculum_id: UUID, now: float) -> Belief:
    """Of one learner; at the model's prior if nothing is known yet."""
    return beliefs(school_id, curriculum_id, [learner_id], now)[0]


def beliefs(school_id: UUID, curriculum_id: UUID, learner_ids: Sequence[UUID], now: float) -> list[Belief]:
    """Of several learners of a school, in the order given; two queries, a third if some are unknown or it is degraded.

    A learner whom the serving version does not know yet is told of by one that served before, and says so. So is one
    whom a version that stands in knows less well than another did, until it is level; and one whose row cannot be read,
    or by the prior: `degraded` then, until a worker has folded the log again.

    Raises:
        NoModel: if the curriculum has no published version.
    """
    serving = _serving(school_id, curriculum_id)
    kind, prior = _prior(serving.version_id)
    unknown = Belief(
        school_id, school_id, curriculum_id, serving.version_id, kind, serving.degraded, 0, None,
        replace(prior, origin=now), Evidence.none(),
    )  # fmt: skip
    rows = db.rows(_STATES, [curriculum_id, now - STALE_SECONDS, serving.version_id, list(learner_ids)])
    known, bad = _readable(unknown, rows)
    if bad:
        _mend(serving.version_id, bad, now)
    if asked := [learner for learner in learner_ids if serving.degraded or learner not in known]:
        others = _readable(unknown, db.rows(_STAND_INS, [curriculum_id, asked, curriculum_id, serving.version_id]))[0]
        known |= {learner: each for learner, each in others.items() if _knows_more(each, known.get(learner))}
    told = (known.get(learner) or replace(unknown, learner_id=learner) for learner in learner_ids)
    return [replace(each, degraded=True) if each.learner_id in bad else each for each in told]


def _knows_more(belief: Belief, than: Belief | None) -> bool:
    return than is None or belief.applied_seq > than.applied_seq


def _readable(unknown: Belief, rows: Sequence[tuple[Any, ...]]) -> tuple[dict[UUID, Belief], dict[UUID, str]]:
    """By learner what is believed, and of rows that cannot be read, why: they hold up nobody."""
    known, bad = dict[UUID, Belief](), dict[UUID, str]()
    for learner, *row in rows:
        try:
            known[learner] = _known(replace(unknown, learner_id=learner), row)
        except (BadRecallTable, BadEvidence) as error:
            bad[learner] = str(error)
            log.warning("belief_unreadable", learner=str(learner), error=str(error))
    return known, bad


def _mend(version_id: UUID, bad: Mapping[UUID, str], now: float) -> None:
    """Queues learners whose states cannot be read, so that workers fold their whole logs again; once each."""
    db.rows(_MEND, [list(bad), [reason[:500] for reason in bad.values()], version_id, now, version_id])


def _known(unknown: Belief, row: Sequence[Any]) -> Belief:
    n_items, applied_seq, as_of, recall, evidence, is_stale, *stands_in = row
    version_id, kind = stands_in or (unknown.version_id, unknown.model)
    told, found = RecallTable.from_bytes(bytes(recall)), Evidence.from_bytes(evidence, n_items)
    if found.rows["concept"].max(initial=-1) >= told.n_concepts:
        raise BadEvidence(
            f"evidence of more than the {told.n_concepts} concepts forecast: fold the learner's log again"
        )
    return replace(
        unknown,
        version_id=version_id,
        model=kind,
        degraded=unknown.degraded or is_stale,
        applied_seq=applied_seq,
        as_of=as_of,
        table=told,
        evidence=found,
    )


def _serving(school_id: UUID, curriculum_id: UUID) -> registry.Serving:
    pair = (school_id, curriculum_id)
    serving = registry.serving([pair]).get(pair)
    if serving is None:
        if not registry_services.ensure_served(curriculum_id):
            raise NoModel(curriculum_id)
        serving = registry.serving([pair])[pair]
    return serving


@lru_cache(maxsize=64)
def _prior(version_id: UUID) -> tuple[str, RecallTable]:
    # A version's prior never changes.
    version = ModelVersion.objects.only("kind", "prior_recall").get(pk=version_id)
    return version.kind, RecallTable.from_bytes(bytes(version.prior_recall))
