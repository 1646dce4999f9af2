"""What distinguishes policies: how they rank the concepts that the filters leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, final

import numpy as np

from curricula.snapshot import KEPT_VERSIONS, Snapshot
from kt_models.recall import Float
from tutor.scheduling.policies.choice import Barrier, Choice, Reason
from tutor.scheduling.policies.situation import Bool, Situation
from tutor.tracing.status import Status


class Part(NamedTuple):
    """What a score would be without one part of it, and the figure that is told of that part; (concepts,) each.

    A part is a reason where the place hangs on it.
    """

    without: Float
    figure: Float


@final
@dataclass(frozen=True, eq=False)
class Ranking:
    """Scores of a policy over all concepts, shape (concepts,).

    Attributes:
        score: the higher the sooner, -inf for what the policy does not want now. Filters come on top.
        due: Unix seconds at which a review falls, or fell, due by this policy; inf for none.
        why: the reason for one concept that it wants, with a figure; it alone makes the concept a candidate.
        parts: by reason, what else went into the score.
        done: why the policy wants nothing more, where that is of its own making.
    """

    score: Float
    due: Float
    why: Callable[[int], tuple[Reason, float]]
    parts: Mapping[Reason, Part] = field(default_factory=dict)
    done: Barrier | None = None


Rank = Callable[[Situation], Ranking]


@final
@dataclass(frozen=True)
class Policy:
    """A way to choose: a pure function of the situation, with what it needs to be told.

    Attributes:
        name: in settings, in the decision log and in reports.     version: raised when its choices change.
        about: one sentence for people who pick one.
        reads_history, reads_cohort: whether `Situation.history`, `.cohort` must be given.
        keeps_schedule: whether `Ranking.due` is a schedule of its own, that everything begun comes back by.
        reviews: whether what is mastered comes back at all.     seeks_goals: whether goals come before all else.
        needs_prerequisites: whether new concepts wait for theirs; a placement asks ahead of them.
        retries: whether what was missed is asked again in the same session; a placement teaches nothing.
        needs_exam: whether `Settings.exam_at` must be set.
        ends: whether it comes to an end (`Ranking.done`), from where another goes on.
        draws: whether scores are drawn. The chances of its entries are then those left after that draw, so that its log
            cannot tell what another policy would have been worth. For learners and classes that opted out of
            exploration (`Settings.draws` is off) it draws nothing either: each chance gives way to what is expected of
            it, the likeliest comes first, and of equals the first of the curriculum. Its choice is then certain, and
            logged so: a propensity of 1 for the best, 0 for the others.
    """

    name: str
    version: int
    about: str
    rank: Rank
    reads_history: bool = False
    reads_cohort: bool = False
    keeps_schedule: bool = False
    reviews: bool = True
    seeks_goals: bool = False
    needs_prerequisites: bool = True
    retries: bool = True
    needs_exam: bool = False
    draws: bool = False
    ends: bool = False

    def __call__(self, situation: Situation) -> Choice:
        # `fill` builds on what stands here.
        from tutor.scheduling.policies.fill import choose

        return choose(situation, self)


@lru_cache(maxsize=KEPT_VERSIONS)
def places(content: Snapshot) -> Float:
    """(concepts,) place in the order of the curriculum, from 0: by depth, then as listed."""
    place = np.empty(content.n_concepts)
    place[np.lexsort((np.arange(content.n_concepts), content.depth))] = np.arange(content.n_concepts)
    return place


def wanted_by_belief(situation: Situation) -> Bool:
    """(concepts,) reviews that are due, what was begun and is not mastered, and everything new: filters do the rest."""
    begun = situation.practised & ~situation.mastered
    return np.asarray(begun | ~situation.practised | situation.is_due)


def belief_reason(situation: Situation) -> Callable[[int], tuple[Reason, float]]:
    """Why a concept is wanted by what is believed of it."""

    def why(concept: int) -> tuple[Reason, float]:
        recall = round(float(situation.recall[concept]), 3)
        if situation.mastered[concept]:
            return Reason.DUE, recall
        if not situation.practised[concept]:
            return Reason.READY, float(situation.content.prerequisites.counts[concept])
        if situation.is_status(Status.STRUGGLING)[concept]:
            return Reason.STRUGGLING, recall
        return Reason.STARTED, recall

    return why
