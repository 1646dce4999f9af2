"""Placement: find out what is known already with few questions, ahead of prerequisites."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from curricula.snapshot import KEPT_VERSIONS, Snapshot
from kt_models.base import ConceptLists
from kt_models.recall import Float, Int
from tutor.scheduling.policies import filters
from tutor.scheduling.policies.choice import Barrier, Reason
from tutor.scheduling.policies.ranking import Ranking
from tutor.scheduling.policies.situation import Situation
from tutor.tracing.status import widen

#: It is over when the best question tells less than this: an even chance known to 0.45 logits, 0.39 to 0.61.
LEAST_INFORMATION: Final = 0.05
#: Or after so many questions, at most `MOST_TIMES` of one concept.
MOST_ANSWERS: Final = 25
MOST_TIMES: Final = 2
#: What an answer tells of a concept one step above or below in the graph, as a share of an answer to it; steps looked.
SHARE: Final = 0.5
_STEPS: Final = 3
#: What is not asked for at this moment, or today, may be tomorrow: that ends no placement.
_ASKABLE: Final = (
    filters.OPEN, *map(filters.CODES.index, (Barrier.OUT_OF_SCOPE, Barrier.NEW_TODAY, Barrier.RESTING)),
)  # fmt: skip
#: Spread, in logits, of what no table knows: concepts newer than the model.
_UNKNOWN_SD: Final = 1.0


class _Kin(NamedTuple):
    """Pairs of a concept and one above or below it: (pairs,) each."""

    concept: Int
    kin: Int
    share: Float


def placement(situation: Situation) -> Ranking:
    """By expected information of one answer, about the concept and what stands above and below it.

        I = p (1 - p) sd^2,   score = I' + sum over kin of 2^-steps I',   I' = I (1 - told)

    p = recall, sd = of its logit: to first order the share by which one answer to an average item shrinks the variance
    (Fisher information times prior variance; van der Linden 1998). told = the greatest 2^-steps of kin that were
    asked already. Up to three steps count. What kin tell of each other is ours.

    It is over (`done`) when the best score is below `LEAST_INFORMATION` or `MOST_ANSWERS` were given, of each concept
    its first `MOST_TIMES` being counted: whoever has answered as much needs no placement.
    """
    n = situation.column("n")
    score = information(situation)
    wanted = (n < MOST_TIMES) & ~situation.mastered
    can_ask = np.isin(filters.barriers(situation, needs_prerequisites=False), _ASKABLE)
    best = float(score[can_ask & wanted].max(initial=0.0))
    given = int(np.minimum(n, MOST_TIMES).sum())
    is_over = can_ask.any() and (best < LEAST_INFORMATION or given >= MOST_ANSWERS)
    return Ranking(
        np.where(wanted & ~is_over, score, -np.inf),
        np.full(len(n), np.inf),
        lambda concept: (Reason.INFORMATIVE, round(float(situation.recall[concept]), 3)),
        done=Barrier.PLACED if is_over else None,
    )


def information(situation: Situation) -> Float:
    """(concepts,) expected of one answer."""
    n = situation.content.n_concepts
    sd = widen(situation.table.sd_at(situation.now), n, _UNKNOWN_SD)
    related = _kin(situation.content)
    told = np.zeros(n)
    asked = situation.practised[related.kin]
    np.maximum.at(told, related.concept[asked], related.share[asked])
    own = situation.recall * (1.0 - situation.recall) * np.square(sd) * (1.0 - told)
    return own + np.bincount(related.concept, weights=related.share * own[related.kin], minlength=n)


@lru_cache(maxsize=KEPT_VERSIONS)
def _kin(content: Snapshot) -> _Kin:
    """All pairs within reach; what was withdrawn is nobody's kin."""
    found = [
        (concept, kin, SHARE**steps)
        for lists in (content.prerequisites, content.dependents)
        for concept in np.flatnonzero(content.concept_active).tolist()
        for kin, steps in _within_reach(lists, concept).items()
        if content.concept_active[kin]
    ]
    columns = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return _Kin(columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2])


def _within_reach(lists: ConceptLists, concept: int) -> dict[int, int]:
    """Steps to each concept up, or down, the graph."""
    steps: dict[int, int] = {}
    front = {concept}
    for step in range(1, _STEPS + 1):
        front = {kin for c in front for kin in lists.flat[lists.offset[c] : lists.offset[c + 1]].tolist()}
        for kin in front:
            steps.setdefault(kin, step)
    return steps
