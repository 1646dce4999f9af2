"""Which concepts can be taken up on a day, as prerequisites are learnt, and in which turn. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from heapq import heapify, heappop, heappush
from typing import final

import numpy as np

from curricula import graph
from curricula.snapshot import Snapshot
from kt_models.base import ConceptLists
from kt_models.recall import Float, Int
from tutor.scheduling.calendar import Bool


@final
class Openings:
    """Concepts that can be taken up, as days pass: each is looked at when it opens, not on each of the days.

    Args: shapes (concepts,): what is likely mastered, what waits to be learnt, what was begun, and in which turn each
        comes. `opened`: whose prerequisites are waived.
        goes_on: what is taken as soon as its day has come, however few are taken up.     from_day: that day.
    """

    def __init__(
        self,
        prerequisites: ConceptLists,
        opened: Collection[int],
        likely: Bool,
        waiting: Bool,
        is_begun: Bool,
        turn: Int,
        goes_on: Bool,
        from_day: Int,
    ) -> None:
        lists = prerequisites
        is_missing = ~likely[lists.flat]
        self._missing = np.bincount(lists.owner, weights=is_missing, minlength=len(lists)).astype(np.int64)
        self._children: dict[int, list[int]] = defaultdict(list)
        for parent, child in zip(lists.flat[is_missing].tolist(), lists.owner[is_missing].tolist(), strict=True):
            self._children[parent].append(child)
        is_open = is_begun | (self._missing == 0)
        is_open[sorted(opened)] = True
        # Whatever is not among them opens once, when its last prerequisite is learnt.
        self._closed, self._turn, self._goes_on = waiting & ~is_open, turn, goes_on
        at_hand = waiting & is_open
        self._ready = [(int(turn[each]), each) for each in np.flatnonzero(at_hand & ~goes_on).tolist()]
        self._coming = [(int(from_day[each]), each) for each in np.flatnonzero(at_hand & goes_on).tolist()]
        self._going: list[tuple[int, int]] = []
        self._learnt: list[tuple[int, int]] = []
        heapify(self._ready)
        heapify(self._coming)

    def take(self, most: int, day: int) -> list[int]:
        """What goes on, and so many of those whose turn it is on a day, in order; they do not come again."""
        while self._learnt and self._learnt[0][0] < day:
            self._open(heappop(self._learnt)[1])
        while self._coming and self._coming[0][0] <= day:
            self.put_back(heappop(self._coming)[1])
        going = [heappop(self._going)[1] for _ in range(len(self._going))]
        return going + [heappop(self._ready)[1] for _ in range(min(most, len(self._ready)))]

    def put_back(self, concept: int) -> None:
        """What was taken, and had no room after all."""
        heappush(self._going if self._goes_on[concept] else self._ready, (int(self._turn[concept]), concept))

    def learn(self, concept: int, day: int) -> None:
        """From the day after on, it counts as learnt."""
        heappush(self._learnt, (day, concept))

    def _open(self, learnt: int) -> None:
        for child in self._children.pop(learnt, ()):
            self._missing[child] -= 1
            if self._closed[child] and not self._missing[child]:
                heappush(self._ready, (int(self._turn[child]), child))


def turns(content: Snapshot, n: Float, pinned: Sequence[int], goals: frozenset[int]) -> Int:
    """(concepts,) the less the sooner: pins in their order, goals, what they rest on, all else; of each the begun.

    Args: n: (concepts,) answers.
    """
    rank = np.full(content.n_concepts, 2 if goals else 0)
    rank[graph.ancestors(content.prerequisites, goals)] = 1
    rank[sorted(goals)] = 0
    out = 2 * rank + (n == 0)
    out[list(pinned)] = np.arange(len(pinned)) - len(pinned)
    return np.asarray(out)
