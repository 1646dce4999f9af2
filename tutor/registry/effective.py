"""The prerequisites that hold in a school, as a snapshot that everything at run time reads.

Shared by all learners of a school and by all schools of which the same is true; where models and teachers add nothing
to what was authored, it is the published snapshot itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final
from uuid import UUID

import numpy as np

from curricula import snapshot
from curricula.snapshot import Snapshot
from kt_models.base import ConceptLists
from tutor import db
from tutor.kept import Kept
from tutor.registry import edges
from tutor.registry.prerequisites import Layers, Pair, Said

#: Graphs kept in this process, below 1 MB each at 10,000 concepts: items and texts are the snapshot's.
KEPT_GRAPHS: Final = 256

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


def content_for(content: Snapshot, school_id: UUID, model_version_id: UUID, *, fresh: bool = False) -> Snapshot:
    """A published version with the prerequisites that hold in a school whose learners this model version serves.

    One query every two seconds, so a review shows after these, or at once with `fresh`.
    """
    said = _kept.get((school_id, content.curriculum_id), fresh=fresh)
    return _effective(content.version_id, model_version_id, said) or content


def reviews(school_id: UUID | None, curriculum_id: UUID) -> Reviews:
    """As they are now, of a school or, without one, the operator's; one query."""
    return _same(tuple(db.rows(_REVIEWS, (curriculum_id, school_id))))


def layers(content: Snapshot, model_version_id: UUID, said: Reviews, *, sure: bool = False) -> Layers:
    """With all that the model has learnt or, if `sure`, with what may be effective."""
    return Layers(
        authored=authored(content),
        learned=edges.learned(model_version_id, sure=sure),
        reviews=said.said,
        active=frozenset(np.flatnonzero(content.concept_active).tolist()),
    )


def authored(content: Snapshot) -> frozenset[Pair]:
    lists = content.prerequisites
    return frozenset(zip(lists.flat.tolist(), lists.owner.tolist(), strict=True))


def forget() -> None:
    """For tests that review and ask within the same two seconds."""
    _kept.clear()


def _now(key: tuple[UUID, UUID]) -> Reviews:
    return reviews(*key)


_kept: Final = Kept(_now)


@lru_cache(maxsize=4096)
def _same(rows: tuple[tuple[int, int, bool, bool, bool], ...]) -> Reviews:
    return Reviews({(parent, child): Said(*said) for parent, child, *said in rows})


@lru_cache(maxsize=KEPT_GRAPHS)
def _effective(version_id: UUID, model_version_id: UUID, said: Reviews) -> Snapshot | None:
    """None if it is what was authored. What a version was published with and has learnt never changes."""
    content = snapshot.load(version_id)
    found = layers(content, model_version_id, said, sure=True)
    holds = found.effective()
    if holds == found.authored:
        return None
    return snapshot.with_prerequisites(content, _by_child(content, holds), _name(found.authored ^ holds))


def _by_child(content: Snapshot, holds: frozenset[Pair]) -> ConceptLists:
    """Authored ones first, in the author's order."""
    parents: list[list[int]] = [[] for _ in range(content.n_concepts)]
    lists = content.prerequisites
    before = list(zip(lists.flat.tolist(), lists.owner.tolist(), strict=True))
    for parent, child in (*(pair for pair in before if pair in holds), *sorted(holds - set(before))):
        parents[child].append(parent)
    return ConceptLists.of(parents)


def _name(changes: Iterable[Pair]) -> str:
    return hashlib.sha256(repr(sorted(changes)).encode()).hexdigest()[:16]
