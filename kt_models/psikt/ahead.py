"""What PSI-KT expects of concepts alone after pauses, without and with one practice before them: forecasts."""

from __future__ import annotations

from typing import Final, NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from kt_models.grids import REST_DAYS, Grid
from kt_models.psikt import algebra, dynamics
from kt_models.psikt.algebra import LEVEL
from kt_models.psikt.dynamics import Cell, Learner, Present
from kt_models.psikt.online import (
    CONCEPT_COLUMNS,
    Setting,
    held,
    parent_rows,
    unpack_cell,
    unpack_learner,
)
from kt_models.recall import DELAYS, SECONDS_PER_DAY, Float, Int
from kt_models.state import LearnerState

_DELAY_DAYS: Final = DELAYS / SECONDS_PER_DAY


@final
class Rows(NamedTuple):
    """Concepts whose recall changes in a way of its own, grouped by learner: touched ones, and those they support.

    `offset` (learners + 1,); learner, concept, row (rows,), row -1 for a concept never touched itself.
    """

    offset: Int
    learner: Int
    concept: Int
    row: Int


def rows(setting: Setting, state: LearnerState, width: int) -> Rows:
    """Of every learner, within the first `width` concepts."""
    learner, concept = state.owner, state.concept
    if setting.parents.shape[1]:
        child, parent = np.nonzero((setting.parents >= 0) & (setting.parameters.weight > 0))
        parent = setting.parents[child, parent]
        order = np.argsort(parent, kind="stable")
        counts = np.bincount(parent, minlength=setting.n_concepts)
        known = np.flatnonzero(concept < setting.n_concepts)
        each = counts[concept[known]]
        begin = (np.cumsum(counts) - counts)[concept[known]]
        at = np.arange(int(each.sum())) + np.repeat(begin - (np.cumsum(each) - each), each)
        learner = np.concatenate([learner, np.repeat(learner[known], each)])
        concept = np.concatenate([concept, child[order][at]])
    stride = max(width, int(concept.max(initial=0)) + 1)
    key = np.unique((learner * stride + concept)[concept < width])
    learner, concept = key // stride, key % stride
    offset = np.searchsorted(learner, np.arange(len(state) + 1))
    return Rows(offset, learner, concept, state.find(learner, concept))


def look(setting: Setting, state: LearnerState, origin: Float, which: Rows) -> Grid:
    """Recall of rows after each delay from `origin` (learners,), (rows, delays)."""
    config, p = setting.config, setting.parameters
    later = _waited(setting, state, origin)
    each = Learner(*(part[which.learner] for part in later))
    fresh = which.row < 0
    fields = np.zeros((len(fresh), 1, CONCEPT_COLUMNS))
    fields[~fresh, 0] = state.touched[which.row[~fresh]]
    stamp = np.zeros(len(fresh))
    stamp[~fresh] = state.concept_seconds[which.row[~fresh]]
    waited = np.where(fresh, 0.0, origin[which.learner] - stamp) / SECONDS_PER_DAY
    days = waited[:, None] + _DELAY_DAYS
    new = np.broadcast_to(fresh[:, None], days.shape)
    concept = np.minimum(which.concept, setting.n_concepts)[:, None]
    support = _support(setting, state, origin, which, each) if setting.parents.shape[1] else None
    strengths = dynamics.present(np, config, p, each, unpack_cell(fields), new, days, p.intercept[concept], support)
    return grid(setting, each, strengths, concept, new)


def _waited(setting: Setting, state: LearnerState, origin: Float) -> Learner:
    """The belief about each learner after the pause to `origin` and each delay, (learners, delays, ...)."""
    p = setting.parameters
    since = np.where(np.isfinite(state.seconds), origin - state.seconds, 0.0)
    days = since[:, None] / SECONDS_PER_DAY + np.where(np.isfinite(state.seconds), 1.0, 0.0)[:, None] * _DELAY_DAYS
    learner = unpack_learner(p, state.learner.astype(np.float64)[:, None])
    waited = dynamics.wait(np, setting.config, p, learner, days)
    shape = days.shape
    return Learner(
        np.broadcast_to(waited.traits, (*shape, 3)), np.broadcast_to(waited.covariance, (*shape, 3, 3)),
        waited.form, waited.form_variance, np.broadcast_to(waited.log_volatility, shape),
    )  # fmt: skip


def alone(setting: Setting, learner: Learner, now: Present, fresh: NDArray[np.bool_]) -> tuple[Float, Float]:
    """Mean and variance of the logit of an average item of one concept; all shapes (...)."""
    p, slope = setting.parameters, now.strength.slope
    mean = now.strength.mean + now.lasting + now.quick - p.novelty * fresh + learner.form
    shared = algebra.dot(slope, algebra.times(learner.covariance, slope))
    return mean, shared + now.strength.variance + p.form[2] + learner.form_variance + p.item_variance


def _support(setting: Setting, state: LearnerState, origin: Float, which: Rows, each: Learner) -> Float:
    """u_k (rows, delays), as parents stand after each delay."""
    p = setting.parameters
    known_concept = np.minimum(which.concept, setting.n_concepts)
    row = parent_rows(setting, state, which.learner, which.concept)
    met = row >= 0
    fields = np.zeros((*row.shape, CONCEPT_COLUMNS))
    fields[met] = state.touched[row[met]]
    ages = np.zeros(row.shape)
    ages[met] = np.broadcast_to(origin[which.learner, None], row.shape)[met] - state.concept_seconds[row[met]]
    days = ages[:, None] / SECONDS_PER_DAY + _DELAY_DAYS[:, None]
    parents = Cell(*(part[:, None] for part in unpack_cell(fields)))
    support: Float = dynamics.support(
        np, setting.config, p, dynamics.spread(each), parents, met[:, None], days,
        p.intercept[setting.parents[known_concept]][:, None], p.weight[known_concept][:, None],
    )  # fmt: skip
    return support


def grid(setting: Setting, learner: Learner, now: Present, concept: Int, fresh: NDArray[np.bool_]) -> Grid:
    """Recall, recall after a practice at the first delay, and spread, (rows, delays), of strengths after each delay."""
    mean, variance = alone(setting, learner, now, fresh)
    recall = _chance(mean, variance)
    after = recall
    if setting.config.practice != "none":
        strength = algebra.Strength(*(part[:, :1] for part in now.strength))
        first = Present(strength, now.lasting[:, :1], now.quick[:, :1])
        kept = _fading(setting, learner)
        after = recall + _worth(setting, first, recall[:, :1], mean, variance, recall, concept, kept, fresh)
    return Grid(held(recall), held(after), np.sqrt(variance))


def _chance(mean: Float, variance: Float) -> Float:
    chance: Float = algebra.chance(np, ndtr, mean, variance)
    return chance


def _fading(setting: Setting, learner: Learner) -> tuple[Float, Float]:
    """Shares of a gain and of a quick gain that are left after each delay, (..., delays)."""
    rate, _ = dynamics.rates(np, setting.config, setting.parameters, learner)
    return np.exp(-rate * _DELAY_DAYS), np.exp(-setting.parameters.quick_rate * _DELAY_DAYS)


def _worth(
    setting: Setting, now: Present, p_right: Float, mean: Float, variance: Float, base: Float, concept: Int,
    kept: tuple[Float, Float], fresh: NDArray[np.bool_],
) -> Float:  # fmt: skip
    """What one practice adds to P(correct), expected over its outcome.

    Only what practice does counts: what its outcome tells changes no expectation (the tower property), and is not
    averaged numerically. So the worth is never negative, and exactly zero where practice does nothing.

    Args:
        now: at the practice, (..., 1).     p_right: P(correct) then.     mean, variance: of the logit later, (...,
        delays).     base: P(correct) later, without the practice.
    """
    p = setting.parameters
    right, wrong = setting.gain(concept)
    unfilled = dynamics.sigmoid(np, p.ceiling - now.strength.mean)
    total: Float = np.zeros_like(mean)
    for index, (gain, chance) in enumerate(((right, p_right), (wrong, 1.0 - p_right))):
        added = gain * unfilled * kept[0] + p.lasting[index] * (1.0 - now.lasting / p.lasting[2])
        added = added + p.quick[index] * (1.0 - now.quick / p.quick[2]) * kept[1] + p.novelty * fresh
        total = total + chance * (_chance(mean + added, variance) - base)
    return total


def rest(setting: Setting, state: LearnerState, origin: Float, width: int) -> tuple[Grid, tuple[Float, Float]]:
    """Concepts that no answer bears on, (learners, concepts) at `origin`, and how their logits move, (learners,
    delays)."""
    config, p = setting.config, setting.parameters
    later = _waited(setting, state, origin)
    now = Learner(*(part[:, :1] for part in later))
    # Concepts never met differ in their intercept alone, which moves means: all else is worked out once a learner.
    none = np.zeros((len(state), 1))
    new = np.ones(none.shape, np.bool_)
    cell = Cell(none, np.zeros((*none.shape, 3)), none, none, none)
    strengths = dynamics.present(np, config, p, now, cell, new, none, none, None)
    mean, variance = alone(setting, now, strengths, new)
    intercept = np.zeros(width)
    if config.start_at_level:
        intercept[: setting.n_concepts] = p.intercept[:-1]
    mean = mean + intercept
    strengths = strengths._replace(strength=strengths.strength._replace(mean=strengths.strength.mean + intercept))
    recall = _chance(mean, variance)
    after = recall
    if config.practice != "none":
        rate, _ = dynamics.rates(np, config, p, now)
        kept = np.exp(-rate * REST_DAYS), np.exp(-p.quick_rate * REST_DAYS)
        concept = np.minimum(np.arange(width), setting.n_concepts)
        after = recall + _worth(setting, strengths, recall, mean, variance, recall, concept, kept, new)
    moved, spread = later.form, p.form[2] + later.form_variance
    if config.start_at_level:
        moved = moved + later.traits[..., LEVEL]
        spread = spread + later.covariance[..., LEVEL, LEVEL]
    spread_now = np.broadcast_to(np.sqrt(variance), recall.shape)
    return Grid(held(recall), held(after), spread_now), (moved - moved[:, :1], spread - spread[:, :1])
