"""CAKT in service: answers folded into states, questions answered from them. See `sequence` for what a state holds.

Cost of an answer is that of one step of the network, whatever came before: LSTM states, and rings of the last k events
of each concept touched.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from kt_models import counts
from kt_models.base import Float32, Interactions, Prediction, Query
from kt_models.cakt import batches, sequence
from kt_models.cakt.config import Config
from kt_models.cakt.forward import Carried, forward, gathered
from kt_models.cakt.frames import AGE, ITEM, RING, STEP, Frames, told
from kt_models.cakt.network import Network, step
from kt_models.cakt.reference import Last, Reference
from kt_models.cakt.sequence import BEGIN, LAST, STEP_COLUMN
from kt_models.recall import SECONDS_PER_DAY, Float, Int
from kt_models.state import BadState, LearnerState
from kt_models.walk import held, meet

#: Layout of a state, and switches that say what stands in it; a state of others is replayed from the log.
VERSION: Final = "ck3"
SWITCHES: Final = (
    "window_key", "encoder", "decay", "fusion", "second_lstm", "items", "time", "counts", "transitions",
    "partial_credit", "frames", "side",
)  # fmt: skip
#: Learners folded at once, and rows of questions asked at once: bounds of memory.
LEARNERS: Final = 256
ROWS: Final = 16_384


@final
@dataclass(frozen=True)
class Calibration:
    """P(correct) = sigmoid(slope logit + intercept); spread (3,) as `repeats.spread` of the calibrated logit."""

    slope: float
    intercept: float
    spread: Float

    def logit(self, raw: Float) -> Float:
        return self.slope * raw + self.intercept

    def sd(self, evidence: Float) -> Float:
        """Standard deviation of the logit from (..., 3) evidence."""
        return np.sqrt(evidence @ self.spread)


@final
@dataclass(frozen=True, eq=False)
class Setting:
    """A fitted network and what it is read with."""

    config: Config
    net: Network
    reference: Reference
    calibration: Calibration

    @property
    def device(self) -> torch.device:
        return self.net.out.weight.device

    def tensor(self, value: Float | Float32 | Int) -> Tensor:
        """On the network's device; floats in its precision."""
        made = torch.as_tensor(value, device=self.device)
        return made.float() if made.is_floating_point() else made


@lru_cache(maxsize=64)
def schema(config: Config) -> str:
    """Name of what states hold: their layout, and a digest of the switches."""
    values = (getattr(config, name) for name in SWITCHES)
    text = " ".join(value if isinstance(value, str) else str(int(value)) for value in values)
    return VERSION + base64.b32encode(hashlib.sha256(text.encode()).digest())[:5].decode().lower()


def prior(config: Config, n_learners: int) -> LearnerState:
    """Learners of whom nothing is known: all zero."""
    columns = np.zeros((n_learners, sequence.learner_columns(config)), np.float32)
    return LearnerState.empty(schema(config), columns, sequence.concept_columns(config))


def checked(config: Config, state: LearnerState) -> LearnerState:
    """The state itself.

    Raises:
        BadState: if it is of another kind, layout or switches.
    """
    wanted = schema(config), sequence.learner_columns(config), sequence.concept_columns(config)
    found = state.schema, state.learner.shape[1], state.touched.shape[1]
    if found != wanted:
        raise BadState(
            "state of schema {!r} with {} numbers a learner and {} a concept, this model reads {!r} with {} and {} "
            "({}): replay the learner's log with this model".format(
                *found, *wanted, ", ".join(f"{name}={getattr(config, name)}" for name in SWITCHES)
            )
        )
    return state


@torch.inference_mode()
def fold(setting: Setting, state: LearnerState, seen: Interactions) -> tuple[LearnerState, Prediction]:
    """The state after answers, and the prediction of each just before it."""
    config = setting.config
    made = sequence.prepare(config, state, seen, setting.reference)
    lengths, columns, logit = np.diff(made.offset), state.learner.copy(), np.zeros(len(made))
    for group in batches.by_length(lengths, LEARNERS):
        carried = Carried.from_columns(setting.net, setting.tensor(columns[group, BEGIN:]))
        for learners, start, stop in batches.chunks(lengths, group, config.chunk):
            batch = batches.batch(config, made, learners, start, stop, setting.device, merge=False)
            found, carried = forward(setting.net, batch, carried.take(slice(len(learners))), ends=True)
            mask = batch.rows >= 0
            logit[batch.rows[mask]] = found.double().cpu().numpy()[mask]
            columns[learners, BEGIN:] = carried.columns().float().cpu().numpy()
    columns[:, : counts.LEARNER_COLUMNS] = made.after.learner
    columns[:, STEP_COLUMN] += lengths
    some = np.flatnonzero(lengths)
    columns[some, LAST] = Last.of_answers(seen).columns()[made.offset[1:][some] - 1]
    after = replace(sequence.rings_after(config, state, made), learner=columns)
    return after, _prediction(setting, logit, made.evidence)


def _prediction(setting: Setting, logit: Float, evidence: Float) -> Prediction:
    calibration = setting.calibration
    return Prediction(held(calibration.logit(logit)), calibration.sd(evidence))


def ring_frames(
    config: Config, state: LearnerState, row: Int, concept: Int, step: Int, seconds: Float, since: Float, item: Int
) -> Frames:
    """Windows of rows of a state (-1: untouched), for questions at a step, a time and of an item, shapes (rows,).

    `since`: seconds since the learner's last answer.
    """
    ring = np.zeros((len(row), config.frames, len(RING)), np.float32)
    ring[..., STEP] = -1.0
    known = row >= 0
    ring[known] = sequence.ring_of(config, state.touched[row[known]])
    settled = np.where(known, state.concept_seconds[row] if len(state.concept) else 0.0, 0.0)
    return frames_of(ring, concept, step, seconds - settled, since, item)


def frames_of(ring: Float32, concept: Int, step: Int, waited: Float, since: Float, item: Int) -> Frames:
    """Frames of rings (rows, k, fields) settled `waited` seconds ago, of learners whose last answer was `since` ago."""
    mask = (ring[..., STEP] >= 0).astype(np.float32)
    fields = ring * mask[..., None]
    days = told(waited[:, None] + fields[..., AGE], since[:, None]) / SECONDS_PER_DAY
    same = (fields[..., ITEM] == item[:, None] + 1) & (item[:, None] >= 0)
    return Frames(
        np.broadcast_to(concept[:, None], mask.shape), fields, (step[:, None] - fields[..., STEP]) * mask,
        (days * mask).astype(np.float32), mask, same.astype(np.float32) * mask,
    )  # fmt: skip


def windows(setting: Setting, frames: Frames, owner: Int, share: Float, n: int) -> Tensor:
    """m of n questions, (n, d), each the mean over its windows; empty ones as learnt."""
    net, has = setting.net, np.flatnonzero(frames.mask.any(axis=1))
    full = np.bincount(owner[has], weights=share[has], minlength=n)
    m = net.empty * (1.0 - setting.tensor(full))[:, None]
    if len(has):
        encoded = net.encode(batches.window_of(setting.config, frames.take(has), setting.device))
        m = m + gathered(encoded, setting.tensor(owner[has]), setting.tensor(share[has]), n)
    return m


def asked(
    setting: Setting, carried: Carried, frames: Frames | None, owner: Int, share: Float, of: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """o of questions (questions, d), one a row of `carried`, and the second LSTM's state after them as columns.

    `of` (questions,): where `carried.second` is of cases, the one that each question goes on from.
    """
    net = setting.net
    m = None
    if net.encoder is not None:
        m = carried.m[0] if carried.m else windows(setting, frames, owner, share, len(carried.first[0]))  # type: ignore[arg-type]
    f = net.fuse(m, carried.first[0])
    if of is not None and net.second is not None:
        return step(net.second, f, carried.second, of)[0], f.new_empty(0)
    o, second = net.follow(f[:, None], carried.second)
    return o[:, 0], torch.cat(second, dim=1) if second else o.new_zeros(len(o), 0)


@torch.inference_mode()
def predict(setting: Setting, state: LearnerState, query: Query) -> Prediction:
    """P(correct) of questions, from the answers in `state`."""
    query = replace(query, concepts=sequence.distinct(query.concepts))
    logit, evidence = np.empty(len(query.learner)), np.empty((len(query.learner), 3))
    for start in range(0, len(query.learner), ROWS):
        rows = np.arange(start, min(start + ROWS, len(query.learner)))
        part = Query(query.learner[rows], query.seconds[rows], query.item[rows], query.concepts.take(rows))
        logit[rows], evidence[rows] = _logits(setting, state, part)
    return _prediction(setting, logit, evidence)


def _logits(setting: Setting, state: LearnerState, query: Query) -> tuple[Float, Float]:
    """Logits before calibration, and evidence, of not too many questions."""
    config, lists, net = setting.config, query.concepts, setting.net
    met = meet(sequence.counted(state), query, counts.fresh())
    learner, flat = query.learner[lists.owner], lists.flat
    row = state.find(learner, flat)
    known = np.minimum(flat, setting.reference.n_concepts)
    step = state.learner[learner, STEP_COLUMN]
    item = query.item[lists.owner]
    frames = ring_frames(config, state, row, known, step, met.now[lists.owner], met.since[lists.owner], item)
    case, of = cases(config, query.learner, lists.owner, frames, len(lists))
    carried = Carried.from_columns(net, setting.tensor(state.learner[query.learner[case], BEGIN:]))
    # Windows of those questions that stand for themselves or for others.
    place = np.full(len(lists), -1)
    place[case] = np.arange(len(case))
    mine = np.flatnonzero(place[lists.owner] >= 0)
    o, _ = asked(setting, carried, frames.take(mine), place[lists.owner[mine]], met.share[mine])
    o = o[setting.tensor(of)]
    owner, share = setting.tensor(lists.owner), setting.tensor(met.share)
    logit = gathered(net.logit_of_concepts(o[owner], setting.tensor(known)), owner, share, len(lists))
    last = Last.of_columns(state.learner[query.learner, LAST])
    head, evidence = _head(setting, query, met.learner, met.fields, met.pause, met.since, last, frames)
    logit = logit + net.logit_of_head(o, setting.tensor(head))
    return logit.double().cpu().numpy(), evidence


def cases(config: Config, learner: Int, owner: Int, frames: Frames, n: int) -> tuple[Int, Int]:
    """Questions that the network must be asked, and which of them answers each: without windows, one a learner."""
    framed = np.bincount(owner, weights=frames.mask.any(axis=1), minlength=n) > 0
    if config.encoder == "none" or not config.keyed_on_next:
        framed[:] = False
    key = np.where(framed, -1 - np.arange(n), learner)
    _, case, of = np.unique(key, return_index=True, return_inverse=True)
    return case, of


def _head(
    setting: Setting,
    query: Query,
    learner: Float,
    fields: Float,
    pause: Float,
    since: Float,
    last: Last,
    frames: Frames,
) -> tuple[Float32, Float]:
    """Features of the head, and evidence."""
    config, lists = setting.config, query.concepts
    of_learner = counts.learner_features(learner)
    of_concept = counts.concept_features(fields, told(pause, since[lists.owner]))
    of_window = sequence.window_features(config, seen_by_head(config, frames), lists)
    known = setting.reference.of(query.item, lists, last)
    mean = sequence.mean_of(lists, of_concept.astype(np.float32))
    made = sequence.head_features(config, of_learner, mean, since, known, of_window)
    return made, counts.evidence(lists, of_learner, of_concept)


def seen_by_head(config: Config, frames: Frames) -> Frames:
    """Where windows hold the concept just answered, training sees one frame fewer of the concept asked."""
    if config.keyed_on_next:
        return frames
    return frames.without_oldest()
