"""The filter's linearisation of traits, corrected: an importance-weighted bound in Pyro, with the filter as guide.

    log p(y_l) >= E log 1/P sum_j p(s_lj) p(y_l | s_lj) / q_l(s_lj),     s_lj ~ q_l,    P particles    Burda et al. 2016

p(y | s): strengths integrated out (`generative.CollapsedAnswers`). q_l: the filter's belief about (log alpha, mu, logit
gamma) after all of the learner's answers, widened; log sigma is drawn as the population has it. q is held fixed while
the gradient is taken: it then is that of the log evidence itself, by samples weighted by what they explain (Fisher).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import ELBO
from pyro.infer.enum import get_importance_trace
from torch import Tensor

from kt_models import distributed
from kt_models.kinds import FitFailed, Progress
from kt_models.psikt import evidence
from kt_models.psikt.config import Config
from kt_models.psikt.evidence import Inputs
from kt_models.psikt.generative import CollapsedAnswers
from kt_models.psikt.parameters import TRACKED, Parameters
from kt_models.psikt.population import Population

if TYPE_CHECKING:
    from kt_models.psikt.train import Training

#: Covariances of the guide are so many times the filter's: where its tails are too thin, weights have no variance.
WIDENED: Final = 1.1
#: Share of the fit's learning rate at which the correction starts; the fit has done the long way.
RATE: Final = 0.4
#: Rows (learners times particles) that are filtered at once.
MAX_ROWS: Final = 4096
#: Largest norm of a step's gradient, in nats an answer.
MAX_NORM: Final = 5.0


@final
class LearnerwiseBound(ELBO):
    """An importance-weighted bound whose particles are weighted for each learner apart.

    `pyro.infer.RenyiELBO` weights a particle by the product over all learners of a minibatch: with hundreds of them
    one particle has all the weight, and nothing is gained over one particle. `effective` (B,) is the effective number
    of particles of the last call: P where the guide is the posterior.
    """

    def __init__(self, particles: int) -> None:
        super().__init__(particles, max_plate_nesting=1, vectorize_particles=True)  # type: ignore[no-untyped-call]
        self.effective = torch.empty(0)

    def _get_trace(self, model: Any, guide: Any, args: Any, kwargs: Any) -> Any:
        model, guide = (self._vectorized_num_particles(x) for x in (model, guide))  # type: ignore[no-untyped-call]
        return get_importance_trace("flat", 2, model, guide, args, kwargs, detach=True)  # type: ignore[no-untyped-call]

    def differentiable_loss(self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any) -> Tensor:
        """Minus the bound, summed over learners; factors outside their plate are added as they are."""
        weights, total = torch.zeros(self.num_particles, 1), torch.zeros(())
        for trace, sign in zip(self._get_trace(model, guide, args, {}), (1.0, -1.0), strict=True):
            for site in trace.nodes.values():
                if site["type"] != "sample":
                    continue
                if any(frame.name == "learners" for frame in site["cond_indep_stack"]):
                    weights = weights + sign * site["log_prob"]
                else:
                    total = total + sign * site["log_prob"].mean()
        self.effective = 1.0 / torch.softmax(weights.detach(), 0).square().sum(0)
        return -(total + (torch.logsumexp(weights, 0) - math.log(self.num_particles)).sum())

    def loss(self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any) -> float:
        with torch.no_grad():
            return float(self.differentiable_loss(model, guide, *args))


@final
@dataclass(frozen=True, eq=False)
class Guide:
    """Of B learners: mean (B, 4) and Cholesky factor (B, 4, 4) of the Gaussian that traits are drawn from."""

    mean: Tensor
    factor: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, config: Config, p: Parameters, inputs: Inputs) -> Guide:
        """The filter's last belief about each learner, widened. Padded answers come last and must not count."""
        learner = last_belief(config, p, inputs)
        places = torch.tensor(TRACKED)
        mean = p.trait_mean.expand(len(learner.traits), 4).clone()
        mean[:, places] = learner.traits
        covariance = torch.diag_embed(p.trait_sd.square().expand(len(mean), 4)).clone()
        covariance[:, places[:, None], places] = WIDENED * learner.covariance
        return cls(mean, torch.linalg.cholesky(covariance))


def last_belief(config: Config, p: Parameters, inputs: Inputs) -> Any:
    """The filter's belief about learners (`dynamics.Learner`) after the last answer that each gave."""
    belief = evidence.begin(config, p, inputs)
    lengths = inputs.mask.sum(1)
    found, start = belief.learner, 0
    for stop in torch.unique(lengths[lengths > 0]).tolist():
        belief = evidence.run(config, p, inputs, belief, range(start, stop)).belief
        over = lengths == stop
        found = type(found)(
            *(
                torch.where(over.reshape(-1, *[1] * (new.dim() - 1)), new, old)
                for new, old in zip(belief.learner, found, strict=True)
            )
        )
        start = stop
    return found


@final
@dataclass(frozen=True, eq=False)
class Program:
    """Model and guide of a batch of learners, as Pyro programs. `prior` () is added to the log joint once."""

    config: Config
    p: Parameters
    inputs: Inputs
    guide_of: Guide
    prior: Tensor

    def model(self) -> None:
        pyro.factor("prior", self.prior)
        with pyro.plate("learners", self.inputs.correct.shape[0], dim=-1):
            population = dist.Normal(self.p.trait_mean, self.p.trait_sd)
            traits = pyro.sample("traits", population.to_event(1))  # type: ignore[no-untyped-call]
            answers = CollapsedAnswers(self.config, self.p, self.inputs, traits)
            pyro.sample("answers", answers, obs=self.inputs.correct)

    def guide(self) -> None:
        with pyro.plate("learners", self.inputs.correct.shape[0], dim=-1):
            belief = dist.MultivariateNormal(self.guide_of.mean, scale_tril=self.guide_of.factor)
            pyro.sample("traits", belief)


@final
@dataclass(frozen=True, eq=False)
class Bound:
    """Of B learners: the importance-weighted estimate of the log evidence of their answers, what the filter says it is
    (an approximation, no bound), and the effective number of particles."""

    log_evidence: Tensor
    filtered: Tensor
    effective: Tensor


@torch.no_grad()
def bound(config: Config, p: Parameters, inputs: Inputs, particles: int, seed: int) -> Bound:
    """What particles make of the evidence: with many, it is exact given that strengths are collapsed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        guide = Guide.of(config, p, inputs)
        whole = torch.distributions.MultivariateNormal(guide.mean, scale_tril=guide.factor)
        population = torch.distributions.Normal(p.trait_mean, p.trait_sd)
        weights = []
        for _ in range(particles):
            traits = whole.sample()
            prior = population.log_prob(traits).sum(-1)  # type: ignore[no-untyped-call]
            answers = CollapsedAnswers(config, p, inputs, traits).log_prob(inputs.correct)
            weights.append(prior + answers - whole.log_prob(traits))  # type: ignore[no-untyped-call]
    stacked = torch.stack(weights)
    out = evidence.run(config, p, inputs, evidence.begin(config, p, inputs))
    filtered = torch.where(inputs.mask, out.log_evidence, torch.zeros_like(out.log_evidence)).sum(1)
    log_evidence = torch.logsumexp(stacked, 0) - math.log(particles)
    return Bound(log_evidence, filtered, 1.0 / torch.softmax(stacked, 0).square().sum(0))


def correct(
    config: Config, population: Population, batches: Iterable[Inputs], *, steps: int, particles: int, seed: int,
    answers: int, progress: Progress | None = None,
) -> None:  # fmt: skip
    """Moves a fitted population, in place, to where the importance-weighted bound is highest.

    Args:
        batches: one a step, without end or at least `steps` many.     answers: of the whole data set, by which the
            prior of the population is weighed against a batch.
        progress: told step, steps, minus the bound an answer, and the mean effective number of particles.
    Raises:
        FitFailed: if the bound is no number.
    """
    parameters = list(population.trainable().values())
    adam = torch.optim.Adam(population.groups(RATE * config.learning_rate), betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(steps, 1))
    objective = LearnerwiseBound(particles)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for step, inputs in zip(range(steps), batches, strict=False):
            p, heard = population.drawn(), inputs.mask.sum()
            weight = heard / answers
            program = Program(config, p, inputs, Guide.of(config, p, inputs), -weight * population.penalty())
            loss = objective.differentiable_loss(program.model, program.guide) / heard
            if not torch.isfinite(loss):
                raise FitFailed(
                    f"the bound is {loss.item()} at step {step}: lower learning_rate, now {config.learning_rate}"
                )
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            distributed.average(parameters)
            torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
            adam.step()
            schedule.step()
            if progress is not None:
                found = {"bound": float(loss.detach()), "effective": float(objective.effective.mean())}
                progress({"step": step + 1, "steps": steps, **found})


def correct_training(training: Training, progress: Progress | None = None) -> None:
    """Corrects a fit under way by `config.correction_steps` minibatches, items held at the beliefs they have.

    Of long histories the first `config.chunk` answers count: gradients of every particle flow through all of them.
    """
    config, cavity = training.config, training.cavity()
    rng = np.random.default_rng((training.seed, config.correction_steps))
    most = max(MAX_ROWS // config.particles, 1)

    def batches() -> Iterator[Inputs]:
        while training.batches:
            batch = training.batches[rng.integers(len(training.batches))]
            inputs = first_answers(training.inputs(batch, cavity), config.chunk)
            some = np.sort(rng.permutation(len(inputs.correct))[:most])
            yield some_learners(inputs, torch.as_tensor(some))

    answers = int(np.minimum(training.data.lengths, config.chunk).sum())
    correct(
        config, training.population, batches(), steps=config.correction_steps, particles=config.particles,
        seed=training.seed, answers=answers, progress=progress,
    )  # fmt: skip


def first_answers(inputs: Inputs, most: int) -> Inputs:
    """The same learners with their first answers only."""
    steps = inputs.correct.shape[1]
    whole = {"table", "n_slots", "n_item_slots"}
    cut: dict[str, Any] = {
        name: value[:, :most] for name, value in vars(inputs).items() if name not in whole and steps > most
    }
    return replace(inputs, **cut)


def some_learners(inputs: Inputs, rows: Tensor) -> Inputs:
    """Some learners of a batch."""
    whole = {"table", "n_slots", "n_item_slots"}
    cut: dict[str, Any] = {name: value[rows] for name, value in vars(inputs).items() if name not in whole}
    return replace(inputs, **cut)
