"""The word of a log on another policy, as data: values with intervals and what they rest on, or why there are none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final, final

import numpy as np
from django.utils.translation import gettext_noop

from kt_models.metrics import REPLICATES, Estimate
from kt_models.recall import Float, Int
from tutor.language import Sentence
from tutor.scheduling.ope import confounding, crossfit, estimators
from tutor.scheduling.ope.confounding import Contrast
from tutor.scheduling.ope.estimators import ESTIMATORS, Ratio, Weighed, as_logged
from tutor.scheduling.ope.logged import Bool, Logged, Target, target_probabilities
from tutor.scheduling.ope.observation import chance_known
from tutor.scheduling.ope.rewards import Reward

#: Of fewer learners than this, intervals over learners are themselves a guess.
FEW_LEARNERS: Final = 30
#: A single choice with more of all weight than this decides the outcome by itself.
HEAVY: Final = 0.05
#: Where fewer rewards than this are known, most of the answer is what the missing are taken to be like.
LITTLE_KNOWN: Final = 0.5
#: The mean weight is 1 if the log's probabilities are those drawn from; so many standard errors off is no accident.
_FAR: Final = 3.0

ASSUMPTIONS: Final = (
    gettext_noop("The logged probabilities are those that choices were drawn from."),
    gettext_noop("Each slot of a plan is a choice of its own, among what the slots before it left."),
    gettext_noop("What follows a choice is as under the logged policy: effects on later choices are not told."),
    gettext_noop("Unknown rewards are like known ones of the same features and the same first answer."),
    gettext_noop("Learners do not influence each other."),
)


@final
@dataclass(frozen=True)
class Options:
    """How a policy is judged.

    Attributes:
        clip: weights are cut to this; None, the default, cuts none. What that changes is in `Value.clip_bias`.
        least_effective: a smaller effective sample gives no value.
        most_unsupported: a greater share of choices in which the target does what the log never could gives none.
    """

    seed: int = 0
    clip: float | None = None
    least_effective: float = 100.0
    most_unsupported: float = 0.05
    n_folds: int = crossfit.FOLDS
    replicates: int = REPLICATES

    def __post_init__(self) -> None:
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip {self.clip} is not above 0: leave it out to cut no weights")


@final
@dataclass(frozen=True)
class Value:
    """A target policy's reward a choice by one estimator.

    Attributes:
        value: with its interval over learners drawn with replacement.     by_influence: the other way to an interval.
        gain: the value less that of the logged choices, paired.
        clip_bias: the value less what it would be without clipping; 0 where nothing is clipped.
    """

    value: Estimate
    by_influence: Estimate
    gain: Estimate
    gain_by_influence: Estimate
    clip_bias: float


@final
@dataclass(frozen=True)
class Overlap:
    """How much of the log speaks of the target policy.

    Attributes:
        effective: Kish's size of the weighted sample.     effective_learners: the same of whole learners.
        mean_weight: near 1 if the logged probabilities are true.     max_weight, max_share: the heaviest choice's.
        unsupported: share of drawn choices in which the target does what the log gave no chance; they are left out.
        known: share of choices whose reward is known.     not_drawn: choices that somebody else set; left out.
        overridden: choices that a teacher set aside; their reward is unknown.
        clipped: share of choices whose weight was cut.
    """

    decisions: int
    learners: int
    effective: float
    effective_learners: float
    mean_weight: float
    max_weight: float
    max_share: float
    unsupported: float
    known: float
    not_drawn: int
    overridden: int
    clipped: float


@final
@dataclass(frozen=True)
class Report:
    """What a log tells of a target policy. With a `refusal` there are no values.

    Attributes:
        logged: reward a choice as it was logged, on the same choices.
        if_unknown_were: SNIPS if every unknown reward were the worst possible, and the best.
        agreement: rewards by agreement with the target, others' choices included, before and after taking out who
            assigned, prior mastery and difficulty.
    """

    refusal: str
    reward: Reward
    overlap: Overlap
    logged: Estimate | None = None
    values: dict[str, Value] = field(default_factory=dict)
    if_unknown_were: tuple[float, float] | None = None
    agreement: Contrast | None = None
    warnings: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ASSUMPTIONS

    def to_json(self) -> dict[str, Any]:
        """Plain values; null where a figure is undefined."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def evaluate(logged: Logged, target: Target, *, reward: Reward | None = None, options: Options | None = None) -> Report:
    """What a target policy would have been worth a choice, or why the log cannot tell.

    Args:
        reward: the one that `logged` was read with.

    Raises:
        BadPolicy: if the target gives no probabilities over the candidates.
    """
    reward, options = reward or Reward(), options or Options()
    pi = target_probabilities(logged, target)
    supported = logged.sums(np.where(logged.probability > 0, 0.0, pi)) == 0
    fold = crossfit.folds(logged.learner, options.n_folds, options.seed)
    seen = chance_known(logged, fold)
    use = supported & logged.drawn
    case = _Case(logged.take(use), pi[use[logged.row]], fold[use], seen[use], options)
    overlap = _overlap(logged, supported, case)
    refusal = _refusal(overlap, options)
    if refusal:
        return Report(refusal, reward, overlap)
    values = case.values()
    return Report(
        refusal="",
        reward=reward,
        overlap=overlap,
        logged=case.interval(as_logged(case.rows)),
        values=values,
        if_unknown_were=None if case.logged.known.all() else case.bounds(reward),
        agreement=confounding.agreement(logged, pi, seen, seed=options.seed),
        warnings=tuple(_warnings(case, overlap, values, logged.truncated)),
    )


class _Case:
    """The choices that count, weighed."""

    def __init__(self, logged: Logged, target: Float, fold: Int, seen: Float, options: Options) -> None:
        self.logged, self.target, self.fold, self.seen, self.options = logged, target, fold, seen, options
        self.free = estimators.weigh(logged, target, seen)
        self.rows = self.free

    def values(self) -> dict[str, Value]:
        q = estimators.expected_rewards(self.logged, self.fold)
        self.free = estimators.weigh(self.logged, self.target, self.seen, q)
        self.rows = estimators.weigh(self.logged, self.target, self.seen, q, self.options.clip)
        return {name: self._value(estimator(self.rows), estimator(self.free)) for name, estimator in ESTIMATORS.items()}

    def interval(self, ratio: Ratio, minus: Ratio | None = None) -> Estimate:
        options = self.options
        return estimators.by_bootstrap(
            ratio, self.logged.learner, seed=options.seed, minus=minus, replicates=options.replicates
        )

    def _value(self, ratio: Ratio, free: Ratio) -> Value:
        own = as_logged(self.rows)
        return Value(
            value=self.interval(ratio),
            by_influence=estimators.by_influence(ratio, self.logged.learner),
            gain=self.interval(ratio, own),
            gain_by_influence=estimators.by_influence(ratio, self.logged.learner, minus=own),
            clip_bias=ratio.value - free.value,
        )

    def bounds(self, reward: Reward) -> tuple[float, float]:
        """Manski 1989: no assumption about who is missing."""
        low, high = (
            estimators.snips(self._with_all_known(np.where(self.logged.known, self.logged.reward, limit))).value
            for limit in reward.limits
        )
        return low, high

    def _with_all_known(self, reward: Float) -> Weighed:
        everywhere, nothing = np.ones(len(reward)), np.zeros(len(reward))
        return Weighed(self.rows.learner, self.rows.weight, everywhere, reward, nothing, nothing)


def _overlap(logged: Logged, supported: Bool, case: _Case) -> Overlap:
    clip, used = case.options.clip, case.free.used
    cut = used if clip is None else np.minimum(case.free.weight, clip) * case.free.seen
    rows = len(case.logged)
    return Overlap(
        decisions=len(logged),
        learners=logged.n_learners,
        effective=estimators.effective_sample(cut),
        effective_learners=estimators.effective_learners(cut, case.logged.learner),
        mean_weight=float(case.free.weight.mean()) if rows else math.nan,
        max_weight=float(case.free.weight.max(initial=0.0)),
        max_share=float(cut.max(initial=0.0) / cut.sum()) if cut.sum() > 0 else math.nan,
        unsupported=float(1 - supported[logged.drawn].mean()) if logged.drawn.any() else 0.0,
        known=float(case.logged.known.mean()) if rows else 0.0,
        not_drawn=int((~logged.drawn).sum()),
        overridden=int(logged.overridden.sum()),
        clipped=0.0 if clip is None or not rows else float((case.free.weight > clip).mean()),
    )


def _refusal(overlap: Overlap, options: Options) -> str:
    """Why no value is given, "" if one is."""
    if not overlap.decisions:
        return Sentence(
            gettext_noop("no choice of this policy is on record here: take a longer time, or another policy")
        )
    if overlap.unsupported > options.most_unsupported:
        text = gettext_noop(
            "in {share:.1%} of {n} choices the target does what the log gave no chance, at most {most:.1%} may be: "
            "judge a target that keeps to logged candidates, or let the serving policy explore"
        )
        return Sentence(text, share=overlap.unsupported, n=overlap.decisions, most=options.most_unsupported)
    if overlap.learners < 2:
        return Sentence(
            gettext_noop("all choices are one learner's, which tells nothing of others: take more learners")
        )
    if overlap.effective < options.least_effective:
        text = gettext_noop(
            "the effective sample is {effective:.1f} of {n} choices, {known:.0%} of those that count with a known "
            "reward; {least:g} are needed: take a longer time, more exploration, or a target nearer to what was logged"
        )
        least = options.least_effective
        return Sentence(text, effective=overlap.effective, n=overlap.decisions, known=overlap.known, least=least)
    return ""


def _warnings(case: _Case, overlap: Overlap, values: dict[str, Value], truncated: bool) -> Iterator[str]:
    """What a reader must know before believing the figures."""
    if overlap.learners < FEW_LEARNERS or overlap.effective_learners < FEW_LEARNERS:
        text = gettext_noop("only {n} learners, with the weights of {effective:.0f}: the intervals are too narrow")
        yield Sentence(text, n=overlap.learners, effective=overlap.effective_learners)
    if overlap.max_share > HEAVY:
        text = gettext_noop("one choice carries {share:.0%} of all weight: the values hang on it")
        yield Sentence(text, share=overlap.max_share)
    if overlap.known < LITTLE_KNOWN:
        text = gettext_noop("the reward of only {share:.0%} of the choices is known: see if_unknown_were")
        yield Sentence(text, share=overlap.known)
    if overlap.unsupported > 0:
        text = gettext_noop("{share:.1%} of the choices are left out: the log gave the target's choice no chance")
        yield Sentence(text, share=overlap.unsupported)
    if overlap.not_drawn:
        text = gettext_noop("{n} choices are left out of the values: somebody else set them (see agreement)")
        yield Sentence(text, n=overlap.not_drawn)
    if overlap.overridden:
        text = gettext_noop("of {n} choices the reward is unknown, for a teacher set aside what was offered")
        yield Sentence(text, n=overlap.overridden)
    if case.options.clip is not None and overlap.clipped > 0:
        text = gettext_noop("{share:.1%} of the weights are cut to {most:g}: values are biased (clip_bias)")
        yield Sentence(text, share=overlap.clipped, most=case.options.clip)
    if truncated:
        yield Sentence(gettext_noop("the log holds older choices that were not read: take a shorter time to see them"))
    if _improbable(case):
        text = gettext_noop(
            "the mean weight is {mean:.2f}, not 1: the logged probabilities are not those that choices were drawn "
            "from, and only dr may still be right"
        )
        yield Sentence(text, mean=overlap.mean_weight)
    snips, dr = values["snips"].value, values["dr"].value
    if snips.low > dr.high or dr.low > snips.high:
        text = gettext_noop("snips and dr contradict each other: one of probabilities and regression is wrong")
        yield Sentence(text)


def _improbable(case: _Case) -> bool:
    mean = estimators.by_influence(
        Ratio(case.free.weight, np.ones(len(case.free.weight))), case.logged.learner
    )  # fmt: skip
    error = (mean.high - mean.low) / 4
    return bool(abs(mean.value - 1) > _FAR * error + 1e-6)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
