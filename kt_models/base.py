"""The contract of a learner model: its values in, its values out. Numpy only.

Everything is a batch of learners. Arrays are flat columns; `learner` columns hold rows of the `LearnerState` batch.
Concepts and items are positions (0, 1, ...) in the curriculum or data set; a position that the model was not fitted on
(at or beyond its `n_concepts`, `n_items`) is legal everywhere and stands at the prior. Times are seconds since any
fixed epoch, as float64; there is no clock in here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from kt_models.recall import Float, Int, RecallTable, interval
from kt_models.state import LearnerState

Float32 = NDArray[np.float32]


class BadInteractions(ValueError):
    """Columns that are no answers of a batch of learners: wrong lengths, order, or values."""


@final
@dataclass(frozen=True, eq=False)
class ConceptLists:
    """One list of concept positions an answer, flat: those of answer i are `flat[offset[i]:offset[i + 1]]`."""

    flat: Int
    offset: Int

    @classmethod
    def single(cls, concept: Int) -> ConceptLists:
        """One concept an answer, shape (answers,)."""
        return cls(np.asarray(concept, dtype=np.int64), np.arange(len(concept) + 1, dtype=np.int64))

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> ConceptLists:
        lengths = np.fromiter((len(x) for x in lists), dtype=np.int64, count=len(lists))
        flat = np.fromiter((c for x in lists for c in x), dtype=np.int64, count=int(lengths.sum()))
        return cls(flat, np.concatenate([[0], np.cumsum(lengths)]))

    def __len__(self) -> int:
        return int(self.offset.shape[0]) - 1

    @property
    def counts(self) -> Int:
        """(answers,) number of concepts of each."""
        return np.diff(self.offset)

    @property
    def owner(self) -> Int:
        """(flat,) the answer that each flat entry belongs to."""
        return np.repeat(np.arange(len(self)), self.counts)

    def take(self, rows: Int) -> ConceptLists:
        """The lists of some answers, in the order given."""
        counts = self.counts[rows]
        offset = np.concatenate([[0], np.cumsum(counts)])
        source = np.arange(int(offset[-1])) + np.repeat(self.offset[:-1][rows] - offset[:-1], counts)
        return ConceptLists(self.flat[source], offset)


@final
@dataclass(frozen=True, eq=False)
class Interactions:
    """Answers of a batch of learners, grouped by learner row (ascending), in time order within each group.

    Answers of equal time keep the order given. Shapes are (answers,).

    Attributes:
        learner: row of the state batch.     seconds: time of the answer.     item: position, -1 if unknown.
        concepts: the concepts the item exercises, at least one an answer.
        correct: 0 to 1, partial credit between.
        response_seconds: NaN where unknown.     hints: number used.     attempt: 1-based at this item, 0 unknown.
    Raises:
        BadInteractions: when made from columns that break these rules.
    """

    learner: Int
    seconds: Float
    item: Int
    concepts: ConceptLists
    correct: Float32
    response_seconds: Float32 = field(default_factory=lambda: np.empty(0, np.float32))
    hints: Int = field(default_factory=lambda: np.empty(0, np.int64))
    attempt: Int = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        n = len(self.learner)
        defaults = {"response_seconds": np.float32("nan"), "hints": 0, "attempt": 0}
        for name, value in defaults.items():
            column = getattr(self, name)
            if len(column) == 0 and n:
                object.__setattr__(self, name, np.full(n, value, dtype=column.dtype))
        for name in ("seconds", "item", "concepts", "correct", *defaults):
            if len(getattr(self, name)) != n:
                raise BadInteractions(
                    f"column {name} has {len(getattr(self, name))} rows, learner has {n}: give equal lengths"
                )
        self._check_values()

    def _check_values(self) -> None:
        if len(self) == 0:
            return
        same = np.diff(self.learner) == 0
        if np.any(np.diff(self.learner) < 0):
            raise BadInteractions("answers are not grouped by ascending learner row: sort by (learner, seconds) first")
        if np.any(np.diff(self.seconds)[same] < 0):
            raise BadInteractions("answers of a learner are not in time order: sort by (learner, seconds) first")
        if not np.all((self.correct >= 0) & (self.correct <= 1)):
            raise BadInteractions("correct must lie in [0, 1]: scale partial credit to it")
        if not np.all(np.isfinite(self.seconds)):
            raise BadInteractions("a time is not finite: give seconds since any fixed epoch")
        if self.learner[0] < 0 or self.concepts.flat.min(initial=0) < 0:
            raise BadInteractions("learner rows and concept positions must not be negative: encode ids first")
        if np.any(self.concepts.counts < 1):
            raise BadInteractions("an answer has no concept: give every item at least one")

    def __len__(self) -> int:
        return int(self.learner.shape[0])

    def take(self, rows: Int) -> Interactions:
        """The answers at ascending `rows`."""
        columns = {
            n: getattr(self, n)[rows]
            for n in ("learner", "seconds", "item", "correct", "response_seconds", "hints", "attempt")
        }
        return replace(self, concepts=self.concepts.take(rows), **columns)

    def rounds(self) -> Iterator[Int]:
        """Rows of every learner's first answer, then of every second one, and so on: within a round all differ."""
        starts = (
            np.flatnonzero(np.concatenate([[True], np.diff(self.learner) != 0])) if len(self) else np.empty(0, np.int64)
        )
        lengths = np.diff(np.append(starts, len(self)))
        for step in range(int(lengths.max(initial=0))):
            yield starts[lengths > step] + step

    def query(self) -> Query:
        """The same answers as questions: what was asked, of whom, when."""
        return Query(self.learner, self.seconds, self.item, self.concepts)


@final
@dataclass(frozen=True, eq=False)
class Query:
    """Questions to predict, in any order, shapes (questions,): who is asked what at which time.

    `item` -1 asks for an item of average difficulty of the concepts. A time before the learner's last answer counts
    as that time.
    """

    learner: Int
    seconds: Float
    item: Int
    concepts: ConceptLists


@final
@dataclass(frozen=True, eq=False)
class Prediction:
    """P(correct) of each question, shape (questions,), inside (0, 1), and the standard deviation of its logit."""

    p: Float
    logit_sd: Float

    def interval(self) -> tuple[Float, Float]:
        """Central 90 % interval of P(correct)."""
        return interval(self.p, self.logit_sd)


@final
@dataclass(frozen=True, eq=False)
class Forecast:
    """One recall table a learner of the batch, in order."""

    tables: tuple[RecallTable, ...]

    def to_bytes(self) -> list[bytes]:
        return [table.to_bytes() for table in self.tables]


@final
@dataclass(frozen=True, eq=False)
class Traits:
    """Interpretable parameters of each learner, shapes (learners, traits), with 90 % intervals and the prior beside.

    `told`: whether the answers tell a learner's trait; where not, it says no more than "not enough data".
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    mean: Float
    low: Float
    high: Float
    prior_mean: Float
    prior_low: Float
    prior_high: Float
    told: NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class ConceptGraph:
    """Learnt prerequisite edges, shapes (edges,): parent supports child.

    Attributes:
        existence: P(an edge between the two).     direction: P(parent -> child | edge).
        effect: logits by which a mastered parent raises the child's long-run level.
        evidence: number of learners whose answers bear on the edge.
    """

    parent: Int
    child: Int
    existence: Float
    direction: Float
    effect: Float
    evidence: Int


class LearnerModel(ABC):
    """A fitted, frozen model. Subclasses are final; no method mutates the model or its arguments.

    Calls with equal arguments return bitwise equal results, and no learner's result depends on the others in the batch
    beyond rounding.
    """

    #: Name in `kt_models.kinds`, on the command line, in artifacts and in the registry.
    kind: ClassVar[str]
    #: Concepts and items that the model was fitted on; positions beyond them stand at the prior.
    n_concepts: int
    n_items: int

    @abstractmethod
    def prior(self, n_learners: int) -> LearnerState:
        """Belief about learners of whom nothing is known."""

    @abstractmethod
    def update(self, state: LearnerState, seen: Interactions) -> LearnerState:
        """Folds new answers into the belief: O(answers), never O(history).

        Args:
            state: batch of learners.     seen: their new answers, none earlier than `state.seconds` of its learner.
        Raises:
            BadInteractions: if an answer is older than the state: replay the learner's history from the prior.
        """

    @abstractmethod
    def predict(self, state: LearnerState, query: Query) -> Prediction:
        """P(correct) of questions, from the answers in `state` alone."""

    @abstractmethod
    def forecast(self, state: LearnerState, seconds: Float, n_concepts: int | None = None) -> Forecast:
        """Recall of every concept by delay from `seconds` on, (learners,), and the same after one practice then.

        `n_concepts` widens the tables to a newer curriculum; at least the model's own. Delay 0 equals `predict` with
        `item` -1; practice is an average item of the concept alone, over both outcomes.
        """

    def trace(self, state: LearnerState, seen: Interactions) -> tuple[LearnerState, Prediction]:
        """`update`, with the prediction of every answer made just before it was folded in (prequential)."""
        p, sd = np.empty(len(seen)), np.empty(len(seen))
        for rows in seen.rounds():
            answers = seen.take(rows)
            before = self.predict(state, answers.query())
            p[rows], sd[rows] = before.p, before.logit_sd
            state = self.update(state, answers)
        return state, Prediction(p, sd)

    def to(self, device: str) -> Self:
        """This model, computing on a device (cpu, cuda, cuda:N); one without torch computes where it always does."""
        return self

    def graph(self) -> ConceptGraph | None:
        """Learnt prerequisites; None if the model learns none."""
        return None

    def traits(self, state: LearnerState) -> Traits | None:
        """Traits of each learner; None if the model has none."""
        return None

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Writes an artifact (`kt_models.artifact`) into an empty or absent folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> LearnerModel:
        """Reads what `save` wrote; predictions are bitwise those of the saved model.

        Raises:
            kt_models.artifact.BadArtifact: if files are missing, damaged, or of another kind or version.
        """


M = TypeVar("M", bound=LearnerModel)


@final
@dataclass(frozen=True)
class Fitted(Generic[M]):
    """What `fit` returns: the model, and the history of its training, one record an epoch or step."""

    model: M
    log: tuple[dict[str, float], ...] = ()
