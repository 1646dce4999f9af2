"""From arrays over a batch to one recall table a learner, without copies: what the models share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.base import Forecast
from kt_models.recall import DELAYS, Float, Int, RecallTable
from kt_models.state import LearnerState

#: For concepts never practised, tables hold one value of what a practice gives, whatever the delay: what is left of it
#: after this many days.
REST_DAYS: Final = 1.0


@final
@dataclass(frozen=True, eq=False)
class Grid:
    """Recall, recall after a practice, and spread of the logit: (rows, delays), or (learners, concepts) of the rest."""

    recall: Float
    after: Float
    spread: Float


def inside(state: LearnerState, width: int) -> tuple[NDArray[np.bool_], Int]:
    """Touched rows whose concept a table of `width` concepts holds, and their (learners + 1,) offsets."""
    kept = state.concept < width
    if kept.all():
        return kept, state.offset
    return kept, np.concatenate([[0], np.cumsum(kept)])[state.offset]


def tables(
    origin: Float, offset: Int, concept: Int, rows: Grid, rest: Grid, moves: tuple[Float, Float] | None = None
) -> Forecast:
    """Tables of learners whose rows are `offset[i]:offset[i + 1]`.

    Args:
        origin: (learners,) seconds.     concept: (rows,).     rows: (rows, delays).     rest: (learners, concepts).
        moves: shift and growth of the concepts without a row, (learners, delays) each; none by default.
    """
    shift, growth = moves or (np.zeros((len(origin), len(DELAYS))),) * 2
    bounds = offset.tolist()
    others = (rest.recall, rest.after, rest.spread, shift, growth)
    parts = zip(origin.tolist(), bounds[:-1], bounds[1:], *others, strict=True)
    return Forecast(
        tuple(
            RecallTable(at, concept[i:j], rows.recall[i:j], rows.after[i:j], rows.spread[i:j], *more)
            for at, i, j, *more in parts
        )
    )
