"""What a look ahead comes to: what would be practised when, and what of it is learning. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from kt_models.recall import Float, Int
from tutor.scheduling.policies.choice import Kind

#: `Course.kind` and `Beginnings.kind` index this.
KINDS: Final = (Kind.REVIEW, Kind.PRACTICE, Kind.NEW)
REVIEW, PRACTICE, NEW = range(len(KINDS))


class Course(NamedTuple):
    """What would be practised within the horizon. Visits, shape (visits,), are in order of time.

    Attributes:
        concept, day, seconds, kind: of each visit; `day` indexes the horizon.      answers: how many it takes.
        practices: (concepts,) answers until the end.      last: (concepts,) Unix seconds of the last, -inf: none.
    """

    concept: Int
    day: Int
    seconds: Float
    kind: Int
    answers: Int
    practices: Int
    last: Float


class Beginnings(NamedTuple):
    """What is learnt when: one row a day and concept, and by concept what it has come to.

    Attributes:
        concept, day, kind, answers: (visits,).
        practices: (concepts,) answers in all.      learnt: (concepts,) day on which mastery is expected, -1: none.
    """

    concept: Int
    day: Int
    kind: Int
    answers: Int
    practices: Int
    learnt: Int

    @classmethod
    def of(cls, visits: Sequence[tuple[int, int, int, int]], learnt: Int) -> Beginnings:
        """From concept, day, kind and answers of each visit."""
        concept, day, kind, answers = np.array(visits, np.int64).reshape(-1, 4).T
        return cls(concept, day, kind, answers, np.bincount(concept, answers, len(learnt)).astype(np.int64), learnt)
