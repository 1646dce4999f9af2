"""What is believed of a learner, as everybody but workers reads it: no model, no torch, one query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, final
from uuid import UUID

from kt_models.recall import RecallTable
from tutor import db
from tutor.registry import queries as registry
from tutor.registry import services as registry_services
from tutor.registry.models import ModelVersion
from tutor.tracing.evidence import Evidence


@final
@dataclass(frozen=True, eq=False)
class Belief:
    """Recall and evidence of one learner on one curriculum, and what they rest on.

    `as_of` is the Unix time of the last answer folded in, None before the first; the table starts there. `degraded`:
    the champion cannot be loaded, or answers have waited for longer than `STALE_SECONDS`, since no worker serves it.
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


class NoModel(Exception):
    """A curriculum has no published version, so nothing can be believed about anybody on it."""

    def __init__(self, curriculum_id: UUID) -> None:
        super().__init__(f"curriculum {curriculum_id} has no published version: publish it first")


#: Answers that nobody has folded in for so long tell that no worker does.
STALE_SECONDS: Final = 300.0

_STATES: Final = """
SELECT s.learner_id, s.applied_seq, extract(epoch FROM s.as_of)::float8, s.recall, s.evidence,
       COALESCE(h.behind_since < to_timestamp(%s), false)
FROM tracing_learnerstate s
LEFT JOIN interactions_loghead h ON h.learner_id = s.learner_id AND h.curriculum_id = s.curriculum_id
WHERE s.version_id = %s AND s.learner_id = ANY(%s::uuid[]) AND s.recall IS NOT NULL
"""

# Of versions that have served: what a challenger believes is shown to nobody.
_STAND_INS: Final = """
SELECT DISTINCT ON (s.learner_id) s.learner_id, s.applied_seq, extract(epoch FROM s.as_of)::float8, s.recall,
       s.evidence, false, s.version_id, v.kind
FROM tracing_learnerstate s JOIN registry_modelversion v ON v.id = s.version_id
WHERE s.learner_id = ANY(%s::uuid[]) AND s.curriculum_id = %s AND s.recall IS NOT NULL
    AND v.state IN ('champion', 'retired', 'failed')
ORDER BY s.learner_id, s.applied_seq DESC, s.version_id DESC
"""


def belief(school_id: UUID, learner_id: UUID, curriculum_id: UUID, now: float) -> Belief:
    """Of one learner; at the model's prior if nothing is known yet."""
    return beliefs(school_id, curriculum_id, [learner_id], now)[0]


def beliefs(school_id: UUID, curriculum_id: UUID, learner_ids: Sequence[UUID], now: float) -> list[Belief]:
    """Of several learners of a school, in the order given; two queries, a third if some are unknown.

    A learner whom the serving version does not know yet is told of by one that served before, and says so.

    Raises:
        NoModel: if the curriculum has no published version.
    """
    serving = _serving(school_id, curriculum_id)
    kind, prior = _prior(serving.version_id)
    unknown = Belief(
        school_id, school_id, curriculum_id, serving.version_id, kind, serving.degraded, 0, None,
        replace(prior, origin=now), Evidence.none(),
    )  # fmt: skip
    known = {row[0]: row[1:] for row in db.rows(_STATES, [now - STALE_SECONDS, serving.version_id, list(learner_ids)])}
    if missing := [learner for learner in learner_ids if learner not in known]:
        known |= {row[0]: row[1:] for row in db.rows(_STAND_INS, [missing, curriculum_id])}
    return [_known(replace(unknown, learner_id=learner), known.get(learner)) for learner in learner_ids]


def _known(unknown: Belief, row: tuple[Any, ...] | None) -> Belief:
    if row is None:
        return unknown
    applied_seq, as_of, recall, evidence, is_stale, *stands_in = row
    version_id, kind = stands_in or (unknown.version_id, unknown.model)
    return replace(
        unknown,
        version_id=version_id,
        model=kind,
        degraded=unknown.degraded or is_stale,
        applied_seq=applied_seq,
        as_of=as_of,
        table=RecallTable.from_bytes(bytes(recall)),
        evidence=Evidence.from_bytes(evidence),
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
