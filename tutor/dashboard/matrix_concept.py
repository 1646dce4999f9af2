"""One concept across a class: each learner's cell of the mastery map in full, those most in need first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final
from uuid import UUID

from curricula.snapshot import Snapshot
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group, Learner
from tutor.dashboard import queries
from tutor.dashboard.class_page import words_of
from tutor.dashboard.matrix_cells import LETTERS
from tutor.dashboard.matrix_page import Key, area_of, area_title
from tutor.dashboard.pictures import Curve, Curves
from tutor.dashboard.words import BY_NEED, LABELS, Definition
from tutor.registry.effective import content_for
from tutor.scheduling import plans, rules
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.estimates import Estimate, estimates, weak_prerequisites
from tutor.tracing.status import Criteria, Status

_MASTERED: Final = (Status.MASTERED, Status.DUE_FOR_REVIEW)


@final
@dataclass(frozen=True)
class CellDetail:
    """`was`: recall right after the last answer. `curve` is None below the evidence limit, where no figure is shown.

    `said`: that it is mastered is a teacher's word. `waits_for`: concepts that keep this one locked.
    """

    learner: Learner
    name: str
    estimate: Estimate
    was: float
    n_right: float
    last_at: datetime | None
    due_at: datetime | None
    waits_for: tuple[str, ...]
    curve: Curve | None
    said: bool

    @property
    def status(self) -> Status:
        return self.estimate.status

    @property
    def label(self) -> str:
        return LABELS[self.status]

    @property
    def has_faded(self) -> bool:
        return self.status is Status.DUE_FOR_REVIEW and round(100 * self.was) > round(100 * self.estimate.value)


@final
@dataclass(frozen=True)
class ConceptPage:
    group: Group
    content: Snapshot
    concept: int
    cells: tuple[CellDetail, ...]
    degraded: bool
    definitions: Mapping[str, Definition]

    @property
    def title(self) -> str:
        return self.content.concept_titles[self.concept]

    @property
    def key(self) -> str:
        return self.content.concept_keys[self.concept]

    @property
    def area(self) -> str:
        return area_title(area_of(self.content, self.concept))

    @property
    def counts(self) -> list[Key]:
        all_ = [cell.status for cell in self.cells]
        return [Key(status, LABELS[status], LETTERS[status], all_.count(status), False) for status in BY_NEED]


def concept_page(group: Group, key: str, learner_id: UUID | None, *, now: datetime) -> ConceptPage:
    """Of the whole class, or of one learner of it.

    Raises:
        NotFound: if there is no such concept or learner.
        queries.NothingToLearn
    """
    content = queries.content_of(group)
    concept = content.concept_position.get(key)
    if concept is None:
        raise NotFound("concept of this class", key)
    learners = queries.members(group) if learner_id is None else [queries.member(group, learner_id)]
    ids = [learner.pk for learner in learners]
    known = beliefs(group.school_id, content.curriculum_id, ids, now.timestamp())
    criteria = rules.criteria(group.school_id, content.curriculum_id, ids, now)
    who = {learner.pk: learner for learner in learners}
    cells = [_cell(who[b.learner_id], b, content, concept, criteria[b.learner_id], now.timestamp()) for b in known]
    cells.sort(key=lambda cell: (BY_NEED.index(cell.status), cell.estimate.value))
    degraded = any(belief.degraded for belief in known)
    return ConceptPage(group, content, concept, tuple(cells), degraded, words_of(group))


def _cell(
    learner: Learner, belief: Belief, newest: Snapshot, concept: int, criteria: Criteria, now: float
) -> CellDetail:  # fmt: skip
    content, evidence = content_for(newest, belief.school_id, belief.version_id), belief.evidence
    estimate = next(each for each in estimates(belief, content, now, criteria) if each.concept == concept)
    locked = estimate.status is Status.LOCKED
    return CellDetail(
        learner=learner,
        name=queries.called(learner),
        estimate=estimate,
        was=float(evidence.column("recall", content.n_concepts)[concept]),
        n_right=float(evidence.column("correct", content.n_concepts)[concept]),
        last_at=plans.moment(estimate.last_at),
        due_at=plans.moment(estimate.due_at),
        waits_for=tuple(_waits_for(belief, content, concept, now, criteria)) if locked else (),
        curve=_curve(belief, content, estimate, now) if estimate.n >= criteria.enough else None,
        said=concept in criteria.known,
    )


def _curve(belief: Belief, content: Snapshot, estimate: Estimate, now: float) -> Curve:
    level = estimate.review_at if estimate.status in _MASTERED else None
    return Curves.of(belief.table, content.n_concepts, now).curve(estimate.concept, estimate.value, level)


def _waits_for(belief: Belief, content: Snapshot, concept: int, now: float, criteria: Criteria) -> Iterator[str]:
    for position in weak_prerequisites(belief, content, concept, now, criteria):
        yield content.concept_titles[position]
