"""When there may be something new to do, of itself: what falls due, and what comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from kt_models.recall import Float, Int
from tutor.scheduling.policies import filters
from tutor.scheduling.policies.choice import Barrier
from tutor.scheduling.policies.ranking import Policy, Ranking
from tutor.scheduling.policies.situation import Situation

_NO_ITEM: Final = filters.CODES.index(Barrier.NO_ITEM)
_EXCLUDED: Final = filters.CODES.index(Barrier.EXCLUDED)
#: What bars until the day ends.
_TODAY: Final = (filters.CODES.index(Barrier.NEW_TODAY), filters.CODES.index(Barrier.RESTING))


def next_look(situation: Situation, policy: Policy, ranking: Ranking, bars: Int, stopped: Barrier | None) -> float:
    """Unix seconds, inf for never: a review falls due, the day ends that was full or for rest, a teacher's word ends
    that kept something back, or what was skipped comes again."""
    ends = situation.rules.day_ends
    if stopped:
        return ends
    # What may be offered, or waits only for answers or for the day to end; of nothing else does a review come.
    free = np.where((bars == filters.OPEN) | (bars > _EXCLUDED), -np.inf, np.inf)
    for concept, seconds in _skipped_until(situation).items():
        free[concept] = max(free[concept], seconds)
    looks = [_comes(situation, ranking, free)]
    if back := _returning(situation, bars):
        looks.append(_comes_back(situation, policy, back))
    no_more_new = situation.rules.new_left is not None and situation.rules.new_left <= 0
    if no_more_new or np.isin(bars, _TODAY).any():
        looks.append(ends)
    return min(looks)


def _comes(situation: Situation, ranking: Ranking, free: Float) -> float:
    """The first time at which something is due or wanted, and free, that is not now. `free` is Unix seconds."""
    due = np.where(ranking.due > situation.now, np.maximum(ranking.due, free), np.inf)
    comes = np.isfinite(ranking.score) & (free > situation.now) & (ranking.done is None)
    return min(float(due.min(initial=np.inf)), float(free[comes].min(initial=np.inf)))


def _comes_back(situation: Situation, policy: Policy, back: dict[int, float]) -> float:
    """The same of what a word keeps back until a time: as policy and filters would have it without these words."""
    rules = situation.rules
    without = replace(rules, excluded=rules.excluded - rules.returns.keys(), known=rules.known - back.keys())
    criteria = replace(situation.criteria, known=situation.criteria.known - back.keys())
    then = replace(situation, rules=without, criteria=criteria)
    bars = filters.barriers(then, needs_prerequisites=policy.needs_prerequisites)
    free = np.full(len(bars), np.inf)
    for concept, seconds in back.items():
        if bars[concept] == filters.OPEN:
            free[concept] = seconds
        elif bars[concept] in _TODAY:
            free[concept] = max(seconds, rules.day_ends)
    return _comes(then, policy.rank(then), free)


def _returning(situation: Situation, bars: Int) -> dict[int, float]:
    """By concept that a word keeps back until a time: when. Of items that ask for it beside others, these are, too."""
    returns = situation.rules.returns
    back = {concept: at for concept, at in returns.items() if bars[concept] == _EXCLUDED}
    lists = situation.content.concept_items
    for concept in situation.rules.excluded & returns.keys():
        for item in lists.flat[lists.offset[concept] : lists.offset[concept + 1]].tolist():
            beside = situation.concepts_of(item)
            until = max(returns.get(c, np.inf) for c in beside if c in situation.rules.excluded)
            for other in beside:
                if bars[other] == _NO_ITEM and until < np.inf:
                    back[other] = min(until, back.get(other, np.inf))
    return back


def _skipped_until(situation: Situation) -> dict[int, float]:
    """By concept all of whose items are out of the choice: when the first of those skipped comes again."""
    lists, out = situation.content.concept_items, dict[int, float]()
    for item, seconds in situation.skipped.items():
        for concept in situation.concepts_of(item):
            items = lists.flat[lists.offset[concept] : lists.offset[concept + 1]].tolist()
            if situation.exclude_items.issuperset(items):
                out[concept] = min(seconds, out.get(concept, np.inf))
    return out
