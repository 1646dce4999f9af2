"""Desired retention: whatever has faded below it is reviewed first, the most faded before all."""

from __future__ import annotations

import numpy as np

from tutor.scheduling.policies.ranking import Ranking, belief_reason, places, wanted_by_belief
from tutor.scheduling.policies.situation import Situation


def threshold(situation: Situation) -> Ranking:
    """Due reviews by how far they have faded below their level, then what was begun, then the new, in order.

    score = 2 + level - recall   for due reviews
            1 + recall           for what was begun: what is nearest to mastery first
            1 / (2 + place)      for new concepts, by place in the order of the curriculum
    """
    begun = situation.practised & ~situation.mastered
    score = 1.0 / (2.0 + places(situation.content))
    score[begun] = 1.0 + situation.recall[begun]
    score[situation.mastered] = (2.0 + np.maximum(situation.level - situation.recall, 0.0))[situation.mastered]
    return Ranking(
        np.where(wanted_by_belief(situation), score, -np.inf), situation.due, belief_reason(situation)
    )  # fmt: skip
