"""Logged choices as columns: who, among which candidates with which chances, what was drawn, what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]

#: Probabilities of one choice may miss 1 by this much: the log rounds each to six digits.
SUM_TOLERANCE: Final = 1e-4


class BadLog(ValueError):
    """Columns that are no log of choices."""


class BadPolicy(ValueError):
    """A target policy that gives no probabilities over the candidates."""


@final
@dataclass(frozen=True, eq=False)
class Logged:
    """Choices of a policy, a row each; candidates lie flat, those of row i at `offset[i]:offset[i + 1]`.

    Attributes:
        learner: (rows,) numbers of the learners; rows of one are not independent.
        seconds: (rows,) Unix seconds at which the choice was offered.
        offset: (rows + 1,) where each row's candidates begin.
        concept, item, score: (candidates,) what could have been chosen, and what the policy scored it.
        probability: (candidates,) chance of each to be chosen, as it was when the choice was made.
        chosen: (rows,) flat place of what was chosen.
        drawn: (rows,) whether the policy drew it; False where somebody else set it, with a chance that nobody knows.
        reward: (rows,) NaN where unknown.
        answered, credit: (rows,) whether the offer was answered, and the credit of that answer, NaN without.
        features: (rows, k) what was known of the learner before the choice.
        candidate_features: (candidates, k) what was known of each candidate.
        chosen_features: (rows, k) what is known of the chosen one only: no use in valuing the others, but confounders.
        overridden: (rows,) whether a teacher set the offer aside: its reward is unknown; empty where nobody can.
        truncated: the log holds older rows that were not read.
        decision: (rows,) ids in the decision log; empty where rows are of no such log.

    Raises:
        BadLog: if the columns do not fit together, naming the first row that is wrong.
    """

    learner: Int
    seconds: Float
    offset: Int
    concept: Int
    item: Int
    score: Float
    probability: Float
    chosen: Int
    drawn: Bool
    reward: Float
    answered: Bool
    credit: Float
    features: Float
    candidate_features: Float
    chosen_features: Float
    feature_names: tuple[str, ...] = ()
    candidate_feature_names: tuple[str, ...] = ()
    chosen_feature_names: tuple[str, ...] = ()
    truncated: bool = False
    overridden: Bool = field(default_factory=lambda: np.empty(0, dtype=bool))
    decision: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))

    def __post_init__(self) -> None:
        self._check_shapes()
        for name in ("features", "candidate_features", "chosen_features"):
            if not np.isfinite(getattr(self, name)).all():
                raise BadLog(f"{name} must be finite: put a number where nothing is known, and a column that says so")
        outside = (self.chosen < self.offset[:-1]) | (self.chosen >= self.offset[1:])
        if outside.any():
            raise BadLog(f"row {_first(outside)}: what was chosen is not among its candidates: leave the row out")
        if (fault := _fault(self.probability, self)) is not None:
            raise BadLog(f"{fault}: leave the row out, or read it from the log anew")
        impossible = self.drawn & (self.probability[self.chosen] <= 0)
        if impossible.any():
            raise BadLog(
                f"row {_first(impossible)}: drawn with probability 0: mark it as not drawn if somebody else set it"
            )

    def _check_shapes(self) -> None:
        rows, candidates = len(self.learner), len(self.concept)
        told = tuple(name for name in _IF_TOLD if len(getattr(self, name)))
        for names, n in ((_ROW_COLUMNS + told, rows), (_CANDIDATE_COLUMNS, candidates), (("offset",), rows + 1)):
            for name in names:
                if len(getattr(self, name)) != n:
                    raise BadLog(f"{name} has {len(getattr(self, name))} entries, {n} are needed: one for each row")
        if self.offset[0] != 0 or self.offset[-1] != candidates or (np.diff(self.offset) < 1).any():
            raise BadLog(f"offset must rise from 0 to {candidates}, the number of candidates: no row is without any")

    def __len__(self) -> int:
        return len(self.learner)

    @property
    def known(self) -> Bool:
        return np.isfinite(self.reward)

    @property
    def counts(self) -> Int:
        """(rows,) candidates of each row."""
        return np.diff(self.offset)

    @cached_property
    def row(self) -> Int:
        """(candidates,) the row of each candidate."""
        return np.repeat(np.arange(len(self)), self.counts)

    @property
    def n_learners(self) -> int:
        return len(np.unique(self.learner))

    def sums(self, values: Float) -> Float:
        """(rows,) sums of one value per candidate."""
        return np.asarray(np.add.reduceat(values, self.offset[:-1]), dtype=np.float64)

    def take(self, rows: Bool) -> Logged:
        """Only some rows; candidates go with them."""
        kept = rows[self.row]
        place = np.cumsum(kept) - 1
        columns = {name: getattr(self, name)[rows] for name in _ROW_COLUMNS}
        columns |= {name: getattr(self, name)[kept] for name in _CANDIDATE_COLUMNS}
        columns["chosen"] = place[self.chosen[rows]]
        columns |= {name: getattr(self, name)[rows] for name in _IF_TOLD if len(getattr(self, name))}
        return replace(self, **columns, offset=np.concatenate([[0], np.cumsum(self.counts[rows])]))


#: The probability that each candidate would have been chosen, shape (candidates,), by row as in `Logged.offset`.
Target = Callable[[Logged], Float]

_ROW_COLUMNS: Final = (
    "learner", "seconds", "chosen", "drawn", "reward", "answered", "credit", "features", "chosen_features",
)  # fmt: skip
#: Of rows too, where they are told at all.
_IF_TOLD: Final = ("overridden", "decision")
_CANDIDATE_COLUMNS: Final = ("concept", "item", "score", "probability", "candidate_features")


def target_probabilities(logged: Logged, target: Target) -> Float:
    """What a target policy would have done, checked.

    Raises:
        BadPolicy: if these are no probabilities, or one row's do not sum to 1.
    """
    probability = np.asarray(target(logged), dtype=np.float64)
    if probability.shape != logged.probability.shape:
        raise BadPolicy(
            f"the target policy gave shape {probability.shape}, {logged.probability.shape} is needed: one probability "
            "for each candidate, in the order of the log"
        )
    if (fault := _fault(probability, logged)) is not None:
        raise BadPolicy(f"{fault}: let the target policy give probabilities over the candidates of each row")
    return probability


def _fault(probability: Float, logged: Logged) -> str | None:
    """What keeps these from being probabilities over each row's candidates."""
    wrong = ~((probability >= 0) & (probability <= 1 + SUM_TOLERANCE))
    if wrong.any():
        at = _first(wrong)
        return f"row {logged.row[at]}: a candidate has probability {probability[at]}, not one from 0 to 1"
    totals = logged.sums(probability) if len(logged) else np.ones(0)
    wrong = np.abs(totals - 1) > SUM_TOLERANCE
    if wrong.any():
        return f"row {_first(wrong)}: probabilities sum to {totals[_first(wrong)]:.6g}, not to 1"
    return None


def _first(wrong: Bool) -> int:
    return int(np.argmax(wrong))
