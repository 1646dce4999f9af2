"""A published version as arrays, read by everything at run time: no query, no torch, shared by all threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar, final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from curricula import graph, queries
from curricula.document import ConceptContent, Document, ItemContent
from curricula.errors import NotPublished, UnknownVersion
from curricula.models import Concept, CurriculumVersion, Item
from kt_models.base import ConceptLists
from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]
Column = TypeVar("Column", bound=NDArray[np.generic])

#: Expected minutes of an item whose author states none.
UNSTATED_MINUTES = 2.0
#: Versions kept in memory, some 50 MB each at 50,000 items and 1 MB at 1,000.
KEPT_VERSIONS = 32


@final
@dataclass(frozen=True, eq=False)
class Snapshot:
    """Columns by position, shape (concepts,) or (items,), of all positions allocated when it was published.

    A position that this version has removed stays: it is inactive, its key is "", its content None, its lists empty.

    Attributes:
        item_difficulty: logits, 0 = average.     item_minutes: expected; `UNSTATED_MINUTES` where not stated.
        item_concepts: concepts that an item exercises.     concept_items: the inverse.
        prerequisites: parents by child.     dependents: children by parent.
        depth: edges of the longest chain from a root.     downstream: concepts that need this one, even indirectly.
    """

    curriculum_id: UUID
    version_id: UUID
    number: int
    title: str
    language: str

    concept_ids: tuple[UUID, ...]
    concept_keys: tuple[str, ...]
    concept_titles: tuple[str, ...]
    concept_contents: tuple[ConceptContent | None, ...]
    concept_active: Bool
    concept_items: ConceptLists
    prerequisites: ConceptLists
    dependents: ConceptLists
    depth: Int
    downstream: Int

    item_ids: tuple[UUID, ...]
    item_keys: tuple[str, ...]
    item_contents: tuple[ItemContent | None, ...]
    item_active: Bool
    item_difficulty: Float
    item_minutes: Float
    item_concepts: ConceptLists

    #: Active ones only.
    concept_position: dict[str, int]
    item_position: dict[str, int]
    concept_position_by_id: dict[UUID, int]
    item_position_by_id: dict[UUID, int]

    #: Names the prerequisites where they are not those that the version was published with.
    graph: str = ""

    @property
    def n_concepts(self) -> int:
        return len(self.concept_keys)

    @property
    def n_items(self) -> int:
        return len(self.item_keys)

    def item_statement(self, position: int) -> str:
        """What the learner is asked; "" for a removed item."""
        content = self.item_contents[position]
        return content.statement if content else ""


def latest(curriculum_id: UUID) -> Snapshot:
    """Of the newest published version. One indexed query, so that it is never stale.

    Raises:
        NotPublished: if there is none.
    """
    published = CurriculumVersion.objects.filter(curriculum=curriculum_id, published_at__isnull=False)
    newest = published.order_by("-number").values_list("id", flat=True).first()
    if newest is None:
        raise NotPublished(curriculum_id)
    return load(newest)


@lru_cache(maxsize=KEPT_VERSIONS)
def load(version_id: UUID) -> Snapshot:
    """The snapshot of a published version, kept in this process: published versions never change.

    Three queries, and about a second for 50,000 items, the first time. Two threads may both load it; no harm.

    Raises:
        UnknownVersion: if there is no such version, or it is a draft.
    """
    published = CurriculumVersion.objects.filter(pk=version_id, published_at__isnull=False).defer("document").first()
    if published is None:
        raise UnknownVersion(version_id)
    concepts = Concept.objects.filter(curriculum=published.curriculum_id, position__lt=published.n_concepts)
    items = Item.objects.filter(curriculum=published.curriculum_id, position__lt=published.n_items)
    columns = ("id", "key")
    return build(
        published,
        queries.document(published),
        list(concepts.order_by("position").values_list(*columns)),
        list(items.order_by("position").values_list(*columns)),
    )


def build(
    version: CurriculumVersion,
    document: Document,
    concepts: Sequence[tuple[UUID, str]],
    items: Sequence[tuple[UUID, str]],
) -> Snapshot:
    """From a document and its registers, (id, key) by position; pure."""
    concept_of = {content.key: content for content in document.concepts}
    item_of = {content.key: content for content in document.items}
    concept_contents = tuple(concept_of.get(key) for _, key in concepts)
    item_contents = tuple(item_of.get(key) for _, key in items)
    place = {content.key: position for position, content in enumerate(concept_contents) if content}
    item_place = {content.key: position for position, content in enumerate(item_contents) if content}
    parents = ConceptLists.of(
        [[place[key] for key in content.prerequisites] if content else [] for content in concept_contents]
    )
    exercised = ConceptLists.of(
        [[place[key] for key in content.concepts] if content else [] for content in item_contents]
    )
    return Snapshot(
        curriculum_id=version.curriculum_id,
        version_id=version.pk,
        number=version.number,
        title=document.title,
        language=document.language,
        concept_ids=tuple(identity for identity, _ in concepts),
        concept_keys=tuple(content.key if content else "" for content in concept_contents),
        concept_titles=tuple(content.title if content else "" for content in concept_contents),
        concept_contents=concept_contents,
        concept_active=_fixed(np.array([content is not None for content in concept_contents], dtype=np.bool_)),
        concept_items=_fixed_lists(graph.invert(exercised, len(concepts))),
        prerequisites=_fixed_lists(parents),
        dependents=_fixed_lists(graph.invert(parents, len(concepts))),
        depth=_fixed(graph.depth(parents)),
        downstream=_fixed(graph.downstream_counts(parents)),
        item_ids=tuple(identity for identity, _ in items),
        item_keys=tuple(content.key if content else "" for content in item_contents),
        item_contents=item_contents,
        item_active=_fixed(np.array([content is not None for content in item_contents], dtype=np.bool_)),
        item_difficulty=_fixed(
            np.array([content.difficulty if content else 0.0 for content in item_contents], dtype=np.float64)
        ),
        item_minutes=_fixed(np.array([_minutes(content) for content in item_contents], dtype=np.float64)),
        item_concepts=_fixed_lists(exercised),
        concept_position=place,
        item_position=item_place,
        concept_position_by_id={concepts[position][0]: position for position in place.values()},
        item_position_by_id={items[position][0]: position for position in item_place.values()},
    )


def with_prerequisites(content: Snapshot, parents: ConceptLists, graph_name: str) -> Snapshot:
    """The same content with other prerequisites, parents by child, which must be acyclic; all else is shared."""
    return replace(
        content,
        prerequisites=_fixed_lists(parents),
        dependents=_fixed_lists(graph.invert(parents, content.n_concepts)),
        depth=_fixed(graph.depth(parents)),
        downstream=_fixed(graph.downstream_counts(parents)),
        graph=graph_name,
    )


def _minutes(content: ItemContent | None) -> float:
    return UNSTATED_MINUTES if content is None or content.minutes is None else content.minutes


# Every thread of the process shares these arrays, so nobody may write into them.
def _fixed(array: Column) -> Column:
    array.setflags(write=False)
    return array


def _fixed_lists(lists: ConceptLists) -> ConceptLists:
    _fixed(lists.flat)
    _fixed(lists.offset)
    return lists
