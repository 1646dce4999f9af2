"""Answers as padded arrays for the filter in torch: minibatches of learners with a compact index of concepts.

Within a batch, learners are rows, sorted by falling length, and each learner's touched concepts are numbered 0, 1, ...
(slots). All that depends on the answers' times and places, and not on parameters, is worked out here, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from kt_models.data import Dataset
from kt_models.recall import SECONDS_PER_DAY, Float, Int

Bool = NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class Batch:
    """B learners, T answers at most, M concepts an answer at most, P candidate parents a concept at most, S slots.

    Positions beyond the model's are held at `n_concepts` and `n_items`. Padding has share 0, and mask False.

    Attributes:
        learner: (B,) rows of the data set.     rows: (B, T) of each answer in the data set, -1 for padding.
        mask, correct, item, since: (B, T); since is days from the learner's last answer, 0 at the first.
        concept, slot, share, fresh, gap: (B, T, M); fresh if the learner never met it, gap days since it was met, 0
            if fresh.
        item_slot, item_met, item_gap: (B, T); slot 0 for items that the learner answers once, so that nobody
            reads it; met if the learner answered it within `remembered` answers, gap days since.
        parent_slot, parent_gap: (B, T, M, P) of the candidate parents; slot -1 if the learner never met it.
    """

    learner: Int
    rows: Int
    mask: Bool
    correct: Float
    item: Int
    since: Float
    concept: Int
    slot: Int
    share: Float
    fresh: Bool
    gap: Float
    parent_slot: Int
    parent_gap: Float
    item_slot: Int
    item_met: Bool
    item_gap: Float
    n_slots: int
    n_item_slots: int

    @property
    def n_answers(self) -> int:
        return int(self.mask.sum())


def plan(lengths: Int, batch_learners: int) -> list[Int]:
    """Learners, by falling length, in groups of at most so many."""
    order = np.argsort(-lengths, kind="stable")
    return [order[start : start + batch_learners] for start in range(0, len(order), batch_learners)]


def pack(data: Dataset, learners: Int, n_concepts: int, n_items: int, parents: Int, remembered: int = 0) -> Batch:
    """The batch of some learners, given by falling length; `parents` (n_concepts + 1, P) candidates, -1 for none."""
    seen, offset = data.interactions, data.offset
    lengths = data.lengths[learners]
    if np.any(np.diff(lengths) > 0):
        raise ValueError("learners of a batch must be given by falling length: use plan")
    b, t = len(learners), int(lengths.max(initial=0))
    step = np.arange(t)
    mask = step < lengths[:, None]
    rows = np.where(mask, offset[learners][:, None] + step, -1)
    flat = rows[mask]
    who, when = np.nonzero(mask)
    lists = seen.concepts.take(flat)
    m = int(lists.counts.max(initial=1))
    place = np.arange(len(lists.flat)) - lists.offset[lists.owner]
    at = (who[lists.owner], when[lists.owner], place)
    concept, share = np.full((b, t, m), n_concepts), np.zeros((b, t, m))
    known = np.minimum(lists.flat, n_concepts)
    concept[at], share[at] = known, 1.0 / lists.counts[lists.owner]
    days = seen.seconds[flat] / SECONDS_PER_DAY
    met = _Met.of(at[0], at[1], lists.flat, days[lists.owner])
    slot, gap, fresh = np.zeros((b, t, m), np.int64), np.zeros((b, t, m)), np.zeros((b, t, m), np.bool_)
    now = days[lists.owner]
    slot[at], found, last = met.before(at[0], at[1], lists.flat)
    fresh[at], gap[at] = ~found, np.where(found, now - last, 0.0)
    parent_slot = np.full((b, t, m, parents.shape[1]), -1)
    parent_gap = np.zeros(parent_slot.shape)
    if parents.shape[1]:
        places, found, last = met.before(at[0][:, None], at[1][:, None], parents[known])
        parent_slot[at], parent_gap[at] = np.where(found, places, -1), np.where(found, now[:, None] - last, 0.0)
    since = np.zeros((b, t))
    since[mask] = np.where(when > 0, days - np.concatenate([days[:1], days[:-1]]), 0.0)
    item = np.full((b, t), n_items)
    found_item = seen.item[flat]
    item[mask] = np.where((found_item < 0) | (found_item >= n_items), n_items, found_item)
    item_slot, item_met, item_gap = _items_again(found_item, who, when, days, (b, t), remembered)
    correct = np.full((b, t), 0.5)
    correct[mask] = seen.correct[flat]
    return Batch(
        learners, rows, mask, correct, item, since, concept, slot, share, fresh, gap, parent_slot, parent_gap,
        item_slot, item_met, item_gap, met.n_slots, int(item_slot.max(initial=0)) + 1,
    )  # fmt: skip


def _items_again(
    item: Int, who: Int, when: Int, days: Float, shape: tuple[int, int], remembered: int
) -> tuple[Int, Bool, Float]:
    """Slot of each answer's item, whether it was met lately, and days since; from columns (answers,) to (B, T)."""
    slot, met, gap = np.zeros(shape, np.int64), np.zeros(shape, np.bool_), np.zeros(shape)
    width = int(item.max(initial=-1)) + 1
    # Items without an id are never the same.
    key = np.where(item >= 0, who * width + item, -1 - np.arange(len(item)))
    order = np.lexsort((when, key))
    again = (np.diff(key[order], prepend=np.iinfo(np.int64).min) == 0) & (remembered > 0)
    later = order[again]
    before = order[np.flatnonzero(again) - 1]
    near = when[later] - when[before] <= remembered
    later, before = later[near], before[near]
    met[who[later], when[later]] = True
    gap[who[later], when[later]] = days[later] - days[before]
    pairs, index = np.unique(key[np.concatenate([later, before])], return_inverse=True)
    owner = pairs // max(width, 1)
    numbers = 1 + np.arange(len(pairs)) - np.searchsorted(owner, owner)
    both = np.concatenate([later, before])
    slot[who[both], when[both]] = numbers[index]
    return slot, met, gap


@final
@dataclass(frozen=True, eq=False)
class _Met:
    """Which learner met which concept at which step: (met,) ascending keys, and the days; (pairs,) slots."""

    key: Int
    days: Float
    pair: Int
    slot: Int
    width: int
    steps: int

    @property
    def n_slots(self) -> int:
        return int(self.slot.max(initial=-1)) + 1

    @classmethod
    def of(cls, who: Int, step: Int, concept: Int, days: Float) -> _Met:
        width, steps = int(concept.max(initial=0)) + 1, int(step.max(initial=0)) + 1
        pair, index = np.unique(who * width + concept, return_inverse=True)
        owner = pair // width
        slot = np.arange(len(pair)) - np.searchsorted(owner, owner)
        key, first = np.unique(index * steps + step, return_index=True)
        return cls(key, days[first], pair, slot, width, steps)

    def before(self, who: Int, step: Int, concept: Int) -> tuple[Int, Bool, Float]:
        """Slots (-1 if never met at all), whether met before the step, and the days of the last time (else NaN)."""
        wanted = who * self.width + concept
        inside = np.minimum(np.searchsorted(self.pair, wanted), len(self.pair) - 1)
        exists = (concept >= 0) & (concept < self.width) & (self.pair[inside] == wanted)
        place = np.searchsorted(self.key, inside * self.steps + step) - 1
        found = exists & (place >= 0) & (self.key[place] // self.steps == inside)
        return np.where(exists, self.slot[inside], -1), found, np.where(found, self.days[place], np.nan)


def batches(
    data: Dataset, n_concepts: int, n_items: int, parents: Int, batch_learners: int, remembered: int = 0
) -> Sequence[Batch]:
    """All learners of a data set, in batches."""
    return [pack(data, group, n_concepts, n_items, parents, remembered) for group in plan(data.lengths, batch_learners)]
