"""What the log says, folded from the beginning, answer by answer and one learner at a time: what states must equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import pytest

from kt_models.base import ConceptLists, Interactions, LearnerModel, Query
from kt_models.recall import RecallTable
from kt_models.state import LearnerState as ModelState
from tests.flow.steps import log_of
from tutor.accounts.models import Learner
from tutor.interactions.models import Interaction
from tutor.registry import loader
from tutor.tracing.evidence import Evidence
from tutor.tracing.models import LearnerState
from tutor.tracing.status import DEFAULT


@dataclass
class Practice:
    """What is told of one concept by the answers to it."""

    outcomes: list[float] = field(default_factory=list)
    mastered: bool = False
    seconds: float = 0.0


def columns(log: Sequence[Interaction]) -> Interactions:
    nan = float("nan")
    return Interactions(
        learner=np.zeros(len(log), np.int64),
        seconds=np.array([kept.occurred_at.timestamp() for kept in log], np.float64),
        item=np.array([kept.item for kept in log], np.int64),
        concepts=ConceptLists.of([kept.concepts for kept in log]),
        correct=np.array([kept.correct for kept in log], np.float32),
        response_seconds=np.array([kept.response_seconds or nan for kept in log], np.float32),
        hints=np.array([kept.hints or 0 for kept in log], np.int64),
        attempt=np.array([kept.attempt or 0 for kept in log], np.int64),
    )


def practised(model: LearnerModel, log: Sequence[Interaction]) -> dict[int, Practice]:
    """Mastery is gained at three answers and 80 % right after an answer, and lost below 60 %."""
    state, known = model.prior(1), dict[int, Practice]()
    for kept in log:
        state = model.update(state, columns([kept]))
        seconds = np.full(len(kept.concepts), kept.occurred_at.timestamp())
        alone = ConceptLists.single(np.array(kept.concepts))
        p = model.predict(state, Query(np.zeros(len(seconds), np.int64), seconds, np.full(len(seconds), -1), alone)).p
        for concept, recall in zip(kept.concepts, p.tolist(), strict=True):
            practice = known.setdefault(concept, Practice())
            practice.outcomes.append(kept.correct)
            practice.seconds = kept.occurred_at.timestamp()
            gained = recall >= DEFAULT.mastered_at and len(practice.outcomes) >= DEFAULT.mastered_after
            practice.mastered = recall >= DEFAULT.lost_at and (practice.mastered or gained)
    return known


def assert_state_is_the_fold_of_the_log(learner: Learner, version_id: UUID | None = None) -> None:
    """Of a version, or of the only one that has a state of this learner."""
    chosen = {"version_id": version_id} if version_id else {}
    kept, log = LearnerState.objects.get(learner_id=learner.pk, **chosen), log_of(learner)
    model = loader.load(kept.version_id)
    folded = model.update(model.prior(1), columns(log))
    assert (kept.applied_seq, kept.as_of) == (max(row.seq for row in log), log[-1].occurred_at)
    _assert_same_state(ModelState.from_bytes([bytes(kept.state)], schema=folded.schema), folded)
    table = RecallTable.from_bytes(bytes(kept.recall))
    _assert_same_table(table, model.forecast(folded, folded.seconds, table.n_concepts).tables[0])
    _assert_same_evidence(Evidence.from_bytes(kept.evidence), practised(model, log), [row.item for row in log])


def _assert_same_state(kept: ModelState, folded: ModelState) -> None:
    assert kept.concept.tolist() == folded.concept.tolist()
    for name in ("seconds", "concept_seconds"):
        assert getattr(kept, name).tolist() == getattr(folded, name).tolist()
    for name in ("learner", "touched"):
        np.testing.assert_allclose(getattr(kept, name), getattr(folded, name), rtol=1e-5, atol=1e-6)


def _assert_same_table(kept: RecallTable, folded: RecallTable) -> None:
    assert (kept.origin, kept.concept.tolist()) == (folded.origin, folded.concept.tolist())
    for name in ("recall", "after", "logit_sd", "rest_recall", "rest_after", "rest_sd", "shift", "growth"):
        np.testing.assert_allclose(getattr(kept, name), getattr(folded, name), atol=2e-4)


def _assert_same_evidence(kept: Evidence, known: dict[int, Practice], items: list[int]) -> None:
    assert kept.rows["concept"].tolist() == sorted(known)
    assert kept.items.tolist() == items[-64:]
    for row in kept.rows:
        practice = known[int(row["concept"])]
        newest_lowest = sum(1 << place for place, c in enumerate(practice.outcomes[:-9:-1]) if c >= 0.5)
        assert (row["n"], row["recent"], row["seconds"]) == (len(practice.outcomes), newest_lowest, practice.seconds)
        assert row["correct"] == pytest.approx(sum(practice.outcomes))
        assert bool(row["mastered"]) == practice.mastered
