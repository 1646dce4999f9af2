"""How prerequisites act where all concepts are stepped together: in the paper's discretisation, or exactly."""

from __future__ import annotations

from typing import Any, Final

from kt_models.psikt import dynamics
from kt_models.psikt.algebra import LEVEL, TRANSFER, Array
from kt_models.psikt.config import Config
from kt_models.psikt.dynamics import Cell, Learner
from kt_models.psikt.parameters import Parameters

#: Terms of the series of `exact`; a graph without cycles needs no more than its longest chain has concepts.
TERMS: Final = 48


def support(
    xp: Any, config: Config, p: Parameters, wide: Learner, stored: Cell, matrix: Array, days: Array, intercept: Array
) -> Array:
    """u (B, K) for a pause of `days` (B, 1): as of the learner's last answer; or, with exact coupling, the one that,
    held still, would lead where the strengths go. `wide` is spread over concepts (`dynamics.spread`)."""
    mean = dynamics.cell_mean(stored, wide, p)
    if config.coupling == "event":
        return frozen(mean, matrix)
    rate, _ = dynamics.rates(xp, config, p, wide)
    transfer, level = dynamics.sigmoid(xp, wide.traits[..., TRANSFER]), wide.traits[..., LEVEL] + intercept
    x = xp.clip(rate * days, 1e-4, None)
    later = exact(xp, mean, level, transfer, matrix, x)
    return ((later - xp.exp(-x) * mean) / -xp.expm1(-x) - level) / transfer


def frozen(mean: Array, matrix: Array) -> Array:
    """u (B, K): what prerequisites add to each long-run level, as they stood at the learner's last answer.

    u_k = sum_i w_ik z_i,  matrix (K, K) holds w_ik in row i, column k    Zhou et al. 2024, coupling of the long-run
    mean

    A matrix (B, K, K) is one graph a learner.
    """
    return mean @ matrix if matrix.ndim == 2 else (mean[:, None] @ matrix)[:, 0]


def frozen_slope(slope: Array, matrix: Array) -> Array:
    """d u / d theta (B, K, 3): prerequisites stand higher where the learner's traits are higher; `slope` (B, K, 3)."""
    return (slope.swapaxes(-1, -2) @ matrix).swapaxes(-1, -2)


def exact(xp: Any, mean: Array, level: Array, transfer: Array, matrix: Array, x: Array) -> Array:
    """Means (B, K) after a pause in which prerequisites move as well: dz = alpha (level + gamma W^T z - z) dt.

        z(t) = sum_j P(N = j) (gamma W^T)^j z(0) + sum_j P(N > j) (gamma W^T)^j level,    N ~ Poisson(alpha t)

    By uniformisation of the matrix exponential; every term is positive where weights are, so nothing cancels.

    Args:
        level: mu + c_k, (B, K).     transfer: gamma, (B, 1).     x: alpha t >= 0, (B, 1).
    """
    chance = xp.exp(-x)
    more = 1.0 - chance
    kept, pulled = mean, level
    total = chance * kept + more * pulled
    for j in range(1, TERMS):
        kept, pulled = transfer * frozen(kept, matrix), transfer * frozen(pulled, matrix)
        chance = chance * x / j
        more = xp.clip(more - chance, 0.0, None)
        total = total + chance * kept + more * pulled
    return total
