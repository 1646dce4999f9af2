"""What practice of one concept is worth to some learners: who is likely to master it, and how sure that is. Pure.

By the conventions of `scheduling.outlook`: each practice adds to recall what the table says that one practice now is
worth, and answers that nobody has given yet tell nothing, so the spread stays what it is. Explaining may be worth more
than practice; no model knows how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np

from kt_models.recall import Float, Int, logit, sigmoid
from tutor.scheduling.outlook import TRIES, chance_of_mastery, recall_alone
from tutor.tracing.beliefs import Belief
from tutor.tracing.status import Criteria, widen

#: Practices that a forecast is shown for.
PRACTICES: Final = (1, 3, 5, 10)
#: What a central range of 90 % leaves out on either side.
_TAIL: Final = 0.05


class Expected(NamedTuple):
    """Learners expected to have mastered after some practices, with the 90 % range of their number."""

    practices: int
    n: float
    low: int
    high: int


@final
@dataclass(frozen=True, eq=False)
class Worth:
    """Of one concept, shape (learners,).

    Attributes: recall: now.     logit_sd: spread of its logit.     gain: logits that a practice adds.
        n: answers so far.     level: recall from which mastery is gained.     least: answers that it takes at least.
    """

    recall: Float
    logit_sd: Float
    gain: Float
    n: Int
    level: Float
    least: Int

    @classmethod
    def of(cls, beliefs: Sequence[Belief], criteria: Sequence[Criteria], concept: int, n: Int, now: float) -> Worth:
        """`n`: (learners,) answers to the concept."""
        rows = [_row(belief, concept, now) for belief in beliefs]
        recall, sd, gain = np.array(rows).reshape(-1, 3).T
        levels = np.array([each.mastered_at for each in criteria])
        return cls(recall, sd, gain, n, levels, np.array([each.mastered_after for each in criteria], np.int64))

    def chances(self, practices: int) -> Float:
        """(learners,) of mastery after so many more answers: true recall at the level, and answers enough."""
        after = sigmoid(logit(self.recall) + practices * self.gain)
        found = [
            float(chance_of_mastery(np.array([p]), np.array([sd]), float(level))[0])
            for p, sd, level in zip(after, self.logit_sd, self.level, strict=True)
        ]
        return np.where(self.n + practices >= self.least, np.array(found), 0.0)

    def expected(self, practices: int) -> Expected:
        chances = self.chances(practices)
        return Expected(practices, float(chances.sum()), *range_of_count(chances))

    @property
    def needed(self) -> list[int | None]:
        """(learners,) answers until recall is expected at the level; None where `outlook.TRIES` would not do."""
        missing = logit(self.level) - logit(self.recall)
        steps = np.ceil(missing / np.maximum(self.gain, 1e-9) - 1e-9)
        steps = np.maximum(steps, np.maximum(self.least - self.n, 1))
        return [int(step) if step <= TRIES else None for step in steps.tolist()]


def range_of_count(chances: Float) -> tuple[int, int]:
    """Central 90 % range of how many of some independent chances come true, by their exact distribution."""
    of_count = np.array([1.0])
    for p in chances.tolist():
        of_count = np.convolve(of_count, [1.0 - p, p])
    at_most = np.cumsum(of_count)
    # Sums of floats may end below 1.
    low, high = (min(int(np.searchsorted(at_most, tail + 1e-12)), len(chances)) for tail in (_TAIL, 1.0 - _TAIL))
    return low, high


def _row(belief: Belief, concept: int, now: float) -> tuple[float, float, float]:
    k = concept + 1
    recall, sd = recall_alone(belief.table, k, now)
    after = widen(belief.table.after_at(now, now), k)
    gain = logit(after[concept]) - logit(recall[concept])
    # Practice never harms.
    return float(recall[concept]), float(sd[concept]), max(float(gain), 0.0)
