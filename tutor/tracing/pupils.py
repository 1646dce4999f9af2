"""Beliefs about simulated learners, in memory, by the very code that folds the log; and models fitted on what they did.

Whoever simulates sees tables and evidence, as policies do in service, and never the model behind them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, final

import numpy as np

from curricula.snapshot import Snapshot
from kt_models import artifact, kinds
from kt_models import data as datasets
from kt_models.base import ConceptLists, Float32, Interactions, LearnerModel
from kt_models.data import Dataset, Vocabulary
from kt_models.metrics import Bool
from kt_models.recall import Float, Int, RecallTable
from kt_models.state import LearnerState
from tutor.tracing import fold
from tutor.tracing.evidence import Answered, Evidence
from tutor.tracing.status import DEFAULT, Criteria

#: Of the library that models come of: fits of another version are not these.
MODELS: Final = artifact.LIBRARY_VERSION


@final
@dataclass(frozen=True, eq=False)
class Log:
    """What simulated learners answered, in any order, shapes (answers,). Items are positions of the content."""

    learner: Int
    item: Int
    correct: Bool
    seconds: Float
    response_seconds: Float32

    def dataset(self, content: Snapshot) -> Dataset:
        return datasets.of_columns(
            learner=self.learner,
            concepts=content.item_concepts.take(self.item),
            correct=self.correct.astype(np.float32),
            seconds=self.seconds,
            item=self.item,
            response_seconds=self.response_seconds,
            concept_vocabulary=Vocabulary(np.arange(content.n_concepts)),
            item_vocabulary=Vocabulary(np.arange(content.n_items)),
        )


def require_kind(kind: str) -> None:
    """Raises:
    kinds.UnknownKind: if there is no such kind of model; nothing is loaded.
    """
    if kind not in kinds.KINDS:
        raise kinds.UnknownKind(kind)


def fit(kind: str, log: Log, content: Snapshot, *, seed: int) -> LearnerModel:
    """A model of a kind, fitted on a simulated log as retraining fits it on a real one.

    Raises:
        kinds.UnknownKind: if there is no such kind.
    """
    module = kinds.resolve(kind)
    model: LearnerModel = module.fit(log.dataset(content), module.Config(), seed=seed).model
    return model


def save(model: LearnerModel, folder: Path) -> None:
    """Whole or not at all; nothing if it is there already."""
    if folder.exists():
        return
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model.save(part)
    part.rename(folder)


def load(folder: Path) -> LearnerModel:
    """Raises:
    artifact.BadArtifact: if the folder holds no readable model.
    """
    return artifact.load_model(folder)


@final
@dataclass(eq=False)
class Pupils:
    """What is believed of learners 0 to `n_learners` - 1 of a course; nothing is known of them at first.

    Attributes: start: Unix seconds at which tables of learners without answers begin, unless asked for later.
    """

    model: LearnerModel
    n_learners: int
    content: Snapshot
    start: float
    criteria: Criteria = DEFAULT
    _state: LearnerState = field(init=False)
    _prior: RecallTable = field(init=False)
    _tables: dict[int, RecallTable] = field(init=False, default_factory=dict)
    _evidence: list[Evidence] = field(init=False)
    #: Not yet in the evidence, for it is asked for less often than answers come.
    _pending: list[list[Answered]] = field(init=False)

    def __post_init__(self) -> None:
        self._state = self.model.prior(self.n_learners)
        one = self.model.forecast(self.model.prior(1), np.zeros(1), self._width)
        self._prior = RecallTable.from_bytes(one.to_bytes()[0])
        self._evidence = [Evidence.none()] * self.n_learners
        self._pending = [[] for _ in range(self.n_learners)]

    @property
    def state(self) -> LearnerState:
        """The model's own belief, of all learners."""
        return self._state

    def observe(
        self, rows: Int, items: Int, correct: Bool | Float, seconds: Float, response_seconds: Float | None = None
    ) -> None:
        """Folds answers, shapes (answers,), grouped by ascending row and in time order within each.

        Raises:
            kt_models.base.BadInteractions: if they are not, or come before a learner's last answer.
        """
        seen = Interactions(
            learner=np.asarray(rows, dtype=np.int64),
            seconds=np.asarray(seconds, dtype=np.float64),
            item=np.asarray(items, dtype=np.int64),
            concepts=self._concepts(items),
            correct=np.asarray(correct, dtype=np.float32),
            response_seconds=np.empty(0, np.float32)
            if response_seconds is None
            else np.asarray(response_seconds, dtype=np.float32),
        )
        self._state, _, recall_after = fold.update(self.model, self._state, seen)
        told = fold.answered(seen, recall_after, self.n_learners)
        for row in np.unique(seen.learner).tolist():
            self._pending[row] += told[row]
            self._tables.pop(row, None)

    def evidence(self, row: int) -> Evidence:
        if self._pending[row]:
            self._evidence[row] = self._evidence[row].fold(self._pending[row], self.criteria.mastery)
            self._pending[row] = []
        return self._evidence[row]

    def table(self, row: int, now: float | None = None) -> RecallTable:
        return self.tables(np.array([row]), None if now is None else np.array([now]))[0]

    def tables(self, rows: Int, now: Float | None = None) -> list[RecallTable]:
        """From the last answer of each learner on; from `now` on, (rows,), of those who have given none."""
        self._forecast(
            [row for row in rows.tolist() if row not in self._tables and np.isfinite(self._state.seconds[row])]
        )
        times = np.full(len(rows), self.start) if now is None else now
        return [
            self._tables.get(row) or replace(self._prior, origin=at)
            for row, at in zip(rows.tolist(), times.tolist(), strict=True)
        ]

    def _forecast(self, rows: list[int]) -> None:
        if rows:
            state = self._state.take(np.array(rows))
            forecast = self.model.forecast(state, state.seconds, self._width)
            # As everybody reads them: to the precision of what is stored.
            told = (RecallTable.from_bytes(each) for each in forecast.to_bytes())
            self._tables |= dict(zip(rows, told, strict=True))

    @property
    def _width(self) -> int:
        return max(self.content.n_concepts, self.model.n_concepts)

    def _concepts(self, items: Int) -> ConceptLists:
        return self.content.item_concepts.take(np.asarray(items, dtype=np.int64))
