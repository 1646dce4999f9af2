"""What a learner is told of the own knowledge on one curriculum: the statuses that teacher and API are told, in words
for a twelve-year-old.

Items to come are not shown: seen before they are offered, they would be answered better than known, and nothing would
tell so. Nor are others: their answers, what teachers noted, and why they decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Final, NamedTuple, final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from curricula.errors import NotPublished
from curricula.snapshot import Snapshot
from tutor.accounts.models import Learner
from tutor.dashboard import queries
from tutor.dashboard.own_words import SAID, definitions
from tutor.dashboard.queries import Answer
from tutor.dashboard.upcoming import Offer, Upcoming, upcoming
from tutor.dashboard.words import LABELS, Definition
from tutor.interactions.models import LogHead
from tutor.registry.effective import content_for
from tutor.scheduling import contents, forecasts, plans, rules
from tutor.scheduling.policies import Reason
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.estimates import Estimate, estimates, weak_prerequisites
from tutor.tracing.status import Criteria, Status

#: Things to do next, and days ahead, that the page shows.
OFFERED: Final = 3
DAYS_AHEAD: Final = 7
#: First what to do, then what is done, then what is to come.
ORDER: Final = (
    Status.DUE_FOR_REVIEW,
    Status.LEARNING,
    Status.STRUGGLING,
    Status.MASTERED,
    Status.NOT_ENOUGH_DATA,
    Status.LOCKED,
)
#: Tiles begin with what went well.
TOLD: Final = (Status.MASTERED, *(status for status in ORDER if status is not Status.MASTERED))
OPENED: Final = (Status.DUE_FOR_REVIEW, Status.LEARNING, Status.STRUGGLING)
#: Reasons whose figure says how well a concept is known.
TELLS_RECALL: Final = frozenset(
    {
        Reason.DUE, Reason.STRUGGLING, Reason.STARTED, Reason.SUCCESS_BAND, Reason.INFORMATIVE, Reason.LOWEST,
        Reason.FADING, Reason.PROGRESS,
    }
)  # fmt: skip


class Subject(NamedTuple):
    """A curriculum that the learner works on."""

    curriculum_id: UUID
    title: str


@final
@dataclass(frozen=True)
class Row:
    """A concept. `by_teacher`: a teacher says that it is mastered. `missing`: answers until more can be told.

    `due_on`: the learner's own day on which it falls due, so that no list tells another.
    """

    estimate: Estimate
    key: str
    title: str
    area: str
    missing: int
    by_teacher: bool
    due_on: date | None
    waits_for: tuple[str, ...]

    @property
    def status(self) -> Status:
        return self.estimate.status

    @property
    def has_enough(self) -> bool:
        """Below the evidence limit no figure is told."""
        return not self.missing


class Group(NamedTuple):
    """`said` is what the status means to the learner."""

    status: Status
    label: str
    said: str | Promise
    rows: tuple[Row, ...]
    is_open: bool


class Tile(NamedTuple):
    """`x` is where its part of the bar begins, of 100, and `width` how wide that is."""

    status: Status
    label: str
    n: int
    x: float
    width: float


class Step(NamedTuple):
    """Something to do next, and why."""

    title: str
    kind: str
    minutes: float
    reasons: tuple[str, ...]


class Day(NamedTuple):
    date: date
    titles: tuple[str, ...]


@final
@dataclass(frozen=True)
class OwnPage:
    learner: Learner
    subject: Subject
    subjects: Sequence[Subject]
    belief: Belief
    last_answer: datetime | None
    rows: tuple[Row, ...]
    upcoming: Upcoming
    steps: tuple[Step, ...]
    days: tuple[Day, ...]
    answers: tuple[Answer, ...]
    definitions: Mapping[str, Definition]

    @cached_property
    def groups(self) -> list[Group]:
        """By status; those with most answers first."""
        return [
            Group(status, LABELS[status], SAID[status], rows, status in OPENED)
            for status in ORDER
            if (rows := self.of(status))
        ]

    @cached_property
    def tiles(self) -> list[Tile]:
        tiles, x = [], 0.0
        for status in TOLD:
            n = len(self.of(status))
            width = 100 * n / max(len(self.rows), 1)
            tiles.append(Tile(status, LABELS[status], n, round(x, 2), round(width, 2)))
            x += width
        return tiles

    @property
    def n_mastered(self) -> int:
        """Those to review are known too, or there would be nothing to refresh."""
        return len(self.of(Status.MASTERED)) + self.n_due

    @property
    def n_due(self) -> int:
        return len(self.of(Status.DUE_FOR_REVIEW))

    def of(self, status: Status) -> tuple[Row, ...]:
        found = [row for row in self.rows if row.status is status]
        return tuple(sorted(found, key=lambda row: row.estimate.n == 0))


def subjects_of(learner: Learner) -> list[Subject]:
    """Of the classes, those joined last first; then what else was answered on."""
    taught = learner.memberships.order_by("-since", "-id").values_list("group__curriculum_id", flat=True)
    logs = LogHead.objects.filter(learner_id=learner.pk).order_by("curriculum_id")
    ids = dict.fromkeys([*taught, *logs.values_list("curriculum_id", flat=True)])
    resolved = dict.fromkeys(each or contents.only(learner.school_id) for each in ids)
    return [subject for each in resolved if each and (subject := _subject(each))]


def own_page(learner: Learner, subject: Subject, subjects: Sequence[Subject], *, now: datetime) -> OwnPage:
    seconds = now.timestamp()
    latest = contents.latest(subject.curriculum_id)
    belief = beliefs(learner.school_id, subject.curriculum_id, [learner.pk], seconds)[0]
    content = content_for(latest, learner.school_id, belief.version_id)
    agreed = rules.agreed(learner.school_id, subject.curriculum_id, [learner.pk], now)
    holds = agreed[learner.pk]
    criteria = holds.criteria_within(content)
    later = upcoming([belief], content, agreed, now=now)[learner.pk]
    rows = tuple(_rows(learner, belief, content, criteria, seconds))
    return OwnPage(
        learner=learner,
        subject=subject,
        subjects=subjects,
        belief=belief,
        last_answer=plans.moment(belief.as_of),
        rows=rows,
        upcoming=later,
        steps=tuple(_step(offer, rows) for offer in later.offers[:OFFERED]),
        days=tuple(_days(learner, rows, holds.terms.excluded, seconds)),
        answers=tuple(queries.last_answers(learner.pk, content)),
        definitions=definitions(criteria),
    )


def _subject(curriculum_id: UUID) -> Subject | None:
    try:
        return Subject(curriculum_id, contents.latest(curriculum_id).title)
    except NotPublished:
        return None


def _rows(learner: Learner, belief: Belief, content: Snapshot, criteria: Criteria, now: float) -> Iterator[Row]:
    for estimate in estimates(belief, content, now, criteria):
        c = estimate.concept
        concept = content.concept_contents[c]
        locked = estimate.status is Status.LOCKED
        weak = weak_prerequisites(belief, content, c, now, criteria) if locked else []
        yield Row(
            estimate=estimate,
            key=content.concept_keys[c],
            title=content.concept_titles[c],
            area=(concept.domain if concept else None) or "",
            missing=max(criteria.enough - estimate.n, 0),
            by_teacher=c in criteria.known,
            due_on=forecasts.calendar(learner, estimate.due_at, 1).first if estimate.due_at else None,
            waits_for=tuple(content.concept_titles[i] for i in weak),
        )


def _step(offer: Offer, rows: Sequence[Row]) -> Step:
    """Below the evidence limit, without what would tell how well the concept is known."""
    entry = offer.entry
    told = any(row.estimate.concept == entry.concept and row.has_enough for row in rows)
    said = zip(entry.reasons, offer.reasons, strict=True)
    reasons = tuple(sentence for (code, _figure), sentence in said if told or code not in TELLS_RECALL)
    too_few = _("A few more answers, and it can be told how well you know it.")
    return Step(offer.concept, offer.kind_label, offer.minutes, reasons or (too_few,))


def _days(learner: Learner, rows: Sequence[Row], excluded: frozenset[int], now: float) -> Iterator[Day]:
    """Those on which something falls due, by the learner's own calendar; without what is due already."""
    ahead = forecasts.calendar(learner, now, DAYS_AHEAD)
    due = [row for row in rows if row.status is Status.MASTERED and row.estimate.concept not in excluded]
    for day in map(ahead.day, range(len(ahead))):
        if titles := tuple(row.title for row in due if row.due_on == day):
            yield Day(day, titles)
