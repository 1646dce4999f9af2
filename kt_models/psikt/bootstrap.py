"""Which edges are there? Beliefs about the graph from what learners' answers say of its weights, population held fixed.

Around the weights w0 of the fit, the evidence of all answers is nearly quadratic in the weights of each child,

    log Z(w) = log Z(w0) + g . (w - w0) - (w - w0) . F (w - w0) / 2,     g = sum_l s_l,   F = sum_l s_l s_l^T

s_l is the gradient of learner l's evidence (P,), F the outer-product estimate of Fisher's information. So one pass over
the answers stands for any number of refits: with learners resampled, only g changes. Of each resample, graphs whose
edges are there or are not are drawn from

    p(graph) ~ exp(log Z(w(graph))) prod over pairs of prior,     w_ik = a_ik / max(1, sum_j a_jk),  a in {0, 1}

by Gibbs sampling over pairs: none, up, down. Their mean over resamples is the reported chance (a bagged posterior,
Huggins & Miller 2023: calibrated as well where the model is somewhat wrong), and the fit's graph is set to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import torch
from torch import Tensor

from kt_models import distributed
from kt_models.psikt import evidence
from kt_models.psikt.edges import Edges
from kt_models.psikt.evidence import Inputs
from kt_models.psikt.graph import Candidates
from kt_models.psikt.parameters import Parameters
from kt_models.recall import Float, Int

if TYPE_CHECKING:
    from kt_models.psikt.train import Training

#: The evidence is expanded so many times, the second time around the mean of the graphs that the first one found.
ROUNDS: Final = 2
#: Sweeps of Gibbs sampling over all pairs, and how many of them are forgotten.
SWEEPS, BURN_IN = 150, 50
#: Of the interval of an edge's chance, over resamples.
TAIL: Final = 0.05


@final
@dataclass(frozen=True, eq=False)
class Expansion:
    """The evidence of R resamples of learners around `weight` (K, P); `slope` (R, K, P), `curvature` (K, P, P)."""

    weight: Float
    slope: Float
    curvature: Float


def calibrated(training: Training, progress: Callable[[dict[str, float]], Any]) -> Edges:
    """Sets the graph of a fit to what its learners say, resampled `config.bootstraps` times; the rest stays as is."""
    model = training.population.edges
    draws = np.empty(0)
    for step in range(ROUNDS):
        draws = posterior(model.candidates, expand(training), bool(training.config.normalise), training.seed)
        mean = draws.mean(0)
        linked = mean[:, 1:].sum(1)
        model.settle(linked, np.divide(mean[:, 1], linked, out=np.full_like(linked, 0.5), where=linked > 0))
        progress({"graph_round": float(step + 1), "mean_edge_probability": float(linked.mean())})
    low, high = np.quantile(draws[..., 1:], (TAIL, 1 - TAIL), axis=0)
    return model.edges(low, high)


def expand(training: Training) -> Expansion:
    """One pass over all answers, forward and backward."""
    n = max(training.config.bootstraps, 1)
    with torch.no_grad():
        p = training.population.drawn()
    k, width = p.weight.shape
    slope, curvature = np.zeros((n, k, width)), np.zeros((k, width, width))
    cavity = training.cavity()
    for batch in training.batches:
        score = scores(training, p, training.inputs(batch, cavity))
        # Poisson(1) copies of each learner: the bootstrap of what passes by once. Seeded so that batches do not matter.
        draws = (np.random.default_rng((training.seed, int(row))).poisson(1.0, n) for row in batch.learner)
        slope += np.tensordot(np.stack(list(draws), 1), score, 1)
        curvature += np.einsum("lkp,lkq->kpq", score, score)
    slope, curvature = distributed.sum_arrays(slope), distributed.sum_arrays(curvature)
    return Expansion(p.weight.double().cpu().numpy()[:-1], slope[:, :-1], curvature[:-1])


def scores(training: Training, p: Parameters, inputs: Inputs) -> Float:
    """Gradients (B, K + 1, P) of each learner's evidence in the weights of the graph."""
    config, length = training.config, inputs.mask.shape[1]
    weight = p.weight.expand(len(inputs.mask), *p.weight.shape).clone().requires_grad_()
    own = replace(p, weight=weight)
    belief = evidence.begin(config, own, inputs)
    for at in range(0, length, config.chunk):
        steps = range(at, min(at + config.chunk, length))
        out = evidence.run(config, own, inputs, belief.detach(), steps)
        belief = out.belief
        mask = inputs.mask[:, at : steps.stop]
        torch.where(mask, out.log_evidence, torch.zeros_like(out.log_evidence)).sum().backward()  # type: ignore[no-untyped-call]
    found = weight.grad if weight.grad is not None else torch.zeros_like(weight)
    return _double(found)


def posterior(candidates: Candidates, expansion: Expansion, normalise: bool, seed: int) -> Float:
    """(R, pairs, 3) chance in each resample that a pair is not linked, linked lower -> upper, linked upper -> lower."""
    chain = _Chain.start(candidates, expansion, normalise)
    rng = np.random.default_rng(seed)
    total = np.zeros((len(expansion.slope), candidates.n_pairs, 3))
    for sweep in range(SWEEPS):
        for group in rng.permutation(len(chain.groups)):
            chance = chain.step(chain.groups[group], rng)
            if sweep >= BURN_IN:
                total[:, chain.groups[group]] += chance
    return total / (SWEEPS - BURN_IN)


@final
@dataclass(frozen=True, eq=False)
class _Chain:
    """R graphs (R, K, P) of ones and zeros, and how pairs are moved: `groups` of pairs that share no concept."""

    candidates: Candidates
    expansion: Expansion
    normalise: bool
    graph: Float
    groups: list[Int]
    #: (pairs, 2): place of the lower end among the parents of the upper, and the other way round.
    place: Int
    log_prior: Float

    @classmethod
    def start(cls, c: Candidates, expansion: Expansion, normalise: bool) -> _Chain:
        child, slot = np.nonzero(c.parents >= 0)
        place = np.zeros((c.n_pairs, 2), np.int64)
        place[c.pair[child, slot], (c.parents[child, slot] > child).astype(np.int64)] = slot
        log_prior = np.log(np.stack([1.0 - c.prior, c.prior * c.lean, c.prior * (1.0 - c.lean)], 1))
        log_prior[c.impossible] = -np.inf
        graph = np.zeros_like(expansion.slope)
        return cls(c, expansion, normalise, graph, apart(c.lower, c.upper), place, log_prior)

    def step(self, pairs: Int, rng: np.random.Generator) -> Float:
        """Draws some pairs anew, given the rest; returns the chances they were drawn from, (R, pairs, 3)."""
        lower, upper = self.candidates.lower[pairs], self.candidates.upper[pairs]
        up_off, up_on = self._evidence(upper, self.place[pairs, 0])
        down_off, down_on = self._evidence(lower, self.place[pairs, 1])
        log = np.stack([up_off + down_off, up_on + down_off, up_off + down_on], -1) + self.log_prior[pairs]
        chance = np.exp(log - log.max(-1, keepdims=True))
        chance /= chance.sum(-1, keepdims=True)
        drawn = (rng.random(chance.shape[:-1])[..., None] > np.cumsum(chance, -1)).sum(-1)
        self.graph[:, upper, self.place[pairs, 0]] = drawn == 1
        self.graph[:, lower, self.place[pairs, 1]] = drawn == 2
        return np.asarray(chance)

    def _evidence(self, child: Int, place: Int) -> tuple[Float, Float]:
        """Log evidence (R, pairs) of the child's weights without and with the parent at a place."""
        e, rows, found = self.expansion, np.arange(len(child)), []
        for there in (0.0, 1.0):
            a = self.graph[:, child]
            a[:, rows, place] = there
            if self.normalise:
                a = a / np.maximum(a.sum(-1, keepdims=True), 1.0)
            off = a - e.weight[child]
            bent = np.matmul(e.curvature[child], off[..., None])[..., 0]
            found.append(((e.slope[:, child] - 0.5 * bent) * off).sum(-1))
        return found[0], found[1]


def apart(lower: Int, upper: Int) -> list[Int]:
    """Pairs in groups within which no concept occurs twice: each pair joins the first group that has room for it."""
    taken: dict[int, int] = {}
    group = np.zeros(len(lower), np.int64)
    for i, (a, b) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
        used = taken.get(a, 0) | taken.get(b, 0)
        free = ~used & (used + 1)
        taken[a], taken[b] = taken.get(a, 0) | free, taken.get(b, 0) | free
        group[i] = free.bit_length() - 1
    return [np.flatnonzero(group == g) for g in range(int(group.max(initial=-1)) + 1)]


def _double(x: Tensor) -> Float:
    return x.double().cpu().numpy()
