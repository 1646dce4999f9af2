"""What PSI-KT shares between learners, as the filter uses it: numpy arrays in a fitted model, torch tensors in a
fit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, final

from kt_models.psikt.algebra import Array

#: The traits of the generative model, by their place in `trait_mean` and `trait_sd`.
TRAITS: Final = ("log_rate", "level", "log_volatility", "logit_transfer")
#: Those that the filter tracks: volatility moves variances only, so answers hardly tell it (docs/models/psi-kt.md).
TRACKED: Final = (0, 1, 3)


@final
@dataclass(frozen=True, eq=False)
class Parameters:
    """K concepts, P parents at most; the last row of an array over concepts stands for unknown ones. Days and logits.

    Attributes:
        trait_mean, trait_sd: (4,) population of (log alpha, mu, log sigma, logit gamma).
        start_mean, start_variance: () of a strength never practised; its mean counts where the config does not start
            strengths at the long-run level.     rest_variance: () stationary variance, where common to all.
        novelty: () logits that a concept never met is below that.
        drift: (2,) rates, an answer and a day, at which a learner's level returns to the population's and is forgotten.
        form: (3,) the same two rates of momentary form, and its stationary variance.
        intercept: (K + 1,) of the long-run level.
        gain: (2, 1) or (2, K + 1) logits that a right and a wrong answer add to the strength; they fade with alpha.
        ceiling: () strength at which half of that gain is left.     jitter: () variance that practice adds.
        lasting, quick: (3,) gain of a right and of a wrong answer, and their limit; never fading, and fading quickly.
        quick_rate: () a day.
        item_variance: () stationary, of what sets an item apart for a learner.     item_rates: (2,) a day, at which
            knowledge of that, and its quick part, fade.     item_kept: () share of its traces that the next answer
            leaves.
        item_lasting, item_quick: (2,) traces that a right and a wrong answer leave at the item, of either sign.
        weight: (K + 1, P) weights of the parents in the dynamics, 0 for none.
    """

    trait_mean: Array
    trait_sd: Array
    start_mean: Array
    start_variance: Array
    rest_variance: Array
    novelty: Array
    drift: Array
    form: Array
    intercept: Array
    gain: Array
    ceiling: Array
    jitter: Array
    lasting: Array
    quick: Array
    quick_rate: Array
    item_variance: Array
    item_rates: Array
    item_kept: Array
    item_lasting: Array
    item_quick: Array
    weight: Array

    @property
    def anchor(self) -> Array:
        """(3,) the tracked traits of an average learner; means of strengths are kept as of there."""
        return self.trait_mean[list(TRACKED)]

    def to_tensors(self) -> dict[str, Any]:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))
