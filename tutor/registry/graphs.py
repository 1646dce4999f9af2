"""All that is known of a curriculum's edges in a school, for people who look at them or review them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, final
from uuid import UUID

from curricula.snapshot import Snapshot
from tutor.registry import edges, effective, queries, reviews, services
from tutor.registry.models import EdgeReview, ModelVersion
from tutor.registry.prerequisites import Layers, Pair, Verdict

LAYERS: Final = ("authored", "learned", "reviewed", "effective")


@final
@dataclass(frozen=True, eq=False)
class Graph:
    """As it is now, nothing kept. `model` is the version that serves the school; `removed` keys by position.

    `learner` is the version whose edges are the learnt ones: that which serves or, where it learns none, the newest
    that does; None if none does. What one that does not serve has learnt holds for nobody before a teacher accepts it.
    """

    content: Snapshot
    model: ModelVersion
    learner: ModelVersion | None
    layers: Layers
    verdicts: Mapping[Pair, Verdict]
    reviews: Mapping[Pair, EdgeReview]
    removed: Mapping[int, str]

    def layers_of(self, pair: Pair) -> list[str]:
        layers, verdict = self.layers, self.verdicts.get(pair)
        holds = verdict is not None and not verdict.dropped
        found = (pair in layers.authored, pair in layers.learned, pair in layers.reviews, holds)
        return [name for name, is_in in zip(LAYERS, found, strict=True) if is_in]

    def listed(self, wanted: Collection[str], min_probability: float) -> list[Pair]:
        """Edges of the layers that are wanted, by child and parent. What is learnt counts from a probability on."""
        pairs = (pair for pair in self.verdicts if self._is_listed(pair, wanted, min_probability))
        return sorted(pairs, key=lambda pair: pair[::-1])

    def _is_listed(self, pair: Pair, wanted: Collection[str], min_probability: float) -> bool:
        found = {*self.layers_of(pair)}.intersection(wanted)
        learned = self.layers.learned.get(pair)
        if learned is not None and learned.probability < min_probability:
            found.discard("learned")
        # A model may know concepts that were published after this process looked.
        return bool(found) and max(pair) < self.content.n_concepts


def graph(school_id: UUID, content: Snapshot, learner: ModelVersion | None = None) -> Graph:
    """`learner`: of which version the learnt edges are, if not of that which serves.

    Four queries, two more if the version that serves learns no edges, one more if concepts have been removed, and a row
    for each edge that is learnt.
    """
    curriculum_id = content.curriculum_id
    model = _serving(school_id, curriculum_id)
    found = edges.reviews(school_id, curriculum_id)
    layers = effective.layers(content, (learner or model).pk, found)
    if learner is None:
        learner = model if layers.learned else edges.newest_learner(school_id, curriculum_id)
        if learner not in (None, model):
            layers = effective.layers(content, learner.pk, found)
    layers = replace(layers, serves=learner in (None, model))
    said = reviews.of_school(school_id, curriculum_id)
    return Graph(content, model, learner, layers, layers.verdicts(), said, edges.removed(content))


def _serving(school_id: UUID, curriculum_id: UUID) -> ModelVersion:
    pair = school_id, curriculum_id
    found = queries.serving([pair])
    if pair not in found:
        services.ensure_served(curriculum_id)
        found = queries.serving([pair])
    return ModelVersion.objects.only("kind").get(pk=found[pair].version_id)
