"""A school whose learners are those of a public log: its curriculum, its people and its model."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
import pyarrow.parquet as pq
from django.utils import timezone

from curricula import services as curricula
from curricula.models import CurriculumVersion
from kt_models import data
from kt_models.base import ConceptLists
from kt_models.baselines import half_life
from kt_models.data import Dataset, Vocabulary
from tutor.accounts import services as accounts
from tutor.accounts.access import Client
from tutor.accounts.models import Learner
from tutor.interactions import partitions
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.scheduling.intake import AnswerIn

SOURCE: Final = "replay"
SEED: Final = 0
#: Learners that the model is fitted on, none of whom is replayed.
FIT_LEARNERS: Final = 1_500
BATCH: Final = 100


@dataclass(frozen=True)
class Log:
    """Whole histories of some learners to replay, those of others to fit on, with one numbering of content."""

    replayed: Dataset
    fitted: Dataset

    @classmethod
    def read(cls, path: Path, answers: int) -> Log:
        """At least so many answers to replay, ending about now."""
        columns = {name: column.to_numpy() for name, column in zip(*_columns(path), strict=True)}
        ids, counts = np.unique(columns["learner"], return_counts=True)
        order = np.random.default_rng(SEED).permutation(len(ids))
        enough = int(np.searchsorted(np.cumsum(counts[order]), answers)) + 1
        columns["timestamp"] = columns["timestamp"] - columns["timestamp"].max() + timezone.now().timestamp() - 60
        vocabularies = {
            "concept_vocabulary": Vocabulary.of(columns["concept"]),
            "item_vocabulary": Vocabulary.of(columns["item"]),
        }
        replayed, fitted = (
            _dataset(columns, np.isin(columns["learner"], ids[order[some]]), vocabularies)
            for some in (slice(enough), slice(enough, enough + FIT_LEARNERS))
        )
        return cls(replayed, fitted)

    def batches(self) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
        """As an LMS sends them: time order across learners, `BATCH` a call, as JSON; and (learner row, seq) of each."""
        seen, seq = self.replayed.interactions, self.replayed.step + 1
        order = np.argsort(seen.seconds, kind="stable")
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH].tolist()
            answers = [self._answer(row) for row in rows]
            yield msgspec.json.encode(answers), [(int(seen.learner[row]), int(seq[row])) for row in rows]

    def _answer(self, row: int) -> AnswerIn:
        log, seen = self.replayed, self.replayed.interactions
        return AnswerIn(
            id=str(row),
            learner=f"external:{SOURCE}:{log.learner_ids[seen.learner[row]]}",
            item=f"i{log.items.ids[seen.item[row]]}",
            correct=float(seen.correct[row]),
            occurred_at=_moment(float(seen.seconds[row])),
            source=SOURCE,
        )


@dataclass(frozen=True)
class School:
    """`learner_ids` by row of the replayed data set."""

    client: Client
    curriculum_id: UUID
    learner_ids: list[UUID]
    version: ModelVersion


def build(log: Log, model: half_life.Model) -> School:
    now = timezone.now()
    school = accounts.create_school("Replay")
    draft = curricula.create(_document(log), owner=school.pk, now=now)
    version = curricula.publish(draft.curriculum, now=now)
    learners = Learner.objects.bulk_create(
        [Learner(school=school, source=SOURCE, external_id=str(each)) for each in log.replayed.learner_ids.tolist()],
        batch_size=5_000,
    )
    first = _moment(float(log.replayed.interactions.seconds.min()))
    partitions.make(partitions.months_between(first, now))
    client = Client(id=school.pk, school_id=school.pk, name="replay", scopes=frozenset())
    champion = _register(model, version, school.pk)
    return School(client, draft.curriculum_id, [learner.pk for learner in learners], champion)


def fit(log: Log, *, quick: bool) -> half_life.Model:
    """On learners who are not replayed; in a quick run with less care."""
    config = half_life.Config(fit_rounds=1, fit_learners=100 if quick else 500, fit_answers=100)
    return half_life.fit(log.fitted, config, seed=SEED).model


def _register(model: half_life.Model, curriculum_version: CurriculumVersion, school_id: UUID) -> ModelVersion:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "model"
        model.save(folder)
        version = registry.register(folder, curriculum_version=curriculum_version)
    deployments.promote(version, school_id=school_id)
    return version


def _document(log: Log) -> dict[str, Any]:
    """Every concept and item, in the order of the data set's positions."""
    concept_of = {}
    for part in (log.replayed, log.fitted):
        concept_of |= dict(zip(part.interactions.item.tolist(), part.interactions.concepts.flat.tolist(), strict=True))
    concepts = [{"key": f"c{each}", "title": f"Concept {each}"} for each in log.replayed.concepts.ids.tolist()]
    items = [
        {"key": f"i{each}", "concepts": [concepts[concept_of.get(place, 0)]["key"]], "statement": f"Item {each}"}
        for place, each in enumerate(log.replayed.items.ids.tolist())
    ]
    head = {"format": "trellis-curriculum/1", "key": "replay", "title": "Replay", "language": "en"}
    return {**head, "concepts": concepts, "items": items}


def _columns(path: Path) -> tuple[list[str], list[Any]]:
    table = pq.read_table(path)
    return table.column_names, table.columns


def _dataset(columns: dict[str, Any], rows: Any, vocabularies: dict[str, Vocabulary]) -> Dataset:
    return data.of_columns(
        learner=columns["learner"][rows],
        concepts=ConceptLists.single(columns["concept"][rows]),
        correct=columns["correct"][rows].astype(np.float32),
        seconds=columns["timestamp"][rows],
        item=columns["item"][rows],
        **vocabularies,
    )


def _moment(seconds: float) -> Any:
    return timezone.datetime.fromtimestamp(seconds, timezone.get_default_timezone())  # type: ignore[attr-defined]
