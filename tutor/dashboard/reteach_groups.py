"""Small groups for a lesson, from who needs what. Pure, and without chance: the same needs make the same groups.

The concept that most of those without a group need is taken first; among equals that which is needed more urgently,
then that which more locked concepts of theirs wait for, then that which comes first in the curriculum. If more need it
than a group may hold, they are divided evenly: those who need it most come in first, of these those with the fewest
other needs. Whoever is left joins a group about something that they need, if one has room.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from curricula.snapshot import Bool
from kt_models.recall import Int

#: Learners of a small group that can be asked for.
LEAST: Final = 2
MOST: Final = 6


class Grouped(NamedTuple):
    """`members` are rows of learners, ascending; `shared` further concepts that all of them need."""

    concept: int
    members: tuple[int, ...]
    shared: tuple[int, ...]


class Grouping(NamedTuple):
    """`left`: who needs something that too few others need."""

    groups: tuple[Grouped, ...]
    left: tuple[int, ...]


def first_needs(need: Int, above: Bool) -> Int:
    """Without what rests on something that the learner needs at least as urgently: that comes first.

    Args:
        need: (learners, concepts) 0 for none, more is more urgent.
        above: (concepts, concepts) whether the first rests on the second.
    """
    out = need.copy()
    for urgency in range(1, int(need.max(initial=0)) + 1):
        rests = (need >= urgency).astype(np.float32) @ above.T.astype(np.float32) > 0
        out[(need == urgency) & rests] = 0
    return out


def grouping(need: Int, waiting: Int, smallest: int, largest: int) -> Grouping:
    """Everybody in one group at most, about a concept that they need.

    Args:
        need: (learners, concepts) 0 for none, more is more urgent.
        waiting: (learners, concepts) locked concepts that wait for each.
        smallest, largest: learners of a group.

    Raises:
        ValueError: if `largest` is below `smallest`, or that below 1.
    """
    if not 1 <= smallest <= largest:
        raise ValueError(f"groups of {smallest} to {largest} learners: 1 <= smallest <= largest")
    free: Bool = np.asarray(need.any(axis=1))
    made: list[tuple[int, list[int]]] = []
    while (concept := _wanted(need, waiting, free, smallest, largest)) is not None:
        members = _members(need, free, concept, smallest, largest)
        free[members] = False
        made.append((concept, members))
    left = [row for row in np.flatnonzero(free).tolist() if not _joins(row, need, made, largest)]
    groups = tuple(_grouped(need, concept, members) for concept, members in made)
    return Grouping(groups, tuple(left))


def _wanted(need: Int, waiting: Int, free: Bool, smallest: int, largest: int) -> int | None:
    """The concept of the next group; None if too few of those left share any."""
    takers = (need > 0) & free[:, None]
    n = takers.sum(axis=0)
    if n.max(initial=0) < smallest:
        return None
    size = np.where(n >= smallest, np.minimum(n, largest), 0)
    urgency, opened = ((each * takers).sum(axis=0) for each in (need, waiting))
    # The last key counts most.
    return int(np.lexsort((np.arange(len(n)), -opened, -urgency, -size))[0])


def _members(need: Int, free: Bool, concept: int, smallest: int, largest: int) -> list[int]:
    takers = np.flatnonzero((need[:, concept] > 0) & free)
    n_groups = -(-len(takers) // largest)
    size = max(-(-len(takers) // n_groups), smallest)
    others = (need[takers] > 0).sum(axis=1)
    order = np.lexsort((takers, others, -need[takers, concept]))
    chosen: list[int] = takers[order[:size]].tolist()
    return chosen


def _joins(row: int, need: Int, made: list[tuple[int, list[int]]], largest: int) -> bool:
    """Whether there is a group with room about something that the learner needs; then the smallest has them."""
    open_to = [members for concept, members in made if need[row, concept] and len(members) < largest]
    if open_to:
        min(open_to, key=len).append(row)
    return bool(open_to)


def _grouped(need: Int, concept: int, members: list[int]) -> Grouped:
    all_need: Bool = np.asarray((need[members] > 0).all(axis=0))
    all_need[concept] = False
    return Grouped(concept, tuple(sorted(members)), tuple(np.flatnonzero(all_need).tolist()))
