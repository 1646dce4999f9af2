"""A class at a glance: each learner's statuses and next step, those most in need first.

Statuses are those of `tracing.status`, so that no page can contradict the API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, final

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import SECONDS_PER_DAY, Int
from tutor.accounts.models import Group, Learner
from tutor.dashboard import queries
from tutor.dashboard.pictures import Layout, Strip, strip
from tutor.dashboard.upcoming import Upcoming, upcoming
from tutor.dashboard.words import BY_NEED, LABELS, SOON_DAYS, Definition, definitions
from tutor.registry.effective import content_for
from tutor.scheduling import agreements, knobs, plans, rules
from tutor.tracing.beliefs import Belief, beliefs
from tutor.tracing.status import CODES, Criteria, Status, due_at, statuses

#: Concepts named as those to look at first.
LOOKED_AT: Final = 5


class Count(NamedTuple):
    status: Status
    label: str
    n: int


@final
@dataclass(frozen=True)
class LearnerLine:
    """`soon` counts the reviews that fall due within `SOON_DAYS`, without those due now."""

    learner: Learner
    name: str
    counts: tuple[Count, ...]
    strip: Strip
    summary: str
    soon: int
    last_answer: datetime | None
    is_inactive: bool
    upcoming: Upcoming

    def n(self, status: Status) -> int:
        return next(count.n for count in self.counts if count.status is status)

    @property
    def columns(self) -> tuple[Count, ...]:
        """What the table counts: a locked concept says nothing about the learner, so only the strip shows it."""
        return tuple(count for count in self.counts if count.status is not Status.LOCKED)

    @property
    def struggling(self) -> int:
        return self.n(Status.STRUGGLING)

    @property
    def due(self) -> int:
        return self.n(Status.DUE_FOR_REVIEW)


class ConceptLine(NamedTuple):
    key: str
    title: str
    struggling: int
    due: int


@final
@dataclass(frozen=True)
class ClassPage:
    group: Group
    content: Snapshot
    lines: tuple[LearnerLine, ...]
    look: tuple[ConceptLine, ...]
    definitions: Mapping[str, Definition]

    @property
    def n_struggling(self) -> int:
        return sum(line.struggling > 0 for line in self.lines)

    @property
    def n_due(self) -> int:
        return sum(line.due > 0 for line in self.lines)

    @property
    def n_inactive(self) -> int:
        return sum(line.is_inactive for line in self.lines)

    @property
    def n_silent(self) -> int:
        """Learners without any answer."""
        return sum(line.last_answer is None and not line.upcoming.waiting for line in self.lines)

    @property
    def waiting(self) -> int:
        return sum(line.upcoming.waiting for line in self.lines)


def class_page(group: Group, *, by_name: bool, now: datetime) -> ClassPage:
    """Raises: queries.NothingToLearn."""
    content = queries.content_of(group)
    learners = queries.members(group)
    seconds = now.timestamp()
    known = beliefs(group.school_id, content.curriculum_id, [learner.pk for learner in learners], seconds)
    # While another version is rolled out, beliefs are of two, and so are the prerequisites.
    gated = [content_for(content, belief.school_id, belief.version_id) for belief in known]
    agreed = rules.agreed(group.school_id, content.curriculum_id, [learner.pk for learner in learners], now)
    criteria = [agreed[b.learner_id].criteria_within(each) for b, each in zip(known, gated, strict=True)]
    codes = [statuses(b.table, b.evidence, each, seconds, c) for b, each, c in zip(known, gated, criteria, strict=True)]
    later = upcoming(known, content, agreed, now=now)
    layout = Layout.of(content)
    inactive = timedelta(days=agreements.knobs_of(agreements.of_group(group)).inactive_days)
    lines = [
        _line(learner, belief, code, each, later[learner.pk], layout, content, inactive, now)
        for learner, belief, code, each in zip(learners, known, codes, criteria, strict=True)
    ]
    if not by_name:
        lines.sort(key=_need)
    return ClassPage(group, content, tuple(lines), _look(content, codes), words_of(group))


def words_of(group: Group) -> Mapping[str, Definition]:
    """How figures are computed by what is agreed for the class."""
    settings = agreements.of_group(group)
    chosen = agreements.knobs_of(settings)
    same = knobs.settings_of(chosen, frozenset(), group.school.timezone, 0, True)
    return definitions(knobs.criteria_of(chosen), same, knobs.policy_of(settings.policy), chosen.inactive_days)


def _need(line: LearnerLine) -> tuple[int, int, int]:
    return -line.struggling, -line.due, line.last_answer is None


def _line(
    learner: Learner,
    belief: Belief,
    codes: Int,
    criteria: Criteria,
    later: Upcoming,
    layout: Layout,
    content: Snapshot,
    inactive: timedelta,
    now: datetime,
) -> LearnerLine:
    n = np.bincount(codes[content.concept_active], minlength=len(Status))
    counts = tuple(Count(status, LABELS[status], int(n[CODES[status]])) for status in BY_NEED)
    due = due_at(belief.table, belief.evidence, content, criteria)[content.concept_active]
    seconds = now.timestamp()
    last = plans.moment(belief.as_of)
    return LearnerLine(
        learner=learner,
        name=queries.called(learner),
        counts=counts,
        strip=strip(layout, codes, content.concept_titles),
        summary=_summary(counts, codes, content),
        soon=int(((due > seconds) & (due <= seconds + SOON_DAYS * SECONDS_PER_DAY)).sum()),
        last_answer=last,
        is_inactive=last is not None and now - last > inactive,
        upcoming=later,
    )


def _summary(counts: Sequence[Count], codes: Int, content: Snapshot) -> str:
    """The strip in words, for those who do not see it: what asks for attention by name, the rest as numbers."""
    parts = []
    for count in counts:
        if count.status in (Status.STRUGGLING, Status.DUE_FOR_REVIEW) and count.n:
            at = np.flatnonzero((codes == CODES[count.status]) & content.concept_active)
            parts.append(f"{count.label}: {', '.join(content.concept_titles[i] for i in at)}")
        elif count.n:
            parts.append(f"{count.label}: {count.n}")
    return ". ".join(parts)


def _look(content: Snapshot, codes: Sequence[Int]) -> tuple[ConceptLine, ...]:
    if not codes:
        return ()
    matrix = np.stack(codes)
    struggling = (matrix == CODES[Status.STRUGGLING]).sum(axis=0) * content.concept_active
    due = (matrix == CODES[Status.DUE_FOR_REVIEW]).sum(axis=0) * content.concept_active
    order = np.lexsort((-due, -struggling))[:LOOKED_AT]
    return tuple(
        ConceptLine(content.concept_keys[i], content.concept_titles[i], int(struggling[i]), int(due[i]))
        for i in order
        if struggling[i] or due[i]
    )
