"""Edges between concepts as rows: what models have learnt, written once with their version, and what teachers say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, final
from uuid import UUID

from django.db.models import Exists, F, OuterRef

from curricula import snapshot
from curricula.models import Concept, Curriculum
from curricula.snapshot import Snapshot
from kt_models.base import LearnerModel
from tutor import db
from tutor.registry import queries
from tutor.registry.models import LearnedEdge, ModelVersion
from tutor.registry.prerequisites import LEARNERS, SURE, Dropped, Layers, Learned, Pair, Said

#: Rows of one INSERT.
BATCH: Final = 2_000
#: P(parent -> child) before the next fit's answers. Authors mean the order of teaching as often as support (of junyi's
#: candidate pairs experts link 23 %), so their word is a nudge; who accepts an edge has looked at that very one.
AUTHORED: Final = 0.6
ACCEPTED: Final = 0.95
_COLUMNS: Final = ("parent", "child", "existence", "direction", "effect", "evidence")

#: A school's own word on an edge before the operator's.
_REVIEWS: Final = """
SELECT DISTINCT ON (parent, child) parent, child, decision = 'accepted', locked, school_id IS NOT NULL
FROM registry_edgereview WHERE curriculum_id = %s AND (school_id = %s OR school_id IS NULL)
ORDER BY parent, child, school_id NULLS LAST
"""


@final
@dataclass(frozen=True, eq=False)
class Reviews:
    """What teachers say of a curriculum's edges. Of equal content there is one object, so that it can be a key."""

    said: dict[Pair, Said]


def record(version: ModelVersion, model: LearnerModel) -> int:
    """Writes what a model has learnt of its graph, in the caller's transaction; how many edges, 0 if it learns none."""
    graph = model.graph()
    if graph is None:
        return 0
    columns = (graph.parent, graph.child, graph.existence, graph.direction, graph.effect, graph.evidence)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    LearnedEdge.objects.bulk_create(
        (LearnedEdge(version=version, **dict(zip(_COLUMNS, row, strict=True))) for row in rows), batch_size=BATCH
    )
    return len(graph.parent)


def learned(version_id: UUID, *, sure: bool = False) -> dict[Pair, Learned]:
    """What a version has learnt, by (parent, child); with `sure` only what may be effective. One query."""
    rows = LearnedEdge.objects.filter(version=version_id)
    if sure:
        rows = rows.alias(p=F("existence") * F("direction")).filter(p__gte=SURE, evidence__gte=LEARNERS)
    return {(parent, child): Learned(*rest) for parent, child, *rest in rows.values_list(*_COLUMNS)}


def newest_learner(school_id: UUID | None, curriculum_id: UUID) -> ModelVersion | None:
    """The newest version a school may know of that has learnt edges and that neither gates nor storage turned down."""
    versions = queries.versions(school_id).filter(curriculum_version__curriculum=curriculum_id)
    sound = versions.exclude(state__in=(ModelVersion.State.REJECTED, ModelVersion.State.FAILED))
    return sound.filter(Exists(LearnedEdge.objects.filter(version=OuterRef("pk")))).order_by("-pk").first()


def authored(content: Snapshot) -> frozenset[Pair]:
    lists = content.prerequisites
    return frozenset(zip(lists.flat.tolist(), lists.owner.tolist(), strict=True))


def active(content: Snapshot) -> frozenset[int]:
    """Positions of the concepts that the version has."""
    return frozenset(content.concept_position.values())


def removed(content: Snapshot) -> dict[int, str]:
    """Keys, by position, of the concepts that the version no longer has; one query, none if it has them all."""
    gone = [position for position, is_active in enumerate(content.concept_active.tolist()) if not is_active]
    if not gone:
        return {}
    rows = Concept.objects.filter(curriculum=content.curriculum_id, position__in=gone)
    return dict(rows.values_list("position", "key"))


def reviews(school_id: UUID | None, curriculum_id: UUID) -> Reviews:
    """As they are now, of a school or, without one, the operator's; one query."""
    return _same(tuple(db.rows(_REVIEWS, (curriculum_id, school_id))))


def prior_for_fit(curriculum_id: UUID, school_id: UUID | None) -> list[dict[str, Any]]:
    """What people know of edges, as `kt_models.prior_edges` reads it, by position; of no school: the operator's word.

    What earlier models have learnt is not in it: the same answers would count again at each fit, and make any guess
    certain in the end.
    """
    content = snapshot.latest(curriculum_id)
    # On a school's own curriculum, a model for all is a model for that school.
    school_id = school_id or Curriculum.objects.values_list("owner", flat=True).get(pk=curriculum_id)
    said = reviews(school_id, curriculum_id).said
    # What contradicts something stronger is left out: nobody may lock both directions of a pair.
    verdicts = Layers(authored(content), {}, said, active(content)).verdicts()
    told = {
        pair: _known(said.get(pair))
        for pair, verdict in verdicts.items()
        if verdict.dropped in (None, Dropped.REJECTED)
    }  # fmt: skip
    return [
        {"parent": parent, "child": child, "probability": probability, "locked": locked}
        for (parent, child), (probability, locked) in sorted(told.items())
    ]


def _known(said: Said | None) -> tuple[float, bool]:
    """Probability, and whether answers may not move it. None: authored, and nobody says anything of it."""
    if said is None:
        return AUTHORED, False
    if not said.is_accepted:
        return 0.0, True
    return (1.0, True) if said.is_locked else (ACCEPTED, False)


@lru_cache(maxsize=4096)
def _same(rows: tuple[tuple[int, int, bool, bool, bool], ...]) -> Reviews:
    return Reviews({(parent, child): Said(*said) for parent, child, *said in rows})
