"""What lies ahead of one learner: when what is planned, how many minutes it takes, what will be known on a day.

Reads what workers wrote and needs none of them to answer. All figures come out of one simulator, `outlook`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Final, final
from uuid import UUID

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import Float
from tutor import db
from tutor.accounts.models import Learner
from tutor.scheduling import outlook, rules
from tutor.scheduling.balance import balanced, latest_at
from tutor.scheduling.calendar import DAYS, Bool, Days, start_of
from tutor.scheduling.outlook import NEW_PER_DAY, Course, Prospect
from tutor.scheduling.policies.situation import concept_minutes
from tutor.scheduling.terms import known_zone
from tutor.tracing.beliefs import Belief
from tutor.tracing.status import DEFAULT, Criteria, due_at, review_level

#: Answers whose times tell how fast a learner is, and how old they may be: one bounded query.
PACE_ANSWERS: Final = 200
PACE_DAYS: Final = 180
#: Answers at the author's pace that a learner's own are put together with: so few of them say little.
PACE_PRIOR: Final = 20.0
#: One answer tells no more than this many times faster or slower: tabs stay open over lunch.
PACE_LIMIT: Final = 8.0

_TIMES: Final = """
SELECT item, response_seconds FROM interactions_interaction
WHERE learner_id = %s AND curriculum_id = %s AND occurred_at > %s AND response_seconds > 0
ORDER BY occurred_at DESC, seq DESC LIMIT %s
"""


@final
@dataclass(frozen=True)
class Agreement:
    """How a learner's days are to be spent: what groups choose, and the defaults of who chooses nothing."""

    criteria: Criteria = DEFAULT
    quiet_weekdays: Collection[int] = ()
    quiet_dates: Collection[date] = ()
    is_balanced: bool = True
    new_per_day: float = NEW_PER_DAY
    #: Concepts that a teacher wants left out, or says are mastered.
    excluded: frozenset[int] = frozenset()


def agreement(learner: Learner, content: Snapshot, now: datetime) -> Agreement:
    """What holds for a learner on a curriculum: one query, another where the class has allowances or a pin holds."""
    agreed = rules.agreed(learner.school_id, content.curriculum_id, [learner.pk], now)[learner.pk]
    knobs, left_out = agreed.terms.knobs, agreed.terms.excluded | agreed.terms.known
    return Agreement(
        criteria=agreed.criteria_within(content),
        quiet_weekdays=knobs.quiet_numbers,
        quiet_dates=knobs.quiet_dates,
        is_balanced=agreed.settings.spread_reviews,
        new_per_day=NEW_PER_DAY if knobs.new_a_day is None else float(knobs.new_a_day),
        excluded=frozenset(each for each in left_out if each < content.n_concepts),
    )


@final
@dataclass(frozen=True, eq=False)
class Ahead:
    """A learner's days ahead, from today on.

    Attributes:
        pace: minutes that the learner takes for each that an author expects.
    """

    learner: Learner
    agreed: Agreement
    pace: float
    prospect: Prospect

    @property
    def days(self) -> Days:
        return self.prospect.days

    @cached_property
    def due(self) -> Float:
        """(concepts,) Unix seconds at which reviews fall due by the forgetting curve, inf for none."""
        prospect = self.prospect
        due = due_at(prospect.table, prospect.evidence, prospect.content, prospect.criteria)
        return np.where(prospect.offered, due, np.inf)

    @cached_property
    def planned(self) -> Float:
        """(concepts,) the same, moved so that no day is crowded, if that is agreed."""
        prospect = self.prospect
        if not self.agreed.is_balanced:
            return self.due
        days = calendar(self.learner, prospect.now)
        level = review_level(prospect.evidence, prospect.content.n_concepts, prospect.criteria)
        last = prospect.evidence.column("seconds", prospect.content.n_concepts)
        latest = latest_at(prospect.table, level)
        return balanced(self.due, last, prospect.minutes, days, quiet_days(self.agreed, days), latest=latest)

    @cached_property
    def agenda(self) -> Course:
        """What is practised when, within the horizon."""
        return outlook.follow(self.prospect, due=self.planned)

    def minutes(self) -> Float:
        """(days,) that the agenda takes."""
        return outlook.minutes_by_day(self.prospect, self.agenda)

    def workload(self, retentions: Sequence[float]) -> list[Float]:
        """(days,) expected minutes for each wanted retention; their sum never falls as retention rises."""
        return outlook.workload(self.prospect, retentions)

    def recall_then(self, at: float) -> tuple[Float, Float]:
        """Recall at a time after the horizon if the agenda is followed, and the spread of its logit, (concepts,)."""
        return outlook.recall_then(self.prospect, self.agenda, at)


def ahead(
    learner: Learner,
    belief: Belief,
    content: Snapshot,
    *,
    now: datetime,
    days: int = DAYS,
    new_per_day: float | None = None,
) -> Ahead:
    """Of one learner. One query, and another if the learner has the school's time zone."""
    agreed = agreement(learner, content, now)
    if new_per_day is not None:
        agreed = replace(agreed, new_per_day=new_per_day)
    horizon = calendar(learner, now.timestamp(), days)
    pace = pace_of(belief.learner_id, content, now)
    prospect = Prospect(
        now=now.timestamp(),
        content=content,
        table=belief.table,
        evidence=belief.evidence,
        days=horizon,
        quiet=quiet_days(agreed, horizon),
        minutes=concept_minutes(content) * pace,
        criteria=agreed.criteria,
        new_per_day=agreed.new_per_day,
        excluded=agreed.excluded,
    )
    return Ahead(learner, agreed, pace, prospect)


def calendar(learner: Learner, now: float, days: int = DAYS) -> Days:
    return Days.ahead(_zone(learner), learner.day_cutoff_hour, now, days)


def beginning_of(day: date, learner: Learner) -> float:
    """Unix seconds at which one of the learner's own days begins."""
    return start_of(day, _zone(learner), learner.day_cutoff_hour)


def quiet_days(agreed: Agreement, days: Days) -> Bool:
    return days.quiet(agreed.quiet_weekdays, agreed.quiet_dates)


def pace_of(learner_id: UUID, content: Snapshot, now: datetime) -> float:
    """Minutes that a learner takes for each that an author expects, by the newest answers that tell their time."""
    since = now - timedelta(days=PACE_DAYS)
    rows = db.rows(_TIMES, (learner_id, content.curriculum_id, since, PACE_ANSWERS), prepare=True)
    known = [(seconds, content.item_minutes[item]) for item, seconds in rows if item < content.n_items]
    return pace([seconds for seconds, _ in known], [minutes for _, minutes in known])


def pace(seconds: Sequence[float], minutes: Sequence[float]) -> float:
    """Geometric mean of actual over expected time, drawn towards 1 as if by `PACE_PRIOR` answers at that pace; pure.

    Args:
        seconds: > 0, that each answer took.      minutes: that its item is expected to take.
    """
    if not len(seconds):
        return 1.0
    ratios = np.log(np.asarray(seconds, np.float64) / (60.0 * np.maximum(np.asarray(minutes, np.float64), 1e-3)))
    limit = math.log(PACE_LIMIT)
    return math.exp(float(np.clip(ratios, -limit, limit).sum()) / (len(ratios) + PACE_PRIOR))


def _zone(learner: Learner) -> str:
    return known_zone(learner.timezone or learner.school.timezone)
