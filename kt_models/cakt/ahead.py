"""Forecasts: recall by delay, and after one practice, by scoring both of its outcomes.

What changes with the delay is the head, and windows that fade in days. The rest of the network counts answers only, so
without times (`Config.time` off, decay in steps) tables are flat: nothing is claimed of what was never seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from torch import Tensor

from kt_models import counts
from kt_models.base import ConceptLists, Float32
from kt_models.cakt import sequence
from kt_models.cakt.batches import event_columns
from kt_models.cakt.forward import Carried
from kt_models.cakt.frames import AGE, CREDIT, SHORT_PAUSE_SECONDS, STEP, Frames, told
from kt_models.cakt.network import step
from kt_models.cakt.reference import Last, Told
from kt_models.cakt.sequence import BEGIN, LAST, STEP_COLUMN
from kt_models.cakt.stream import ROWS, Setting, asked, cases, frames_of, ring_frames, seen_by_head, windows
from kt_models.grids import Grid
from kt_models.recall import DELAYS, SECONDS_PER_DAY, Float, Int
from kt_models.state import LearnerState
from kt_models.walk import held


@final
@dataclass(frozen=True, eq=False)
class Rows:
    """One concept each, asked alone with an average item, shapes (rows,).

    Attributes:
        learner: row of the state.     concept: position.     row: of the state's touched, -1 if none.
        pause, since: seconds since the concept was practised and since the last answer, infinite if never.
        counts: (rows, 5) and (rows, 15).
    """

    learner: Int
    concept: Int
    row: Int
    seconds: Float
    pause: Float
    since: Float
    learner_counts: Float
    concept_counts: Float

    @classmethod
    def of(cls, state: LearnerState, learner: Int, concept: Int, row: Int, seconds: Float) -> Rows:
        known = row >= 0
        fields, settled = np.tile(counts.fresh().astype(np.float64), (len(row), 1)), np.full(len(row), -np.inf)
        fields[known] = state.touched[row[known], : counts.CONCEPT_COLUMNS]
        settled[known] = state.concept_seconds[row[known]]
        return cls(
            learner, concept, row, seconds, seconds - settled, seconds - state.seconds[learner],
            state.learner[learner, : counts.LEARNER_COLUMNS].astype(np.float64), fields,
        )  # fmt: skip

    def slices(self, size: int) -> list[slice]:
        return [slice(start, start + size) for start in range(0, len(self.learner), size)]

    def take(self, part: slice) -> Rows:
        return Rows(*(getattr(self, name)[part] for name in self.__dataclass_fields__))


@torch.inference_mode()
def touched(setting: Setting, state: LearnerState, origin: Float, kept: Int) -> Grid:
    """(rows, delays) of touched concepts, those that are `kept` (rows of the state)."""
    learner = state.owner[kept]
    rows = Rows.of(state, learner, state.concept[kept], kept, origin[learner])
    parts = [_look(setting, state, rows.take(part), DELAYS) for part in rows.slices(ROWS // 4)]
    return _joined(parts, len(DELAYS))


def _joined(parts: list[Grid], width: int) -> Grid:
    none = [np.empty((0, width))]
    return Grid(*(np.concatenate([getattr(part, x) for part in parts] or none) for x in ("recall", "after", "spread")))


def _look(setting: Setting, state: LearnerState, rows: Rows, delays: Float) -> Grid:
    """Recall at each delay (the first is 0), recall then after a practice now, and spread, (rows, delays)."""
    recall = held(recall_of(setting, state, rows, delays))
    chance = recall[:, :1]
    after, now = np.zeros_like(recall), present(setting, state, rows)
    for correct, weight in ((1.0, chance), (0.0, 1.0 - chance)):
        after += weight * held(_practised(setting, state, rows, delays, correct, now))
    return Grid(recall, after, np.broadcast_to(spread_of(setting, rows)[:, None], recall.shape))


def spread_of(setting: Setting, rows: Rows) -> Float:
    """(rows,) of the logit."""
    learner = counts.learner_features(rows.learner_counts)
    concept = counts.concept_features(rows.concept_counts, rows.pause)
    return setting.calibration.sd(counts.evidence(ConceptLists.single(rows.concept), learner, concept))


def recall_of(setting: Setting, state: LearnerState, rows: Rows, delays: Float) -> Float:
    """Calibrated logits (rows, delays) as things stand."""
    frames = _frames(setting, state, rows)
    case, of = cases(setting.config, rows.learner, np.arange(len(rows.row)), frames, len(rows.row))
    carried = Carried.from_columns(setting.net, setting.tensor(state.learner[rows.learner[case], BEGIN:]))
    of_window = sequence.window_features(
        setting.config, seen_by_head(setting.config, frames), ConceptLists.single(rows.concept)
    )
    known = _asked_after(setting, rows, Last.of_columns(state.learner[rows.learner, LAST]))
    head = _head(setting, rows.learner_counts, rows.concept_counts, rows.pause, rows.since, known, of_window, delays)
    return _curve(setting, carried, frames.take(case), rows.since[case], of, rows, head, delays)


def _frames(setting: Setting, state: LearnerState, rows: Rows) -> Frames:
    step = state.learner[rows.learner, STEP_COLUMN]
    return ring_frames(
        setting.config,
        state,
        rows.row,
        _known(setting, rows),
        step,
        rows.seconds,
        rows.since,
        np.full(len(rows.row), -1),
    )


def _known(setting: Setting, rows: Rows) -> Int:
    return np.minimum(rows.concept, setting.reference.n_concepts)


@final
@dataclass(frozen=True, eq=False)
class Present:
    """The network as rows are asked now: what is the same for several is of one case, `of` (rows,) names which.

    `o` (cases, d); `second` is of LSTM_2 after the question.
    """

    frames: Frames
    of: Tensor
    carried: Carried
    o: Tensor
    second: tuple[Tensor, ...]


def present(setting: Setting, state: LearnerState, rows: Rows) -> Present:
    frames, n = _frames(setting, state, rows), len(rows.row)
    case, of = cases(setting.config, rows.learner, np.arange(n), frames, n)
    carried = Carried.from_columns(setting.net, setting.tensor(state.learner[rows.learner[case], BEGIN:]))
    o, second = asked(setting, carried, frames.take(case), np.arange(len(case)), np.ones(len(case)))
    halves = second.chunk(2, dim=1) if setting.config.second_lstm else ()
    return Present(frames, setting.tensor(of), carried, o, halves)


@final
@dataclass(frozen=True, eq=False)
class Practice:
    """An answer now to an average item of each row's concept, and a question on it after some delays.

    Attributes:
        event: (rows, fields of RING).     frames: of the question, its window begins with the event.
        head: (rows, delays, head features).
    """

    event: Float32
    frames: Frames
    head: Float32

    @classmethod
    def of(cls, setting: Setting, rows: Rows, delays: Float, correct: float, step: Int, ring: Float32) -> Practice:
        """`step` (rows,): answers before.     `ring` (rows, k, fields): events before, as of now."""
        config, n = setting.config, len(rows.row)
        none, zero, known = np.full(n, -1), np.zeros(n), _known(setting, rows)
        expected = _asked_after(setting, rows, Last(none, none, none)).expected
        event = sequence.event_fields(
            np.full(n, correct, np.float32), expected, zero, rows.since if config.time else zero,
            np.full(n, np.nan, np.float32), none, step,
        )  # fmt: skip
        frames = frames_of(np.concatenate([event[:, None], ring[:, :-1]], axis=1), known, step + 1, zero, zero, none)
        of_window = sequence.window_features(config, seen_by_head(config, frames), ConceptLists.single(rows.concept))
        told_after = _asked_after(setting, rows, Last(rows.concept, none, np.full(n, int(correct))))
        learner, concept = _counted(rows, correct, expected)
        head = _head(setting, learner, concept, zero, zero, told_after, of_window, delays)
        return cls(event, frames, head)

    def embedded(self, setting: Setting, rows: Rows) -> Tensor:
        """e of the events, (rows, d)."""
        columns, credit = self.event[:, event_columns(setting.config)], self.event[:, CREDIT]
        concept = setting.tensor(_known(setting, rows))
        return setting.net.embed(concept, setting.tensor(credit), setting.tensor(columns))


def _practised(setting: Setting, state: LearnerState, rows: Rows, delays: Float, correct: float, now: Present) -> Float:
    """Calibrated logits (rows, delays) after an answer now to an average item of the concept."""
    n = len(rows.row)
    own, one = np.arange(n), np.ones(n)
    at, ring = state.learner[rows.learner, STEP_COLUMN].astype(np.int64), _aged(now.frames, rows.pause)
    made = Practice.of(setting, rows, delays, correct, at, ring)
    _, first = step(setting.net.first, made.embedded(setting, rows), now.carried.first, now.of)
    m = (windows(setting, made.frames, own, one, n),) if now.carried.m else ()
    carried = Carried(first, now.second, m)
    return _curve(setting, carried, made.frames, np.zeros(n), own, rows, made.head, delays, second_of=now.of)


def _asked_after(setting: Setting, rows: Rows, last: Last) -> Told:
    """What is known of an average item of each row's concept after an answer."""
    return setting.reference.of(np.full(len(rows.row), -1), ConceptLists.single(rows.concept), last)


def _aged(frames: Frames, pause: Float) -> Float32:
    """Ring fields (rows, k, fields) as of now, -1 in step where there is no frame."""
    ring = frames.fields.copy()
    ring[..., AGE] += np.where(np.isfinite(pause), pause, 0.0)[:, None] * frames.mask
    ring[..., STEP] = np.where(frames.mask > 0, ring[..., STEP], -1.0)
    return ring


def _counted(rows: Rows, correct: float, expected: Float) -> tuple[Float, Float]:
    """Counts of learners and concepts after the answer, settled now."""
    n = len(rows.row)
    given = np.full(n, correct)
    surprise = given - expected
    fading = np.exp2(-np.where(np.isfinite(rows.pause), rows.pause, 0.0)[:, None] / counts.FADING_SECONDS)
    fields = counts.counted(rows.concept_counts, given, surprise)
    fields[:, counts.FADED_RIGHT] = fields[:, counts.FADED_RIGHT] * fading + given[:, None]
    fields[:, counts.FADED_WRONG] = fields[:, counts.FADED_WRONG] * fading + (1.0 - given)[:, None]
    return counts.counted(rows.learner_counts, given, surprise), fields


def _head(
    setting: Setting, learner: Float, concept: Float, pause: Float, since: Float, known: Told, of_window: Float32,
    delays: Float,
) -> Float32:  # fmt: skip
    """(rows, delays, features) of an average item of one concept."""
    later, waited = pause[:, None] + delays, since[:, None] + delays
    features = counts.concept_features(concept[:, None, :], told(later, waited))
    of_learner = counts.learner_features(learner)[:, None, :]
    alike = Told(known.expected[:, None], known.difficulty[:, None], known.after[:, None, :])
    return sequence.head_features(setting.config, of_learner, features, waited, alike, of_window[:, None, :])


def _curve(
    setting: Setting, carried: Carried, frames: Frames, since: Float, of: Int, rows: Rows, head: Float32,
    delays: Float, second_of: Tensor | None = None,
) -> Float:  # fmt: skip
    """Calibrated logits (rows, delays): one look where only the head moves, else one a delay.

    Args:
        carried, frames, since: of cases, seconds since the last answer.     of: (rows,) the case that each row is of.
        second_of: see `asked`.
    """
    net, n = setting.net, len(frames)
    concept, case = setting.tensor(_known(setting, rows)), setting.tensor(of)
    own, one, g = np.arange(n), np.ones(n), setting.tensor(head)
    if setting.config.decay == "days" and net.encoder is not None:
        columns, short = [], np.where(since < SHORT_PAUSE_SECONDS, since, 0.0)
        gap = frames.gap_days * SECONDS_PER_DAY + short[:, None]
        for j, delay in enumerate(delays.tolist()):
            days = told(gap + delay, (since + delay)[:, None]) / SECONDS_PER_DAY
            faded = replace(frames, gap_days=(days * frames.mask).astype(np.float32))
            o = asked(setting, carried, faded, own, one, second_of)[0][case]
            columns.append(net.logit_of_concepts(o, concept) + net.logit_of_head(o, g[:, j]))
        raw = torch.stack(columns, dim=1)
    else:
        o = asked(setting, carried, frames, own, one, second_of)[0][case]
        raw = net.logit_of_concepts(o, concept)[:, None] + net.logit_of_head(o, g)
    return setting.calibration.logit(raw.double().cpu().numpy())
