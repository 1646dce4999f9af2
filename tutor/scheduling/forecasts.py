"""What lies ahead of one learner: when what is planned, how many minutes it takes, what will be known on a day.

Reads what workers wrote and needs none of them to answer. All figures come out of one simulator, `outlook`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np
from django.db.models import prefetch_related_objects

from curricula.snapshot import Snapshot
from kt_models.recall import Float
from tutor.accounts.models import Learner
from tutor.scheduling import allotted, outlook, own_paces, rules
from tutor.scheduling.allotted import NO_LIMIT, Allotted, Allowance
from tutor.scheduling.balance import balanced, latest_at
from tutor.scheduling.calendar import DAYS, Bool, Days, start_of
from tutor.scheduling.configs import Chosen
from tutor.scheduling.courses import NEW, Course
from tutor.scheduling.outlook import NEW_PER_DAY, Prospect
from tutor.scheduling.policies import Situation
from tutor.scheduling.policies.situation import concept_minutes
from tutor.scheduling.rules import Agreed
from tutor.scheduling.terms import known_zone
from tutor.tracing.beliefs import Belief
from tutor.tracing.status import DEFAULT, Criteria, review_level

#: A forecast further ahead than a recall table reaches would only repeat its last value.
FURTHEST: Final = timedelta(days=365)


class OutOfReach(ValueError):
    """A day that nothing can be forecast of."""

    def __init__(self, day: date) -> None:
        super().__init__(f"{day} is past or over a year ahead")
        self.day = day


class Until(NamedTuple):
    """The beginning of a day, now at the earliest, in Unix seconds, and how many days lie before it, today included."""

    at: float
    days: int


@final
@dataclass(frozen=True)
class Agreement:
    """How a learner's days are to be spent: what groups choose, and the defaults of who chooses nothing.

    `criteria` tell statuses; the policy that plans for the learner may set some of its own, by which `next` offers.
    """

    criteria: Criteria = DEFAULT
    policy_criteria: Criteria = DEFAULT
    quiet_weekdays: Collection[int] = ()
    quiet_dates: Collection[date] = ()
    is_balanced: bool = True
    new_per_day: float = NEW_PER_DAY
    #: Concepts that a teacher wants left out, or says are mastered; and when that ends (Unix seconds), if it does.
    excluded: frozenset[int] = frozenset()
    returns: Mapping[int, float] = field(default_factory=dict, hash=False)
    #: Concepts that a teacher wants next, and those that the policy puts before others.
    pinned: tuple[int, ...] = ()
    goals: frozenset[int] = frozenset()
    #: What may be done on a day, and what is left of it today.
    daily: Allowance = NO_LIMIT
    left: Allowance = NO_LIMIT

    @property
    def is_limited(self) -> bool:
        return self.daily != NO_LIMIT


def agreement(learner: Learner, belief: Belief, content: Snapshot, now: datetime) -> Agreement:
    """What holds for a learner on a curriculum: one query, another where the class has allowances or a pin holds."""
    held = rules.agreed(learner.school_id, content.curriculum_id, [learner.pk], now)[learner.pk]
    return _agreement(held, rules.goes_on(learner.school_id, content.curriculum_id, held, None), belief, content)


def _agreement(agreed: Agreed, chosen: Chosen, belief: Belief, content: Snapshot) -> Agreement:
    knobs, left_out = agreed.terms.knobs, agreed.terms.excluded | agreed.terms.known
    criteria, goals = agreed.criteria_within(content), agreed.settings.goals if chosen.policy.seeks_goals else ()
    return Agreement(
        criteria=criteria,
        policy_criteria=chosen.criteria(criteria),
        quiet_weekdays=knobs.quiet_numbers,
        quiet_dates=knobs.quiet_dates,
        is_balanced=agreed.settings.spread_reviews,
        new_per_day=NEW_PER_DAY if knobs.new_a_day is None else float(knobs.new_a_day),
        excluded=frozenset(each for each in left_out if each < content.n_concepts),
        returns=agreed.terms.returns,
        pinned=agreed.pinned(belief, content),
        goals=frozenset(each for each in goals if each < content.n_concepts),
        daily=agreed.daily,
        left=agreed.left(belief, content),
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
        """(concepts,) Unix seconds at which what was begun comes back, inf for none: by the policy's own schedule, or
        what is mastered by the forgetting curve."""
        return self.prospect.falls_due(self.prospect.criteria)

    @cached_property
    def spread(self) -> Float:
        """(concepts,) the same, moved so that no day is crowded, if that is agreed, and what is pinned now: from then
        on `next` offers them."""
        prospect = self.prospect
        if not self.agreed.is_balanced or prospect.schedule is not None:
            return prospect.with_pins(self.due)
        days = calendar(self.learner, prospect.now)
        level = review_level(prospect.evidence, prospect.content.n_concepts, prospect.criteria)
        last = prospect.evidence.column("seconds", prospect.content.n_concepts)
        # As plans are: without what is excluded until a time.
        due, latest = np.where(prospect.offered, self.due, np.inf), latest_at(prospect.table, level)
        moved = balanced(due, last, prospect.minutes, days, quiet_days(self.agreed, days), latest=latest)
        return prospect.with_pins(np.where(prospect.offered, moved, self.due))

    @cached_property
    def planned(self) -> Float:
        """(concepts,) the same, and what its day has no room for on the first that has; inf if the horizon has none."""
        course, k = self.agenda, self.prospect.content.n_concepts
        visited, is_back = np.full(k, np.inf), course.kind != NEW
        np.minimum.at(visited, course.concept[is_back], course.seconds[is_back])
        # Practice has no hour of its own, as a review has: what is done on its day has not waited.
        wanted = self.days.index(np.maximum(self.spread, self.prospect.now))
        waits = (self.spread < self.days.starts[-1]) & (self.days.index(visited) > wanted)
        return np.where(waits, visited, self.spread)

    @cached_property
    def agenda(self) -> Course:
        """What is practised when, within the horizon and what a day holds."""
        return self._allotted.course

    @property
    def full(self) -> Bool:
        """(days,) on which something has to wait, for more than the day's allowance would be to do."""
        return self._allotted.full

    @cached_property
    def _allotted(self) -> Allotted:
        prospect, agreed = self.prospect, self.agreed
        if not agreed.is_limited:
            return Allotted(outlook.follow(prospect, due=self.spread), np.zeros(len(self.days), np.bool_))
        return allotted.follow(prospect, agreed.left, agreed.daily, due=self.spread)

    def minutes(self) -> Float:
        """(days,) that the agenda takes."""
        return outlook.minutes_by_day(self.prospect, self.agenda)

    def workload(self, retentions: Sequence[float]) -> list[Float]:
        """(days,) minutes that each wanted retention would take, whatever a day holds; their sum never falls as it
        rises."""
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
    """Of one learner."""
    return all_ahead([learner], [belief], [content], now=now, days=[days], new_per_day=new_per_day)[0]


def all_ahead(
    learners: Sequence[Learner],
    beliefs: Sequence[Belief],
    contents: Sequence[Snapshot],
    *,
    now: datetime,
    days: Sequence[int],
    new_per_day: float | None = None,
    held: Mapping[UUID, Agreed] | None = None,
    paces: Mapping[UUID, float] | None = None,
    seeds: Mapping[UUID, int] | None = None,
) -> list[Ahead]:
    """Of learners of one school on one curriculum, one belief, content and horizon each.

    What is agreed (see `rules`), one statement for the paces, one for the school if a learner has its time zone, and
    one for the seeds where a trial draws: as many as for a single learner.

    Args:
        held: what is agreed, or supposed to be; looked up if not given.     paces: by `own_paces.paces_of`; the same.
        seeds: of the plans that learners have, by `rules.seeds`; the same.
    """
    if not learners:
        return []
    school_id, curriculum_id = learners[0].school_id, contents[0].curriculum_id
    ids = [learner.pk for learner in learners]
    with_zones(learners)
    held = held or rules.agreed(school_id, curriculum_id, ids, now)
    paces = paces or own_paces.paces_of(ids, contents[0], now)
    seeds = rules.seeds(school_id, curriculum_id, held) if seeds is None else seeds
    policies = [rules.goes_on(school_id, curriculum_id, held[learner], seeds.get(learner)) for learner in ids]
    rows = zip(learners, policies, beliefs, contents, days, strict=True)
    return [
        _ahead(
            learner,
            belief,
            content,
            held[learner.pk],
            chosen,
            paces[learner.pk],
            now,
            days,
            new_per_day,
        )
        for learner, chosen, belief, content, days in rows
    ]


def _ahead(
    learner: Learner,
    belief: Belief,
    content: Snapshot,
    held: Agreed,
    chosen: Chosen,
    pace: float,
    now: datetime,
    days: int,
    new_per_day: float | None,
) -> Ahead:
    agreed = _agreement(held, chosen, belief, content)
    if new_per_day is not None:
        # What is asked for stands in for what is agreed.
        agreed = replace(
            agreed, new_per_day=new_per_day, daily=agreed.daily._replace(new=None), left=agreed.left._replace(new=None)
        )
    horizon = calendar(learner, now.timestamp(), days)
    prospect = Prospect(
        now=now.timestamp(),
        content=content,
        table=belief.table,
        evidence=belief.evidence,
        days=horizon,
        quiet=quiet_days(agreed, horizon),
        minutes=concept_minutes(content) * pace,
        criteria=agreed.policy_criteria,
        new_per_day=agreed.new_per_day,
        excluded=agreed.excluded,
        returns=agreed.returns,
        pinned=agreed.pinned,
        goals=agreed.goals,
        schedule=_schedule(held, chosen, belief, content, now),
        reviews=chosen.policy.reviews,
    )
    return Ahead(learner, agreed, pace, prospect)


def _schedule(held: Agreed, chosen: Chosen, belief: Belief, content: Snapshot, now: datetime) -> Float | None:
    """(concepts,) Unix seconds at which the policy has each come back, if it keeps a schedule of its own."""
    if not chosen.policy.keeps_schedule:
        return None
    situation = Situation(
        now.timestamp(), content, belief.table, belief.evidence, 0, criteria=chosen.criteria(held.criteria),
        settings=chosen.settings(held.settings), history=held.history,
    )  # fmt: skip
    return chosen.policy.rank(situation).due


def calendar(learner: Learner, now: float, days: int = DAYS) -> Days:
    return Days.ahead(_zone(learner), learner.day_cutoff_hour, now, days)


def beginning_of(day: date, learner: Learner) -> float:
    """Unix seconds at which one of the learner's own days begins."""
    return start_of(day, _zone(learner), learner.day_cutoff_hour)


def until(day: date, learner: Learner, now: datetime) -> Until:
    """One of the learner's own days, seen from now.

    Raises:
        OutOfReach: if it is past, or further ahead than forecasts reach.
    """
    # Days first: in some time zones the first and the last day of all have hours that UTC has not.
    is_near = abs(day - now.date()) <= FURTHEST + timedelta(days=2)
    then = datetime.fromtimestamp(beginning_of(day, learner), UTC) if is_near else None
    if then is None or not now - timedelta(days=1) < then < now + FURTHEST:
        raise OutOfReach(day)
    return Until(max(then, now).timestamp(), (day - calendar(learner, now.timestamp(), 1).first).days)


def with_zones(learners: Sequence[Learner]) -> None:
    """Reads the school at once for those who have its time zone."""
    prefetch_related_objects([learner for learner in learners if not learner.timezone], "school")


def quiet_days(agreed: Agreement, days: Days) -> Bool:
    return days.quiet(agreed.quiet_weekdays, agreed.quiet_dates)


def _zone(learner: Learner) -> str:
    return known_zone(learner.timezone or learner.school.timezone)
