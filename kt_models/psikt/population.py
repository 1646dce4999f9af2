"""What PSI-KT shares between learners, as torch parameters: population, effects of concepts and items, practice,
graph."""

from __future__ import annotations

import math
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from kt_models.psikt.config import Config
from kt_models.psikt.graph import Candidates, EdgeModel
from kt_models.psikt.parameters import Parameters
from kt_models.recall import Float

#: Where a fit starts: mean and standard deviation of (log alpha, mu, log sigma, logit gamma) over learners; days,
#: logits.
START_MEAN: Final = (-3.0, 0.4, -1.5, 0.0)
START_SD: Final = (0.6, 0.8, 0.3, 1.0)
#: Weak prior on log standard deviations: log s ~ N(log 0.6, 0.7^2). Without it, maximum evidence shrinks them to
#: nothing.
SD_PRIOR: Final = (-0.51, 0.7)
#: Prior standard deviation of the mean logit of transfer around 0. Transfer and edges act as a product: where no
#: edge is found, it is the edges that go, not the transfer.
TRANSFER_SD: Final = 0.3
#: Prior standard deviation of the log of a concept's gain around the common one.
GAIN_CONCEPT_SD: Final = 0.5
#: Unconstrained parameters: where they start, and their prior's spread around that; wide, it only keeps what the data
#: cannot tell from running away.
WIDE: Final[dict[str, tuple[float | list[float], float]]] = {
    "start_log_variance": (-1.2, 1.5),
    "rest_log_variance": (-1.0, 1.5),
    "novelty_log": (-2.0, 1.0),
    "drift_log": ([-6.0, -6.5], 2.0),
    "form_log": ([-2.0, 3.0, -2.0], 1.5),
    "gain_log": ([-2.0, -2.5], 1.5),
    "ceiling": (1.0, 1.5),
    "jitter_log": (-4.0, 1.5),
    "lasting_raw": ([-1.5, -2.0, -0.5], 1.5),
    "quick_raw": ([-1.5, -2.0, 0.0], 1.5),
    "quick_log_rate": (4.5, 1.5),
    "item_log_variance": (-1.5, 1.5),
    "item_log_rates": ([-2.0, 4.5], 2.0),
    "item_kept_logit": (0.0, 1.0),
    "item_lasting": ([0.2, 0.1], 0.7),
    "item_quick": ([0.2, 0.1], 0.7),
}


@final
class Population(nn.Module):
    """Unconstrained parameters; `drawn` turns them into what the filter uses, `penalty` is minus their log prior."""

    share: Tensor
    start_log_variance: nn.Parameter
    rest_log_variance: nn.Parameter
    novelty_log: nn.Parameter
    drift_log: nn.Parameter
    form_log: nn.Parameter
    gain_log: nn.Parameter
    ceiling: nn.Parameter
    jitter_log: nn.Parameter
    lasting_raw: nn.Parameter
    quick_raw: nn.Parameter
    quick_log_rate: nn.Parameter
    item_log_variance: nn.Parameter
    item_log_rates: nn.Parameter
    item_kept_logit: nn.Parameter
    item_lasting: nn.Parameter
    item_quick: nn.Parameter

    def __init__(self, config: Config, share: Float, candidates: Candidates) -> None:
        """`share` (n_concepts,) of all answers: intercepts are zero on average over answers."""
        super().__init__()
        self.config, n_concepts = config, len(share)
        self.register_buffer("share", torch.as_tensor(share, dtype=torch.float32))
        self.trait_mean = nn.Parameter(torch.tensor(START_MEAN))
        self.trait_log_sd = nn.Parameter(torch.tensor(START_SD).log())
        self.start_mean = nn.Parameter(torch.tensor(0.0))
        self.intercept = nn.Parameter(torch.zeros(n_concepts))
        self.gain_concept = nn.Parameter(torch.zeros(n_concepts if config.practice == "concept" else 0))
        for name, (start, _) in WIDE.items():
            setattr(self, name, nn.Parameter(torch.tensor(start)))
        self.edges = EdgeModel(config, n_concepts, candidates)

    def start_from(self, base_rate: float) -> None:
        """Sets the level of an average learner to the share of correct answers."""
        with torch.no_grad():
            rate = min(max(base_rate, 0.02), 0.98)
            self.trait_mean[1] = math.log(rate / (1.0 - rate))

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """The parameters in use for an optimiser."""
        return [{"params": list(self.trainable().values()), "lr": rate, "initial_lr": rate}]

    def drawn(self) -> Parameters:
        config = self.config
        practice, zero = config.practice != "none", torch.zeros(())
        gain = self.gain_log.exp()[:, None] if practice else torch.zeros(2, 1)
        if config.practice == "concept":
            gain = gain * functional.pad(self.gain_concept, (0, 1)).exp()
        base = self.intercept - (self.intercept * self.share).sum()
        return Parameters(
            trait_mean=self.trait_mean,
            trait_sd=self.trait_log_sd.exp(),
            start_mean=self.start_mean,
            start_variance=self.start_log_variance.exp(),
            rest_variance=self.rest_log_variance.exp(),
            novelty=self.novelty_log.exp() if practice else zero,
            drift=self.drift_log.exp(),
            form=torch.cat([self.form_log[:2].exp(), self.form_log[2:].exp() if config.drift else torch.zeros(1)]),
            intercept=functional.pad(base, (0, 1)),
            gain=gain,
            ceiling=self.ceiling,
            jitter=self.jitter_log.exp() if practice else zero,
            lasting=_limited(self.lasting_raw) if practice else torch.tensor([0.0, 0.0, 1.0]),
            quick=_limited(self.quick_raw) if practice else torch.tensor([0.0, 0.0, 1.0]),
            quick_rate=self.quick_log_rate.exp(),
            item_variance=self.item_log_variance.exp() if config.item_memory else zero,
            item_rates=self.item_log_rates.exp(),
            item_kept=torch.sigmoid(self.item_kept_logit),
            item_lasting=self.item_lasting if config.item_memory else torch.zeros(2),
            item_quick=self.item_quick if config.item_memory else torch.zeros(2),
            weight=self.edges.weights(),
        )

    def penalty(self) -> Tensor:
        """Minus the log prior density of all parameters, up to a constant, nats."""
        mean, sd = SD_PRIOR
        total = ((self.trait_log_sd - mean) / sd).square().sum() / 2
        # Adam makes steps of rounding errors in what nothing tells.
        total = total + ((self.trait_mean - torch.tensor(START_MEAN)) / 3.0).square().sum() / 2
        total = total + (self.trait_mean[3] / TRANSFER_SD).square() / 2
        total = total + (self.intercept / self.config.concept_sd).square().sum() / 2
        total = total + (self.gain_concept / GAIN_CONCEPT_SD).square().sum() / 2
        for name, (start, spread) in WIDE.items():
            total = total + ((getattr(self, name) - torch.tensor(start)) / spread).square().sum() / 2
        return total + self.edges.penalty()

    def trainable(self) -> dict[str, nn.Parameter]:
        """The parameters that the switches leave in use."""
        config = self.config
        unused = {"start_mean"} if config.start_at_level else set()
        if not config.concept_intercept:
            unused.add("intercept")
        if config.practice == "none":
            unused |= {"gain_log", "ceiling", "jitter_log", "novelty_log", "lasting_raw", "quick_raw", "quick_log_rate"}
        if not config.item_memory:
            unused |= {"item_log_variance", "item_log_rates", "item_kept_logit", "item_lasting", "item_quick"}
        if not config.drift:
            unused |= {"drift_log", "form_log"}
        if not config.common_spread:
            unused.add("rest_log_variance")
        return {name: p for name, p in self.named_parameters() if name not in unused and p.numel()}


def _limited(raw: Tensor) -> Tensor:
    """Gains of a right and a wrong answer, and the limit that both stay below."""
    limit = raw[2].exp()
    return torch.cat([torch.sigmoid(raw[:2]) * limit, limit[None]])
