"""Folding answers into states, one answer of every learner at a time: what the models share. Numpy only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, final

import numpy as np

from kt_models.base import BadInteractions, ConceptLists, Float32, Interactions, Query
from kt_models.recall import Float, Int, sigmoid
from kt_models.state import LearnerState

#: Logits are held inside this: sigmoid(15) = 1 - 3e-7 is still below 1 in float32, so log loss stays finite.
MAX_LOGIT: Final = 15.0


def held(logit: Float) -> Float:
    """The sigmoid of a logit, inside (0, 1)."""
    return sigmoid(np.clip(logit, -MAX_LOGIT, MAX_LOGIT))


def sums(index: Int, value: Float, n: int) -> Float:
    """Sum of the values at each index 0 to n - 1, (n,)."""
    return np.bincount(index, weights=value, minlength=n).astype(np.float64, copy=False)


@final
@dataclass(frozen=True, eq=False)
class Met:
    """Answers or questions, at most one a learner, and what the state says of them, just before.

    Attributes:
        answer: (answers,) rows of the answers.     learner: (answers, D) float64 columns of the state.
        now: (answers,) seconds, not before the learner's last answer.     since: (answers,) seconds from that.
        pair: (pairs,) where each (answer, concept) stands in the flat concept list.     concept: (pairs,).
        owner: (pairs,) index into the answers.     share: (pairs,) 1 / concepts of its answer.
        fields: (pairs, F) float64 columns of the state.     pause: (pairs,) seconds since settled, inf if never.
    """

    answer: Int
    learner: Float
    now: Float
    since: Float
    pair: Int
    concept: Int
    owner: Int
    share: Float
    fields: Float
    pause: Float

    def total(self, value: Float) -> Float:
        """Sum over the concepts of each answer, (answers,)."""
        return sums(self.owner, value, len(self.answer))


@final
@dataclass(eq=False)
class Walk:
    """A state being folded forward: private copies of its arrays, with a row for every concept to come.

    Raises:
        BadInteractions: if an answer is older than the state of its learner.
    """

    seen: Interactions
    state: LearnerState
    row: Int = field(init=False)
    learner: Float32 = field(init=False)
    touched: Float32 = field(init=False)
    stamp: Float = field(init=False)
    seconds: Float = field(init=False)

    @classmethod
    def start(cls, state: LearnerState, seen: Interactions, fresh: Float32) -> Walk:
        """`fresh` (F,) fills the row of a concept that was never touched."""
        late = np.flatnonzero(seen.seconds < state.seconds[seen.learner])
        if late.size:
            i, row = int(late[0]), int(seen.learner[late[0]])
            raise BadInteractions(
                f"answer {i} of learner row {row} is at {seen.seconds[i]} s, before the last one folded in, at "
                f"{state.seconds[row]} s: replay the learner's history from the prior"
            )
        learner = seen.learner[seen.concepts.owner]
        state = state.touch(learner, seen.concepts.flat, np.broadcast_to(fresh, (len(learner), len(fresh))))
        walk = cls(seen, state)
        walk.row = state.find(learner, seen.concepts.flat)
        return walk

    def __post_init__(self) -> None:
        self.learner, self.touched = self.state.learner.copy(), self.state.touched.copy()
        self.stamp, self.seconds = self.state.concept_seconds.copy(), self.state.seconds.copy()

    def rounds(self) -> Iterator[Met]:
        """Every learner's first answer, then every second one, and so on. `settle` each before taking the next."""
        concepts = self.seen.concepts
        single = len(concepts.flat) == len(concepts)
        for answer in self.seen.rounds():
            who, now = self.seen.learner[answer], self.seen.seconds[answer]
            pair, owner, share = (
                (answer, np.arange(len(answer)), np.ones(len(answer))) if single else _pairs(concepts, answer)
            )
            row = self.row[pair]
            yield Met(
                answer=answer, learner=self.learner[who].astype(np.float64), now=now, since=now - self.seconds[who],
                pair=pair, concept=concepts.flat[pair], owner=owner, share=share,
                fields=self.touched[row].astype(np.float64), pause=now[owner] - self.stamp[row],
            )  # fmt: skip

    def settle(self, met: Met, learner: Float, fields: Float) -> None:
        """Writes what the answers changed: (answers, D) and (pairs, F)."""
        who, row = self.seen.learner[met.answer], self.row[met.pair]
        self.learner[who], self.seconds[who] = learner, met.now
        self.touched[row], self.stamp[row] = fields, met.now[met.owner]

    def done(self) -> LearnerState:
        """The state after all answers settled so far."""
        s = self.state
        return LearnerState(s.schema, self.seconds, self.learner, s.offset, s.concept, self.stamp, self.touched)


def meet(state: LearnerState, query: Query, fresh: Float32, row: Int | None = None) -> Met:
    """What a state says of questions, any number a learner; `fresh` stands for concepts that were never touched.

    `row` (pairs,) is where they stand in `state.touched`, -1 if nowhere; searched for if not given.
    """
    owner, concept = query.concepts.owner, query.concepts.flat
    if row is None:
        row = state.find(query.learner[owner], concept)
    known = row >= 0
    fields, stamp = np.empty((len(row), len(fresh))), np.full(len(row), -np.inf)
    fields[:] = fresh
    fields[known], stamp[known] = state.touched[row[known]], state.concept_seconds[row[known]]
    last = state.seconds[query.learner]
    now = np.maximum(query.seconds, last)
    return Met(
        answer=np.arange(len(now)), learner=state.learner[query.learner].astype(np.float64), now=now, since=now - last,
        pair=np.arange(len(row)), concept=concept, owner=owner, share=1.0 / query.concepts.counts[owner],
        fields=fields, pause=now[owner] - stamp,
    )  # fmt: skip


def _pairs(concepts: ConceptLists, answer: Int) -> tuple[Int, Int, Float]:
    """Of some answers: places of their concepts in the flat list, the answer each belongs to, and its share."""
    first, counts = concepts.offset[answer], concepts.counts[answer]
    ends = np.cumsum(counts)
    owner = np.repeat(np.arange(len(answer)), counts)
    pair = np.arange(int(ends[-1])) + (first - ends + counts)[owner]
    return pair, owner, 1.0 / counts[owner]
