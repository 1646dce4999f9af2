"""What is believed of each concept of one learner, a row each: for the teacher's page, and for the learner's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple, final

from curricula.snapshot import Snapshot
from tutor.dashboard import learner_pictures
from tutor.dashboard.learner_pictures import Drawn, Frame, Future
from tutor.dashboard.words import BY_NEED, LABELS
from tutor.scheduling import plans
from tutor.tracing.beliefs import Belief
from tutor.tracing.estimates import Estimate, estimates, weak_prerequisites
from tutor.tracing.status import Criteria, Status

#: Statuses whose concepts are listed at once; those of the others on demand.
OPENED: Final = (Status.STRUGGLING, Status.DUE_FOR_REVIEW, Status.LEARNING)
#: Of these, a review can fall due.
MASTERED: Final = (Status.MASTERED, Status.DUE_FOR_REVIEW)


@final
@dataclass(frozen=True)
class ConceptRow:
    """`n_right` is the credit for the `n` answers; `waits_for` the concepts that keep this one locked.

    `has_enough`: answers enough for a figure; where not, none may be shown. `said`: that it is mastered is a teacher's
    word. `next_at`: when it is practised next, by the agenda.
    """

    estimate: Estimate
    key: str
    title: str
    area: str
    label: str
    n_right: float
    has_enough: bool
    said: bool
    due_at: datetime | None
    last_at: datetime | None
    next_at: datetime | None
    waits_for: tuple[str, ...]
    #: Only where there are answers enough.
    curve: Drawn | None

    @property
    def status(self) -> Status:
        return self.estimate.status


class StatusGroup(NamedTuple):
    """`is_open` where there is something to do."""

    status: Status
    label: str
    rows: tuple[ConceptRow, ...]
    is_open: bool


class StatusCount(NamedTuple):
    status: Status
    label: str
    n: int


def concept_rows(
    belief: Belief, content: Snapshot, criteria: Criteria, now: datetime, future: Future | None = None
) -> list[ConceptRow]:
    """Of every concept, in the order of need, then of the curriculum; curves and what is planned with a `future`."""
    rows = _rows(belief, content, criteria, now.timestamp(), future)
    return sorted(rows, key=lambda row: BY_NEED.index(row.status))


def by_status(rows: Sequence[ConceptRow]) -> list[StatusGroup]:
    """Of rows in the order of need."""
    return [
        StatusGroup(status, LABELS[status], tuple(members), status in OPENED)
        for status, members in groupby(rows, key=lambda row: row.status)
    ]


def counted(rows: Sequence[ConceptRow]) -> list[StatusCount]:
    all_ = [row.status for row in rows]
    return [StatusCount(status, LABELS[status], all_.count(status)) for status in BY_NEED]


def level_of(estimate: Estimate) -> float | None:
    """Recall at which a review falls due, None where none can."""
    return estimate.review_at if estimate.status in MASTERED else None


def _rows(
    belief: Belief, content: Snapshot, criteria: Criteria, now: float, future: Future | None
) -> Iterator[ConceptRow]:
    right = belief.evidence.column("correct", content.n_concepts)
    frame = learner_pictures.small(future) if future else None
    planned = learner_pictures.next_visits(future.ahead.agenda) if future else {}
    for estimate in estimates(belief, content, now, criteria):
        at = estimate.concept
        concept = content.concept_contents[at]
        locked = estimate.status is Status.LOCKED
        weak = weak_prerequisites(belief, content, at, now, criteria) if locked else []
        has_enough = estimate.n >= criteria.enough
        yield ConceptRow(
            estimate=estimate,
            key=content.concept_keys[at],
            title=content.concept_titles[at],
            area=(concept.domain if concept else None) or "",
            label=LABELS[estimate.status],
            n_right=float(right[at]),
            has_enough=has_enough,
            said=at in criteria.known,
            due_at=plans.moment(estimate.due_at),
            last_at=plans.moment(estimate.last_at),
            next_at=plans.moment(planned.get(at)),
            waits_for=tuple(content.concept_titles[i] for i in weak),
            curve=_curve(future, frame, estimate) if has_enough else None,
        )


def _curve(future: Future | None, frame: Frame | None, estimate: Estimate) -> Drawn | None:
    if future is None or frame is None:
        return None
    return learner_pictures.draw(future, frame, estimate.concept, estimate.value, level_of(estimate))
