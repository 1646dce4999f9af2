"""Prerequisite edges: sparse candidates, and their probabilities as torch parameters.

    a_ik = sigmoid(existence_ik) sigmoid(direction_ik),     direction_ki = -direction_ik

a_ik is the probability that i is a prerequisite of k, and the very weight with which i acts on k in the dynamics
(divided by the in-degree of k where that exceeds one). So p_ik + p_ki <= 1, and what is reported is what is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from kt_models.data import Dataset
from kt_models.prior_edges import PriorEdges
from kt_models.psikt.config import Config
from kt_models.psikt.edges import Edges
from kt_models.psikt.named import Expert, Told
from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]

#: Size of an embedding of a concept, and the spread that embeddings start with and are held to.
EMBEDDING: Final = 16
EMBEDDING_SD: Final = 0.2
#: From so many concepts on, embeddings share strength between the edges of a concept.
EMBEDDED_FROM: Final = 31
#: Prior standard deviation of the free part of a logit, beside what its Bernoulli prior says.
FREE_SD: Final = 4.0
#: Logits move so many times as fast as other parameters: they have far to go.
SPEED: Final = 3.0
#: Up to so many concepts all pairs are candidates.
ALL_PAIRS: Final = 30
#: A concept is paired with so many others that its learner met before it, the latest ones.
WINDOW: Final = 64
#: A pair is linked with at most this chance before the answers are seen: of the candidates among junyi's exercises,
#: experts link 23 %.
MAX_PRIOR: Final = 0.25
_PORTION: Final = 2_000_000


@final
@dataclass(frozen=True, eq=False)
class Candidates:
    """Unordered pairs of concepts that may be linked: lower < upper, (pairs,).

    Attributes:
        parents: (n_concepts + 1, P) of each concept, -1 for none; each end of a pair is a candidate parent of the
            other. The last row stands for unknown concepts.
        pair: (n_concepts + 1, P) which pair each of these cells belongs to, 0 for none.
        prior: (pairs,) chance that the pair is linked, in either direction.
        lean: (pairs,) chance that a link runs from the lower to the upper.
        expert: (pairs,) whether people vouch for it.
        support: (pairs,) learners who practised both.
        held: (pairs, 2) whether answers may not move existence, and direction.
    """

    parents: Int
    pair: Int
    lower: Int
    upper: Int
    prior: Float
    lean: Float
    expert: Bool
    support: Int
    held: Bool

    @property
    def n_pairs(self) -> int:
        return int(self.lower.shape[0])

    @property
    def n_concepts(self) -> int:
        return len(self.parents) - 1

    @classmethod
    def none(cls, n_concepts: int) -> Candidates:
        whole, real = np.empty(0, np.int64), np.empty(0)
        return cls.of(n_concepts, whole, whole, real, real, np.empty(0, np.bool_), whole)

    @property
    def impossible(self) -> Bool:
        """(pairs, 3) whether a pair cannot be not linked, linked lower -> upper, linked upper -> lower."""
        linked, down = self.held[:, 0], self.held[:, 1] & (self.lean < 0.5)
        return np.stack([linked, down, self.held[:, 1] & ~down], 1)

    @classmethod
    def of(
        cls, n_concepts: int, lower: Int, upper: Int, prior: Float, lean: Float, expert: Bool, support: Int,
        held: Bool | None = None,
    ) -> Candidates:  # fmt: skip
        """Lays pairs out by child."""
        n = len(lower)
        child, parent = np.concatenate([upper, lower]), np.concatenate([lower, upper])
        order = np.argsort(child, kind="stable")
        place = np.arange(2 * n) - np.searchsorted(child[order], child[order])
        width = int(place.max(initial=-1)) + 1
        parents = np.full((n_concepts + 1, width), -1)
        pair = np.zeros((n_concepts + 1, width), np.int64)
        parents[child[order], place] = parent[order]
        pair[child[order], place] = order % max(n, 1)
        held = np.zeros((n, 2), np.bool_) if held is None else held
        return cls(parents, pair, lower, upper, prior, lean, expert, support, held)


@final
@dataclass(frozen=True, eq=False)
class Pairs:
    """Unordered pairs of concepts that learners practised both of, (pairs,), lower < upper, ascending.

    Attributes:
        support: learners who practised both.
        together: how exclusively, the cosine of who practised the one and who the other, support / sqrt(n_i n_k).
    """

    lower: Int
    upper: Int
    support: Int
    together: Float


def practised(data: Dataset, n_concepts: int) -> Pairs:
    """All pairs, in O(answers * WINDOW): a concept counts with the WINDOW that its learner last met before it."""
    learner, concept = _met(data, n_concepts)
    back = np.minimum(np.arange(len(learner)) - np.searchsorted(learner, learner), WINDOW)
    keys, counts, begin, total = [np.empty(0, np.int64)], [np.empty(0, np.int64)], 0, np.cumsum(back)
    while begin < len(back):
        # In portions: all at once could take more memory than the answers do.
        end = int(np.searchsorted(total, (total[begin - 1] if begin else 0) + _PORTION, side="right"))
        end = max(end, begin + 1)
        later, ahead = np.repeat(np.arange(begin, end), back[begin:end]), np.cumsum(back[begin:end]) - back[begin:end]
        earlier = later - 1 - (np.arange(len(later)) - np.repeat(ahead, back[begin:end]))
        low, high = np.minimum(concept[later], concept[earlier]), np.maximum(concept[later], concept[earlier])
        key, count = np.unique(low * n_concepts + high, return_counts=True)
        keys.append(key)
        counts.append(count)
        begin = end
    key, index = np.unique(np.concatenate(keys), return_inverse=True)
    support = np.bincount(index, np.concatenate(counts), len(key)).astype(np.int64)
    lower, upper = np.divmod(key, max(n_concepts, 1))
    learners = np.bincount(concept, minlength=n_concepts)
    return Pairs(lower, upper, support, support / np.sqrt(learners[lower] * learners[upper]))


def _met(data: Dataset, n_concepts: int) -> tuple[Int, Int]:
    """Learner and concept of each pair of them that met, by learner, in the order of meeting."""
    concepts = data.interactions.concepts
    known = concepts.flat < n_concepts
    key = data.interactions.learner[concepts.owner[known]] * n_concepts + concepts.flat[known]
    key = key[np.sort(np.unique(key, return_index=True)[1])]
    learner, concept = np.divmod(key, max(n_concepts, 1))
    return learner, concept


def candidates(
    config: Config, data: Dataset, n_concepts: int, expert: Expert | None = None, prior_edges: PriorEdges | None = None
) -> Candidates:
    """The pairs worth looking at, at most `config.max_parents` a concept beside those that people name, which always
    count, unless both directions are locked out.

    A pair must have been practised by `config.edge_learners` learners. Of these, the ones most often practised together
    are kept (`Pairs.together`: of junyi's expert edges it finds three times as many as the correlation of residuals
    does); up to ALL_PAIRS concepts, all. The prior chance of a link is `config.edge_prior` prerequisites a concept,
    spread over the pairs that were kept; of named edges,

        P(linked) = p_ik + p_ki,     P(i -> k | linked) = p_ik / (p_ik + p_ki)

    with half of that chance for a direction that is not named. Their log odds are what `EdgeModel` adds evidence to.
    """
    pairs = practised(data, n_concepts)
    enough = pairs.support >= max(config.edge_learners, 1)
    kept = np.flatnonzero(enough) if n_concepts <= ALL_PAIRS else _best(pairs, enough, n_concepts, config.max_parents)
    chance = min(MAX_PRIOR, config.edge_prior * n_concepts / max(len(kept), 1))
    told = Told.of(expert, prior_edges, n_concepts, chance)
    index = pairs.lower * n_concepts + pairs.upper
    every = np.setdiff1d(np.concatenate([index[kept], told.key[told.counts]]), told.key[told.barred])
    lower, upper = np.divmod(every, max(n_concepts, 1))
    known = np.append(index, -1)
    place = np.searchsorted(index, every)
    support = np.where(known[place] == every, np.append(pairs.support, 0)[place], 0)
    named = np.isin(every, told.key)
    row = np.searchsorted(told.key, every[named])
    prior, lean = np.full(len(every), chance), np.full(len(every), 0.5)
    prior[named], lean[named] = told.prior[row], told.lean[row]
    vouched, held = np.zeros(len(every), np.bool_), np.zeros((len(every), 2), np.bool_)
    vouched[named], held[named] = told.chance[row].max(1) > chance, told.held[row]
    return Candidates.of(n_concepts, lower, upper, prior, lean, vouched, support, held)


def _best(pairs: Pairs, enough: Bool, n_concepts: int, most: int) -> Int:
    """Of these pairs, those most often practised together, no concept in more than `most`: rounds of mutual choice."""
    rows = np.flatnonzero(enough)
    kept: list[Int] = []
    room = np.full(n_concepts, most)
    rows = rows[np.argsort(-pairs.together[rows], kind="stable")]
    while len(rows):
        ends = np.stack([pairs.lower[rows], pairs.upper[rows]])
        rows = rows[(room[ends] > 0).all(0)]
        ends = np.stack([pairs.lower[rows], pairs.upper[rows]])
        chosen = (_rank(ends, n_concepts) < room[ends]).all(0)
        kept.append(rows[chosen])
        room -= np.bincount(ends[:, chosen].ravel(), minlength=n_concepts)
        rows = rows[~chosen]
    return np.concatenate(kept) if kept else rows


def _rank(ends: Int, n_concepts: int) -> Int:
    """(2, n): how many earlier columns hold the concept too."""
    flat = ends.T.ravel()
    order = np.argsort(flat, kind="stable")
    rank = np.empty(len(flat), np.int64)
    rank[order] = np.arange(len(flat)) - np.searchsorted(flat[order], flat[order])
    return rank.reshape(-1, 2).T


@final
class EdgeModel(nn.Module):
    """Logits of existence and direction of each candidate pair; the dynamics use what these say.

        existence = logit prior + f_p + u_i . u_k,      direction = logit lean + g_p + u_i^T (M - M^T) u_k

    f, g are free; u (n_concepts, 16) and M (16, 16) tie a concept's edges together, and stay out of small graphs. What
    is held stays at its prior.
    """

    lower: Tensor
    upper: Tensor
    parents: Tensor
    cell: Tensor
    pair: Tensor
    toward: Tensor
    prior: Tensor
    lean: Tensor
    held: Tensor
    embedding: nn.Parameter
    skew: nn.Parameter

    def __init__(self, config: Config, n_concepts: int, candidates: Candidates, embedded: bool | None = None) -> None:
        super().__init__()
        self.config, self.candidates = config, candidates
        there = candidates.parents >= 0
        children = np.arange(n_concepts + 1)[:, None]
        buffers: dict[str, Any] = {
            "parents": candidates.parents, "cell": there, "pair": candidates.pair,
            "lower": candidates.lower, "upper": candidates.upper,
            # +1 where the parent is the lower end of its pair.
            "toward": np.where(candidates.parents < children, 1.0, -1.0).astype(np.float32),
            "prior": _logit(candidates.prior), "lean": _logit(candidates.lean), "held": candidates.held.T.copy(),
        }  # fmt: skip
        for name, value in buffers.items():
            self.register_buffer(name, torch.as_tensor(value), persistent=False)
        n = candidates.n_pairs
        self.free = nn.Parameter(torch.zeros(2, n))
        embedded = n_concepts >= EMBEDDED_FROM if embedded is None else embedded
        size = n_concepts if embedded and n else 0
        # A generator of its own: fits are to be the same whatever was drawn before.
        chance = torch.Generator("cpu").manual_seed(n_concepts)
        for name, rows in (("embedding", size), ("skew", EMBEDDING if size else 0)):
            start = EMBEDDING_SD * torch.randn(rows, EMBEDDING, generator=chance, device="cpu")
            setattr(self, name, nn.Parameter(start.to(self.free.device)))

    @property
    def n_pairs(self) -> int:
        return self.candidates.n_pairs

    def logits(self) -> tuple[Tensor, Tensor]:
        """Existence, and direction from the lower end to the upper, (pairs,)."""
        existence, direction = self.prior + SPEED * self.free[0], self.lean + SPEED * self.free[1]
        if len(self.embedding):
            low, high = SPEED * self.embedding[self.lower], SPEED * self.embedding[self.upper]
            existence = existence + (low * high).sum(-1)
            direction = direction + ((low @ (self.skew - self.skew.T)) * high).sum(-1)
        return torch.where(self.held[0], self.prior, existence), torch.where(self.held[1], self.lean, direction)

    def probabilities(self) -> Tensor:
        """a (n_concepts + 1, P): chance that each candidate parent is one."""
        if not self.candidates.n_pairs:
            return torch.zeros(self.parents.shape)
        existence, direction = self.logits()
        a = torch.sigmoid(existence)[self.pair] * torch.sigmoid(self.toward * direction[self.pair])
        return a * self.cell

    def weights(self) -> Tensor:
        """(n_concepts + 1, P): a, divided by its sum over the parents where that exceeds one and the config says so."""
        a = self.probabilities()
        return a / a.sum(-1, keepdim=True).clamp_min(1.0) if self.config.normalise else a

    def penalty(self) -> Tensor:
        """Minus the log prior, nats: edges of which answers say nothing stay at their prior chance and direction.

        KL(a || prior) over (none, up, down) of each pair, and Gaussians on free and shared parts.
        """
        existence, direction = self.logits()
        total = _kl(existence, self.prior) + torch.sigmoid(existence) * _kl(direction, self.lean)
        squares = (self.free * (SPEED / FREE_SD)).square().sum()
        squares = squares + (self.embedding / EMBEDDING_SD).square().sum() + (self.skew / EMBEDDING_SD).square().sum()
        return total.sum() + squares / 2

    @torch.no_grad()
    def settle(self, existence: Float, direction: Float) -> None:
        """Makes these chances, (pairs,), the model's own: of existence, and from the lower to the upper end."""
        have = self.logits()
        for row, (wanted, logit) in enumerate(zip((existence, direction), have, strict=True)):
            change = (torch.as_tensor(_logit(np.clip(wanted, 1e-4, 1 - 1e-4))) - logit) / SPEED
            self.free[row] += torch.where(self.held[row], torch.zeros_like(change), change)

    def take_over(self, edges: Edges, concept: Int) -> None:
        """Sets pairs that another model knows to what it found; `concept` (n_concepts,) are its positions of ours."""
        existence, direction = (torch.sigmoid(x).detach().double().cpu().numpy() for x in self.logits())
        n = int(max(edges.parent.max(initial=0), concept.max(initial=0))) + 1
        order = np.argsort(edges.parent * n + edges.child)
        known = np.append((edges.parent * n + edges.child)[order], -1)
        wanted = concept[self.candidates.lower] * n + concept[self.candidates.upper]
        place = np.searchsorted(known[:-1], wanted)
        found = known[place] == wanted
        row = order[place[found]]
        existence[found], direction[found] = edges.existence[row], edges.direction[row]
        self.settle(existence, direction)

    @torch.no_grad()
    def edges(self, low: Float | None = None, high: Float | None = None) -> Edges:
        """What the dynamics use, as it is reported: both directions of every candidate pair.

        `low`, `high` (pairs, 2) are ends of intervals, for the direction from the lower to the upper end and back.
        """
        c = self.candidates
        existence, direction = (torch.sigmoid(x).double().cpu().numpy() for x in self.logits())
        child, place = np.nonzero(c.parents >= 0)
        parent, pair = c.parents[child, place], c.pair[child, place]
        up = parent < child
        return Edges(
            parent=parent, child=child, existence=existence[pair],
            direction=np.where(up, direction[pair], 1.0 - direction[pair]),
            weight=self.weights().double().cpu().numpy()[child, place],
            prior=c.prior[pair] * np.where(up, c.lean[pair], 1.0 - c.lean[pair]),
            expert=c.expert[pair], evidence=c.support[pair],
            low=np.empty(0) if low is None else low[pair, (~up).astype(np.int64)],
            high=np.empty(0) if high is None else high[pair, (~up).astype(np.int64)],
        )  # fmt: skip


def _logit(p: Float) -> NDArray[np.float32]:
    return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float32)


def _kl(logit: Tensor, prior: Tensor) -> Tensor:
    """Kullback-Leibler divergence of Bernoulli distributions given by their logits, nats."""
    p = torch.sigmoid(logit)
    return p * (logit - prior) + functional.softplus(prior) - functional.softplus(logit)
