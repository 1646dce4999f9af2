"""Estimating the half-life model: see `half_life.fit`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize

from kt_models.baselines import _strength
from kt_models.baselines._strength import Config
from kt_models.data import Dataset
from kt_models.kinds import Progress
from kt_models.levels import Design, Levels, fit_levels
from kt_models.recall import Float
from kt_models.repeats import moments

#: Parameters that are searched for, all positive, so in their logarithm. The pause in which aptitude becomes unsure
#: again is left out: on four data sets the log loss is flat in it.
PARAMETERS: Final = (
    "ability_variance", "ability_drift", "aptitude_variance", "aptitude_drift", "half_life_days", "half_life_growth",
    "wrong_practice", "gain_correct", "gain_wrong", "strength_limit",
)  # fmt: skip
#: Of a data set that knows an order only: their half-life is this, for the few "seconds" of a history.
NEVER_DAYS: Final = 3_650.0
#: Log parameters are drawn towards where they started with this weight: those that the data say nothing of stay there.
PULL: Final = 1e-4
#: ... and go no further than this from there, a factor of 150.
REACH: Final = 5.0
#: Finite difference in log parameters, well above the rounding of states to float32.
STEP: Final = 1e-3
SEARCH_STEPS: Final = 12
HELD_OUT: Final = 0.3
#: Fewer answers followed by one to the same concept say nothing of the misfit.
LEAST_REPEATS: Final = 100
#: Most that a wrong answer teaches, as a share of the logits that it takes off expectation.
TEACHING_SHARE: Final = 0.8


def estimated(config: Config) -> dict[str, float]:
    """The parameters that `estimate` changes."""
    return {name: getattr(config, name) for name in ("intercept", *PARAMETERS)}


def with_estimates(config: Config, source: Config) -> Config:
    """The configuration, with the parameters that `estimate` changes taken from another."""
    changed: dict[str, Any] = estimated(source)
    return replace(config, **changed)


def estimate(
    data: Dataset,
    config: Config,
    seed: int,
    validation: Dataset | None,
    start: Levels | None,
    progress: Progress | None,
) -> tuple[Config, Levels, tuple[dict[str, float], ...]]:
    """Parameters, levels (the intercept in the parameters), and one record a round."""
    if not data.has_time:
        config = replace(config, half_life_days=NEVER_DAYS, aptitude_half_life_days=NEVER_DAYS)
    learn, tune = (data, validation) if validation is not None else data.split_learners((1 - HELD_OUT, HELD_OUT), seed)
    # Of a handful of learners, none is set aside.
    tune = sample(tune if tune.n_answers else data, config, seed)
    levels = start or Levels.zero(data.concepts.size, data.items.size)
    log = []
    for step in range(config.fit_rounds):
        for _ in range(2 if step == 0 and start is None else 1):
            config, levels = _levels(learn, config, levels)
        config, loss = _parameters(tune, config, levels, data.has_time)
        log.append({"round": float(step), "log_loss": loss, **estimated(config)})
        if progress is not None:
            progress(log[-1])
    config = replace(config, misfit_variance=_misfit(tune, config, levels))
    config, levels = _levels(data, config, levels)
    return config, levels, tuple(log)


def sample(data: Dataset, config: Config, seed: int) -> Dataset:
    """The first answers of some learners, as many as the configuration says."""
    share = min(1.0, config.fit_learners / max(data.n_learners, 1))
    return data.split_learners((share, 1.0 - share), seed + 1)[0].first(config.fit_answers)


def _levels(data: Dataset, config: Config, levels: Levels) -> tuple[Config, Levels]:
    """Bases and difficulties given what the rest of the model expected of every answer."""
    seen = data.interactions
    design = Design.of(seen, len(levels.base), len(levels.difficulty))
    level = design.level(levels.base, levels.difficulty)
    folded = _strength.fold(config, _strength.prior(config, data.n_learners), seen, level)
    offset, scale = folded.mean - level, _strength.damping(folded.settled)
    start = replace(levels, intercept=0.0)
    found = fit_levels(
        design,
        seen.correct.astype(np.float64),
        offset,
        scale,
        start,
        concept_sd=config.concept_sd,
        item_sd=config.item_sd,
    )
    return replace(config, intercept=config.intercept + found.intercept), found


def _parameters(data: Dataset, config: Config, levels: Levels, has_time: bool) -> tuple[Config, float]:
    """Parameters of least prequential log loss, and that loss."""
    seen = data.interactions
    level = Design.of(seen, len(levels.base), len(levels.difficulty)).level(levels.base, levels.difficulty)
    names = [name for name in PARAMETERS if has_time or not name.startswith("half_life")]
    start = np.log([max(getattr(config, name), 1e-6) for name in names])
    correct = seen.correct.astype(np.float64)

    def loss(x: Float) -> float:
        tried = _with(config, names, x)
        p = _strength.fold(tried, _strength.prior(tried, data.n_learners), seen, level).p
        return log_loss(correct, p) + PULL * float(np.sum((x - start) ** 2))

    bounds = [(value - REACH, value + REACH) for value in start]
    options = {"maxiter": SEARCH_STEPS, "eps": STEP}
    result = minimize(loss, start, method="L-BFGS-B", bounds=bounds, options=options)
    return _with(config, names, result.x), float(result.fun)


def _misfit(data: Dataset, config: Config, levels: Levels) -> float:
    """Least-squares excess of the variance that `moments` find over the one that the model knows of, at least 0."""
    seen = data.interactions
    level = Design.of(seen, len(levels.base), len(levels.difficulty)).level(levels.base, levels.difficulty)
    folded = _strength.fold(config, _strength.prior(config, data.n_learners), seen, level)
    first, product, weight = moments(data, folded.mean, level, _strength.damping(folded.settled))
    if len(first) < LEAST_REPEATS:
        return config.misfit_variance
    excess = float(weight @ (product - weight * folded.grown[first]) / (weight @ weight))
    return max(excess, 0.0)


def _with(config: Config, names: list[str], x: Float) -> Config:
    """Parameters from their logarithms. What failing teaches stays below what it tells and what succeeding teaches.

    Else, as gains are confounded with whom practice was given to, more could be expected for each failure.
    """
    values: dict[str, Any] = dict(zip(names, np.exp(x).tolist(), strict=True))
    values["strength_limit"] = max(values["strength_limit"], values["gain_correct"])
    told = _strength.evidence_of_failure(replace(config, **{**values, "gain_wrong": 0.0}))
    values["gain_wrong"] = min(values["gain_wrong"], TEACHING_SHARE * told, values["gain_correct"])
    return replace(config, **values)


def log_loss(correct: Float, p: Float) -> float:
    """Mean of -log P(what was answered), partial credit as a mixture."""
    return float(-np.mean(correct * np.log(p) + (1.0 - correct) * np.log1p(-p)))
