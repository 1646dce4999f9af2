"""What PSI-KT's filter is measured against: its inputs made by hand of true values, and brute force in numpy.

`collapsed` and `particles` are written from the equations of the paper, apart from the filter: no code is shared.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from scipy.stats import norm, qmc
from torch import Tensor

from kt_models.data import Dataset
from kt_models.psikt import algebra, batches, evidence
from kt_models.psikt.config import Config
from kt_models.psikt.evidence import Inputs
from kt_models.psikt.parameters import Parameters
from kt_models.psikt.simulation import Cohort, Simulated
from kt_models.recall import Float, Int, sigmoid

FAITHFUL = Config(mode="faithful")
#: Variance of an item's difficulty beyond which an answer teaches nothing: makes an answer a mere question.
DEAF = 1e9


def parameters(cohort: Cohort, weight: Float, **changes: Any) -> Parameters:
    """The truth about a simulated cohort, for a filter without practice, drift and intercepts; see `parents_of`."""
    k = len(weight)
    table = parents_of(weight)
    picked = np.where(table[:-1] >= 0, weight[table[:-1], np.arange(k)[:, None]], 0.0)
    values: dict[str, Any] = {
        "trait_mean": cohort.trait_mean, "trait_sd": cohort.trait_sd,
        "start_mean": cohort.start_mean, "start_variance": cohort.start_sd**2, "rest_variance": 1.0, "novelty": 0.0,
        "drift": [0.0, 0.0], "form": [0.0, 0.0, 0.0], "intercept": np.zeros(k + 1),
        "gain": [[cohort.gain_right], [cohort.gain_wrong]], "ceiling": cohort.ceiling, "jitter": 0.0,
        "lasting": [0.0, 0.0, 1.0], "quick": [0.0, 0.0, 1.0], "quick_rate": 1.0,
        "item_variance": 0.0, "item_rates": [0.0, 0.0], "item_kept": 0.0, "item_lasting": [0.0, 0.0],
        "item_quick": [0.0, 0.0],
        "weight": np.concatenate([picked, np.zeros((1, table.shape[1]))]),
    }  # fmt: skip
    return Parameters(**{name: real(value) for name, value in (values | changes).items()})


def parents_of(weight: Float) -> Int:
    """(K + 1, P) the parents of each concept, -1 for none, by a matrix of weights, parent by child."""
    width = int((weight > 0).sum(0).max(initial=0))
    table = np.full((len(weight) + 1, width), -1)
    for child in range(len(weight)):
        parents = np.flatnonzero(weight[:, child])
        table[child, : len(parents)] = parents
    return table


def real(value: Any) -> Tensor:
    return torch.as_tensor(np.asarray(value), dtype=torch.get_default_dtype())


def inputs(data: Dataset, weight: Float, rows: Int | None = None, remembered: int = 0) -> Inputs:
    """All answers (of some learners, by falling length) in one batch, of the default precision."""
    rows = np.arange(data.n_learners) if rows is None else rows
    table, k = parents_of(weight), len(weight)
    batch = batches.pack(data, rows, k, k, table, remembered)
    zero = np.zeros(batch.correct.shape)
    made = Inputs.of(batch, zero, zero, table)
    exact = {"correct": batch.correct, "since": batch.since, "share": batch.share, "gap": batch.gap,
             "parent_gap": batch.parent_gap, "item_gap": batch.item_gap, "difficulty": zero, "doubt": zero}  # fmt: skip
    return replace(made, **{name: real(value) for name, value in exact.items()})


def deaf_after(given: Inputs, heard: int) -> Inputs:
    """Inputs of which the filter hears only the first answers; the rest are questions. Needs float64 for `DEAF`."""
    doubt = given.doubt.clone()
    doubt[:, heard:] = DEAF
    return replace(given, doubt=doubt)


@torch.no_grad()
def forecasts(config: Config, p: Parameters, given: Inputs, heard: int, traits: Tensor | None = None) -> Float:
    """P(correct) (L, T - heard) of the answers after the first `heard`, in open loop, by the filter."""
    asked = deaf_after(given, heard)
    found = evidence.run(config, p, asked, evidence.begin(config, p, asked, traits))
    variance = found.variance[:, heard:] - DEAF
    return np.asarray(algebra.chance(torch, torch.special.ndtr, found.mean[:, heard:], variance.clamp_min(0.0)))


@dataclass(frozen=True)
class Posterior:
    """Of traits given, per row: log evidence of each answer (N, T), and P(correct) of each (N, T) before it."""

    log_evidence: Float
    p: Float


_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
_NODE_WEIGHTS = _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


def collapsed(made: Simulated, cohort: Cohort, traits: Float, row: Int, heard: int | None = None) -> Posterior:
    """Filters, per row, the answers of learner `row` with certain `traits` (N, 4): moment matching by Gauss-Hermite."""
    rate, level, sigma = np.exp(traits[:, :1]), traits[:, 1:2], np.exp(traits[:, 2:3])
    transfer, rest, index = sigmoid(traits[:, 3:]), sigma**2 / (2 * rate), np.arange(len(row))
    mean = np.full((len(row), cohort.concepts), cohort.start_mean)
    variance = np.full_like(mean, cohort.start_sd**2)
    gaps = np.diff(made.days, axis=1, prepend=made.days[:, :1])
    evidence_, chances = [], []
    for n in range(made.days.shape[1]):
        kept = np.exp(-rate * gaps[row, n, None])
        target = level + transfer * (mean @ made.weight)
        mean = target + kept * (mean - target)
        variance = kept**2 * variance + (1 - kept**2) * rest
        k, y = made.concept[row, n], made.correct[row, n]
        m, v = mean[index, k], variance[index, k]
        logits = m[:, None] + np.sqrt(v)[:, None] * _NODES
        right = sigmoid(logits)
        mass = _NODE_WEIGHTS * np.where(y[:, None] > 0, right, 1 - right)
        z = mass.sum(1)
        evidence_.append(np.log(z))
        chances.append((_NODE_WEIGHTS * right).sum(1))
        if heard is None or n < heard:
            new = (mass * logits).sum(1) / z
            mean[index, k] = new
            variance[index, k] = (mass * (logits - new[:, None]) ** 2).sum(1) / z
    return Posterior(np.stack(evidence_, 1), np.stack(chances, 1))


def particles(
    made: Simulated, cohort: Cohort, learner: int, n: int, rng: np.random.Generator, heard: int | None = None
) -> Posterior:
    """The full joint model of one learner's K strengths, given the true traits, by n particles: (T,) each.

    No Gaussian is assumed and parents act with their own values, not with their means.
    """
    log_rate, level, log_sigma, logit_transfer = made.traits[learner]
    rate, sigma, transfer = np.exp(log_rate), np.exp(log_sigma), sigmoid(logit_transfer)
    weight = (transfer * made.weight).astype(np.float32)
    z = (cohort.start_mean + cohort.start_sd * rng.standard_normal((n, cohort.concepts))).astype(np.float32)
    log_weight = np.full(n, -np.log(n))
    gaps = np.diff(made.days[learner], prepend=made.days[learner, 0])
    evidence_, chances = [], []
    for step, gap in enumerate(gaps):
        kept = np.float32(np.exp(-rate * gap))
        sd = np.float32(np.sqrt((1 - kept**2) * sigma**2 / (2 * rate)))
        z = kept * z + (1 - kept) * (np.float32(level) + z @ weight)
        z += sd * rng.standard_normal(z.shape, dtype=np.float32)
        right = sigmoid(z[:, made.concept[learner, step]])
        chance = float(np.exp(log_weight) @ right)
        y = made.correct[learner, step]
        chances.append(chance)
        evidence_.append(np.log(chance if y else 1 - chance))
        if heard is not None and step >= heard:
            continue
        log_weight = log_weight + np.log(right if y else 1 - right) - evidence_[-1]
        if 1 / np.exp(2 * log_weight).sum() < 0.5 * n:
            # Systematic resampling: the least noise.
            places = (np.arange(n) + rng.random()) / n
            z = z[np.minimum(np.searchsorted(np.cumsum(np.exp(log_weight)), places), n - 1)]
            log_weight = np.full(n, -np.log(n))
    return Posterior(np.array(evidence_), np.array(chances))


@dataclass(frozen=True)
class Batch:
    """What all answers so far say at once. Means and standard deviations (L, 3) of (log alpha, mu, logit gamma);
    `log_evidence` (L,) of the answers heard; `p` (L, T - heard) forecasts in open loop; effective draws (L,)."""

    mean: Float
    sd: Float
    log_evidence: Float
    p: Float
    effective: Float


def batch(made: Simulated, cohort: Cohort, heard: int, draws: int = 512) -> Batch:
    """The posterior of each learner's traits by importance sampling from the population, with Sobol draws."""
    unit = norm.ppf(qmc.Sobol(4, seed=0).random(draws))
    traits = np.array(cohort.trait_mean) + np.array(cohort.trait_sd) * unit
    parts = []
    # 25 learners at a time: the working set stays within the cache.
    for rows in np.array_split(np.arange(cohort.learners), max(1, cohort.learners // 25)):
        n = len(rows)
        found = collapsed(made, cohort, np.tile(traits, (n, 1)), np.repeat(rows, draws), heard)
        log_weight = found.log_evidence[:, :heard].sum(1).reshape(n, draws)
        log_evidence = np.logaddexp.reduce(log_weight, 1) - np.log(draws)
        weight = np.exp(log_weight - log_evidence[:, None]) / draws
        picked = traits[:, [0, 1, 3]]
        mean = weight @ picked
        sd = np.sqrt(weight @ picked**2 - mean**2)
        p = np.einsum("ln,lnt->lt", weight, found.p[:, heard:].reshape(n, draws, -1))
        parts.append(Batch(mean, sd, log_evidence, p, 1 / (weight**2).sum(1)))
    return Batch(*(np.concatenate([getattr(x, f.name) for x in parts]) for f in fields(Batch)))


def log_loss(correct: Float, p: Float) -> float:
    return float(-np.mean(np.where(correct > 0, np.log(p), np.log1p(-p))))
