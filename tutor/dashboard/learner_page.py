"""One learner on one curriculum: what is believed of each concept, what comes next and why, what was answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple, final

from curricula.snapshot import Snapshot
from tutor.accounts.models import Group, Learner
from tutor.dashboard import queries
from tutor.dashboard.pictures import Curve, Curves
from tutor.dashboard.queries import Answer
from tutor.dashboard.upcoming import Offer, Upcoming, upcoming
from tutor.dashboard.words import BY_NEED, LABELS, Definition, definitions
from tutor.registry.effective import content_for
from tutor.scheduling import plans, rules
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.estimates import Estimate, estimates, weak_prerequisites
from tutor.tracing.status import Criteria, Status, review_level

#: Things to do next that the page shows.
OFFERED: Final = 4
#: Statuses whose concepts are listed at once; those of the others on demand.
OPENED: Final = (Status.STRUGGLING, Status.DUE_FOR_REVIEW, Status.LEARNING)


@final
@dataclass(frozen=True)
class ConceptRow:
    """`n_right` is the credit for the `n` answers; `waits_for` the concepts that keep this one locked."""

    estimate: Estimate
    title: str
    area: str
    label: str
    n_right: float
    due_at: datetime | None
    waits_for: tuple[str, ...]
    #: Only of practised concepts.
    curve: Curve | None

    @property
    def status(self) -> Status:
        return self.estimate.status


class StatusGroup(NamedTuple):
    """`is_open` where there is something to do."""

    status: Status
    label: str
    rows: tuple[ConceptRow, ...]
    is_open: bool


@final
@dataclass(frozen=True)
class LearnerPage:
    """`practised` and `untouched` are in the order of need, then of the curriculum."""

    group: Group
    learner: Learner
    name: str
    content: Snapshot
    belief: Belief
    last_answer: datetime | None
    upcoming: Upcoming
    practised: tuple[ConceptRow, ...]
    untouched: tuple[ConceptRow, ...]
    answers: tuple[Answer, ...]
    definitions: Mapping[str, Definition]

    @property
    def groups(self) -> list[StatusGroup]:
        """Practised concepts by status."""
        return [
            StatusGroup(status, LABELS[status], tuple(rows), status in OPENED)
            for status, rows in groupby(self.practised, key=lambda row: row.status)
        ]

    @property
    def offers(self) -> tuple[Offer, ...]:
        return self.upcoming.offers[:OFFERED]

    @property
    def counts(self) -> list[tuple[Status, str, int]]:
        all_ = [row.status for row in (*self.practised, *self.untouched)]
        return [(status, LABELS[status], all_.count(status)) for status in BY_NEED]


def learner_page(group: Group, learner: Learner, *, now: datetime) -> LearnerPage:
    """Raises: queries.NothingToLearn."""
    content = queries.content_of(group)
    belief = beliefs(group.school_id, content.curriculum_id, [learner.pk], now.timestamp())[0]
    content = content_for(content, belief.school_id, belief.version_id)
    agreed = rules.agreed(group.school_id, content.curriculum_id, [learner.pk], now)
    criteria = agreed[learner.pk].criteria_within(content)
    rows = sorted(_rows(belief, content, criteria, now.timestamp()), key=lambda row: BY_NEED.index(row.status))
    return LearnerPage(
        group=group,
        learner=learner,
        name=queries.called(learner),
        content=content,
        belief=belief,
        last_answer=plans.moment(belief.as_of),
        upcoming=upcoming([belief], content, agreed, now=now)[learner.pk],
        practised=tuple(row for row in rows if row.estimate.n),
        untouched=tuple(row for row in rows if not row.estimate.n),
        answers=tuple(queries.last_answers(learner.pk, content)),
        definitions=definitions(criteria, agreed[learner.pk].settings, agreed[learner.pk].policy),
    )


def _rows(belief: Belief, content: Snapshot, criteria: Criteria, now: float) -> Iterator[ConceptRow]:
    right = belief.evidence.column("correct", content.n_concepts)
    review_at = review_level(belief.evidence, content.n_concepts, criteria)
    curves = Curves.of(belief.table, content.n_concepts, now)
    for estimate in estimates(belief, content, now, criteria):
        concept = content.concept_contents[estimate.concept]
        locked = estimate.status is Status.LOCKED
        weak = weak_prerequisites(belief, content, estimate.concept, now, criteria) if locked else []
        mastered = estimate.status in (Status.MASTERED, Status.DUE_FOR_REVIEW)
        level = float(review_at[estimate.concept]) if mastered else None
        yield ConceptRow(
            estimate=estimate,
            title=content.concept_titles[estimate.concept],
            area=(concept.domain if concept else None) or "",
            label=LABELS[estimate.status],
            n_right=float(right[estimate.concept]),
            due_at=plans.moment(estimate.due_at),
            waits_for=tuple(content.concept_titles[i] for i in weak),
            curve=curves.curve(estimate.concept, estimate.value, level) if estimate.n else None,
        )
