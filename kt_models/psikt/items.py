"""Difficulties of items as Gaussian beliefs, each the product of a prior and of one site for every answer.

    d_i ~ N(0, s^2);   an answer n on x = strength - d brings the site with precision t_n and shift v_n on d
    t_n = pull / (1 - pull c_n),   v_n = t_n m_n - push / (1 - pull c_n)

m_n, c_n: mean and variance of the cavity, which is the belief without n's own site.

This is expectation propagation (Minka 2001). An answer is filtered with the cavity of its item, so that no learner's
answer is explained by a difficulty which that very answer has taught.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np

from kt_models.recall import Float, Int


@final
@dataclass(eq=False)
class Items:
    """Beliefs about items 0 to n - 1, and sites of answers, (answers,), to item `item`, n where unknown."""

    item: Int
    n_items: int
    prior_variance: float
    precision: Float
    shift: Float
    unknown_variance: float | None = None

    @classmethod
    def start(cls, item: Int, n_items: int, sd: float, unknown_variance: float | None = None) -> Items:
        """`unknown_variance` of items without a belief, the prior one by default."""
        known = np.where((item < 0) | (item >= n_items), n_items, item)
        return cls(known, n_items, sd * sd, np.zeros(len(item)), np.zeros(len(item)), unknown_variance)

    @property
    def doubt(self) -> float:
        """The variance of an item without a belief."""
        return self.prior_variance if self.unknown_variance is None else self.unknown_variance

    def belief(self) -> tuple[Float, Float]:
        """Means and variances, (n_items,)."""
        if not self.prior_variance:
            return np.zeros(self.n_items), np.zeros(self.n_items)
        precision, shift = self._totals()
        return shift[:-1] / precision[:-1], 1.0 / precision[:-1]

    def cavity(self) -> tuple[Float, Float]:
        """Mean and variance of the difficulty of each answer's item, without that answer, (answers,)."""
        if not self.prior_variance:
            return np.zeros(len(self.item)), np.zeros(len(self.item))
        precision, shift = self._totals()
        left = np.maximum(precision[self.item] - self.precision, 1.0 / self.prior_variance)
        unknown = self.item == self.n_items
        mean = np.where(unknown, 0.0, (shift[self.item] - self.shift) / left)
        return mean, np.where(unknown, self.doubt, 1.0 / left)

    def assume(self, mean: Float, variance: Float) -> None:
        """Spreads a belief about every item, (n_items,), evenly over the sites of its answers."""
        answers = np.maximum(np.bincount(self.item, minlength=self.n_items + 1), 1)
        precision = np.append(np.maximum(1.0 / variance - 1.0 / self.prior_variance, 0.0), 0.0)
        shift = np.append(mean / variance, 0.0)
        self.precision = (precision / answers)[self.item]
        self.shift = (shift / answers)[self.item]

    def absorb(self, rows: Int, push: Float, pull: Float, mean: Float, variance: Float) -> None:
        """Replaces the sites of some answers, filtered with the cavity (mean, variance)."""
        scale = 1.0 / np.maximum(1.0 - pull * variance, 0.05)
        self.precision[rows] = np.maximum(pull * scale, 0.0)
        self.shift[rows] = self.precision[rows] * mean - push * scale

    def exchange(self, own: Int, total: Callable[[Float], Float]) -> None:
        """Shares the sites of the answers `own` with other processes; `total` sums an array over all of them."""
        for name in ("precision", "shift"):
            mine = np.zeros(len(self.item))
            mine[own] = getattr(self, name)[own]
            setattr(self, name, total(mine))

    def centre(self) -> float:
        """Moves all difficulties so that their mean over answers is 0; returns by how much they were above."""
        mean = np.append(self.belief()[0], 0.0)[self.item]
        known = self.item < self.n_items
        above = float(mean[known].mean()) if known.any() else 0.0
        self.shift -= self.precision * above
        return above

    def refit_prior(self) -> None:
        """One step of EM on the variance of difficulties."""
        mean, variance = self.belief()
        met = np.bincount(self.item, minlength=self.n_items + 1)[:-1] > 0
        if met.any():
            self.prior_variance = float(np.mean(mean[met] ** 2 + variance[met]))

    def _totals(self) -> tuple[Float, Float]:
        n = self.n_items + 1
        precision = np.bincount(self.item, self.precision, n).astype(np.float64) + 1.0 / self.prior_variance
        return precision, np.bincount(self.item, self.shift, n).astype(np.float64)
