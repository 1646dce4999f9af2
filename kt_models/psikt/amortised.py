"""An ablation: PSI-KT as published, by an amortised mean-field guide, with the faults of the published code mended.

    bound = sum_n E log p(y_n | z_n) - sum_nk E KL(q(z_nk) || p(z_nk | ...)) - KL(q(s) || p(s))

q(s | answers 1..N) is Gaussian, diagonal, over the four traits of a learner; q(z_nk | answers 1..n) is Gaussian, one
for every answer and concept, all independent; a recurrent network gives both. Two objectives:

    marginal      p(z_nk | mean and variance of q(z_(n-1)), q(mu)): the prior pushed forward, as the paper writes it
    not marginal  E over z_(n-1), s of KL(q(z_nk) || p(z_nk | z_(n-1), s)): a true lower bound of the evidence

Under the true bound all concepts' strengths, asked or not, are so many observations of s: the guide narrows, the bound
falls by more than a nat an answer, and the population collapses to one learner. That is mean field, not a fault.

Mended, against the published code: every term has weight 1 in the end, variances are variances, samples are
reparameterised, traits are read from the whole history, of any length, and forecasts carry all of the uncertainty
forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, final

import numpy as np
import torch
from torch import Tensor, nn

from kt_models.base import Interactions, Query
from kt_models.data import Dataset
from kt_models.kinds import Progress
from kt_models.psikt import algebra
from kt_models.psikt.algebra import LOG_RATE_BOUNDS
from kt_models.psikt.config import Config
from kt_models.psikt.population import SD_PRIOR, START_MEAN, START_SD
from kt_models.recall import SECONDS_PER_DAY, Float, Int

#: Sizes of embeddings and of the recurrent network's state.
EMBEDDING: Final = 16
HIDDEN: Final = 64
#: Log odds of a link between two concepts before anything is learnt.
LINK_BIAS: Final = -2.0
#: Variances of transitions are at least this: answers of equal time would have an infinite density.
MIN_VARIANCE: Final = 1e-3
#: Log volatilities are held between these: samples of a guide that starts wide must not overflow.
LOG_VOLATILITY_BOUNDS: Final = (-5.0, 2.0)
#: Share of the epochs in which the weight of all but the answers rises to 1, where it stays.
ANNEALED: Final = 0.2
#: Samples of traits that a forecast averages over.
SAMPLES: Final = 32


class Answers(NamedTuple):
    """Of B learners, padded: concept, correct, gap (days since the learner's last answer), mask, all (B, T)."""

    concept: Tensor
    correct: Tensor
    gap: Tensor
    mask: Tensor


class Moments(NamedTuple):
    """A diagonal Gaussian."""

    mean: Tensor
    variance: Tensor

    def sample(self) -> Tensor:
        return self.mean + self.variance.sqrt() * torch.randn_like(self.mean)


@final
class Network(nn.Module):
    """The generative model's shared parameters, and the guide's recurrent network. K concepts."""

    def __init__(self, config: Config, n_concepts: int, marginal: bool = True) -> None:
        super().__init__()
        self.config, self.n_concepts, self.marginal = config, n_concepts, marginal
        self.trait_mean = nn.Parameter(torch.tensor(START_MEAN))
        self.trait_log_sd = nn.Parameter(torch.tensor(START_SD).log())
        self.start = nn.Parameter(torch.tensor([0.0, 0.0]))
        self.intercept = nn.Parameter(torch.zeros(n_concepts))
        self.embedding = nn.Parameter(0.2 * torch.randn(n_concepts, EMBEDDING))
        self.skew = nn.Parameter(0.2 * torch.randn(EMBEDDING, EMBEDDING))
        self.token = nn.Embedding(2 * n_concepts, EMBEDDING)
        self.recurrent = nn.GRU(EMBEDDING + 1, HIDDEN, batch_first=True)
        self.trait_head, self.strength_head = nn.Linear(HIDDEN, 8), nn.Linear(HIDDEN, 2 * n_concepts)
        for head in (self.trait_head, self.strength_head):
            nn.init.normal_(head.weight, std=0.02)

    def adjacency(self) -> Tensor:
        """(K, K) chance that the row's concept is a prerequisite of the column's: existence times direction."""
        u = self.embedding
        existence, direction = torch.sigmoid(u @ u.T + LINK_BIAS), torch.sigmoid(u @ (self.skew - self.skew.T) @ u.T)
        return existence * direction * (1.0 - torch.eye(self.n_concepts))

    def guide(self, a: Answers) -> tuple[Moments, Moments]:
        """q(s | answers 1..n) for every n, (B, T, 4), and q(z_n) (B, T, K)."""
        token = self.token(2 * a.concept + (a.correct > 0.5))
        hidden, _ = self.recurrent(torch.cat([token, torch.log1p(1440.0 * a.gap)[..., None]], -1))
        shift, log_scale = self.trait_head(hidden).chunk(2, -1)
        sd = self.trait_log_sd.exp()
        # In units of the population, and starting there: an answer tells little.
        traits = Moments(self.trait_mean + sd * shift, sd.square() * torch.exp(2.0 * log_scale.clamp(-6.0, 2.0)))
        mean, log_variance = self.strength_head(hidden).chunk(2, -1)
        # Strengths of which nothing is known stand at the level that the traits say.
        return traits, Moments(traits.mean[..., 1:2] + mean, torch.exp(log_variance.clamp(-8.0, 3.0)))

    def move(self, traits: Tensor, z: Tensor, gap: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean of strengths after a pause, (..., K), how much of the old is kept and the variance gained, (..., 1)."""
        rate = traits[..., :1].clamp(*LOG_RATE_BOUNDS).exp()
        a = self.adjacency()
        weight = a / a.sum(0).clamp_min(1.0) if self.config.normalise else a
        target = traits[..., 1:2] + torch.sigmoid(traits[..., 3:]) * (z @ weight)
        if self.config.concept_intercept:
            target = target + self.intercept - self.intercept.mean()
        x = rate * gap[..., None]
        rest = torch.exp(2.0 * traits[..., 2:3].clamp(*LOG_VOLATILITY_BOUNDS)) / (2.0 * rate)
        kept = torch.exp(-x)
        return target + kept * (z - target), kept, (-torch.expm1(-2.0 * x) * rest).clamp_min(MIN_VARIANCE)

    def elbo(self, a: Answers, weight: float = 1.0) -> Tensor:
        """One reparameterised sample of the bound, summed over learners, nats. `weight` of all but the answers."""
        every, q = self.guide(a)
        last = a.mask.sum(1).sub(1)[:, None, None].expand(-1, 1, 4)
        traits = Moments(*(x.gather(1, last)[:, 0] for x in every))
        sd = self.trait_log_sd.exp()
        ratio = traits.variance / sd.square()
        divergence = 0.5 * (ratio + ((traits.mean - self.trait_mean) / sd).square() - 1.0 - ratio.log()).sum()
        s, z = traits.sample(), q.sample()
        earlier = z
        if self.marginal:
            s = torch.cat([s[:, :1], traits.mean[:, 1:2], s[:, 2:]], 1)
            earlier = q.mean
        mean, kept, variance = self.move(s[:, None].expand(-1, a.gap.shape[1] - 1, 4), earlier[:, :-1], a.gap[:, 1:])
        if self.marginal:
            level = traits.variance[:, None, 1:2]
            variance = variance + kept.square() * q.variance[:, :-1] + (1.0 - kept).square() * level
        mean = torch.cat([self.start[0].expand_as(z[:, :1]), mean], 1)
        variance = torch.cat([self.start[1].exp().expand(len(z), 1, variance.shape[-1]), variance], 1)
        # Closed in z_n; sampled in the rates and, of the true bound, in z_(n-1) and the level.
        fit = -0.5 * ((q.mean - mean).square() + q.variance) / variance - 0.5 * variance.log()
        each = (fit + 0.5 * q.variance.log() + 0.5).sum(-1)
        logit = z.gather(2, a.concept[..., None])[..., 0]
        each = weight * each - nn.functional.binary_cross_entropy_with_logits(logit, a.correct, reduction="none")
        return torch.where(a.mask, each, torch.zeros_like(each)).sum() - weight * divergence

    def penalty(self) -> Tensor:
        """Minus the log prior of what is shared, nats."""
        spread = ((self.trait_log_sd - SD_PRIOR[0]) / SD_PRIOR[1]).square().sum()
        effects = (self.intercept / self.config.concept_sd).square().sum()
        return 0.5 * (spread + effects + (self.embedding / 0.2).square().sum() * 0.1)


@final
@dataclass(frozen=True, eq=False)
class Amortised:
    """A fitted ablation: forecasts from histories of any length."""

    network: Network

    @torch.no_grad()
    def ahead(self, n_learners: int, past: Interactions, future: Query, seed: int = 0) -> Float:
        """P(correct) of later questions, in open loop, given answers; both by rows 0, ..., n_learners - 1."""
        out = np.empty(len(future.learner))
        k = self.network.n_concepts
        given, asked = _padded(past, n_learners, k), _padded(future, n_learners, k, past)
        state = self._after(given, seed)
        step = np.arange(len(future.learner)) - np.searchsorted(future.learner, future.learner)
        for n in range(asked.gap.shape[1]):
            p, state = self._next(state, asked.concept[:, n], asked.gap[:, n])
            here = step == n
            out[here] = p.numpy()[future.learner[here]]
        return out

    @torch.no_grad()
    def following(self, data: Dataset, seed: int = 0) -> Float:
        """P(correct) of every answer, given the learner's earlier ones."""
        given = _padded(data.interactions, data.n_learners, self.network.n_concepts)
        chances = []
        for n in range(given.gap.shape[1]):
            before = Answers(*(x[:, :n] for x in given))
            p, _ = self._next(self._after(before, seed), given.concept[:, n], given.gap[:, n])
            chances.append(p)
        return np.asarray(torch.stack(chances, 1)[given.mask], dtype=np.float64)

    def _after(self, given: Answers, seed: int) -> tuple[Tensor, Moments]:
        """Samples of traits (S, B, 4), and moments of strengths (S, B, K), after the answers."""
        net, n = self.network, len(given.gap)
        traits = Moments(net.trait_mean.expand(n, 4), net.trait_log_sd.exp().square().expand(n, 4))
        z = Moments(
            net.start[0].expand(n, net.n_concepts), net.start[1].exp().expand(n, net.n_concepts)
        )  # fmt: skip
        heard = given.mask.sum(1)
        if given.gap.shape[1]:
            every, strengths = net.guide(given)
            last = heard.sub(1).clamp_min(0)[:, None, None]
            some = (heard > 0)[:, None]
            traits = Moments(*(_pick(x, last, some, old) for x, old in zip(every, traits, strict=True)))
            z = Moments(*(_pick(x, last, some, old) for x, old in zip(strengths, z, strict=True)))
        noise = torch.randn(SAMPLES, n, 4, generator=torch.Generator().manual_seed(seed))
        samples = traits.mean + traits.variance.sqrt() * noise
        return samples, Moments(*(x.expand(SAMPLES, *x.shape) for x in z))

    def _next(
        self, state: tuple[Tensor, Moments], concept: Tensor, gap: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Moments]]:
        """Chance (B,) of a question after a pause, and the state then."""
        traits, z = state
        mean, kept, gained = self.network.move(traits, z.mean, gap.expand(traits.shape[:-1]))
        now = Moments(mean, kept.square() * z.variance + gained * (gap > 0)[:, None])
        place = concept.expand(SAMPLES, -1)[..., None]
        m, v = (x.gather(2, place)[..., 0] for x in now)
        return algebra.chance(torch, torch.special.ndtr, m, v).mean(0), (traits, now)


def _pick(every: Tensor, last: Tensor, some: Tensor, other: Tensor) -> Tensor:
    found = every.gather(1, last.expand(-1, 1, every.shape[-1]))[:, 0]
    return torch.where(some, found, other)


def _padded(seen: Interactions | Query, n_learners: int, n_concepts: int, past: Interactions | None = None) -> Answers:
    """Columns of learners as (B, T). Of several concepts the first counts; unknown ones stand for the last known."""
    if not len(seen.learner):
        zero = torch.zeros(n_learners, 1)
        return Answers(zero.long(), zero, zero, zero.bool())
    start = np.searchsorted(seen.learner, np.arange(n_learners + 1))
    lengths = np.diff(start)
    step = np.arange(max(int(lengths.max(initial=0)), 1))
    mask = step < lengths[:, None]
    rows = np.where(mask, start[:-1, None] + step, 0)
    concept: Int = np.minimum(seen.concepts.flat[seen.concepts.offset[:-1]], n_concepts - 1)
    days = np.where(mask, seen.seconds[rows] / SECONDS_PER_DAY, np.inf)
    before = days[:, :1].copy()
    if past is not None and len(past):
        end = np.searchsorted(past.learner, np.arange(n_learners), side="right")
        some = (end > 0) & (past.learner[np.maximum(end - 1, 0)] == np.arange(n_learners))
        before[some, 0] = past.seconds[np.maximum(end - 1, 0)][some] / SECONDS_PER_DAY
    with np.errstate(invalid="ignore"):
        gap = np.where(mask, np.diff(days, axis=1, prepend=before), 0.0)
    correct = seen.correct[rows] * mask if isinstance(seen, Interactions) else np.zeros(mask.shape)
    real = [torch.as_tensor(np.asarray(x), dtype=torch.get_default_dtype()) for x in (correct, gap)]
    return Answers(torch.as_tensor(concept[rows] * mask), real[0], real[1], torch.as_tensor(mask))


def fit_amortised(
    data: Dataset, config: Config, *, seed: int, epochs: int, marginal: bool = True, progress: Progress | None = None
) -> Amortised:
    """Maximises the bound by Adam on minibatches of `config.batch_learners`.

    Half of the batches are cut at a length that chance picks: what is read must not depend on how long a history is.

    Raises:
        ValueError: if the config has practice or drift, which the published model lacks.
    """
    if config.practice != "none" or config.drift:
        raise ValueError(
            f"practice is {config.practice}, drift {config.drift}: the ablation is of Config(mode='faithful')"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rng, network = np.random.default_rng(seed), Network(config, data.concepts.size, marginal)
        adam = torch.optim.Adam(network.parameters(), lr=0.2 * config.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs)
        whole = _padded(data.interactions, data.n_learners, data.concepts.size)
        for epoch in range(epochs):
            total = 0.0
            for rows in np.array_split(rng.permutation(data.n_learners), -(-data.n_learners // config.batch_learners)):
                most = whole.gap.shape[1]
                most = most if rng.random() < 0.5 else int(rng.integers(1, most + 1))
                batch = Answers(*(x[torch.as_tensor(rows), :most] for x in whole))
                heard = batch.mask.sum()
                loss = (
                    -network.elbo(batch, min(1.0, (epoch + 1) / (ANNEALED * epochs))) / heard
                    + network.penalty() / data.n_answers
                )
                adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), 5.0)
                adam.step()
                total += float(loss.detach()) * len(rows)
            schedule.step()
            if progress is not None:
                progress({"epoch": float(epoch), "bound": total / data.n_learners})
    return Amortised(network)
