"""One pass over a batch: from answers and the states before them to logits and the states after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from kt_models.cakt.batches import Batch
from kt_models.cakt.network import Network, run


@final
@dataclass(frozen=True, eq=False)
class Carried:
    """What the network remembers of learners, (learners, d) each: states of the LSTMs, and the last window's m.

    `second` is empty without a second LSTM, `m` where windows are keyed on the question asked.
    """

    first: tuple[Tensor, ...]
    second: tuple[Tensor, ...]
    m: tuple[Tensor, ...]

    @classmethod
    def blank(cls, net: Network, learners: int, device: torch.device) -> Carried:
        return cls.from_columns(net, torch.zeros(learners, cls.n_parts(net) * net.config.width, device=device))

    @staticmethod
    def n_parts(net: Network) -> int:
        return (4 if net.config.second_lstm else 2) + (0 if net.config.keyed_on_next else 1)

    @classmethod
    def from_columns(cls, net: Network, columns: Tensor) -> Carried:
        """Of (learners, parts d) columns."""
        parts = columns.chunk(cls.n_parts(net), dim=1)
        second = 4 if net.config.second_lstm else 2
        return cls(parts[:2], parts[2:second], parts[second:])

    @property
    def parts(self) -> tuple[Tensor, ...]:
        return (*self.first, *self.second, *self.m)

    def columns(self) -> Tensor:
        return torch.cat(self.parts, dim=1)

    def take(self, rows: Tensor | slice) -> Carried:
        return Carried(*(tuple(x[rows] for x in part) for part in (self.first, self.second, self.m)))

    def detach(self) -> Carried:
        return Carried(*(tuple(x.detach() for x in part) for part in (self.first, self.second, self.m)))


def gathered(values: Tensor, cell: Tensor, share: Tensor, n: int) -> Tensor:
    """(n, ...) sums of share-weighted rows at each cell."""
    weighted = values * share.view(-1, *(1,) * (values.dim() - 1))
    out = values.new_zeros((n, *values.shape[1:]))
    return out.index_add(0, cell, weighted)


def windows(net: Network, batch: Batch) -> Tensor:
    """m at every cell, (B, T, d): the encoded windows of its concepts on average, empty ones as learnt."""
    b, t = batch.shape
    m = net.empty * (1.0 - batch.windowed)[..., None]
    if len(batch.of):
        encoded = net.encode(batch.window)[batch.of]
        m = m + gathered(encoded, batch.window_cell, batch.window_share, b * t).view(b, t, -1)
    return m


def forward(net: Network, batch: Batch, carried: Carried, *, ends: bool = False) -> tuple[Tensor, Carried]:
    """Logits of P(correct) of each answer from those before it, (B, T), and what is carried on.

    `ends`: whether learners end within the batch and are to be carried on from there.
    """
    b, t = batch.shape
    lengths = batch.lengths if ends else None
    events = net.embed(batch.concept, batch.credit, batch.fields)
    x = gathered(events, batch.cell, batch.share, b * t).view(b, t, -1)
    h, first = run(net.first, x, carried.first, lengths)
    before = torch.cat([carried.first[0][:, None], h[:, :-1]], dim=1)
    m, last = None, carried.m
    if net.encoder is not None:
        m = windows(net, batch)
        if not net.config.keyed_on_next:
            end = m[torch.arange(b), batch.lengths - 1]
            m, last = torch.cat([carried.m[0][:, None], m[:, :-1]], dim=1), (end,)
    f = net.fuse(m, before)
    o, second = net.follow(f, carried.second, lengths)
    flat = net.dropout(o).reshape(b * t, -1)
    of_concepts = net.logit_of_concepts(flat[batch.cell], batch.concept)
    logit = gathered(of_concepts, batch.cell, batch.share, b * t)
    logit = logit + net.logit_of_head(flat, batch.head.view(b * t, -1))
    return logit.view(b, t), Carried(first, second, last)
