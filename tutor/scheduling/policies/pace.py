"""What a minute of practice buys: how long answers really take, from response times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.recall import Float

#: No answer counts for more: pages stay open over lunch.
LONGEST_SECONDS: Final = 600.0
#: Factors are drawn towards 1 as by so many answers that took as long as authors say.
PRIOR: Final = 30.0
#: Factors are kept within this: beyond it, clocks are wrong.
WIDEST: Final = 10.0


@final
@dataclass(frozen=True)
class Pace:
    """Minutes that answers take, as factors on what authors expect.

    Attributes: first: of a first answer to a concept, explanation included.     wrong: of a wrong one.     usual: of a
        right answer to what was met before.
    """

    first: float = 1.0
    wrong: float = 1.0
    usual: float = 1.0


def pace_of(seconds: Float, minutes: Float, is_first: NDArray[np.bool_], right: NDArray[np.bool_]) -> Pace:
    """Factors on authors' minutes: of right answers to what was met before, and how much longer others take.

        usual = sum(t | right, later) / sum(m | ...);   wrong = sum(t | wrong, later) / (usual sum(m | ...))
        first = sum(t | first) / (usual sum(m wrong^(1 - right) | first))

    Ratios of sums, so that they tell minutes spent, not typical ones; each drawn towards 1 by `PRIOR` answers.

    Args: shapes (answers,): seconds taken, authors' minutes, whether the learner's first on the concept, whether right.
    """
    taken = np.minimum(np.asarray(seconds, np.float64), LONGEST_SECONDS) / 60.0
    usual = _factor(taken, minutes, ~is_first & right)
    wrong = _factor(taken, minutes * usual, ~is_first & ~right)
    first = _factor(taken, minutes * usual * np.where(right, 1.0, wrong), is_first)
    return Pace(first=first, wrong=wrong, usual=usual)


def _factor(taken: Float, expected: Float, where: NDArray[np.bool_]) -> float:
    if not where.any():
        return 1.0
    prior = PRIOR * float(expected[where].mean())
    ratio = (float(taken[where].sum()) + prior) / (float(expected[where].sum()) + prior)
    return float(np.clip(ratio, 1.0 / WIDEST, WIDEST))
