"""What a policy achieved in a world: knowledge over days, minutes spent, and differences with intervals.

Learners are resampled, not days: one learner's days are alike. Policies that ran in the same world and seed are
compared learner by learner, with the same learners in each resample of both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self, final

import numpy as np
from numpy.typing import ArrayLike

from kt_models.metrics import LEVEL, REPLICATES, Estimate
from kt_models.recall import Float, Int

DECILES: Final = 10


@final
@dataclass(frozen=True, eq=False)
class Record:
    """One run, filled day by day, shapes (days, L). Days not noted are NaN, and make what is computed of them NaN.

    Attributes:
        knowledge: mean of the learner's knowledge over concepts, at the day's end.
        minutes, answers: spent on the day.
    """

    knowledge: Float
    minutes: Float
    answers: Float

    @classmethod
    def empty(cls, days: int, n_learners: int) -> Self:
        return cls(*(np.full((days, n_learners), np.nan) for _ in range(3)))

    def note(
        self, day: int, knowledge: Float, minutes: ArrayLike, answers: ArrayLike, weight: Float | None = None
    ) -> None:
        """Notes a day.

        Args:
            knowledge: (L, K) at its end.     minutes, answers: (L,).
            weight: (K,) or (L, K) of the concepts that are the goal, at least one above 0; all alike if None.
        """
        self.knowledge[day] = mean_knowledge(knowledge, weight)
        self.minutes[day], self.answers[day] = minutes, answers

    def mean(self) -> Float:
        """(L,) knowledge averaged over all days."""
        return np.asarray(self.knowledge.mean(0))

    def at_exam(self, day: int = -1) -> Float:
        """(L,) knowledge at the end of one day, by default the last."""
        return np.asarray(self.knowledge[day])

    def minutes_per_day(self) -> Float:
        """(L,) over all days, those without a visit included."""
        return np.asarray(self.minutes.mean(0))


def mean_knowledge(knowledge: Float, weight: Float | None = None) -> Float:
    """(L,) weighted mean over concepts of knowledge (L, K).

    Raises:
        ValueError: if weights are negative or sum to 0: no goal was given then.
    """
    if weight is None:
        return np.asarray(knowledge.mean(1))
    weights = np.broadcast_to(weight, knowledge.shape)
    total = weights.sum(1)
    if np.any(weights < 0) or np.any(total <= 0):
        raise ValueError("weights of concepts must not be negative, and some must be above 0: give each learner a goal")
    return np.asarray((knowledge * weights).sum(1) / total)


def deciles(ability: Float, groups: int = DECILES) -> Int:
    """(L,) group of each learner, 0 the weakest, of about equal size; ties by position.

    Raises:
        ValueError: if there are fewer learners than groups.
    """
    n = len(ability)
    if n < groups:
        raise ValueError(f"{n} learners cannot form {groups} groups: simulate at least {groups}")
    rank = np.empty(n, dtype=np.int64)
    rank[np.argsort(ability, kind="stable")] = np.arange(n)
    return rank * groups // n


@final
@dataclass(frozen=True)
class Bootstrap:
    """Resamples of learners, the same for whatever is compared: percentile intervals of 95 %."""

    seed: int
    replicates: int = REPLICATES
    level: float = field(default=LEVEL)

    def mean(self, values: Float) -> Estimate:
        """Mean over learners, (L,)."""
        return self._interval(self._means(values)[0])

    def difference(self, one: Float, other: Float) -> Estimate:
        """Mean of `one` less that of `other`, (L,) each, the same learners in the same order."""
        return self._interval(self._means(one - other)[0])

    def relative(self, one: Float, other: Float) -> Estimate:
        """Mean of `one` by the mean of `other`, less 1: 0.01 is one per cent better."""
        above, below = self._means(one, other)
        with np.errstate(invalid="ignore", divide="ignore"):
            return self._interval(above / below - 1.0)

    def by_group(self, one: Float, other: Float, group: Int) -> list[Estimate]:
        """`relative` within each group of learners, 0, 1, ..."""
        return [self.relative(one[group == g], other[group == g]) for g in range(int(group.max()) + 1)]

    def _means(self, *columns: Float) -> Float:
        """(columns, 1 + replicates), the sample's own first."""
        n = len(columns[0])
        if any(len(column) != n for column in columns) or n == 0:
            raise ValueError(
                f"columns of {[len(c) for c in columns]} learners: compare the same learners, one at least"
            )
        weights = np.ones((1 + self.replicates, n))
        weights[1:] = np.random.default_rng(self.seed).multinomial(n, np.full(n, 1 / n), size=self.replicates)
        return np.stack([weights @ column / n for column in columns])

    def _interval(self, draws: Float) -> Estimate:
        others = draws[1:][np.isfinite(draws[1:])]
        if not np.isfinite(draws[0]) or others.size == 0:
            return Estimate(float(draws[0]), float("nan"), float("nan"))
        low, high = np.quantile(others, [(1 - self.level) / 2, (1 + self.level) / 2])
        return Estimate(float(draws[0]), float(low), float(high))
