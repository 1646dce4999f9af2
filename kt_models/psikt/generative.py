"""PSI-KT's generative model in Pyro, every latent variable explicit; and its answers with strengths integrated out.

In the notation of Zhou, Bamler, Wu, Tejero-Cantero (ICLR 2024), learner l, concept k, n-th answer at time t_n:

    s = (log alpha, mu, log sigma, logit gamma) ~ N(m, diag s^2),      r = exp(-alpha (t_n - t_(n-1)))         "traits"
    a_ik = sigmoid(u_i . u_k + b) sigmoid(u_i^T (M - M^T) u_k)         i a prerequisite of k        "embedding", "skew"
    mu_nk = mu_n + c_k + gamma sum_i w_ik z_(n-1)i                     w: a, columns divided where they exceed one
    z_nk = r z_(n-1)k + (1 - r) mu_nk + sqrt(rest (1 - r^2)) e_nk      rest = sigma^2 / (2 alpha)            "noise_n"
    y_n ~ Bernoulli(sigmoid(z_nk))                                     of the concept asked                 "answer_n"

e ~ N(0, 1): the strengths are written by their innovations, so that pauses of zero are legal and NUTS finds no funnel.
Switches (`Config`) add: an intercept c_k, what practice adds, the momentary form, and the wandering of mu ("drift_n").
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NamedTuple, final

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from kt_models.psikt import coupling, evidence
from kt_models.psikt.algebra import LOG_RATE_BOUNDS
from kt_models.psikt.config import Config
from kt_models.psikt.evidence import Inputs
from kt_models.psikt.graph import Candidates
from kt_models.psikt.parameters import Parameters
from kt_models.psikt.population import SD_PRIOR, START_MEAN, Population

#: Prior standard deviation of an average learner's traits; size and spread of embeddings; prior log odds of a link.
MEAN_SD: Final = 1.5
EMBEDDING: Final = 8
EMBEDDING_SD: Final = 0.5
LINK_BIAS: Final = -1.5
#: Prior median of a practice's gain, logits, and its log spread.
GAIN_PRIOR: Final = (0.1, 1.0)


class State(NamedTuple):
    """Of B learners: level (B,), form (B,); strength, lasting and quick gain (B, K + 1), the last for unknown concepts.
    What is not yet met stands at the start, as `start` standard normals (B, K + 1) say. items (B, S, 3), by slot: what
    sets an item apart for the learner, and the lasting and quick traces of its answers."""

    level: Tensor
    form: Tensor
    strength: Tensor
    lasting: Tensor
    quick: Tensor
    start: Tensor
    items: Tensor


def everything(config: Config, inputs: Inputs) -> None:
    """The whole model as a Pyro program: what learners share, and each one's traits, strengths and answers."""
    cohort(config, shared(config, inputs), inputs)


def shared(config: Config, inputs: Inputs) -> Parameters:
    """Samples what learners share: the population, the graph of candidate edges and, as switched on, c_k and gains."""
    k, table = inputs.n_concepts, inputs.table
    # What is not sampled stands where a fit starts.
    fixed = Population(config, np.full(k, 1.0 / k), Candidates.none(k)).drawn()
    changes = {
        "trait_mean": pyro.sample("trait_mean", _normal(torch.tensor(START_MEAN), MEAN_SD, 1)),
        "trait_sd": pyro.sample("trait_log_sd", _normal(torch.full((4,), SD_PRIOR[0]), SD_PRIOR[1], 1)).exp(),
        "weight": torch.zeros(table.shape),
    }
    if config.coupling != "none" and table.shape[1]:
        children = torch.arange(k + 1).clamp_max(k - 1)[:, None]
        changes["weight"] = edges(config, k)[table.clamp_min(0), children] * (table >= 0)
    if config.concept_intercept:
        free = pyro.sample("intercept", _normal(torch.zeros(k), config.concept_sd, 1))
        changes["intercept"] = torch.cat([free - free.mean(), torch.zeros(1)])
    if config.practice != "none":
        size = k + 1 if config.practice == "concept" else 1
        middle = torch.full((2, size), GAIN_PRIOR[0]).log()
        changes["gain"] = pyro.sample("log_gain", _normal(middle, GAIN_PRIOR[1], 2)).exp()
    constant = {name: value.detach() for name, value in fixed.to_tensors().items()}
    return Parameters(**(constant | changes))


def edges(config: Config, k: int) -> Tensor:
    """(K, K) weights, parent by child, from sampled embeddings: existence times direction, nothing on the diagonal."""
    u = pyro.sample("embedding", _normal(torch.zeros(k, EMBEDDING), EMBEDDING_SD, 2))
    m = pyro.sample("skew", _normal(torch.zeros(EMBEDDING, EMBEDDING), 1.0, 2))
    existence = torch.sigmoid(u @ u.T + LINK_BIAS)
    direction = torch.sigmoid(u @ (m - m.T) @ u.T)
    a = pyro.deterministic("adjacency", existence * direction * (1.0 - torch.eye(k)))
    return a / a.sum(0).clamp_min(1.0) if config.normalise else a


def cohort(config: Config, p: Parameters, inputs: Inputs, observed: bool = True) -> None:
    """The learners of a batch, given what they share, as a Pyro program.

    Condition on "traits" (B, 4) to fix them. Answers are what `inputs.correct` says, or, not observed, drawn.
    """
    b, steps = inputs.correct.shape
    asked = _asked(inputs)
    with pyro.plate("learners", b):
        traits = pyro.sample("traits", _normal(p.trait_mean, p.trait_sd, 1))
        state = _start(config, p, traits, inputs)
        for n in range(steps):
            state = _pause(config, p, inputs, traits, state, asked[:, n], n)
            above = state.strength + state.lasting + state.quick
            if not config.dense:
                above = above - p.novelty * _by_concept(inputs.fresh[:, n] & (inputs.share[:, n] > 0), inputs, n)
            item = _recollect(config, p, inputs, state, n)
            logit = (asked[:, n] * above).sum(-1) + state.form - inputs.difficulty[:, n] + item.sum(-1)
            y = _answer(inputs, logit, n, observed)
            state = _practise(config, p, state, asked[:, n], y, n)
            state = _remember(config, p, inputs, state, item, y, n)


def _asked(inputs: Inputs) -> Tensor:
    """(B, T, K + 1) share of each concept in each answer."""
    shape = (*inputs.correct.shape, inputs.n_concepts + 1)
    return inputs.share.new_zeros(shape).scatter_add(2, inputs.concept, inputs.share)


def _by_concept(values: Tensor, inputs: Inputs, n: int) -> Tensor:
    """(B, M) values of the concepts of answer n as (B, K + 1)."""
    zero = inputs.share.new_zeros(len(values), inputs.n_concepts + 1)
    return zero.scatter_add(1, inputs.concept[:, n], values.to(zero.dtype))


def _start(config: Config, p: Parameters, traits: Tensor, inputs: Inputs) -> State:
    zero = torch.zeros(len(traits), inputs.n_concepts + 1)
    start = pyro.sample("start", _normal(zero, 1.0, 1))
    form = torch.zeros(len(traits))
    if config.drift:
        form = p.form[2].sqrt() * pyro.sample("form", dist.Normal(form, 1.0))
    strength = zero if config.start_at_level else p.start_mean + p.start_variance.sqrt() * start
    return State(traits[:, 1], form, strength, zero, zero, start, torch.zeros(len(traits), inputs.n_item_slots, 3))


def _pause(
    config: Config, p: Parameters, inputs: Inputs, traits: Tensor, state: State, asked: Tensor, n: int
) -> State:  # fmt: skip
    """The state at the n-th answer, before it: of all concepts, or, where coupling is lazy, of those asked."""
    days = inputs.since[:, n]
    level, form = _wander(config, p, state, days, n)
    rate = traits[:, 0].clamp(*LOG_RATE_BOUNDS).exp()[:, None]
    rest = p.rest_variance + 0.0 * rate if config.common_spread else (2.0 * traits[:, 2:3]).exp() / (2.0 * rate)
    gap, fresh = days[:, None].expand_as(state.strength), torch.full_like(state.strength, n == 0, dtype=torch.bool)
    if not config.dense:
        gap = _by_concept(torch.where(inputs.share[:, n] > 0, inputs.gap[:, n], 0.0), inputs, n)
        fresh = _by_concept(inputs.fresh[:, n] & (inputs.share[:, n] > 0), inputs, n) > 0
    target = level[:, None] + p.intercept + torch.sigmoid(traits[:, 3:]) * _support(
        config, p, inputs, traits, level, state, n
    )  # fmt: skip
    before = state.strength
    if config.start_at_level:
        before = torch.where(fresh, target + p.start_variance.sqrt() * state.start, before)
        gap = torch.where(fresh, 0.0, gap)
    kept = torch.exp(-rate * gap)
    noise = pyro.sample(f"noise_{n}", _normal(torch.zeros_like(before), 1.0, 1))
    spread = (rest * -torch.expm1(-2.0 * rate * gap)).clamp_min(0.0)
    # The square root has no gradient at 0, where nothing has had time to move.
    moved = torch.where(spread > 0, spread, torch.ones_like(spread)).sqrt() * (spread > 0) * noise
    strength = target + kept * (before - target) + moved
    quick = state.quick * torch.exp(-p.quick_rate * gap)
    if not config.dense:
        strength = torch.where(asked > 0, strength, state.strength)
    return state._replace(level=level, form=form, strength=strength, quick=quick)


def _wander(config: Config, p: Parameters, state: State, days: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Level and form after a pause: s_n ~ N(H s_(n-1), R) of the paper, H and R given by the time that went by."""
    if not config.drift:
        return state.level, state.form
    step = pyro.sample(f"drift_{n}", _normal(torch.zeros(len(days), 2), 1.0, 1))
    h = torch.exp(-p.drift[0] - p.drift[1] * days)
    kept = torch.exp(-p.form[0] - p.form[1] * days)
    level = p.trait_mean[1] + h * (state.level - p.trait_mean[1]) + p.trait_sd[1] * (1.0 - h * h).sqrt() * step[:, 0]
    return level, kept * state.form + (p.form[2] * (1.0 - kept * kept)).sqrt() * step[:, 1]


def _support(
    config: Config, p: Parameters, inputs: Inputs, traits: Tensor, level: Tensor, state: State, n: int
) -> Tensor:
    """u (B, K + 1): what prerequisites add to each long-run level, before gamma."""
    zero = torch.zeros_like(state.strength)
    if not inputs.table.shape[1]:
        return zero
    if not config.dense:
        return _lazy_support(config, p, inputs, traits, level, state, n)
    if n == 0:
        return zero
    matrix = evidence.dense_matrix(p.weight, inputs.table)
    z = state.strength[:, :-1]
    if config.coupling == "event":
        return torch.cat([coupling.frozen(z, matrix), zero[:, :1]], 1)
    rate, gamma = traits[:, 0].clamp(*LOG_RATE_BOUNDS).exp()[:, None], torch.sigmoid(traits[:, 3:])
    x = (rate * inputs.since[:, n, None]).clamp_min(1e-4)
    base = level[:, None] + p.intercept[:-1]
    # The target that, held still over the pause, leads where parents that move would lead.
    later = coupling.exact(torch, z, base, gamma, matrix, x)
    return torch.cat([((later - torch.exp(-x) * z) / -torch.expm1(-x) - base) / gamma, zero[:, :1]], 1)


def _lazy_support(
    config: Config, p: Parameters, inputs: Inputs, traits: Tensor, level: Tensor, state: State, n: int
) -> Tensor:
    """Of the concepts asked: parents that were met count as they stood then, faded since towards their own level."""
    parent, met = inputs.parent[:, n].clamp_min(0), inputs.parent_slot[:, n] >= 0
    b, m, width = parent.shape
    flat = parent.reshape(b, -1)

    def of(values: Tensor) -> Tensor:
        return values.gather(1, flat).reshape(b, m, width)

    rate = traits[:, 0].clamp(*LOG_RATE_BOUNDS).exp()[:, None, None]
    base = level[:, None, None] + p.intercept[parent]
    gap = torch.where(met, inputs.parent_gap[:, n], 0.0)
    standing = torch.exp(-rate * gap) * (of(state.strength) - base) + of(state.lasting)
    standing = torch.where(met, standing, torch.zeros_like(standing))
    if not config.centred:
        standing = standing + base
    u = (p.weight[inputs.concept[:, n]] * standing).sum(-1)
    return _by_concept(torch.where(inputs.share[:, n] > 0, u, 0.0), inputs, n)


def _answer(inputs: Inputs, logit: Tensor, n: int, observed: bool) -> Tensor:
    """Right or wrong; a fraction of credit is that fraction of the log likelihood of either. Padding is masked."""
    answer = dist.Bernoulli(logits=logit, validate_args=False).mask(inputs.mask[:, n])
    found: Tensor = pyro.sample(f"answer_{n}", answer, obs=inputs.correct[:, n] if observed else None)
    return found


def _normal(mean: Tensor, sd: Any, event: int) -> Any:
    """Independent normals, the last `event` dimensions being one event."""
    return dist.Normal(mean, sd).to_event(event)  # type: ignore[no-untyped-call]


def _practise(config: Config, p: Parameters, state: State, asked: Tensor, y: Tensor, n: int) -> State:
    """What the answer adds: eta_y sigmoid(ceiling - z), fading with alpha; and gains for good and for minutes."""
    if config.practice == "none":
        return state
    touched, y = 1.0 * (asked > 0), y[:, None]
    gain = p.gain if p.gain.shape[1] > 1 else p.gain.expand(2, asked.shape[1])
    jitter = pyro.sample(f"jitter_{n}", _normal(torch.zeros_like(asked), 1.0, 1))
    rise = (gain[1] + (gain[0] - gain[1]) * y) * torch.sigmoid(p.ceiling - state.strength)

    def limited(by: Tensor, held: Tensor) -> Tensor:
        return held + touched * (by[1] + (by[0] - by[1]) * y) * (1.0 - held / by[2])

    return state._replace(
        strength=state.strength + touched * (rise + p.jitter.sqrt() * jitter),
        lasting=limited(p.lasting, state.lasting),
        quick=limited(p.quick, state.quick),
    )


def _recollect(config: Config, p: Parameters, inputs: Inputs, state: State, n: int) -> Tensor:
    """(B, 3) what the item of the n-th answer adds to its logit: an Ornstein-Uhlenbeck process around 0, and traces."""
    zero = torch.zeros(len(state.level))
    if not config.item_memory:
        return torch.stack([zero] * 3, -1)
    met, days = 1.0 * inputs.item_met[:, n], inputs.item_gap[:, n]
    apart, lasting, quick = state.items[torch.arange(len(zero)), inputs.item_slot[:, n]].unbind(-1)
    kept = met * torch.exp(-p.item_rates[0] * days)
    noise = pyro.sample(f"item_{n}", dist.Normal(zero, 1.0))
    apart = kept * apart + (p.item_variance * (1.0 - kept * kept)).sqrt() * noise
    return torch.stack([apart, met * lasting, met * quick * torch.exp(-p.item_rates[1] * days)], -1)


def _remember(
    config: Config, p: Parameters, inputs: Inputs, state: State, item: Tensor, y: Tensor, n: int
) -> State:  # fmt: skip
    """The item's traces after its answer, in its slot."""
    if not config.item_memory:
        return state
    traces = [
        p.item_kept * old + by[1] + (by[0] - by[1]) * y
        for old, by in zip(item.unbind(-1)[1:], (p.item_lasting, p.item_quick), strict=True)
    ]
    index = inputs.item_slot[:, n, None, None].expand(-1, 1, 3)
    return state._replace(items=state.items.scatter(1, index, torch.stack([item[:, 0], *traces], -1)[:, None]))


@final
class CollapsedAnswers(TorchDistribution):
    """Answers (T,) of learners (..., B) given their traits, strengths integrated out by the filter.

        log p(y | s) = sum over n of log Z_n        (`evidence.run` with traits that are certain)

    Leading batch dimensions of `traits` (..., B, 4) are samples: each filters all B learners, all at once. Padded
    answers count nothing.
    """

    arg_constraints: dict[str, Any] = {}
    support = constraints.independent(constraints.unit_interval, 1)  # type: ignore[no-untyped-call]
    has_rsample = False

    def __init__(self, config: Config, p: Parameters, inputs: Inputs, traits: Tensor) -> None:
        self.config, self.p, self.inputs, self.traits = config, p, inputs, traits
        super().__init__(traits.shape[:-1], inputs.correct.shape[1:], validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> CollapsedAnswers:
        shape = torch.Size(batch_shape)
        return CollapsedAnswers(self.config, self.p, self.inputs, self.traits.expand(*shape, 4))

    def log_prob(self, value: Tensor) -> Tensor:
        shape = self.batch_shape
        inputs = self._copies(value.expand(*shape, *self.event_shape))
        start = evidence.begin(self.config, self.p, inputs, self.traits.reshape(-1, 4))
        each = evidence.run(self.config, self.p, inputs, start).log_evidence
        return torch.where(inputs.mask, each, torch.zeros_like(each)).sum(-1).reshape(shape)

    @torch.no_grad()
    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Answer by answer, each with the chance that the filter gives it after those before."""
        shape = torch.Size(sample_shape) + self.batch_shape
        traits = self.traits.expand(*shape, 4)
        inputs = self._copies(torch.zeros(*shape, *self.event_shape))
        belief = evidence.begin(self.config, self.p, inputs, traits.reshape(-1, 4))
        answers = inputs.correct.clone()
        for n in range(answers.shape[1]):
            asked = evidence.run(self.config, self.p, inputs, belief, range(n, n + 1))
            answers[:, n] = torch.bernoulli(asked.p[:, 0])
            inputs = replace(inputs, correct=answers)
            belief = evidence.run(self.config, self.p, inputs, belief, range(n, n + 1)).belief
        return answers.reshape(*shape, *self.event_shape)

    def _copies(self, answers: Tensor) -> Inputs:
        """The inputs once for every sample, with these answers."""
        learners = self.inputs.correct.shape[0]
        flat = answers.reshape(-1, self.inputs.correct.shape[1])
        times = len(flat) // learners
        repeated = self.inputs if times == 1 else self.inputs.repeat(times)
        return replace(repeated, correct=flat.to(self.inputs.correct.dtype))
