"""Prerequisites that models have learnt, as rows: written once with their version."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import F

from kt_models.base import LearnerModel
from tutor.registry.models import LearnedEdge, ModelVersion
from tutor.registry.prerequisites import LEARNERS, SURE, Learned, Pair

#: Rows of one INSERT.
BATCH: Final = 2_000
_COLUMNS: Final = ("parent", "child", "existence", "direction", "effect", "evidence")


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
