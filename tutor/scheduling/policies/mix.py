"""Skill-It: practise in the mixture that serves most of what is not known yet, directly or later on."""

from __future__ import annotations

from typing import Final

import numpy as np

from tutor.scheduling.policies.choice import Reason
from tutor.scheduling.policies.ranking import Part, Ranking, belief_reason, wanted_by_belief
from tutor.scheduling.policies.situation import Situation

#: Step of the multiplicative weights. The paper tunes between 0.2 and 0.8.
_STEP: Final = 0.5


def skill_it(situation: Situation) -> Ranking:
    """Chen et al. (2023): one step of multiplicative weights from an even mixture, by what each concept serves.

        s = (1 - recall) + sum over what builds on it of (1 - recall) / (its number of prerequisites)
        p = exp(0.5 s) / sum of exp(0.5 s)

    The paper's loss of a skill is 1 - recall here, its learnt weight of an edge an even share among the prerequisites
    of a concept, and its window one step, because nothing but the situation is known. It is an order here, the mixture
    being that the best falls back as it is learnt. What a teacher says is known is served by nothing. The learnability
    mask is the prerequisites, as for all policies.
    """
    wanted = wanted_by_belief(situation)
    lacking = 1.0 - situation.recall
    parents = situation.content.prerequisites
    share = lacking / np.maximum(parents.counts, 1)
    child, parent = parents.owner, parents.flat
    is_open = situation.content.concept_active.copy()
    is_open[sorted(situation.rules.known)] = False
    is_used = is_open[child]
    serves = np.bincount(parent[is_used], share[child[is_used]], len(lacking)).astype(np.float64)
    weight = np.exp(_STEP * (lacking + serves))
    total = float(weight[wanted].sum()) or 1.0
    own = np.where(wanted, np.exp(_STEP * lacking) / total, -np.inf)
    parts = {Reason.SERVES: Part(own, serves)}
    return Ranking(np.where(wanted, weight / total, -np.inf), situation.due, belief_reason(situation), parts)
