"""PSI-KT's filter online, in numpy and without torch: folding answers into states, and looking ahead from them.

A state takes 76 bytes a learner and 40 a touched concept. Settling is lazy: a strength is stepped when somebody
looks at it, which equals stepping it all the time. The fit's filter in torch (`evidence`) takes the same
steps (`dynamics`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from kt_models.base import Float32, Interactions, Prediction, Query
from kt_models.psikt import algebra, dynamics
from kt_models.psikt.config import Config
from kt_models.psikt.dynamics import Cell, Expected, Learner, Present
from kt_models.psikt.parameters import TRACKED, Parameters
from kt_models.recall import SECONDS_PER_DAY, Float, Int
from kt_models.state import LearnerState
from kt_models.walk import MAX_LOGIT, Met, Walk, meet

Bool = NDArray[np.bool_]

#: Meaning of the columns below; a state of another schema is replayed from the log.
SCHEMA: Final = "psikt1"
#: Columns of `LearnerState.learner`: traits (log alpha, mu, logit gamma), upper triangle of their covariance, momentary
#: form (mean, and variance less the stationary one), number of answers.
TRAITS, COVARIANCE, FORM, FORM_VARIANCE, ANSWERS = slice(0, 3), slice(3, 9), 9, 10, 11
LEARNER_COLUMNS: Final = 12
#: Columns of `LearnerState.touched`, see `dynamics.Cell`.
MEAN, SLOPE, VARIANCE, LASTING, QUICK = 0, slice(1, 4), 4, 5, 6
CONCEPT_COLUMNS: Final = 7
#: Items that a learner answered lately are rows of the touched as well, at concept ITEMS + position; their columns:
#: mean, number of the learner's answer, variance less the stationary one, lasting, quick.
ITEMS: Final = 2**30
ITEM_ANSWER: Final = 1
_UPPER: Final = np.triu_indices(3)


@final
@dataclass(frozen=True, eq=False)
class Setting:
    """What a fitted model knows: K concepts, I items; rows beyond them, which -1 finds as well, stand for unknown ones.

    `parents` (K + 1, P) are the candidate parents of each concept, -1 for none; `difficulty`, `doubt` (I + 1,) mean and
    variance of difficulties; `again`, `again_doubt` (I + 1,) of what is added when the learner meets the item again.
    """

    config: Config
    parameters: Parameters
    parents: Int
    difficulty: Float
    doubt: Float
    again: Float
    again_doubt: Float

    @property
    def n_concepts(self) -> int:
        return len(self.parents) - 1

    @property
    def n_items(self) -> int:
        return len(self.difficulty) - 1

    def gain(self, concept: Int) -> tuple[Float, Float]:
        """Of a right and a wrong answer, in the shape of `concept`."""
        gain = self.parameters.gain
        right, wrong = gain[:, concept] if gain.shape[1] > 1 else (gain[0, 0], gain[1, 0])
        return right, wrong

    def items(self, item: Int, met: Bool) -> tuple[Float, Float]:
        """Difficulty of items and doubt about it. No item (-1) is one of average difficulty, so beyond doubt."""
        known = np.minimum(item, self.n_items)
        difficulty = self.difficulty[known] + np.where(met, self.again[known], 0.0)
        return difficulty, np.where(item < 0, 0.0, self.doubt[known] + np.where(met, self.again_doubt[known], 0.0))


def prior(setting: Setting, n_learners: int) -> LearnerState:
    """Learners of whom nothing is known."""
    p = setting.parameters
    row = np.zeros(LEARNER_COLUMNS)
    row[TRAITS] = p.anchor
    row[COVARIANCE] = np.diag(p.trait_sd[list(TRACKED)] ** 2)[_UPPER]
    return LearnerState.empty(SCHEMA, np.tile(row.astype(np.float32), (n_learners, 1)), CONCEPT_COLUMNS)


def unpack_learner(p: Parameters, columns: Float) -> Learner:
    """The belief in columns (..., 12)."""
    covariance = np.empty((*columns.shape[:-1], 3, 3))
    covariance[..., _UPPER[0], _UPPER[1]] = covariance[..., _UPPER[1], _UPPER[0]] = columns[..., COVARIANCE]
    volatility = np.broadcast_to(p.trait_mean[2], columns.shape[:-1])
    return Learner(columns[..., TRAITS], covariance, columns[..., FORM], columns[..., FORM_VARIANCE], volatility)


def pack_learner(learner: Learner, answers: Float) -> Float:
    columns = np.empty((*answers.shape, LEARNER_COLUMNS))
    columns[..., TRAITS] = learner.traits
    columns[..., COVARIANCE] = learner.covariance[..., _UPPER[0], _UPPER[1]]
    columns[..., FORM], columns[..., FORM_VARIANCE] = learner.form, learner.form_variance
    columns[..., ANSWERS] = answers
    return columns


def unpack_cell(columns: Float) -> Cell:
    """The belief in columns (..., 7)."""
    return Cell(
        columns[..., MEAN], columns[..., SLOPE], columns[..., VARIANCE], columns[..., LASTING], columns[..., QUICK]
    )


def pack_cell(cell: Cell) -> Float:
    columns = np.empty((*cell.mean.shape, CONCEPT_COLUMNS))
    columns[..., MEAN], columns[..., SLOPE], columns[..., VARIANCE] = cell.mean, cell.slope, cell.variance
    columns[..., LASTING], columns[..., QUICK] = cell.lasting, cell.quick
    return columns


@final
@dataclass(frozen=True, eq=False)
class Asked:
    """Questions with their concepts padded to M, shapes (B, M) unless said otherwise.

    Attributes:
        concept: K where unknown.     share: 1 / concepts of the answer, 0 for padding.
        days: since settled, 0 if never.     fresh: never met.     since: (B,) days since the learner's last answer.
        parent_row, parent_days: (B, M, P).     place: (pairs,) where each (answer, concept) stands in (B, M).
    """

    concept: Int
    share: Float
    days: Float
    fresh: Bool
    since: Float
    parent_row: Int
    parent_days: Float
    place: Int


def pad(setting: Setting, met: Met, parent_row: Int, stamp: Float) -> Asked:
    """Pads what a walk met; `parent_row` (pairs, P) in the touched, -1 for none; `stamp` (touched,)."""
    b, width = len(met.answer), setting.parents.shape[1]
    first = np.searchsorted(met.owner, np.arange(b))
    column = np.arange(len(met.owner)) - first[met.owner]
    m = int(column.max(initial=0)) + 1
    place = met.owner * m + column
    concept = np.full(b * m, setting.n_concepts)
    share, days = np.zeros(b * m), np.zeros(b * m)
    fresh = np.zeros(b * m, np.bool_)
    unmet = ~np.isfinite(met.pause)
    concept[place], share[place] = np.minimum(met.concept, setting.n_concepts), met.share
    fresh[place], days[place] = unmet, np.where(unmet, 0.0, met.pause) / SECONDS_PER_DAY
    last = np.where(parent_row >= 0, stamp[parent_row], -np.inf) if stamp.size else np.full(parent_row.shape, -np.inf)
    seen = np.isfinite(last)
    parents, ages = np.full((b * m, width), -1), np.zeros((b * m, width))
    parents[place] = np.where(seen, parent_row, -1)
    ages[place] = np.where(seen, met.now[met.owner][:, None] - np.where(seen, last, 0.0), 0.0) / SECONDS_PER_DAY
    shape = (b, m)
    since = np.where(np.isfinite(met.since), met.since, 0.0) / SECONDS_PER_DAY
    return Asked(
        concept.reshape(shape), share.reshape(shape), days.reshape(shape), fresh.reshape(shape),
        since, parents.reshape(*shape, width), ages.reshape(*shape, width), place,
    )  # fmt: skip


def now(setting: Setting, learner: Learner, asked: Asked, fields: Float, touched: Float | Float32) -> Present:
    """Strengths of what is asked, (B, M), by the columns of its cells `fields` (B, M, 7) and of all `touched`."""
    config, p = setting.config, setting.parameters
    support = supports(setting, learner, asked, touched).sum(-1) if setting.parents.shape[1] else None
    wide, intercept = dynamics.spread(learner), p.intercept[asked.concept]
    return dynamics.present(np, config, p, wide, unpack_cell(fields), asked.fresh, asked.days, intercept, support)


def supports(setting: Setting, learner: Learner, asked: Asked, touched: Float | Float32) -> Float:
    """What each candidate parent adds to the long-run levels of what is asked, before transfer, (B, M, P)."""
    p = setting.parameters
    # Candidates that a concept lacks find the row of unknown concepts, and weigh nothing.
    candidates = setting.parents[asked.concept]
    cells = np.zeros((*asked.parent_row.shape, CONCEPT_COLUMNS))
    known = asked.parent_row >= 0
    cells[known] = touched[asked.parent_row[known]]
    wide = dynamics.spread(dynamics.spread(learner))
    terms: Float = dynamics.supports(
        np, setting.config, p, wide, unpack_cell(cells), known, asked.parent_days, p.intercept[candidates],
        p.weight[asked.concept],
    )  # fmt: skip
    return terms


def parent_rows(setting: Setting, state: LearnerState, learner: Int, concept: Int) -> Int:
    """(pairs, P) rows of the candidate parents in `state.touched`, -1 for none."""
    candidates = setting.parents[np.minimum(concept, setting.n_concepts)]
    rows = np.full(candidates.shape, -1)
    if candidates.size:
        wanted = candidates >= 0
        owner = np.broadcast_to(learner[:, None], candidates.shape)[wanted]
        rows[wanted] = state.find(owner, candidates[wanted])
    return rows


@final
@dataclass(frozen=True, eq=False)
class Folded:
    """The state after answers, and what was expected of each just before it."""

    state: LearnerState
    prediction: Prediction


def fold(setting: Setting, state: LearnerState, seen: Interactions) -> Folded:
    """Folds answers, one of every learner at a time."""
    p, sd = np.empty(len(seen)), np.empty(len(seen))
    correct = seen.correct.astype(np.float64)
    walk = Walk.start(_with_items(setting, state, seen), seen, np.zeros(CONCEPT_COLUMNS, np.float32))
    parents = parent_rows(setting, walk.state, seen.learner[seen.concepts.owner], seen.concepts.flat)
    items = item_rows(setting, walk.state, seen.learner, seen.item)
    for met in walk.rounds():
        rows = met.answer
        before, chance = _step(setting, walk, met, parents, items[rows], correct[rows])
        p[rows], sd[rows] = chance, np.sqrt(before.variance)
    return Folded(_forget(setting, walk.done()), Prediction(held(p), sd))


def _with_items(setting: Setting, state: LearnerState, seen: Interactions) -> LearnerState:
    """A state with a row for every item to come."""
    known = np.flatnonzero(seen.item >= 0) if setting.config.item_memory else np.empty(0, np.int64)
    fields = np.zeros((len(known), CONCEPT_COLUMNS), np.float32)
    return state.touch(seen.learner[known], ITEMS + seen.item[known], fields) if len(known) else state


def item_rows(setting: Setting, state: LearnerState, learner: Int, item: Int) -> Int:
    """(answers,) rows of items in `state.touched`, -1 for none."""
    rows = np.full(len(item), -1)
    if setting.config.item_memory:
        known = item >= 0
        rows[known] = state.find(learner[known], ITEMS + item[known])
    return rows


def _forget(setting: Setting, state: LearnerState) -> LearnerState:
    """A state without the items last answered too long ago, so that it does not grow with the history."""
    if not setting.config.item_memory:
        return state
    old = state.learner[state.owner, ANSWERS] - state.touched[:, ITEM_ANSWER] > setting.config.remembered
    kept = ~(old & (state.concept >= ITEMS))
    if kept.all():
        return state
    offset = np.concatenate([[0], np.cumsum(kept)])[state.offset]
    return LearnerState(
        state.schema, state.seconds, state.learner, offset, state.concept[kept], state.concept_seconds[kept],
        state.touched[kept],
    )  # fmt: skip


def recall_items(
    setting: Setting, count: Float, seconds: Float, row: Int, touched: Float | Float32, stamp: Float
) -> tuple[dynamics.Memory, Bool]:
    """What is known of the items asked, and of which anything is; `row` (answers,) of the touched, -1 for none."""
    fields = np.zeros((len(row), CONCEPT_COLUMNS))
    last = np.full(len(row), -np.inf)
    there = row >= 0
    fields[there], last[there] = touched[row[there]], stamp[row[there]]
    known = np.isfinite(last) & (count - fields[:, ITEM_ANSWER] <= setting.config.remembered)
    days = np.where(known, seconds - np.where(known, last, 0.0), 0.0) / SECONDS_PER_DAY
    columns = fields[:, [MEAN, VARIANCE, LASTING, QUICK]]
    return dynamics.recollect(np, setting.parameters, dynamics.Memory(*columns.T), known, days), known


def held(p: Float) -> Float:
    """Probabilities inside (0, 1)."""
    tiny = float(np.exp(-MAX_LOGIT))
    return np.clip(p, tiny, 1.0 - tiny)


def _step(
    setting: Setting, walk: Walk, met: Met, parents: Int, item_row: Int, correct: Float
) -> tuple[Expected, Float]:
    config, p = setting.config, setting.parameters
    asked = pad(setting, met, parents[met.pair], walk.stamp)
    learner = dynamics.wait(np, config, p, unpack_learner(p, met.learner), asked.since)
    b, m = asked.share.shape
    fields = np.zeros((b * m, CONCEPT_COLUMNS))
    fields[asked.place] = met.fields
    strengths = now(setting, learner, asked, fields.reshape(b, m, CONCEPT_COLUMNS), walk.touched)
    count = met.learner[:, ANSWERS]
    memory, known = recall_items(setting, count, met.now, item_row, walk.touched, walk.stamp)
    difficulty, doubt = setting.items(walk.seen.item[met.answer], known)
    before = dynamics.expect(p, learner, strengths, asked.share, asked.fresh, difficulty, doubt, memory)
    seen = algebra.surprise(np, ndtr, before.mean, before.variance, correct)
    after, cell, memory = dynamics.learn(
        np,
        config,
        p,
        learner,
        strengths,
        before,
        seen.push,
        seen.pull,
        asked.share,
        setting.gain(asked.concept),
        correct,
    )
    columns = pack_cell(cell).reshape(b * m, CONCEPT_COLUMNS)[asked.place]
    walk.settle(met, pack_learner(after, met.learner[:, ANSWERS] + 1.0), columns)
    there = item_row >= 0
    rows = item_row[there]
    walk.touched[rows[:, None], [MEAN, VARIANCE, LASTING, QUICK]] = np.stack(memory, axis=1)[there]
    walk.touched[rows, ITEM_ANSWER], walk.stamp[rows] = met.learner[there, ANSWERS], met.now[there]
    return before, seen.p


def predict(setting: Setting, state: LearnerState, query: Query) -> Prediction:
    """P(correct) of questions in any order, and the standard deviation of the logit."""
    before = expect(setting, state, query)
    return Prediction(held(algebra.chance(np, ndtr, before.mean, before.variance)), np.sqrt(before.variance))


def expect(setting: Setting, state: LearnerState, query: Query) -> Expected:
    """The logits of questions."""
    asked, learner, fields = ask(setting, state, query)
    strengths = now(setting, learner, asked, fields, state.touched)
    return before(setting, state, query, asked, learner, strengths)


def ask(setting: Setting, state: LearnerState, query: Query) -> tuple[Asked, Learner, Float]:
    """Questions padded, what is believed of their learners by then, and the columns (B, M, 7) of what they ask."""
    p = setting.parameters
    owner = query.learner[query.concepts.owner]
    met = meet(state, query, np.zeros(CONCEPT_COLUMNS, np.float32), state.find(owner, query.concepts.flat))
    parents = parent_rows(setting, state, owner, query.concepts.flat)
    asked = pad(setting, met, parents, state.concept_seconds)
    learner = dynamics.wait(np, setting.config, p, unpack_learner(p, met.learner), asked.since)
    b, m = asked.share.shape
    fields = np.zeros((b * m, CONCEPT_COLUMNS))
    fields[asked.place] = met.fields
    return asked, learner, fields.reshape(b, m, CONCEPT_COLUMNS)


def before(
    setting: Setting, state: LearnerState, query: Query, asked: Asked, learner: Learner, strengths: Present
) -> Expected:
    """The logits of questions, given the strengths of what they ask."""
    row = item_rows(setting, state, query.learner, query.item)
    count = state.learner[query.learner, ANSWERS].astype(np.float64)
    seconds = np.maximum(query.seconds, state.seconds[query.learner])
    memory, known = recall_items(setting, count, seconds, row, state.touched, state.concept_seconds)
    difficulty, doubt = setting.items(query.item, known)
    return dynamics.expect(setting.parameters, learner, strengths, asked.share, asked.fresh, difficulty, doubt, memory)
