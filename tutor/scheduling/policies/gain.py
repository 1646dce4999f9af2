"""Ours: what practice now adds to what will be known, per minute."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from curricula import graph
from curricula.snapshot import KEPT_VERSIONS, Snapshot
from kt_models.recall import SECONDS_PER_DAY, Float, Int
from tutor.scheduling.policies import filters
from tutor.scheduling.policies.choice import Reason
from tutor.scheduling.policies.ranking import Part, Ranking, belief_reason, wanted_by_belief
from tutor.scheduling.policies.situation import Bool, Situation

#: What is unlocked counts by log(1 + concepts) / this.
_UNLOCK_SHARE: Final = 4.0
#: Times as long that practice rests after each right answer more.
_RECHARGE_GROWTH: Final = 4.0
#: For so many right answers more: what is known for long is due when it has faded, not after a year.
_RECHARGE_STEPS: Final = 3.0
#: Days before an exam at which half of the worth is recall on its day.
_EXAM_HALF_DAYS: Final = 14.0


def gain(situation: Situation) -> Ranking:
    """By knowledge gained per minute.

        score = (gain + faded) c w / minutes,   c = 1 - 2 ** (-days / (recharge_days 4 ** min(max(streak - 1, 0), 3)))
                                                w = goal + log(1 + downstream) / 4

    gain = recall after `horizon_days` with one practice now, less without; faded = how far a due review is below its
    level, 0 for others; days = since the last practice, streak = right answers up to it; c = how much of its worth
    practice has got back, which no model here tells: what is practised again at once gains on paper and is gone the
    next day, and the surer, the longer it keeps (Cepeda et al. 2006); minutes = those of the next answer, longer where
    it is likely wrong, and where it is the first by the share of one of the answers that mastery takes: the explanation
    is paid once for all of them, as the index of a project counts what follows its beginning (Gittins 1979);
    downstream = concepts to be learnt that need this one and are not mastered yet. With `look_ahead` l > 1 a concept is
    also worth what it would open: over ways through at most l concepts, worth and minutes are summed, and the best way
    counts.
    """
    pause = situation.settings.horizon_days * SECONDS_PER_DAY
    return _ranking(situation, situation.gain_at(situation.now + pause))


def exam(situation: Situation) -> Ranking:
    """The same, with a horizon that slides from what is kept for long to recall on the day of the exam.

        gain = (1 - s) gain at the horizon + s gain on the day,   s = 2 ** (-days left / 14)

    Months ahead it is `gain`; on the eve it is cramming. After the exam it is `gain` again.
    """
    settings, now = situation.settings, situation.now
    usual = situation.gain_at(now + settings.horizon_days * SECONDS_PER_DAY)
    if settings.exam_at is None or settings.exam_at <= now:
        return _ranking(situation, usual)
    days = (settings.exam_at - now) / SECONDS_PER_DAY
    share = 2.0 ** (-days / _EXAM_HALF_DAYS)
    ranking = _ranking(situation, (1 - share) * usual + share * situation.gain_at(settings.exam_at))
    # Every score is another without the exam, so places are compared, not scores.
    is_open = filters.barriers(situation) == filters.OPEN
    is_open[[*situation.rules.pinned, *filters.waiting(situation, filters.lately(situation))]] = False
    moved = _places(ranking.score, is_open) < _places(_ranking(situation, usual).score, is_open)
    without = np.where(moved, -np.inf, ranking.score)
    parts = {**ranking.parts, Reason.EXAM: Part(without, np.full(situation.content.n_concepts, round(days, 1)))}
    return Ranking(ranking.score, ranking.due, ranking.why, parts)


def _places(score: Float, is_open: Bool) -> Int:
    """(concepts,) place of each by its score, the best first, those that are not open last."""
    places = np.empty(len(score), np.int64)
    places[np.argsort(np.where(is_open, -score, np.inf), kind="stable")] = np.arange(len(score))
    return places


def _ranking(situation: Situation, gained: Float) -> Ranking:
    faded = np.where(situation.is_due, np.maximum(situation.level - situation.recall, 0.0), 0.0)
    worth = (gained + faded) * _recharged(situation)
    wanted = wanted_by_belief(situation)
    goal, downstream = goals(situation)
    unlocks = np.log1p(downstream) / _UNLOCK_SHARE
    weight = goal + unlocks
    score = _ahead(situation, worth * weight)
    parts = {Reason.UNLOCKS: Part(np.where(wanted, _ahead(situation, worth * goal), -np.inf), downstream)}
    if situation.settings.goals:
        plain = _ahead(situation, worth * unlocks)
        parts[Reason.GOAL] = Part(np.where(wanted, plain, -np.inf), goal)
    return Ranking(np.where(wanted, score, -np.inf), situation.due, belief_reason(situation), parts)


def _recharged(situation: Situation) -> Float:
    """(concepts,) share of a practice's worth that has come back since the last one."""
    half = situation.settings.recharge_days * _RECHARGE_GROWTH ** np.clip(situation.streak - 1.0, 0.0, _RECHARGE_STEPS)
    return np.asarray(1.0 - np.exp2(-situation.rested / half))


def goals(situation: Situation) -> tuple[Float, Float]:
    """(concepts,) 1 for what is to be learnt, 0 for others; and how many of those, not mastered yet, need each."""
    content, chosen = situation.content, situation.settings.goals
    goal = np.ones(content.n_concepts)
    if chosen:
        goal[:] = 0.0
        goal[sorted(chosen)] = 1.0
    ahead = (goal > 0) & content.concept_active & ~situation.mastered
    ahead[sorted(situation.rules.known)] = False
    return goal, graph.count_among(_descendants(content), ahead).astype(np.float64)


@lru_cache(maxsize=KEPT_VERSIONS)
def _descendants(content: Snapshot) -> graph.Bits:
    return graph.descendants(content.prerequisites)


def _ahead(situation: Situation, worth: Float) -> Float:
    """Worth a minute of the best way through at most `look_ahead` concepts, shape (concepts,).

    A way goes on to a concept that only this one keeps locked, with the chance that it will be known afterwards.
    """
    minutes = situation.minutes_each
    best = worth / minutes
    steps = situation.settings.look_ahead - 1
    if steps <= 0 or not len(situation.content.prerequisites.flat):
        return best
    parent, child = _opened(situation)
    chance = situation.recall[parent]
    total, spent = worth.copy(), minutes.copy()
    for _ in range(steps):
        on_worth, on_spent = worth[parent] + chance * total[child], minutes[parent] + chance * spent[child]
        order = np.argsort(on_worth / on_spent, kind="stable")
        way_worth, way_spent = worth.copy(), minutes.copy()
        # The last write wins: the best way of each parent.
        way_worth[parent[order]], way_spent[parent[order]] = on_worth[order], on_spent[order]
        better = way_worth / way_spent > worth / minutes
        total, spent = np.where(better, way_worth, worth), np.where(better, way_spent, minutes)
    return np.asarray(total / spent)


def _opened(situation: Situation) -> tuple[Int, Int]:
    """Pairs (parent, child) in which the parent alone keeps the child locked."""
    lists = situation.content.prerequisites
    parent, child = lists.flat, lists.owner
    known = situation.ready_to_build
    missing = np.bincount(child, weights=~known[parent], minlength=situation.content.n_concepts)
    alone = (missing[child] == 1) & ~known[parent] & ~situation.practised[child]
    return parent[alone], child[alone]
