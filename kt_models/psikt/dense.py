"""PSI-KT's filter online where every concept is stepped at every answer: the research mode, O(concepts) an answer.

A learner who has answered has a row for each of the model's K concepts. Unknown ones are met afresh each time.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from kt_models.base import BadInteractions, Interactions, Prediction, Query
from kt_models.grids import Grid
from kt_models.psikt import ahead, algebra, coupling, dynamics
from kt_models.psikt.dynamics import Expected, Learner, Memory, Present
from kt_models.psikt.online import (
    ANSWERS,
    CONCEPT_COLUMNS,
    Folded,
    Setting,
    held,
    pack_cell,
    pack_learner,
    unpack_cell,
    unpack_learner,
)
from kt_models.recall import DELAYS, SECONDS_PER_DAY, Float, Int
from kt_models.state import LearnerState


@final
class Now(NamedTuple):
    """Learners (n,) and all their strengths (n, K + 1), the last one of an unknown concept."""

    learner: Learner
    strengths: Present


def matrix(setting: Setting) -> Float:
    """(K, K) weights, parent by child."""
    k = setting.n_concepts
    found = np.zeros((k, k))
    child, place = np.nonzero(setting.parents[:-1] >= 0)
    np.add.at(found, (setting.parents[child, place], child), setting.parameters.weight[child, place])
    return found


def unfold(setting: Setting, state: LearnerState) -> Float:
    """(learners, K, 7) the columns of all concepts; zeros of learners who have not answered."""
    cells = np.zeros((len(state), setting.n_concepts, CONCEPT_COLUMNS))
    inside = state.concept < setting.n_concepts
    cells[state.owner[inside], state.concept[inside]] = state.touched[inside]
    return cells


def advance(setting: Setting, columns: Float, cells: Float, started: NDArray[np.bool_], days: Float) -> Now:
    """Learners (n, 12) and cells (n, K, 7) after `days` (n,)."""
    config, p = setting.config, setting.parameters
    learner = unpack_learner(p, columns)
    n, k = cells.shape[:2]
    days = np.where(started, days, 0.0)
    weights, stored = matrix(setting), unpack_cell(cells)
    support = np.zeros((n, k + 1))
    wide, base = dynamics.spread(learner), p.intercept[:-1]
    support[:, :k] = coupling.support(np, config, p, wide, stored, weights, days[:, None], base)
    support_slope = np.zeros((n, k + 1, 3))
    support_slope[:, :k] = coupling.frozen_slope(stored.slope, weights)
    learner = dynamics.wait(np, config, p, learner, days)
    whole = np.concatenate([cells, np.zeros((n, 1, CONCEPT_COLUMNS))], axis=1)
    fresh = np.broadcast_to(~started[:, None], (n, k + 1)).copy()
    fresh[:, -1] = True
    waited = np.broadcast_to(days[:, None], (n, k + 1))
    strengths = dynamics.present(
        np, config, p, dynamics.spread(learner), unpack_cell(whole), fresh, waited, p.intercept, support,
        support_slope,
    )  # fmt: skip
    return Now(learner, strengths)


def _expect(setting: Setting, now: Now, share: Float, item: Int) -> Expected:
    nobody = np.zeros(len(share))
    unmet = np.zeros(len(share), np.bool_)
    memory = dynamics.recollect(np, setting.parameters, Memory(nobody, nobody, nobody, nobody), unmet, nobody)
    difficulty, doubt = setting.items(item, unmet)
    return dynamics.expect(
        setting.parameters, now.learner, now.strengths, share, 0.0 * share, difficulty, doubt, memory
    )


def _shares(setting: Setting, query: Query) -> Float:
    share = np.zeros((len(query.learner), setting.n_concepts + 1))
    owner = query.concepts.owner
    np.add.at(share, (owner, np.minimum(query.concepts.flat, setting.n_concepts)), 1.0 / query.concepts.counts[owner])
    return share


def fold(setting: Setting, state: LearnerState, seen: Interactions) -> Folded:
    """Folds answers, one of every learner at a time."""
    late = np.flatnonzero(seen.seconds < state.seconds[seen.learner])
    if late.size:
        at = int(late[0])
        raise BadInteractions(
            f"answer {at} of learner row {seen.learner[at]} is at {seen.seconds[at]} s, before the last one folded in, "
            f"at {state.seconds[seen.learner[at]]} s: replay the learner's history from the prior"
        )
    p, sd = np.empty(len(seen)), np.empty(len(seen))
    cells, columns, seconds = unfold(setting, state), state.learner.astype(np.float64), state.seconds.copy()
    query = seen.query()
    for rows in seen.rounds():
        who = seen.learner[rows]
        days = (seen.seconds[rows] - seconds[who]) / SECONDS_PER_DAY
        now = advance(setting, columns[who], cells[who], np.isfinite(seconds[who]), days)
        asked = Query(who, seen.seconds[rows], seen.item[rows], query.concepts.take(rows))
        share = _shares(setting, asked)
        before = _expect(setting, now, share, asked.item)
        correct = seen.correct[rows].astype(np.float64)
        found = algebra.surprise(np, ndtr, before.mean, before.variance, correct)
        gain = setting.gain(np.arange(setting.n_concepts + 1))
        after, cell, _ = dynamics.learn(
            np, setting.config, setting.parameters, now.learner, now.strengths, before, found.push, found.pull, share,
            gain, correct,
        )  # fmt: skip
        # As the state keeps them: a fold in parts goes through float32 as well.
        columns[who] = pack_learner(after, columns[who, ANSWERS] + 1.0).astype(np.float32)
        cells[who] = pack_cell(cell)[:, :-1].astype(np.float32)
        seconds[who] = seen.seconds[rows]
        p[rows], sd[rows] = found.p, np.sqrt(before.variance)
    return Folded(_state(state, columns, cells, seconds), Prediction(held(p), sd))


def _state(state: LearnerState, columns: Float, cells: Float, seconds: Float) -> LearnerState:
    started = np.isfinite(seconds)
    k = cells.shape[1]
    return LearnerState(
        state.schema, seconds, columns.astype(np.float32),
        np.concatenate([[0], np.cumsum(np.where(started, k, 0))]).astype(np.int64),
        np.tile(np.arange(k), int(started.sum())), np.repeat(seconds[started], k),
        cells[started].reshape(-1, CONCEPT_COLUMNS).astype(np.float32),
    )  # fmt: skip


def predict(setting: Setting, state: LearnerState, query: Query) -> Prediction:
    """P(correct) of questions in any order, and the standard deviation of the logit."""
    last = state.seconds[query.learner]
    started = np.isfinite(last)
    days = np.where(started, np.maximum(query.seconds - np.where(started, last, 0.0), 0.0), 0.0) / SECONDS_PER_DAY
    columns = state.learner.astype(np.float64)[query.learner]
    now = advance(setting, columns, unfold(setting, state)[query.learner], started, days)
    before = _expect(setting, now, _shares(setting, query), query.item)
    return Prediction(held(algebra.chance(np, ndtr, before.mean, before.variance)), np.sqrt(before.variance))


def look(setting: Setting, state: LearnerState, origin: Float, which: ahead.Rows) -> Grid:
    """Recall of rows after each delay from `origin` (learners,), (rows, delays)."""
    columns, cells, started = state.learner.astype(np.float64), unfold(setting, state), np.isfinite(state.seconds)
    since = np.where(started, origin - np.where(started, state.seconds, 0.0), 0.0)
    place = which.learner, np.minimum(which.concept, setting.n_concepts)
    parts = []
    for delay in DELAYS:
        now = advance(setting, columns, cells, started, (since + delay) / SECONDS_PER_DAY)
        spread = dynamics.spread(now.learner)
        shape = now.strengths.lasting.shape
        each = Learner(*(np.broadcast_to(part, (*shape, *part.shape[2:]))[place] for part in spread))
        strength = algebra.Strength(*(part[place] for part in now.strengths.strength))
        parts.append((each, Present(strength, now.strengths.lasting[place], now.strengths.quick[place])))
    learner = Learner(*(np.stack(columns, axis=1) for columns in zip(*(each for each, _ in parts), strict=True)))
    strength = algebra.Strength(
        *(np.stack(columns, axis=1) for columns in zip(*(now.strength for _, now in parts), strict=True))
    )
    lasting, quick = (np.stack([getattr(now, name) for _, now in parts], axis=1) for name in ("lasting", "quick"))
    return ahead.grid(
        setting, learner, Present(strength, lasting, quick), place[1][:, None], np.zeros(lasting.shape, bool)
    )
