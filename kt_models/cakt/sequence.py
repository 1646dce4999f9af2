"""From answers, and what a state says of those before, to the arrays that the network reads. Numpy only.

An *event* is an answer seen from one of its concepts. A *window* holds, for an answer and one of its concepts c, the
last k events of the learner on c: before that answer (window_key next), or up to and with it (current). All windows of
a batch come from one stable sort of its events by (learner, concept): the j-th frame is the row j places before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np

from kt_models import counts
from kt_models.base import ConceptLists, Float32, Interactions
from kt_models.cakt.config import Config
from kt_models.cakt.frames import AGE, CREDIT, RING, SHORT_PAUSE_SECONDS, STEP, Events, Frames, told
from kt_models.cakt.reference import COLUMNS, LAST_COLUMNS, Last, Reference, Told
from kt_models.recall import Float, Int
from kt_models.state import LearnerState
from kt_models.walk import Walk

#: Features of the head that are of windows: of the concept asked, and of the item asked among them.
ORDER_FEATURES: Final = ("steps since practised", "last credit")
ITEM_FEATURES: Final = ("again", "credit again")
#: In a state's columns of a learner: the step, the answer before, and where the numbers of the network begin.
STEP_COLUMN: Final = counts.LEARNER_COLUMNS
LAST: Final = slice(STEP_COLUMN + 1, STEP_COLUMN + 1 + LAST_COLUMNS)
BEGIN: Final = LAST.stop


@final
@dataclass(frozen=True, eq=False)
class Sequences:
    """Answers of a batch of learners, ready for the network: all that does not depend on its weights.

    Attributes:
        offset: (learners + 1,) answers of each.     step: (answers,) of the learner's whole history.
        lists: distinct concepts of each answer; pairs stand in their order.     known: (pairs,) concept position.
        credit, item, seconds: (answers,).     lag: (answers,) seconds since the learner's last one.
        events: rings first, then the pairs.     first_pair: where those begin.
        window: (pairs, k) events of each window, -1 for none.     head: (answers, head features) float32.
        evidence: (answers, 3) as `counts.evidence`.     after: counts after all answers, as a state.
    """

    offset: Int
    step: Int
    lists: ConceptLists
    known: Int
    credit: Float32
    item: Int
    seconds: Float
    lag: Float
    events: Events
    first_pair: int
    window: Int
    head: Float32
    evidence: Float
    after: LearnerState

    def __len__(self) -> int:
        return len(self.step)

    @property
    def n_learners(self) -> int:
        return len(self.offset) - 1


def distinct(lists: ConceptLists) -> ConceptLists:
    """The same lists without repeated concepts: an answer must not stand in its own window."""
    owner, width = lists.owner, int(lists.flat.max(initial=0)) + 1
    key, first = np.unique(owner * width + lists.flat, return_index=True)
    if len(key) == len(lists.flat):
        return lists
    kept = np.sort(first)
    return ConceptLists(lists.flat[kept], np.searchsorted(owner[kept], np.arange(len(lists) + 1)))


def learner_columns(config: Config) -> int:
    """Counts, the step, the answer before, (h, c) of each LSTM, and the last m unless keyed on the next."""
    states = (4 if config.second_lstm else 2) + (0 if config.keyed_on_next else 1)
    return BEGIN + states * config.width


def concept_columns(config: Config) -> int:
    """Counts and the ring."""
    return counts.CONCEPT_COLUMNS + config.frames * len(RING)


def fresh(config: Config) -> Float32:
    """(columns,) of a concept never touched."""
    ring = np.zeros((config.frames, len(RING)), np.float32)
    ring[:, STEP] = -1.0
    return np.concatenate([counts.fresh(), ring.ravel()])


def ring_of(config: Config, touched: Float32) -> Float32:
    """(rows, k, fields) of state rows, newest first."""
    return touched[:, counts.CONCEPT_COLUMNS :].reshape(len(touched), config.frames, len(RING))


def counted(state: LearnerState) -> LearnerState:
    """The counts in a state, as a state."""
    return replace(
        state, learner=state.learner[:, : counts.LEARNER_COLUMNS], touched=state.touched[:, : counts.CONCEPT_COLUMNS]
    )


def head_names(config: Config) -> tuple[str, ...]:
    """Features that the head is given."""
    order = (*counts.LEARNER_FEATURES, *counts.CONCEPT_FEATURES[: counts.UNTIMED]) if config.counts else ()
    timed = (*counts.CONCEPT_FEATURES[counts.UNTIMED :], "pause of learner") if config.time else ()
    difficulty = ("difficulty",) if config.items else ()
    of_concepts, of_items = (
        (f"effect of the {name} before", f"answers that it rests on, of {name}s") if tables(config) > place else ()
        for place, name in enumerate(("concept", "item"))
    )
    return order + timed + difficulty + of_items + window_names(config) + of_concepts


def aside(config: Config) -> int:
    """How many of the last features only the head's line reads: what the concept before says.

    A table moves all concepts without a row alike with the delay, so nothing of one of them may meet the delay.
    """
    return COLUMNS if config.transitions else 0


def tables(config: Config) -> int:
    """How many tables of what follows what: of concepts, and of items."""
    return (1 + bool(config.items)) if config.transitions else 0


def head_features(
    config: Config,
    learner: counts.Features,
    concept: counts.Features,
    since: Float,
    reference: Told,
    of_window: Float32,
) -> Float32:
    """(..., features) of the head: counts of learner and concept, seconds since the last answer, reference, windows."""
    columns = []
    if config.counts:
        columns += [learner, concept[..., : counts.UNTIMED]]
    if config.time:
        waited = np.where(np.isfinite(since), np.maximum(since, SHORT_PAUSE_SECONDS), SHORT_PAUSE_SECONDS)
        columns += [concept[..., counts.UNTIMED :], np.log(waited / SHORT_PAUSE_SECONDS)[..., None]]
    if config.items:
        columns.append(reference.difficulty[..., None])
    after = reference.after
    columns += [x for x in (after[..., COLUMNS:], of_window, after[..., :COLUMNS]) if x.shape[-1]]
    if not columns:
        return np.zeros((*since.shape, 0), np.float32)
    shape = np.broadcast_shapes(*(column.shape[:-1] for column in columns))
    return np.concatenate(
        [np.broadcast_to(column, (*shape, column.shape[-1])).astype(np.float32) for column in columns], axis=-1
    )


def window_names(config: Config) -> tuple[str, ...]:
    """Features of the head that are of windows."""
    return (ORDER_FEATURES if config.counts else ()) + (ITEM_FEATURES if config.items else ())


def window_features(config: Config, frames: Frames, lists: ConceptLists) -> Float32:
    """(questions, features) of the windows of their concepts, means over the concepts of each.

    Log of the steps since the newest frame and its credit; whether the item asked is in there, and its latest credit.
    """
    credit, columns, rows = frames.fields[..., CREDIT], [], np.arange(len(frames))
    if config.counts:
        columns += [np.log1p(frames.gap_steps[:, 0]), credit[:, 0]]
    if config.items:
        newest = np.argmax(frames.same_item, axis=1)
        again = frames.same_item[rows, newest]
        columns += [again, again * credit[rows, newest]]
    if not columns:
        return np.zeros((len(lists), 0), np.float32)
    return mean_of(lists, np.stack(columns, axis=1).astype(np.float32))


def prepare(
    config: Config, state: LearnerState, seen: Interactions, reference: Reference, others: Told | None = None
) -> Sequences:
    """Answers after a state; `others`: of other references than `reference`, so that no answer teaches its own."""
    lists = distinct(seen.concepts)
    seen = replace(seen, concepts=lists)
    credit = seen.correct if config.partial_credit else (seen.correct >= 0.5).astype(np.float32)
    offset = np.searchsorted(seen.learner, np.arange(len(state) + 1))
    last = Last.within(seen, offset, state.learner[:, LAST])
    known = others or reference.of(seen.item, lists, last)
    begun = state.learner[:, STEP_COLUMN].astype(np.int64)
    step = np.arange(len(seen)) - offset[seen.learner] + begun[seen.learner]
    features = _walk(state, replace(seen, correct=credit), known.expected)
    fields = _fields(config, seen, credit, known, features.lag, step)
    events, window, first = _windows(config, state, seen, fields, step, reference.n_concepts)
    owner = lists.owner
    # The head may know of the question what a window of the concept just answered does not.
    before = window if config.keyed_on_next else earlier(window)
    frames = events.frames(before, step[owner], seen.seconds[owner], features.lag[owner], seen.item[owner])
    of_window = window_features(config, frames, lists)
    head = head_features(config, features.learner, features.concept, features.lag, known, of_window)
    return Sequences(
        offset, step, lists, np.minimum(lists.flat, reference.n_concepts), credit, seen.item, seen.seconds,
        features.lag, events, first, window, head, features.evidence, features.after,
    )  # fmt: skip


def earlier(window: Int) -> Int:
    """Windows up to and with an answer, less that answer: one frame fewer."""
    return np.concatenate([window[:, 1:], np.full((len(window), 1), -1)], axis=1)


@final
@dataclass(frozen=True, eq=False)
class _Counted:
    learner: Float32
    concept: Float32
    lag: Float
    evidence: Float
    after: LearnerState


def _walk(state: LearnerState, seen: Interactions, expected: Float) -> _Counted:
    """Counts before each answer, the concepts' averaged over those of the answer, and the state after all."""
    walk = Walk.start(counted(state), seen, counts.fresh())
    lists, n = seen.concepts, len(seen)
    learner = np.empty((n, len(counts.LEARNER_FEATURES)), np.float32)
    concept = np.empty((len(lists.flat), len(counts.CONCEPT_FEATURES)), np.float32)
    lag, correct = np.empty(n), seen.correct.astype(np.float64)
    for met in walk.rounds():
        learner[met.answer], lag[met.answer] = counts.learner_features(met.learner), met.since
        concept[met.pair] = counts.concept_features(met.fields, told(met.pause, met.since[met.owner]))
        walk.settle(met, *counts.count(met, correct[met.answer], expected[met.answer]))
    evidence = counts.evidence(lists, learner, concept)
    return _Counted(learner, mean_of(lists, concept), lag, evidence, walk.done())


def mean_of(lists: ConceptLists, value: Float32) -> Float32:
    """(answers, features) means over the concepts of each answer of (pairs, features)."""
    if len(lists.flat) == len(lists):
        return value
    out = np.zeros((len(lists), value.shape[1]), np.float32)
    np.add.at(out, lists.owner, value / lists.counts[lists.owner, None].astype(np.float32))
    return out


def event_fields(
    credit: Float32, expected: Float, difficulty: Float, lag: Float, elapsed: Float32, item: Int, step: Int
) -> Float32:
    """(events, fields of RING) of answers, age 0."""
    known = np.isfinite(elapsed)
    waited = np.where(np.isfinite(lag), np.maximum(lag, 0.0), 0.0)
    columns = (
        credit, credit - expected, difficulty, np.log1p(waited / 60.0) / 5.0,
        np.log1p(np.maximum(np.where(known, elapsed, 0.0), 0.0)) / 5.0, known, item + 1, step, np.zeros(len(step)),
    )  # fmt: skip
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


def _fields(config: Config, seen: Interactions, credit: Float32, known: Told, lag: Float, step: Int) -> Float32:
    elapsed = seen.response_seconds if config.time else np.full(len(seen), np.nan, np.float32)
    waited = lag if config.time else np.zeros(len(seen))
    return event_fields(credit, known.expected, known.difficulty, waited, elapsed, np.maximum(seen.item, -1), step)


def _windows(
    config: Config, state: LearnerState, seen: Interactions, fields: Float32, step: Int, n_concepts: int
) -> tuple[Events, Int, int]:
    """Events, the window of each pair, and where the pairs begin among the events."""
    owner = seen.concepts.owner
    learner, concept = seen.learner[owner], seen.concepts.flat
    width = int(max(concept.max(initial=0), state.concept.max(initial=0))) + 1
    group = learner * width + concept
    # Only rings of concepts that the answers touch.
    held = state.owner * width + state.concept
    rows = np.flatnonzero(np.isin(held, group)) if len(held) else np.empty(0, np.int64)
    ring = ring_of(config, state.touched[rows])
    row, place = np.nonzero(ring[..., STEP] >= 0)
    old = ring[row, place]
    ages = state.concept_seconds[rows][row] - old[:, AGE]
    event_group = np.concatenate([held[rows][row], group])
    # Newer frames of a ring come first, events of a group must ascend in time.
    order = np.concatenate([-1.0 - place, step[owner].astype(np.float64)])
    events = Events(
        np.minimum(np.concatenate([state.concept[rows][row], concept]), n_concepts),
        np.concatenate([old, fields[owner]]),
        np.concatenate([ages, seen.seconds[owner]]),
    )  # fmt: skip
    first = len(row)
    return events, _previous(config, event_group, order)[first:], first


def _previous(config: Config, group: Int, order: Float) -> Int:
    """(events, k) the events before each in its group, newest first, -1 for none; with itself first where keyed so."""
    n, k = len(group), config.frames
    by_group = np.lexsort((order, group))
    sorted_group = group[by_group]
    window = np.full((n, k), -1)
    for j in range(1, k + 1):
        at = j if config.keyed_on_next else j - 1
        same = sorted_group[at:] == sorted_group[: n - at] if at < n else np.empty(0, np.bool_)
        rows = np.flatnonzero(same)
        window[by_group[rows + at], j - 1] = by_group[rows]
    return window


def rings_after(config: Config, state: LearnerState, made: Sequences) -> LearnerState:
    """`made.after` with rings: of each (learner, concept) touched, the last k events. Learner columns are counts."""
    after = made.after
    blank = fresh(config)[counts.CONCEPT_COLUMNS :]
    ring = np.tile(blank, (len(after.concept), 1)).reshape(len(after.concept), config.frames, len(RING))
    before = state.find(after.owner, after.concept)
    known = before >= 0
    ring[known] = ring_of(config, state.touched[before[known]])
    owner, events = made.lists.owner, made.events
    learner = np.searchsorted(made.offset, owner, side="right") - 1
    row = after.find(learner, made.lists.flat)
    last = _lasts(row)
    index = made.window[last]
    if config.keyed_on_next:
        index = np.concatenate([(made.first_pair + last)[:, None], index[:, :-1]], axis=1)
    there = index >= 0
    values = events.fields[index]
    ages = (after.concept_seconds[row[last], None] - events.seconds[index]).astype(np.float32)
    values[..., AGE] = np.where(there, ages, 0.0)
    ring[row[last]] = np.where(there[..., None], values, blank.reshape(config.frames, len(RING)))
    return replace(after, touched=np.concatenate([after.touched, ring.reshape(len(ring), len(blank))], axis=1))


def _lasts(row: Int) -> Int:
    """Of each value that occurs, the place where it occurs last."""
    values, first = np.unique(row[::-1], return_index=True)
    del values
    return len(row) - 1 - first
