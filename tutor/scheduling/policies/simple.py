"""The plainest ways to choose, which any other should beat: by chance, in order, the least known first."""

from __future__ import annotations

import numpy as np

from tutor.scheduling.policies import filters
from tutor.scheduling.policies.choice import Reason
from tutor.scheduling.policies.ranking import Ranking, places, wanted_by_belief
from tutor.scheduling.policies.situation import Situation


def random(situation: Situation) -> Ranking:
    """Any concept that may be practised, each with the same chance, whatever is believed of it.

    Where nothing may be drawn, all are alike: the first in the order of the curriculum.
    """
    n = situation.content.n_concepts
    if not situation.settings.draws:
        place = places(situation.content)
        in_order = 1.0 / (1.0 + place)
        return Ranking(in_order, np.full(n, np.inf), lambda concept: (Reason.IN_ORDER, float(place[concept] + 1)))
    drawn = situation.random().random(n)
    of = float((filters.barriers(situation) == filters.OPEN).sum())
    return Ranking(drawn, np.full(n, np.inf), lambda concept: (Reason.BY_CHANCE, of))


def curriculum_order(situation: Situation) -> Ranking:
    """One concept after the other, each until it is mastered; nothing is ever reviewed.

    score = 1 / (1 + place)   by place in the order of the curriculum
    """
    place = places(situation.content)
    return Ranking(
        np.where(situation.mastered, -np.inf, 1.0 / (1.0 + place)),
        np.full(len(place), np.inf),
        lambda concept: (Reason.IN_ORDER, float(place[concept] + 1)),
    )


def lowest_mastery(situation: Situation) -> Ranking:
    """Of reviews that are due, what was begun and what is new, the least likely to be known first.

    score = 1 - recall

    As tutors choose that go by Bayesian knowledge tracing (Corbett & Anderson 1995): the skill of the lowest
    probability, as long as it is not mastered. Reviews are ours; that model does not forget.
    """
    wanted = wanted_by_belief(situation)
    return Ranking(
        np.where(wanted, 1.0 - situation.recall, -np.inf),
        situation.due,
        lambda concept: (Reason.LOWEST, round(float(situation.recall[concept]), 3)),
    )
