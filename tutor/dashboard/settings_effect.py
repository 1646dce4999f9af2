"""What other settings would do to a class, told by the functions that act once they are saved. Nothing is written.

Statuses by `tracing.status`, reviews and minutes by the one simulator (`class_forecasts`), next offers by
`services.choose`: each once by what is agreed, and once by what is supposed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import SECONDS_PER_DAY, Float, Int
from tutor.accounts.models import Group, Learner
from tutor.dashboard.words import SOON_DAYS
from tutor.scheduling import class_forecasts, explanations, rules, services
from tutor.scheduling.calendar import DAYS
from tutor.scheduling.class_forecasts import ClassAhead, class_ahead
from tutor.scheduling.forecasts import OutOfReach
from tutor.scheduling.reasons import sentence
from tutor.scheduling.rules import Agreed
from tutor.scheduling.services import Narrowing
from tutor.scheduling.terms import Supposed
from tutor.tracing.beliefs import Belief
from tutor.tracing.status import statuses

#: Of a larger class so many learners are drawn: bounds the time that a preview takes.
MOST_LEARNERS: Final = 48
#: Learners times days until an exam that are simulated: for exams far ahead fewer learners are drawn.
MOST_DAYS: Final = 6_000
#: Retentions that are compared.
RETENTIONS: Final = (0.70, 0.80, 0.90, 0.95)
#: Draws nothing by itself: exploration is left out.
_SEED: Final = 0


class Offer(NamedTuple):
    """What a learner would be offered first; `concept` "" if nothing, and `reason` then says why."""

    concept: str
    item: int
    reason: str


@final
@dataclass(frozen=True, eq=False)
class Side:
    """A class by one agreement. Rows are learners, columns the positions of concepts.

    Attributes:
        codes: (learners, concepts) of statuses.     ahead: its next days.
        now, week: (learners,) reviews that may be offered now, and that are planned until the end of the next days.
        minutes: (learners,) a day.
    """

    agreed: Mapping[UUID, Agreed]
    codes: Int
    ahead: ClassAhead
    offers: tuple[Offer, ...]
    now: Int
    week: Int

    @property
    def minutes(self) -> Float:
        return np.asarray(np.nanmean(self.ahead.minutes(), axis=1))

    @property
    def open_minutes(self) -> Float:
        """(learners,) the same of days on which something may be practised; 0 without any."""
        counted = [~each.prospect.quiet for each in self.ahead.aheads]
        rows = zip(self.ahead.minutes(), counted, strict=True)
        return np.array([float(np.nan_to_num(row[-len(open_) :])[open_].mean()) if open_.any() else 0.0
                         for row, open_ in rows])  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class Exam:
    """Expected scores on a day, (learners,), of `drawn` learners; NaN where there are not enough answers."""

    day: date
    drawn: Int
    n_concepts: int
    alone: Float
    before: Float
    after: Float


@final
@dataclass(frozen=True, eq=False)
class Effect:
    """Attributes: learners: of whom it tells, of `n` in the class.     elsewhere: for whom another class decides.

    exam: None without a day; `no_exam` says why where there is a day that cannot be told of.
    """

    learners: tuple[Learner, ...]
    n: int
    elsewhere: int
    content: Snapshot
    before: Side
    after: Side
    exam: Exam | None
    no_exam: bool = False

    @property
    def degraded(self) -> bool:
        return self.before.ahead.degraded


def effect(
    group: Group, learners: Sequence[Learner], content: Snapshot, supposed: Supposed, *, now: datetime
) -> Effect:  # fmt: skip
    """Of learners who are in the class; as many statements for many as for one."""
    told = drawn(learners, MOST_LEARNERS)
    ids = [learner.pk for learner in told]
    where = group.school_id, content.curriculum_id, ids, now
    before, after = rules.agreed(*where), rules.agreed(*where, supposing=supposed)
    skipped = services.skipped(ids, now=now)
    avoid = {learner: skipped.get((learner, content.curriculum_id), {}) for learner in ids}
    present, new = (_side(group, told, content, held, avoid, now) for held in (before, after))
    exam, no_exam = None, False
    if supposed.knobs.exam_on is not None:
        try:
            exam = _exam(group, told, content, (before, after), supposed, now)
        except OutOfReach:
            no_exam = True
    elsewhere = sum(each.terms.group_id != group.pk for each in before.values())
    return Effect(told, len(learners), elsewhere, content, present, new, exam, no_exam)


def drawn(learners: Sequence[Learner], most: int) -> tuple[Learner, ...]:
    """So many of them by lot, always the same, in their order."""
    if len(learners) <= most:
        return tuple(learners)
    lots = {each.pk: blake2b(each.pk.bytes, digest_size=8).digest() for each in learners}
    chosen = set(sorted(lots, key=lots.__getitem__)[:most])
    return tuple(each for each in learners if each.pk in chosen)


def _side(
    group: Group,
    learners: Sequence[Learner],
    content: Snapshot,
    held: Mapping[UUID, Agreed],
    avoid: Mapping[UUID, Mapping[int, float]],
    now: datetime,
) -> Side:
    seconds = now.timestamp()
    day = class_forecasts.today(group.school, now) + timedelta(days=DAYS)
    ahead = class_ahead(group.school, content, learners, day, now=now, held=held)
    codes = [
        statuses(belief.table, belief.evidence, each.prospect.content, seconds, each.agreed.criteria)
        for belief, each in zip(ahead.beliefs, ahead.aheads, strict=True)
    ]
    planned = [each.planned for each in ahead.aheads]
    offers = (_offer(belief, content, held[belief.learner_id], avoid, now) for belief in ahead.beliefs)
    return Side(
        held,
        np.array(codes).reshape(len(learners), content.n_concepts),
        ahead,
        tuple(offers),
        np.array([int((each.spread <= seconds).sum()) for each in ahead.aheads], np.int64),
        np.array([int((each <= seconds + SOON_DAYS * SECONDS_PER_DAY).sum()) for each in planned], np.int64),
    )


def _offer(
    belief: Belief, content: Snapshot, agreed: Agreed, avoid: Mapping[UUID, Mapping[int, float]], now: datetime
) -> Offer:  # fmt: skip
    certain = replace(agreed, settings=replace(agreed.settings, exploration=0.0))
    narrowing = Narrowing(size=1, skipped=avoid[belief.learner_id])
    body = services.choose(belief, now=now, narrowing=narrowing, seed=_SEED, agreed=certain)
    if not body.entries:
        return Offer("", -1, explanations.nothing(body))
    entry = body.entries[0]
    reasons = [sentence(code, figure) for code, figure in entry.reasons]
    return Offer(content.concept_titles[entry.concept], entry.item, reasons[0] if reasons else "")


def _exam(
    group: Group,
    learners: Sequence[Learner],
    content: Snapshot,
    held: tuple[Mapping[UUID, Agreed], Mapping[UUID, Agreed]],
    supposed: Supposed,
    now: datetime,
) -> Exam | None:
    """Raises: OutOfReach: if the day is past, or too far ahead."""
    day = supposed.knobs.exam_on
    if day is None or not learners:
        return None
    days = max((day - class_forecasts.today(group.school, now)).days, 1)
    told = drawn(learners, max(MOST_DAYS // days, 1))
    before, after = (class_ahead(group.school, content, told, day, now=now, held=each) for each in held)
    goals = {content.concept_position[key] for key in supposed.knobs.goals if key in content.concept_position}
    concepts = np.array(sorted(goals), np.int64) if goals else np.flatnonzero(content.concept_active)
    known = before.has_enough[:, concepts].any(axis=1)
    scores = [
        np.where(known, class_forecasts.score(recall, concepts).value, np.nan)
        for recall in (before.alone, before.followed, after.followed)
    ]
    at = {learner.pk: row for row, learner in enumerate(learners)}
    rows = np.array([at[each.pk] for each in told], np.int64)
    return Exam(day, rows, len(concepts), *scores)
