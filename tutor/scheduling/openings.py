"""Which concepts can be taken up on a day, as prerequisites are learnt. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from heapq import heapify, heappop, heappush
from typing import final

import numpy as np

from kt_models.base import ConceptLists
from kt_models.recall import Int
from tutor.scheduling.calendar import Bool


@final
class Openings:
    """Concepts that can be taken up, as days pass: each is looked at when it opens, not on each of the days.

    Args: shapes (concepts,): what is likely mastered, what waits to be learnt, what was begun, and in which turn each
        comes. `opened`: whose prerequisites are waived.
    """

    def __init__(
        self,
        prerequisites: ConceptLists,
        opened: Collection[int],
        likely: Bool,
        waiting: Bool,
        is_begun: Bool,
        turn: Int,
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
        self._closed, self._turn = waiting & ~is_open, turn
        self._ready = [(int(turn[each]), each) for each in np.flatnonzero(waiting & is_open).tolist()]
        self._learnt: list[tuple[int, int]] = []
        heapify(self._ready)

    def take(self, most: int, day: int) -> list[int]:
        """Those whose turn it is on a day, in order; they do not come again."""
        while self._learnt and self._learnt[0][0] < day:
            self._open(heappop(self._learnt)[1])
        return [heappop(self._ready)[1] for _ in range(min(most, len(self._ready)))]

    def put_back(self, concept: int) -> None:
        """What was taken, and had no room after all."""
        heappush(self._ready, (int(self._turn[concept]), concept))

    def learn(self, concept: int, day: int) -> None:
        """From the day after on, it counts as learnt."""
        heappush(self._learnt, (day, concept))

    def _open(self, learnt: int) -> None:
        for child in self._children.pop(learnt, ()):
            self._missing[child] -= 1
            if self._closed[child] and not self._missing[child]:
                heappush(self._ready, (int(self._turn[child]), child))
