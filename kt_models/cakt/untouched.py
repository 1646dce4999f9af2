"""Forecasts of concepts that a learner never touched: recall now, and after one practice, from tables of the model."""

from __future__ import annotations

from typing import Final, final

import numpy as np
import torch

from kt_models.base import ConceptLists
from kt_models.cakt import ahead
from kt_models.cakt.ahead import Present, Rows
from kt_models.cakt.reference import COLUMNS, Last
from kt_models.cakt.sequence import LAST
from kt_models.cakt.stream import ROWS, Setting
from kt_models.cakt.tables import OUTCOMES, Learners, Tables
from kt_models.grids import Grid
from kt_models.recall import DELAYS, Float
from kt_models.state import LearnerState
from kt_models.walk import held

#: Rows that are practised at once on a CPU: their numbers stay in a core's cache.
CPU_ROWS: Final = 256


@final
class Untouched:
    """Of one model. Tables are kept for learners who have just answered, as those in service have."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._kept: Tables | None = None

    @torch.inference_mode()
    def forecast(self, state: LearnerState, origin: Float, width: int) -> tuple[Grid, tuple[Float, Float]]:
        """(learners, concepts) as if none were touched, and how their logits move, (learners, delays) twice."""
        setting, n = self._setting, len(state)
        if not n:
            none, flat = np.empty((0, width)), np.empty((0, len(DELAYS)))
            return Grid(none, none, none), (flat, flat)
        one = Rows.of(state, np.arange(n), np.zeros(n, np.int64), np.full(n, -1), origin)
        now, moved = ahead.present(setting, state, one), ahead.recall_of(setting, state, one, DELAYS)
        other = _own_logits(setting, state, now, width)
        recall = held(moved[:, :1] + setting.calibration.slope * (other - other[:, :1]))
        wrong, right = (held(logit) for logit in self._practised(one, now, width))
        after, spread = recall * right + (1.0 - recall) * wrong, ahead.spread_of(setting, one)
        # Tables move the mean of a Gaussian logit; what was found is the logit of the mean probability.
        wide = np.sqrt(1.0 + np.pi * np.square(spread) / 8.0)
        shift = (moved - moved[:, :1]) * wide[:, None]
        return Grid(recall, after, np.broadcast_to(spread[:, None], recall.shape)), (shift, np.zeros_like(shift))

    def _practised(self, one: Rows, now: Present, width: int) -> Float:
        """Calibrated logits (outcomes, learners, concepts) after a practice."""
        setting, out = self._setting, np.empty((len(OUTCOMES), len(one.learner), width))
        known = np.minimum(np.arange(width), setting.reference.n_concepts)
        waited = np.where(np.isfinite(one.since), one.since, 0.0) * bool(setting.config.time)
        for lag in np.unique(waited).tolist():
            who, tables = np.flatnonzero(waited == lag), self._tables(lag)
            out[:, who] = _logits(tables, one.learner_counts[who], tables.learners(now, who))[..., tables.of[known]]
        return setting.calibration.logit(out)

    def _tables(self, lag: float) -> Tables:
        if lag:
            return Tables(self._setting, lag)
        kept = self._kept
        if kept is None or kept.device != self._setting.device:
            # Threads that come here at the same time make the same ones.
            kept = self._kept = Tables(self._setting, 0.0)
        return kept


def _own_logits(setting: Setting, state: LearnerState, now: Present, width: int) -> Float:
    """What distinguishes concepts that are asked now, (learners, concepts): all else of their raw logits is alike."""
    net, concept = setting.net, np.arange(width)
    known = setting.tensor(np.minimum(concept, setting.reference.n_concepts))
    found = torch.nn.functional.linear(now.o, net.out.weight[known], net.bias.weight[known, 0]).double().cpu().numpy()
    if not setting.config.transitions:
        return found
    weight, each = net.line.weight[0, net.n_met :], max(1, ROWS // max(1, width))
    for start in range(0, len(state), each):
        some = slice(start, start + each)
        last = state.learner[some, LAST]
        lists = ConceptLists.single(np.tile(concept, len(last)))
        told = setting.reference.of(np.full(len(lists), -1), lists, Last.of_columns(last.repeat(width, axis=0)))
        scaled = net.scaled(setting.tensor(told.after[:, :COLUMNS]), slice(net.n_met, None))
        found[some] += (scaled @ weight).double().cpu().numpy().reshape(len(last), width)
    return found


def _logits(tables: Tables, learner: Float, who: Learners) -> Float:
    """Raw logits (outcomes, learners, rows of the tables) after a practice; counts of learners (learners, columns)."""
    n, size = len(tables), CPU_ROWS if tables.device.type == "cpu" else ROWS
    out = torch.empty(len(OUTCOMES), len(learner), n, device=tables.device)
    each = max(1, size // n)
    for start in range(0, len(learner), each):
        some = slice(start, start + each)
        for to, outcome in zip(out, tables.outcomes, strict=True):
            features = tables.features(outcome, learner[some])
            for at in range(0, n, size):
                part = slice(at, at + size)
                to[some, part] = tables.logits(outcome, part, who.take(some), features[:, part])
    return out.double().cpu().numpy()
