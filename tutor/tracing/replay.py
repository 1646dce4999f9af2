"""What was believed at some moment of the past: the log folded again, by the code that folds it in service.

A state is a fold over the log, so what it was can be had again; only places are needed, not copies. Workers only: a
model may bring torch with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np

from kt_models.base import LearnerModel
from kt_models.recall import RecallTable
from kt_models.state import LearnerState
from tutor.registry import loader
from tutor.registry.models import ModelVersion
from tutor.tracing import claims, fold
from tutor.tracing.claims import Claim, Unseen
from tutor.tracing.evidence import Evidence
from tutor.tracing.status import DEFAULT

#: Times are kept to the microsecond; as floats they may differ by half of it.
_SAME_SECONDS: Final = 5e-7


class Place(NamedTuple):
    """A moment in a learner's log.

    Attributes:
        as_of: Unix seconds of the last answer that the belief knew, None before the first.
        by: Unix seconds at which the belief was used; answers received later were not known.
        applied_seq: how much of the log the belief knew; None where that was not noted, and times must tell.
    """

    learner_id: UUID
    as_of: float | None
    by: float
    applied_seq: int | None = None


@final
@dataclass(frozen=True, eq=False)
class Replayed:
    """What was believed at `places[place]`; `answers` are those that it rests on, in time order."""

    place: int
    table: RecallTable
    evidence: Evidence
    answers: Sequence[Unseen]


def replay(version_id: UUID, curriculum_id: UUID, places: Sequence[Place], *, n_concepts: int) -> Iterator[Replayed]:
    """Beliefs of a model version at places of a curriculum's log, a learner's in the order of what was known.

    All learners are folded together, round by round, and what a round yields is not kept: memory grows with learners
    and their answers, not with places. Places whose `as_of` the log does not hold any more are left out.

    Args:
        places: of some hundreds of learners at most.     n_concepts: of the curriculum's version at that time.

    Raises:
        loader.CannotLoad: if the version's files cannot be read.
    """
    model = loader.load(version_id)
    # As everybody reads it of whoever has not answered yet.
    known = ModelVersion.objects.values_list("prior_recall", flat=True).get(pk=version_id)
    prior = RecallTable.from_bytes(bytes(known))
    for at, place in enumerate(places):
        if place.as_of is None:
            yield Replayed(at, replace(prior, origin=place.by), Evidence.none(), ())
    yield from _rounds(model, _histories(curriculum_id, places), max(n_concepts, model.n_concepts))


@final
class _History:
    """One learner's answers in the order of receipt, and how many of them each place knows."""

    def __init__(self, answers: list[Unseen]) -> None:
        self.answers = answers
        #: By number of answers known: places.
        self.wanted: dict[int, list[int]] = {}
        self.record: bytes = b""
        self.evidence = Evidence.none()
        self.folded: list[Unseen] = []

    def want(self, at: int, place: Place) -> None:
        if known := _known(self.answers, place):
            self.wanted.setdefault(known, []).append(at)

    def advance(self, known: int, opening: bytes) -> list[Unseen]:
        """What is to be folded in for the first `known` answers; from the beginning where one of them came late."""
        whole = sorted(self.answers[:known], key=lambda answer: (answer.seconds, answer.seq))
        done = len(self.folded)
        if not self.record or whole[:done] != self.folded:
            self.record, self.evidence, done = opening, Evidence.none(), 0
        self.folded = whole
        return whole[done:]


def _known(answers: Sequence[Unseen], place: Place) -> int:
    """How many answers, in the order of receipt, a belief knew; 0 if the log holds no such belief.

    States know the log up to a sequence number, so these are the first ones. By time: at least up to the one that set
    `as_of`, and of older ones that came after it those that had come by then.
    """
    as_of = -np.inf if place.as_of is None else place.as_of
    latest, known = -np.inf, 0
    for n, answer in enumerate(answers, start=1):
        latest = max(latest, answer.seconds)
        is_late = answer.received > place.by if place.applied_seq is None else answer.seq > place.applied_seq
        if latest > as_of + _SAME_SECONDS or (known and is_late):
            break
        if latest >= as_of - _SAME_SECONDS:
            known = n
    return known


def _histories(curriculum_id: UUID, places: Sequence[Place]) -> list[_History]:
    learners = sorted({place.learner_id for place in places})
    asked = [Claim(learner, curriculum_id, learner, learner, 0, None, None, None) for learner in learners]
    answers: list[list[Unseen]] = [[] for _ in learners]
    for answer in claims.unseen(asked, from_start=True) if asked else []:
        answers[answer.row].append(answer)
    histories = [_History(sorted(each, key=lambda answer: answer.seq)) for each in answers]
    row = {learner: i for i, learner in enumerate(learners)}
    for at, place in enumerate(places):
        if place.as_of is not None:
            histories[row[place.learner_id]].want(at, place)
    return histories


def _rounds(model: LearnerModel, histories: list[_History], width: int) -> Iterator[Replayed]:
    prior = model.prior(1)
    opening = prior.to_bytes()[0]
    steps = [sorted(history.wanted) for history in histories]
    for step in range(max(map(len, steps), default=0)):
        now = [(history, known[step]) for history, known in zip(histories, steps, strict=True) if step < len(known)]
        tables = _advance(model, now, opening, prior.schema, width)
        for (history, known_), table in zip(now, tables, strict=True):
            for at in history.wanted[known_]:
                yield Replayed(at, table, history.evidence, history.folded)


def _advance(
    model: LearnerModel, now: Sequence[tuple[_History, int]], opening: bytes, schema: str, width: int
) -> list[RecallTable]:
    """As `services.advance` does it: to the precision of what is stored, answer by answer."""
    new = [history.advance(known, opening) for history, known in now]
    seen = claims.interactions([answer._replace(row=row) for row, each in enumerate(new) for answer in each])
    state = LearnerState.from_bytes([history.record for history, _ in now], schema=schema)
    state, _, recall_after = fold.update(model, state, seen)
    learnt = fold.answered(seen, recall_after, len(now))
    for (history, _), record, answered in zip(now, state.to_bytes(), learnt, strict=True):
        history.record, history.evidence = record, history.evidence.fold(answered, DEFAULT.mastery)
    forecast = model.forecast(state, state.seconds, width)
    return [RecallTable.from_bytes(each) for each in forecast.to_bytes()]
