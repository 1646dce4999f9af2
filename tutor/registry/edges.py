"""Prerequisites that models have learnt, as rows: written once with their version."""

from __future__ import annotations

from typing import Final

from kt_models.base import LearnerModel
from tutor.registry.models import LearnedEdge, ModelVersion

#: Rows of one INSERT.
BATCH: Final = 2_000


def record(version: ModelVersion, model: LearnerModel) -> int:
    """Writes what a model has learnt of its graph, in the caller's transaction; how many edges, 0 if it learns none."""
    graph = model.graph()
    if graph is None:
        return 0
    columns = (graph.parent, graph.child, graph.existence, graph.direction, graph.effect, graph.evidence)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    names = ("parent", "child", "existence", "direction", "effect", "evidence")
    LearnedEdge.objects.bulk_create(
        (LearnedEdge(version=version, **dict(zip(names, row, strict=True))) for row in rows), batch_size=BATCH
    )
    return len(graph.parent)
