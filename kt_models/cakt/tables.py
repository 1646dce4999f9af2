"""What one practice of a concept gives to whoever never touched it: worked out once a model, not once a learner.

The practice of concept c with outcome r is an event e, the only frame of a window m, and features g of the head, all
the same for every learner. So all but terms in h, o and the counts n of the learner is read from tables:

    gates of LSTM_1 = [W_x e] + W_h h
    z = sigmoid([W_m m + b] + W h');      f = z_1 [m] + z_2 h'
    gates of LSTM_2 = W_x f + W_h h_2
    logit = o' . [w_c] + [b_c + v . g] + v . n + MLP([V o' + G g] + G n)

where what stands in brackets is of a table's row, and W_h h is worked out once a learner. Concepts with the same
weights (the fit gives them to all that nobody answered to) share a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from kt_models import counts
from kt_models.base import ConceptLists
from kt_models.cakt import sequence
from kt_models.cakt.ahead import Practice, Present, Rows
from kt_models.cakt.config import Config
from kt_models.cakt.frames import SURPRISE, Frames
from kt_models.cakt.linear import Linear, gates_of_input, gates_of_state, stepped
from kt_models.cakt.reference import Last
from kt_models.cakt.stream import Setting, windows
from kt_models.recall import REST_DELAY, SECONDS_PER_DAY, Float, Int

OUTCOMES: Final = (0.0, 1.0)


@final
@dataclass(frozen=True, eq=False)
class Outcome:
    """Rows of practices that end alike, as tensors of (rows, ...) but for `surprise`.

    Attributes:
        surprise: (rows,) outcome less what an average learner gives.
        gates: (rows, 4 d) for `stepped`.     m, fusion: (rows, d) and (rows, 2 d), what m gives to z, if there are any.
        plain, hidden: (rows,) and (rows, hidden units) of the logit and of the head's network, without the learner.
    """

    correct: float
    surprise: Float
    gates: Tensor
    m: Tensor | None
    fusion: Tensor | None
    plain: Tensor
    hidden: Tensor | None

    def take(self, part: slice) -> Outcome:
        m, fusion, hidden = (None if x is None else x[part] for x in (self.m, self.fusion, self.hidden))
        return Outcome(self.correct, self.surprise[part], self.gates[part], m, fusion, self.plain[part], hidden)


@final
@dataclass(frozen=True, eq=False)
class Learners:
    """What the LSTMs' states give to their gates (learners, 4 d), and c (learners, d); `second` may be empty."""

    first: tuple[Tensor, ...]
    second: tuple[Tensor, ...]

    def take(self, part: slice) -> Learners:
        return Learners(tuple(x[part, None] for x in self.first), tuple(x[part, None] for x in self.second))


@final
class Tables:
    """Of practices after a pause of the learner that the network is told as `lag`, in seconds.

    About 4 (15 d + 2 hidden units) bytes a concept. Attributes:
        of: (known concepts + 1,) row of each, the unknown one last.     outcomes: one for each of OUTCOMES.
    """

    def __init__(self, setting: Setting, lag: float) -> None:
        net = setting.net
        self.setting, self.device = setting, setting.device
        self.own = len(counts.LEARNER_FEATURES) if setting.config.counts and net.n_head else 0
        first, self.of = _alike(setting)
        # Lesser precisions are for what is worked out often.
        with torch.autocast(self.device.type, enabled=False):
            self._states = [gates_of_state(layer) for layer in (net.first, net.second) if layer is not None]
            self._second = None if net.second is None else gates_of_input(net.second)
            self._fusion = net.gate if net.encoder is not None else None
            self._of_h = None if self._fusion is None else Linear(self._fusion.weight[:, setting.config.width :])
            self._of_o = Linear(net.of_state.weight) if net.n_head else None
            self._out = net.out.weight[setting.tensor(first)]
            self.outcomes = tuple(self._outcome(first, lag, correct) for correct in OUTCOMES)

    def __len__(self) -> int:
        return len(self._out)

    def _outcome(self, concept: Int, lag: float, correct: float) -> Outcome:
        setting, net, n = self.setting, self.setting.net, len(concept)
        rows, blank = _untouched(concept, lag), sequence.fresh(setting.config)[counts.CONCEPT_COLUMNS :]
        ring = np.tile(blank, (n, 1)).reshape(n, setting.config.frames, -1)
        made = Practice.of(setting, rows, np.array([REST_DELAY]), correct, np.zeros(n, np.int64), ring)
        gates = gates_of_input(net.first)(made.embedded(setting, rows))
        m = fusion = None
        if net.encoder is not None:
            m = windows(setting, _asked_later(setting.config, made.frames), np.arange(n), np.ones(n), n)
        if m is not None and self._fusion is not None:
            fusion = linear(m, self._fusion.weight[:, : setting.config.width], self._fusion.bias)
        plain, hidden = self._head(concept, setting.tensor(made.head[:, 0]))
        return Outcome(correct, made.event[:, SURPRISE].astype(np.float64), gates, m, fusion, plain, hidden)

    def _head(self, concept: Int, g: Tensor) -> tuple[Tensor, Tensor | None]:
        """`Outcome.plain` and `hidden` of features (rows, head features), those of learners left out."""
        net, own = self.setting.net, self.own
        plain = net.bias.weight[self.setting.tensor(concept), 0]
        if not net.n_head:
            return plain, None
        scaled = net.scaled(g)
        hidden = linear(scaled[:, own : net.n_met], net.of_head.weight[:, own:], net.of_state.bias)
        return plain + scaled[:, own:] @ net.line.weight[0, own:], hidden

    def learners(self, now: Present, case: Int) -> Learners:
        """Of some cases, one a learner."""
        first, second = (tuple(x[self.setting.tensor(case)] for x in part) for part in (now.carried.first, now.second))
        of_first, *of_second = self._states
        return Learners((of_first(first[0]), first[1]), (of_second[0](second[0]), second[1]) if of_second else ())

    def features(self, outcome: Outcome, learner: Float) -> Tensor:
        """Features of learners (learners, columns) after an answer that ends so, (learners, rows, features)."""
        if not self.own:
            return torch.zeros(len(learner), len(self), 0)
        many = np.repeat(learner[:, None], len(self), axis=1)
        after = counts.counted(many, np.full(len(self), outcome.correct), outcome.surprise)
        return self.setting.net.scaled(self.setting.tensor(counts.learner_features(after)), slice(self.own))

    def logits(self, outcome: Outcome, part: slice, who: Learners, features: Tensor) -> Tensor:
        """Raw logits (learners, rows) of the rows `part` of an outcome after REST_DELAY."""
        given, net = outcome.take(part), self.setting.net
        h = stepped(given.gates + who.first[0], who.first[1])
        o = self._fused(given, h)
        if self._second is not None:
            o = stepped(self._second(o) + who.second[0], who.second[1])
        logit = (o * self._out[part]).sum(-1) + given.plain
        if self._of_o is None or given.hidden is None:
            return logit
        hidden = self._of_o(o) + given.hidden
        if self.own:
            logit = logit + features @ net.line.weight[0, : self.own]
            hidden = hidden + features @ net.of_head.weight[:, : self.own].T
        return logit + torch.relu(hidden) @ net.joined.weight[0]

    def _fused(self, given: Outcome, h: Tensor) -> Tensor:
        if given.m is None:
            return h
        if given.fusion is None or self._of_h is None:
            return given.m + h
        z_m, z_h = (self._of_h(h) + given.fusion).sigmoid_().chunk(2, dim=-1)
        return torch.addcmul(z_h * h, z_m, given.m)


def _untouched(concept: Int, lag: float) -> Rows:
    """Concepts, asked of one who never answered anything, as far as tables know."""
    n = len(concept)
    none, never = np.full(n, -1), np.full(n, np.inf)
    fields = np.tile(counts.fresh().astype(np.float64), (n, 1))
    return Rows(none, concept, none, never, never, np.full(n, lag), fields[:, : counts.LEARNER_COLUMNS], fields)


def _asked_later(config: Config, frames: Frames) -> Frames:
    """Windows as a question after REST_DELAY finds them."""
    if config.decay != "days" or not config.keyed_on_next:
        return frames
    return replace(frames, gap_days=frames.gap_days + frames.mask * np.float32(REST_DELAY / SECONDS_PER_DAY))


def _alike(setting: Setting) -> tuple[Int, Int]:
    """Of all concepts and the unknown one: the first of each row, and the row of each.

    Those of one row have the same weights, and what is expected of an answer and what it tells are the same.
    """
    net, concept = setting.net, np.arange(setting.reference.n_concepts + 1)
    lists, none = ConceptLists.single(concept), np.full(len(concept), -1)
    weights = [net.token.weight.view(len(concept), -1), net.out.weight, net.bias.weight]
    columns = [weight.cpu().numpy() for weight in weights]
    for correct in OUTCOMES:
        known = setting.reference.of(none, lists, Last(concept, none, np.full(len(concept), int(correct))))
        columns += [known.expected[:, None].astype(np.float32), known.after.astype(np.float32)]
    key = np.ascontiguousarray(np.concatenate(columns, axis=1))
    _, first, of = np.unique(key.view(f"V{key.itemsize * key.shape[1]}")[:, 0], return_index=True, return_inverse=True)
    return first, of
