"""The prerequisites that hold in a school, as a snapshot that everything at run time reads.

Shared by all learners of a school and by all schools of which the same is true; where models and teachers add nothing
to what was authored, it is the published snapshot itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from uuid import UUID

from curricula import snapshot
from curricula.snapshot import Snapshot
from kt_models.base import ConceptLists
from tutor.kept import Kept
from tutor.registry import edges
from tutor.registry.edges import Reviews
from tutor.registry.prerequisites import Layers, Pair

#: Graphs kept in this process, below 1 MB each at 10,000 concepts: items and texts are the snapshot's.
KEPT_GRAPHS: Final = 256


def content_for(content: Snapshot, school_id: UUID, model_version_id: UUID, *, fresh: bool = False) -> Snapshot:
    """A published version with the prerequisites that hold in a school whose learners this model version serves.

    One query every two seconds, so a review shows after these, or at once with `fresh`.
    """
    said = _kept.get((school_id, content.curriculum_id), fresh=fresh)
    return _effective(content.version_id, model_version_id, said) or content


def layers(content: Snapshot, model_version_id: UUID, said: Reviews, *, sure: bool = False) -> Layers:
    """With all that the model has learnt or, if `sure`, with what may be effective."""
    return Layers(
        authored=edges.authored(content),
        learned=edges.learned(model_version_id, sure=sure),
        reviews=said.said,
        active=edges.active(content),
    )


def content_under(content: Snapshot, found: Layers) -> Snapshot:
    """With what would hold if these layers were all there is; itself if that is what was authored. Nothing is kept."""
    holds = found.effective()
    if holds == found.authored:
        return content
    return snapshot.with_prerequisites(content, _by_child(content, holds), _name(found.authored ^ holds))


def forget() -> None:
    """For tests that review and ask within the same two seconds."""
    _kept.clear()


def _now(key: tuple[UUID, UUID]) -> Reviews:
    return edges.reviews(*key)


_kept: Final = Kept(_now)


@lru_cache(maxsize=KEPT_GRAPHS)
def _effective(version_id: UUID, model_version_id: UUID, said: Reviews) -> Snapshot | None:
    """None if it is what was authored. What a version was published with and has learnt never changes."""
    content = snapshot.load(version_id)
    made = content_under(content, layers(content, model_version_id, said, sure=True))
    return None if made is content else made


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
