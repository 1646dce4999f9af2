"""What keeps learners from concepts: which of the missing prerequisites each locked one waits for. Pure.

A missing prerequisite, one that is not likely mastered, is at the root of what is locked if it is not locked itself:
it can be worked on now. What is locked waits for each root that a chain of missing prerequisites leads up to.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curricula.snapshot import Bool, Snapshot
from kt_models.base import ConceptLists
from kt_models.recall import Int


class Blocked(NamedTuple):
    """How many locked concepts of a learner wait for each root: for it alone, or for others together with it.

    Shape (learners, concepts).
    """

    alone: Int
    together: Int

    @classmethod
    def none(cls, n_learners: int, n_concepts: int) -> Blocked:
        return cls(*(np.zeros((n_learners, n_concepts), np.int64) for _ in cls._fields))


def blocked(content: Snapshot, locked: Bool, likely: Bool) -> Blocked:
    """Args: locked, likely: (learners, concepts) locked by status; likely mastered."""
    locked = locked & content.concept_active
    missing = ~likely & content.concept_active
    at, place = _roots(content, missing & ~locked)
    roots = missing & ~locked
    counts = Blocked.none(*locked.shape)
    waits: dict[int, Bool] = {}  # by locked concept: (roots, learners)
    # Those above come first.
    for child in np.argsort(content.depth, kind="stable").tolist():
        if not locked[:, child].any():
            continue
        found = np.zeros((len(at), len(locked)), np.bool_)
        for parent in _of(content.prerequisites, child):
            if place[parent] >= 0:
                found[place[parent]] |= roots[:, parent]
            if parent in waits:
                found |= waits[parent] & missing[:, parent]
        waits[child] = found = found & locked[:, child]
        n = found.sum(axis=0)
        counts.alone[:, at] += (found & (n == 1)).T
        counts.together[:, at] += (found & (n > 1)).T
    return counts


def opens(content: Snapshot, locked: Bool, likely: Bool, concept: int) -> Bool:
    """(learners, concepts) what is locked for want of this concept alone: ready as soon as it is likely mastered."""
    missing = ~likely & content.concept_active
    out = np.zeros_like(locked)
    for child in _of(content.dependents, concept):
        if content.concept_active[child]:
            is_alone = missing[:, _of(content.prerequisites, child)].sum(axis=1) == 1
            out[:, child] = locked[:, child] & missing[:, concept] & is_alone
    return out


def missing_for(content: Snapshot, likely: Bool, child: int) -> list[int]:
    """Prerequisites of a concept that one learner, shape (concepts,), has not likely mastered."""
    return [p for p in _of(content.prerequisites, child) if content.concept_active[p] and not likely[p]]


def above(content: Snapshot) -> Bool:
    """(concepts, concepts) whether the first rests on the second, directly or not."""
    out = np.zeros((content.n_concepts, content.n_concepts), np.bool_)
    for child in np.argsort(content.depth, kind="stable").tolist():
        parents = _of(content.prerequisites, child)
        if parents:
            out[child] = out[parents].any(axis=0)
            out[child, parents] = True
    return out


def _roots(content: Snapshot, roots: Bool) -> tuple[Int, Int]:
    """Positions of concepts that are a root for somebody, and the place of every concept among them, -1 for none."""
    at = np.flatnonzero(roots.any(axis=0) & (content.downstream > 0))
    place = np.full(content.n_concepts, -1)
    place[at] = np.arange(len(at))
    return at, place


def _of(lists: ConceptLists, concept: int) -> list[int]:
    found: list[int] = lists.flat[lists.offset[concept] : lists.offset[concept + 1]].tolist()
    return found
