"""The network: embeddings, windows, two recurrent layers with a fusion between, and what is read from them.

    e_i = E[c, r] + A x_i                                   event; x_i: surprise, difficulty, lag and time taken
                                                            y_i: x_i, whether it was the item asked, steps since then
    h_t = LSTM_1(e_1 .. e_t)
    m_t = encoder(window of the question asked, frames (E[c, r] + B y_i) exp(-theta gap_i))
    z_1, z_2 = sigmoid(W [m_t, h_t] + b);   f_t = z_1 m_t + z_2 h_t
    o_t = LSTM_2(f_0 .. f_t)
    logit P(correct) = o_t . w_c + b_c  (+ head)            mean over the concepts of the question
    head = v . g + MLP([o_t, g'])                           g: counts, pauses, difficulty of the item, what precedes

Su, Liu, Yang & Lu 2023 (doi 10.3389/fpsyg.2023.1150329), with the head, x_i and concepts averaged added by us. An empty
window has a learnt m where it is keyed on the question asked, and m = 0 where nothing was answered before; all states
begin at zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast, final

import torch
from torch import Tensor, nn

from kt_models.cakt.config import Config
from kt_models.cakt.convolution import CapsuleEncoder, ConvEncoder

States = tuple[Tensor, ...]
#: Windows encoded at once where none needs to know of another.
ENCODED: Final = 1_024


@final
@dataclass(frozen=True, eq=False)
class Window:
    """Frames of windows as tensors, shapes (windows, k), newest first.

    Attributes:
        concept: long.     credit, gap, mask: float.     fields: (windows, k, frame fields), y_i.
        weight: (windows,) how often each occurs.
    """

    concept: Tensor
    credit: Tensor
    gap: Tensor
    mask: Tensor
    fields: Tensor
    weight: Tensor

    def most(self) -> int:
        """Frames of the longest, at least 1."""
        return max(1, int(self.mask.count_nonzero(1).max()))

    def take(self, rows: slice) -> Window:
        return Window(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


class _Dense(nn.Module):
    """A fully connected window encoder: (n, k, d) -> (n, d)."""

    def __init__(self, frames: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(frames * width, width), nn.ReLU(), nn.Linear(width, width), nn.Tanh())

    def forward(self, frames: Tensor, weight: Tensor) -> Tensor:
        del weight
        first = cast(nn.Linear, self.layers[0])
        # Of windows with fewer frames than that: absent ones are zero, and add nothing.
        columns = frames.shape[1] * frames.shape[2]
        some = nn.functional.linear(frames.flatten(1), first.weight[:, :columns], first.bias)
        out: Tensor = self.layers[1:](some)
        return out


class _Recurrent(nn.Module):
    """A gated recurrent window encoder, oldest frame first: (n, k, d) -> (n, d)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.GRU(width, width, batch_first=True)

    def forward(self, frames: Tensor, weight: Tensor) -> Tensor:
        del weight
        _, last = self.layer(frames.flip(1))
        out: Tensor = last[0]
        return out


def _encoder(config: Config) -> nn.Module | None:
    side, width = int(config.side or 0), config.width
    match config.encoder:
        case "conv":
            return ConvEncoder(config.frames, side)
        case "capsule":
            return CapsuleEncoder(config.frames, side)
        case "dense":
            return _Dense(config.frames, width)
        case "recurrent":
            return _Recurrent(width)
    return None


@final
class Network(nn.Module):
    """All weights. `aside`: last features of the head that only its line reads, g' being the others.

    Concepts are positions, `n_concepts` for those unknown; credit lies in [0, 1].
    """

    def __init__(
        self, config: Config, n_concepts: int, event_fields: int, frame_fields: int, head: int, aside: int
    ) -> None:
        super().__init__()
        d = config.width
        self.config, self.n_concepts, self.n_head, self.n_met = config, n_concepts, head, head - aside
        self.token = nn.Embedding(2 * (n_concepts + 1), d)
        self.event = nn.Linear(event_fields, d, bias=False) if event_fields else None
        self.frame = nn.Linear(event_fields + frame_fields, d, bias=False) if event_fields + frame_fields else None
        self.encoder = _encoder(config)
        self.fade = nn.Parameter(torch.tensor(-2.0)) if self.encoder is not None and config.decay != "none" else None
        self.first = nn.LSTM(d, d, batch_first=True)
        self.second = nn.LSTM(d, d, batch_first=True) if config.second_lstm else None
        if self.encoder is not None:
            self.empty = nn.Parameter(torch.zeros(d))
            self.gate = nn.Linear(2 * d, 2 * d) if config.fusion == "gate" else None
        self.out = nn.Embedding(n_concepts + 1, d)
        self.bias = nn.Embedding(n_concepts + 1, 1)
        nn.init.normal_(self.out.weight, std=d**-0.5)
        nn.init.zeros_(self.bias.weight)
        self.dropout = nn.Dropout(float(config.dropout or 0.0))
        self.head_mean: Tensor
        self.head_scale: Tensor
        if head:
            self.register_buffer("head_mean", torch.zeros(head))
            self.register_buffer("head_scale", torch.ones(head))
            self.line = nn.Linear(head, 1, bias=False)
            self.of_state, self.of_head = nn.Linear(d, config.head), nn.Linear(self.n_met, config.head, bias=False)
            self.joined = nn.Linear(config.head, 1, bias=False)
            nn.init.zeros_(self.joined.weight)

    @torch.no_grad()
    def stand_in(self, learnt: Tensor) -> None:
        """Concepts that nobody answered to, and the unknown one, become the mean of those `learnt` (concepts,)."""
        rows = torch.nonzero(learnt)[:, 0]
        others = torch.ones(self.n_concepts + 1, dtype=torch.bool, device=learnt.device)
        if not len(rows):
            return
        others[rows] = False
        for weight in self.of_concepts():
            weight[others] = weight[rows].mean(0)

    def of_concepts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights of events by outcome, w_c and b_c: (concepts + 1, ...) each, the last row of the unknown one."""
        return self.token.weight.view(self.n_concepts + 1, 2, -1), self.out.weight, self.bias.weight

    def embed(self, concept: Tensor, credit: Tensor, fields: Tensor) -> Tensor:
        """Events (..., d) from concepts, credits (...) and fields (..., event fields)."""
        return self._token(concept, credit) + (self.event(fields) if self.event is not None else 0.0)

    def _token(self, concept: Tensor, credit: Tensor) -> Tensor:
        if torch.equal(credit, credit.round()):
            out: Tensor = self.token(2 * concept + credit.long())
            return out
        return torch.lerp(self.token(2 * concept), self.token(2 * concept + 1), credit[..., None])

    def faded(self, gap: Tensor) -> Tensor:
        """exp(-theta gap), shape of gap; theta > 0."""
        return torch.ones_like(gap) if self.fade is None else torch.exp(-nn.functional.softplus(self.fade) * gap)

    def encode(self, window: Window) -> Tensor:
        """m of windows (windows, d), each with at least one frame."""
        # Volumes of many channels take far more room than what they are made of and than m.
        if self.training or len(window.concept) <= ENCODED:
            return self._encoded(window)
        parts = [window.take(slice(at, at + ENCODED)) for at in range(0, len(window.concept), ENCODED)]
        return torch.cat([self._encoded(part) for part in parts])

    def _encoded(self, window: Window) -> Tensor:
        frames = self._token(window.concept, window.credit)
        if self.frame is not None:
            frames = frames + self.frame(window.fields)
        frames = frames * (self.faded(window.gap) * window.mask)[..., None]
        if isinstance(self.encoder, _Dense) and not self.training:
            frames = frames[:, : window.most()]
        out: Tensor = self.encoder(frames, window.weight)  # type: ignore[misc]
        return out.float()

    def fuse(self, m: Tensor | None, h: Tensor) -> Tensor:
        """f of windows and states (..., d)."""
        if m is None:
            return h
        if self.gate is None:
            return m + h
        z_m, z_h = torch.sigmoid(self.gate(torch.cat([m, h], dim=-1))).chunk(2, dim=-1)
        return z_m * m + z_h * h

    def follow(self, f: Tensor, states: States | None, lengths: Tensor | None = None) -> tuple[Tensor, States]:
        """o of f (learners, steps, d), from a state (h, c) of LSTM_2; see `run`."""
        if self.second is None:
            return f, ()
        return run(self.second, f, states, lengths)

    def logit_of_concepts(self, o: Tensor, concept: Tensor) -> Tensor:
        """o . w_c + b_c, shapes (rows, d) and (rows,)."""
        out: Tensor = (o * self.out(concept)).sum(-1) + self.bias(concept)[..., 0]
        return out

    def scaled(self, g: Tensor, part: slice = slice(None)) -> Tensor:
        """Features of the head as it reads them; `g` (..., features) may be some of them, `part`."""
        return ((g - self.head_mean[part]) / self.head_scale[part]).clamp(-5.0, 5.0)

    def logit_of_head(self, o: Tensor, g: Tensor) -> Tensor:
        """v . g + MLP([o, g']): o (rows, d), g (rows, ..., head features), result (rows, ...)."""
        if not self.n_head:
            return torch.zeros(g.shape[:-1], device=o.device)
        scaled = self.scaled(g)
        state = self.of_state(o)
        hidden = torch.relu(state.view(len(o), *(1,) * (g.dim() - 2), -1) + self.of_head(scaled[..., : self.n_met]))
        out: Tensor = (self.line(scaled) + self.joined(hidden))[..., 0]
        return out


def step(layer: nn.LSTM, x: Tensor, states: States, of: Tensor) -> tuple[Tensor, States]:
    """One step of an LSTM over x (rows, d), each from the state `of` (rows,) names among (h, c) of (cases, d).

    As `run`, but what a state gives is worked out once a case.
    """
    of_x, of_h, x_bias, h_bias = cast(list[Tensor], layer._flat_weights)
    given = nn.functional.linear(states[0], of_h, h_bias)
    gates = nn.functional.linear(x, of_x, x_bias) + given[of]
    taken, kept, new, told = gates.chunk(4, dim=1)
    c = torch.sigmoid(kept) * states[1][of] + torch.sigmoid(taken) * torch.tanh(new)
    h = torch.sigmoid(told) * torch.tanh(c)
    return h, (h, c)


def run(layer: nn.LSTM, x: Tensor, states: States | None, lengths: Tensor | None = None) -> tuple[Tensor, States]:
    """An LSTM over (learners, steps, d) from states (h, c) of (learners, d), zero if none.

    `lengths` (learners,) on the CPU, each at least 1, where final states of padded sequences are wanted.
    """
    given = None if not states else (states[0][None].contiguous(), states[1][None].contiguous())
    if lengths is None or bool((lengths == x.shape[1]).all()):
        out, (h, c) = layer(x, given)
        return out, (h[0], c[0])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    out, (h, c) = layer(packed, given)
    out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
    return out, (h[0], c[0])
