"""Memorize: reviews at random moments, the oftener the more is forgotten."""

from __future__ import annotations

from typing import Final

import numpy as np

from tutor.scheduling.policies.choice import Reason
from tutor.scheduling.policies.ladders import new_score
from tutor.scheduling.policies.ranking import Ranking, belief_reason, wanted_by_belief
from tutor.scheduling.policies.situation import Situation

#: q: what a review a day costs, against what forgetting costs. Today's allowance bounds reviews here, so it only
#: sets the unit of the intensity, and any q gives the same order.
_COST: Final = 1.0


def memorize(situation: Situation) -> Ranking:
    """Tabibian et al. (2019): what was practised is reviewed with intensity u, drawn as a race of exponential clocks.

        u = q^(-1/2) (1 - recall) a day,   wait = E / u,  E ~ Exp(1),   score = tier + 1 / (1 + wait)

    The paper optimises reviews alone. When new material comes is ours: what has faded (reviews that are due, what was
    begun and is not mastered) is tier 2, new concepts in order come next, and whatever else was practised is tier 0: it
    comes only in time that is left.
    """
    rate = (1.0 - situation.recall) / np.sqrt(_COST)
    # Where nothing may be drawn, every clock strikes when it is expected to.
    clock = situation.random().exponential(size=len(rate)) if situation.settings.draws else np.ones(len(rate))
    race = rate / (rate + clock)
    faded = wanted_by_belief(situation) & situation.practised
    new = 1.0 + new_score(situation)
    score = np.where(situation.practised, race + 2.0 * faded, new)
    new_reason = belief_reason(situation)

    def why(concept: int) -> tuple[Reason, float]:
        if not situation.practised[concept]:
            return new_reason(concept)
        return Reason.FADING, round(float(situation.recall[concept]), 3)

    return Ranking(score, situation.due, why)
