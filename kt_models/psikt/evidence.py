"""PSI-KT's filter in torch: the evidence of many learners' answers, differentiable in all that they share.

One step handles the n-th answer of every learner of a batch; no K x K a learner, no sampling, no encoder. The same
closed forms (`dynamics`) serve online in numpy (`online`); tests hold the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, cast, final

import torch
from torch import Tensor

from kt_models.psikt import algebra, coupling, dynamics
from kt_models.psikt.batches import Batch
from kt_models.psikt.config import Config
from kt_models.psikt.dynamics import Cell, Learner
from kt_models.psikt.parameters import TRACKED, Parameters

ndtr = torch.special.ndtr

#: Numbers of a cell: mean, slope (3), variance, lasting, quick.
CELL = 7


class Belief(NamedTuple):
    """About B learners, and each one's strengths by slot: (B, S, 7) columns of `dynamics.Cell`; and memories of
    items by slot: (B, S', 4)."""

    learner: Learner
    cells: Tensor
    items: Tensor

    def detach(self) -> Belief:
        return Belief(Learner(*(part.detach() for part in self.learner)), self.cells.detach(), self.items.detach())


@final
@dataclass(frozen=True)
class Filtered:
    """Of each answer (B, steps): log evidence; P(correct), mean and variance of the logit before it; first and minus
    second derivative of the log evidence in the mean. And the last belief."""

    log_evidence: Tensor
    p: Tensor
    mean: Tensor
    variance: Tensor
    push: Tensor
    pull: Tensor
    belief: Belief


@final
@dataclass(frozen=True)
class Inputs:
    """A batch as tensors (see `Batch`), with the mean and variance of each answer's item difficulty."""

    correct: Tensor
    mask: Tensor
    difficulty: Tensor
    doubt: Tensor
    since: Tensor
    concept: Tensor
    slot: Tensor
    share: Tensor
    fresh: Tensor
    gap: Tensor
    parent: Tensor
    parent_slot: Tensor
    parent_gap: Tensor
    item_slot: Tensor
    item_met: Tensor
    item_gap: Tensor
    table: Tensor
    n_slots: int
    n_item_slots: int

    @classmethod
    def of(cls, batch: Batch, difficulty: Any, doubt: Any, parents: Any, device: Any = "cpu") -> Inputs:
        """`difficulty`, `doubt`: (B, T).     `parents` (K + 1, P): candidates of each concept, -1 for none."""

        def real(x: Any) -> Tensor:
            return torch.as_tensor(x, dtype=torch.float32, device=device)

        def whole(x: Any) -> Tensor:
            return torch.as_tensor(x, device=device)

        concept, table = whole(batch.concept), whole(parents)
        return cls(
            real(batch.correct), whole(batch.mask), real(difficulty), real(doubt), real(batch.since), concept,
            whole(batch.slot), real(batch.share), whole(batch.fresh), real(batch.gap),
            table[concept], whole(batch.parent_slot), real(batch.parent_gap), whole(batch.item_slot),
            whole(batch.item_met),
            real(batch.item_gap), table, batch.n_slots, batch.n_item_slots,
        )  # fmt: skip

    @property
    def n_concepts(self) -> int:
        return len(self.table) - 1

    def repeat(self, times: int) -> Inputs:
        """The same answers of `times` copies of every learner, copy after copy."""
        parts = {
            name: torch.cat([value] * times) if isinstance(value, Tensor) and name != "table" else value
            for name, value in vars(self).items()
        }
        return Inputs(**cast(dict[str, Any], parts))


def begin(config: Config, p: Parameters, inputs: Inputs, traits: Tensor | None = None) -> Belief:
    """The prior belief about the learners of a batch; or, if their four traits (B, 4) are given, with these as
    certain."""
    n, slots = inputs.correct.shape[0], inputs.n_concepts if config.dense else inputs.n_slots
    mean, variance = p.anchor, p.trait_sd[list(TRACKED)].square()
    zero = mean.new_zeros(n)
    cells = mean.new_zeros(n, slots, CELL)
    if traits is None:
        learner = Learner(
            mean.expand(n, 3), torch.diag(variance).expand(n, 3, 3), zero, zero, p.trait_mean[2].expand(n)
        )
    else:
        learner = Learner(traits[:, list(TRACKED)], mean.new_zeros(n, 3, 3), zero, zero, traits[:, 2])
    return Belief(learner, cells, mean.new_zeros(n, inputs.n_item_slots, 4))


def run(config: Config, p: Parameters, inputs: Inputs, belief: Belief, steps: range | None = None) -> Filtered:
    """Filters answers `steps` (all by default) of a batch, starting from a belief."""
    steps = steps or range(inputs.correct.shape[1])
    step = _DenseStep(config, p, inputs) if config.dense else _LazyStep(config, p, inputs, steps)
    outputs = []
    for n in steps:
        belief, out = step(belief, n)
        outputs.append(out)
    log_evidence, p_correct, mean, variance, push, pull = (
        torch.stack(parts, 1) for parts in zip(*outputs, strict=True)
    )
    return Filtered(log_evidence, p_correct, mean, variance, push, pull, belief)


def _cell(packed: Tensor) -> Cell:
    return Cell(packed[..., 0], packed[..., 1:4], packed[..., 4], packed[..., 5], packed[..., 6])


def _packed(cell: Cell) -> Tensor:
    mean, slope, variance, lasting, quick = cell
    return torch.cat([mean[..., None], slope, torch.stack([variance, lasting, quick], -1)], -1)


class _LazyStep:
    """Settles only the concepts of the answer; their parents are looked at as they stand."""

    def __init__(self, config: Config, p: Parameters, inputs: Inputs, steps: range) -> None:
        self.config, self.p, self.inputs, self.start = config, p, inputs, steps.start
        chunk = slice(steps.start, steps.stop)
        # Only these steps: the gradient of an index is a sum over all the cells that it covers.
        concept = inputs.concept[:, chunk]
        self.intercept = p.intercept[concept]
        self.gain = p.gain[:, concept] if p.gain.shape[1] > 1 else p.gain[..., None, None].expand(2, *concept.shape)
        if inputs.parent.shape[-1]:
            parent = inputs.parent[:, chunk]
            self.weight = weight_of(p.weight, concept)
            self.parent_intercept = p.intercept[parent.clamp_min(0)]

    def __call__(self, belief: Belief, n: int) -> tuple[Belief, tuple[Tensor, ...]]:
        config, p, inputs = self.config, self.p, self.inputs
        i = n - self.start
        learner = dynamics.wait(torch, config, p, belief.learner, inputs.since[:, n])
        slot, share, fresh = inputs.slot[:, n], inputs.share[:, n], inputs.fresh[:, n]
        index = slot[..., None].expand(*slot.shape, CELL)
        stored = belief.cells.gather(1, index)
        wide = dynamics.spread(learner)
        support = self._support(belief, wide, n) if inputs.parent.shape[-1] else None
        now = dynamics.present(
            torch, config, p, wide, _cell(stored), fresh, inputs.gap[:, n], self.intercept[:, i], support
        )
        gain = self.gain[:, :, i]
        learner, cell, items, out = _answer(config, p, inputs, belief, learner, now, share, fresh, gain, n)
        new = _packed(cell)
        if share.shape[1] > 1:
            # Padding shares a slot with a concept of the learner: it adds nothing to it.
            difference = torch.where((share > 0)[..., None], new - stored, torch.zeros_like(new))
            cells = belief.cells.scatter_add(1, index, difference)
        else:
            cells = belief.cells.scatter(1, index, new)
        return Belief(learner, cells, items), out

    def _support(self, belief: Belief, wide: Learner, n: int) -> Tensor:
        inputs, i = self.inputs, n - self.start
        slot = inputs.parent_slot[:, n]
        b, m, width = slot.shape
        index = slot.clamp_min(0).reshape(b, m * width, 1).expand(b, m * width, CELL)
        parents = _cell(belief.cells.gather(1, index).reshape(b, m, width, CELL))
        support: Tensor = dynamics.support(
            torch, self.config, self.p, dynamics.spread(wide), parents, slot >= 0, inputs.parent_gap[:, n],
            self.parent_intercept[:, i], self.weight[:, i],
        )  # fmt: skip
        return support


class _DenseStep:
    """Steps every concept at every answer, with the coupling of the paper: what is asked has a share, the rest has
    none."""

    def __init__(self, config: Config, p: Parameters, inputs: Inputs) -> None:
        self.config, self.p, self.inputs = config, p, inputs
        self.matrix = dense_matrix(p.weight, inputs.table)
        self.intercept = p.intercept[:-1]
        self.gain = (p.gain[:, :-1] if p.gain.shape[1] > 1 else p.gain)[:, None]

    def __call__(self, belief: Belief, n: int) -> tuple[Belief, tuple[Tensor, ...]]:
        config, p, inputs = self.config, self.p, self.inputs
        days = inputs.since[:, n, None]
        stored = _cell(belief.cells)
        support = coupling.support(
            torch, config, p, dynamics.spread(belief.learner), stored, self.matrix, days, self.intercept
        )
        learner = dynamics.wait(torch, config, p, belief.learner, inputs.since[:, n])
        wide = dynamics.spread(learner)
        fresh = torch.full_like(stored.mean, n == 0, dtype=torch.bool)
        now = dynamics.present(
            torch, config, p, wide, stored, fresh, days.expand_as(stored.mean), self.intercept, support,
            coupling.frozen_slope(stored.slope, self.matrix),
        )  # fmt: skip
        share = days.new_zeros(len(days), inputs.n_concepts + 1)
        share = share.scatter_add(1, inputs.concept[:, n], inputs.share[:, n])[:, :-1]
        new = torch.zeros_like(share)
        learner, cell, items, out = _answer(config, p, inputs, belief, learner, now, share, new, self.gain, n)
        return Belief(learner, _packed(cell), items), out


def weight_of(weight: Tensor, concept: Tensor) -> Tensor:
    """Weights (B, T, M, P) of the parents of `concept` (B, T, M); `weight` (K + 1, P), or (B, K + 1, P) by learner."""
    if weight.ndim == 2:
        return weight[concept]
    return weight[torch.arange(len(weight))[:, None, None], concept]


def dense_matrix(weight: Tensor, table: Tensor) -> Tensor:
    """(K, K) weights, parent by child, of weights (K + 1, P) of the parents in `table` (K + 1, P), -1 for none.

    Weights (B, K + 1, P), a graph for each learner, give (B, K, K).
    """
    k = len(table) - 1
    children = torch.arange(k)[:, None].expand(k, table.shape[1])
    # -1 finds a row beyond the last, which is cut off.
    parents = torch.where(table[:-1] < 0, k, table[:-1])
    at = (parents * k + children).flatten().expand(*weight.shape[:-2], -1)
    flat = weight.new_zeros(*weight.shape[:-2], (k + 1) * k)
    summed: Tensor = flat.scatter_add(-1, at, weight[..., :-1, :].flatten(-2))
    return summed.reshape(*weight.shape[:-2], k + 1, k)[..., :-1, :]


def _answer(
    config: Config, p: Parameters, inputs: Inputs, belief: Belief, learner: Learner, now: dynamics.Present,
    share: Tensor, fresh: Tensor, gain: Tensor, n: int,
) -> tuple[Learner, Cell, Tensor, tuple[Tensor, ...]]:  # fmt: skip
    index = inputs.item_slot[:, n, None, None].expand(-1, 1, 4)
    stored = belief.items.gather(1, index)[:, 0]
    memory = dynamics.recollect(
        torch, p, dynamics.Memory(*stored.unbind(-1)), inputs.item_met[:, n], inputs.item_gap[:, n]
    )
    before = dynamics.expect(p, learner, now, share, fresh, inputs.difficulty[:, n], inputs.doubt[:, n], memory)
    y = inputs.correct[:, n]
    seen = algebra.surprise(torch, ndtr, before.mean, before.variance, y)
    after, cell, memory = dynamics.learn(
        torch, config, p, learner, now, before, seen.push, seen.pull, share, (gain[0], gain[1]), y
    )
    items = belief.items
    if config.item_memory:
        items = items.scatter(1, index, torch.stack(list(memory), -1)[:, None])
    return after, cell, items, (seen.log_evidence, seen.p, before.mean, before.variance, seen.push, seen.pull)
