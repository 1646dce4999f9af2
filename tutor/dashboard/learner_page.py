"""One learner on one curriculum: what is believed of each concept, what comes next and why, what was answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import interval
from tutor.accounts.models import Group, Learner
from tutor.dashboard import queries
from tutor.dashboard.pictures import Curve, Curves
from tutor.dashboard.queries import Answer
from tutor.dashboard.upcoming import Offer, Upcoming, upcoming
from tutor.dashboard.words import BY_NEED, LABELS
from tutor.scheduling import plans
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.status import BY_CODE, DEFAULT, Status, due_at, statuses, widen

#: Things to do next that the page shows.
OFFERED: Final = 4


@final
@dataclass(frozen=True)
class ConceptRow:
    """Probabilities are 0 to 1; `n` counts answers, `n_right` the credit for them. `curve` only of practised ones."""

    title: str
    area: str
    grade: str
    status: Status
    label: str
    recall: float
    low: float
    high: float
    n: int
    n_right: float
    due_at: datetime | None
    builds_on: tuple[str, ...]
    curve: Curve | None


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
    rows = sorted(_rows(belief, content, now.timestamp()), key=lambda row: BY_NEED.index(row.status))
    return LearnerPage(
        group=group,
        learner=learner,
        name=queries.called(learner),
        content=content,
        belief=belief,
        last_answer=plans.moment(belief.as_of),
        upcoming=upcoming([belief], content, now=now)[learner.pk],
        practised=tuple(row for row in rows if row.n),
        untouched=tuple(row for row in rows if not row.n),
        answers=tuple(queries.last_answers(learner.pk, content)),
    )


def _rows(belief: Belief, content: Snapshot, now: float) -> Iterator[ConceptRow]:
    k, table = content.n_concepts, belief.table
    codes = statuses(table, belief.evidence, content, now)
    recall = widen(table.at(now), k)
    low, high = interval(recall, widen(table.sd_at(now), k))
    n, right = belief.evidence.column("n", k), belief.evidence.column("correct", k)
    due = due_at(table, belief.evidence, content)
    curves = Curves.of(table, k, now)
    for position in np.flatnonzero(content.concept_active).tolist():
        concept = content.concept_contents[position]
        status = BY_CODE[codes[position]]
        yield ConceptRow(
            title=content.concept_titles[position],
            area=(concept.domain if concept else None) or "",
            grade=(concept.grade if concept else None) or "",
            status=status,
            label=LABELS[status],
            recall=float(recall[position]),
            low=float(low[position]),
            high=float(high[position]),
            n=int(n[position]),
            n_right=float(right[position]),
            due_at=plans.moment(float(due[position])) if np.isfinite(due[position]) else None,
            builds_on=tuple(content.concept_titles[i] for i in _parents(content, position)),
            curve=curves.curve(position, float(recall[position]), DEFAULT.review_at) if n[position] else None,
        )


def _parents(content: Snapshot, position: int) -> list[int]:
    lists = content.prerequisites
    parents: list[int] = lists.flat[lists.offset[position] : lists.offset[position + 1]].tolist()
    return parents
