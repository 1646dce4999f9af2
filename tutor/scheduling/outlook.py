"""Looks ahead for one learner: what would be practised when, if everything were practised when it falls due. Pure.

One simulator tells agenda, workload and forecast, so that they never contradict each other. What it assumes:

- A practice lifts the curve of a concept by what the table says that one practice now is worth, by delay. After j
  practices, a delay d after the last of them: logit p(d) = logit recall(d) + j (logit after(d) - logit recall(d)).
- A review is due when that falls below the level that `status.review_level` tells of recall right after the last
  practice, a day after it at the earliest. It is practised as it falls due; what falls on quiet days waits for others.
- Where the policy keeps a schedule of its own, all that was begun comes back first by that; reviews after the first
  come by forgetting, since the schedule would need to know how the first one went. Some policies review nothing.
- What was begun in the last days goes on. What was begun before and not mastered, then new concepts in the order of the
  curriculum as their prerequisites are mastered, are taken up at a stated rate; goals, and what they rest on, before
  all else. Both are practised every day, `AT_ONCE` answers a day, until mastery is expected; what `TRIES` answers would
  not bring there is left then.
- What a teacher has pinned comes now, whatever the rate, once; what else is to come of it, as for the others.
- Of concepts without a row the table tells what practice is worth after a day: over other delays it fades as on the
  concepts with rows, if there are any, else evenly over the logarithm of time until the table ends.

Taking up new concepts does not depend on the retention that is wanted, and with more of it no review comes later: so
minutes never fall as retention rises. What a day may hold bounds the agenda alone, in `allotted`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, NamedTuple, final

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import DELAYS, REST_DELAY, SECONDS_PER_DAY, Float, Int, RecallTable, logit, sigmoid
from tutor.scheduling.calendar import Bool, Days
from tutor.scheduling.courses import NEW, PRACTICE, REVIEW, Beginnings, Course
from tutor.scheduling.openings import Openings, turns
from tutor.tracing.evidence import Evidence
from tutor.tracing.status import DEFAULT, Criteria, due_at, likely_mastered, widen

#: Answers to a concept on a day on which it is learnt.
AT_ONCE: Final = 3
#: Who does not master a concept within ten answers rarely does with more of the same (Beck & Gong 2013).
TRIES: Final = 10
#: What was practised this many days ago at most, and neither mastered nor tried in vain, is thought to go on.
GOES_ON_DAYS: Final = 7.0
#: Concepts taken up a day, unless something else is asked for.
NEW_PER_DAY: Final = 1.0

_AXIS: Final = np.log1p(DELAYS / DELAYS[1])
_DAY: Final = int(np.flatnonzero(DELAYS == REST_DELAY)[0])


@final
@dataclass(frozen=True, eq=False)
class Prospect:
    """One learner now, and how the days ahead are to be spent.

    Attributes:
        now: Unix seconds, within the first of `days`.
        minutes: (concepts,) that an answer takes this learner.      quiet: (days,) on which nothing is practised.
        new_per_day: concepts taken up on a day that is not quiet; may be a fraction, 0 for none.
        excluded: concepts that are not practised.     returns: Unix seconds from which some of them are reviewed again.
        pinned: concepts that come at once, in that order.     goals: that come before others, if there are any.
        schedule: (concepts,) Unix seconds at which the policy has each come back, inf for what was not begun; None
            where it goes by forgetting.     reviews: whether it has anything come back that is mastered.
    """

    now: float
    content: Snapshot
    table: RecallTable
    evidence: Evidence
    days: Days
    quiet: Bool
    minutes: Float
    criteria: Criteria = DEFAULT
    new_per_day: float = NEW_PER_DAY
    excluded: frozenset[int] = frozenset()
    returns: Mapping[int, float] = field(default_factory=dict)
    pinned: tuple[int, ...] = ()
    goals: frozenset[int] = frozenset()
    schedule: Float | None = None
    reviews: bool = True

    @cached_property
    def strength(self) -> Float:
        """(concepts, delays) logits of recall, without practice."""
        k = self.content.n_concepts
        out = np.repeat(logit(widen(self.table.at(self.now), k))[:, None], DELAYS.shape[0], axis=1)
        out[self.table.concept] = logit(self.table.recall)
        return out

    @cached_property
    def gain(self) -> Float:
        """(concepts, delays) logits that a practice adds; practice never harms."""
        known = np.maximum(logit(self.table.after) - logit(self.table.recall), 0.0)
        after_a_day = np.maximum(logit(self.table.rest_after) - logit(self.table.rest_recall), 0.0)
        mean = float(after_a_day.mean()) if after_a_day.shape[0] else 0.0
        out = widen(after_a_day, self.content.n_concepts, mean)[:, None] * _fading(known)
        out[self.table.concept] = known
        return out

    @cached_property
    def open_days(self) -> Int:
        """(days + 1,) the first day from each on that is not quiet; the number of days where there is none."""
        after = np.where(self.quiet, len(self.days), np.arange(len(self.days)))
        return np.append(np.minimum.accumulate(after[::-1])[::-1], len(self.days))

    @cached_property
    def beginnings(self) -> Beginnings:
        return _beginnings(self)

    @cached_property
    def offered(self) -> Bool:
        """(concepts,) that there is something to practise on, and nobody has excluded."""
        offered: Bool = self.content.concept_active & (self.content.concept_items.counts > 0)
        offered[sorted(self.excluded)] = False
        return offered

    @cached_property
    def reviewed_from(self) -> Float:
        """(concepts,) Unix seconds before which none is reviewed: -inf for what is offered, inf for what never is."""
        out = np.where(self.offered, -np.inf, np.inf)
        for concept in self.excluded & self.returns.keys():
            if self.content.concept_active[concept] and self.content.concept_items.counts[concept]:
                out[concept] = self.returns[concept]
        return out

    @cached_property
    def mastered(self) -> Bool:
        return np.asarray(self.evidence.column("mastered", self.content.n_concepts) > 0)

    @cached_property
    def is_scheduled(self) -> Bool:
        """(concepts,) that a schedule of the policy's own tells when each comes back."""
        return np.zeros_like(self.offered) if self.schedule is None else np.isfinite(self.schedule)

    def falls_due(self, criteria: Criteria) -> Float:
        """(concepts,) Unix seconds at which each comes back, inf for none, whatever is pinned."""
        due = self.schedule
        if due is None:
            due = due_at(self.table, self.evidence, self.content, criteria)
        comes = np.where(self.mastered, self.reviews, self.offered)
        return np.where(comes, np.maximum(due, self.reviewed_from), np.inf)

    def with_pins(self, due: Float) -> Float:
        """The same; what is mastered and pinned now at the latest."""
        out, pinned = due.copy(), [each for each in self.pinned if self.offered[each] and self.mastered[each]]
        out[pinned] = np.minimum(out[pinned], self.now)
        return out

    def reviews_of(self, due: Float) -> Float:
        """The same of what is mastered and may be reviewed, inf for all else."""
        return np.where(self.mastered, np.maximum(due, self.reviewed_from), np.inf)

    def first_reviews(self, criteria: Criteria) -> Float:
        """(concepts,) Unix seconds of the first review of what is mastered, inf for all else."""
        return self.reviews_of(self.with_pins(self.falls_due(criteria)))


def follow(prospect: Prospect, *, retention: float | None = None, due: Float | None = None) -> Course:
    """What would be practised when.

    Args:
        retention: in place of that of the criteria.
        due: (concepts,) Unix seconds of the first reviews, where they have been moved; else as they fall due.
    """
    if retention is not None:
        prospect = _with_retention(prospect, retention)
    if due is None:
        due = prospect.first_reviews(prospect.criteria)
    begun = prospect.beginnings
    first = prospect.reviews_of(due)
    learnt = np.flatnonzero(begun.learnt >= 0)[: None if prospect.reviews else 0]
    first[learnt] = session(prospect, begun.learnt[learnt]) + pause(prospect, learnt, begun.practices[learnt])
    reviewed = np.flatnonzero(np.isfinite(first))
    return course_of(prospect, begun, *_reviews(prospect, reviewed, first[reviewed], begun.practices[reviewed]))


def minutes_by_day(prospect: Prospect, course: Course) -> Float:
    """(days,) expected minutes."""
    weights = course.answers * prospect.minutes[course.concept]
    return np.bincount(course.day, weights=weights, minlength=len(prospect.days)).astype(np.float64)


def workload(prospect: Prospect, retentions: Sequence[float]) -> list[Float]:
    """(days,) expected minutes for each wanted retention; their sum never falls as retention rises."""
    return [minutes_by_day(prospect, follow(prospect, retention=retention)) for retention in retentions]


def recall_alone(table: RecallTable, n_concepts: int, at: float) -> tuple[Float, Float]:
    """Recall at a time if nothing is practised, and the standard deviation of its logit, shapes (concepts,).

    Of a concept that the table does not know, the spread is the widest of those without a row.
    """
    unknown = float(table.rest_sd.max(initial=0.0))
    return widen(table.at(at), n_concepts), widen(table.sd_at(at), n_concepts, unknown)


def recall_then(prospect: Prospect, course: Course, at: float) -> tuple[Float, Float]:
    """Recall at a time after the course, and the standard deviation of its logit, shapes (concepts,).

    Where something was practised, the spread is that of the table as long after its beginning as it is after the last
    practice: answers that nobody has given yet tell nothing.
    """
    k = prospect.content.n_concepts
    recall, sd = (column.copy() for column in recall_alone(prospect.table, k, at))
    practised = np.flatnonzero(course.practices > 0)
    pause = np.maximum(at - course.last[practised], 0.0)
    curve = prospect.strength[practised] + course.practices[practised, None] * prospect.gain[practised]
    recall[practised] = sigmoid(_at_delay(curve, pause))
    row = np.full(k, -1)
    row[prospect.table.concept] = np.arange(prospect.table.concept.shape[0])
    has_row = row[practised] >= 0
    rows = row[practised[has_row]]
    sd[practised[has_row]] = _at_delay(prospect.table.logit_sd[rows], pause[has_row])
    return recall, sd


def chance_of_mastery(recall: Float, logit_sd: Float, level: float) -> Float:
    """P(true recall >= level), shape of `recall`, by the conventions of `kt_models.recall.interval`.

    m = logit(p) sqrt(1 + pi s^2 / 8);   P = Phi((m - logit(level)) / s)
    """
    mean = logit(recall) * np.sqrt(1.0 + np.pi * np.square(logit_sd) / 8.0)
    z = (mean - logit(level)) / np.maximum(logit_sd, 1e-9)
    return np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in z.tolist()])


def session(prospect: Prospect, day: Int) -> Float:
    """Unix seconds at which a day's practice is thought to be: at the hour that it is now."""
    starts = prospect.days.starts
    return np.asarray(np.minimum(starts[day] + (prospect.now - starts[0]), starts[day + 1] - 1.0))


def _with_retention(prospect: Prospect, retention: float) -> Prospect:
    other = replace(prospect, criteria=replace(prospect.criteria, retention=retention))
    # What does not depend on it, so that it is found once.
    kept = {name: getattr(prospect, name) for name in ("strength", "gain", "open_days", "beginnings", "offered")}
    other.__dict__.update(kept)
    return other


def _fading(gain: Float) -> Float:
    """(delays,) what is left of a practice's worth, 1 after a day."""
    total = gain.sum(axis=0)
    if total.shape[0] and total[_DAY] > 1e-6:
        return np.asarray(total / total[_DAY])
    return np.asarray((_AXIS[-1] - _AXIS) / (_AXIS[-1] - _AXIS[_DAY]))


def pause(prospect: Prospect, concepts: Int, practices: Int) -> Float:
    """Seconds from the last of so many practices of each concept until it falls due again, inf if it never does."""
    curve = prospect.strength[concepts] + practices[:, None] * prospect.gain[concepts]
    criteria = prospect.criteria
    level = np.maximum(criteria.review_at, criteria.retention * sigmoid(curve[:, 0]))
    recall, n = sigmoid(curve), concepts.shape[0]
    table = RecallTable(0.0, np.arange(n), recall, recall, recall, np.ones(n), np.ones(n), np.ones(n))
    return np.maximum(table.time_until(level), SECONDS_PER_DAY)


def _reviews(prospect: Prospect, concept: Int, due: Float, practices: Int) -> tuple[Int, Int, Float]:
    """Concept, day and Unix seconds of every review within the horizon, shapes (reviews,), round by round."""
    found: list[tuple[Int, Int, Float]] = []
    while True:
        day, seconds = _practised_at(prospect, due)
        is_ahead = day < len(prospect.days)
        concept, day, practices, seconds = concept[is_ahead], day[is_ahead], practices[is_ahead], seconds[is_ahead]
        found.append((concept, day, seconds))
        if not concept.shape[0]:
            concepts, days, times = zip(*found, strict=True)
            return np.concatenate(concepts), np.concatenate(days), np.concatenate(times)
        practices = practices + 1
        due = seconds + pause(prospect, concept, practices)


def _practised_at(prospect: Prospect, due: Float) -> tuple[Int, Float]:
    """Day and Unix seconds: at once if overdue, on the next open day if the day is quiet."""
    starts, open_days = prospect.days.starts, prospect.open_days
    seconds = np.maximum(due, prospect.now)
    day = np.minimum(prospect.days.index(seconds), len(prospect.days))
    later = open_days[day]
    return later, np.where(later == day, seconds, starts[np.minimum(later, len(prospect.days))])


def course_of(prospect: Prospect, begun: Beginnings, concept: Int, day: Int, seconds: Float) -> Course:
    """Of what is learnt, and of reviews: concept, day and Unix seconds of each, (reviews,)."""
    k = prospect.content.n_concepts
    columns = (
        np.concatenate([begun.concept, concept]),
        np.concatenate([begun.day, day]),
        np.concatenate([session(prospect, begun.day), seconds]),
        np.concatenate([begun.kind, np.full(concept.shape[0], REVIEW)]),
        np.concatenate([begun.answers, np.ones(concept.shape[0], np.int64)]),
    )
    order = np.lexsort((columns[0], columns[3], columns[2]))
    concept, day, seconds, kind, answers = (column[order] for column in columns)
    practices = np.bincount(concept, weights=answers, minlength=k).astype(np.int64)
    last = np.full(k, -np.inf)
    np.maximum.at(last, concept, seconds)
    return Course(concept, day, seconds, kind, answers, practices, last)


class Tasks(NamedTuple):
    """What is to be learnt, before any of it is, shapes (concepts,).

    Attributes:
        answers: until mastery is expected.     is_learnable: whether they will do.     is_new: never practised.
        openings: what can be taken up.     goes_on: what is taken first, at no cost to the rate.
    """

    answers: Int
    is_learnable: Bool
    is_new: Bool
    openings: Openings
    goes_on: Bool


def tasks(prospect: Prospect) -> Tasks:
    content, k = prospect.content, prospect.content.n_concepts
    n, pinned = prospect.evidence.column("n", k), list(prospect.pinned)
    # What is mastered needs nothing more.
    goals = prospect.goals.difference(np.flatnonzero(prospect.mastered).tolist())
    answers, is_learnable = _answers_needed(prospect, n)
    likely = likely_mastered(prospect.table, prospect.evidence, content, prospect.now, prospect.criteria)
    likely |= ~content.concept_active
    waiting, is_new = prospect.offered & ~prospect.mastered, (n == 0) & ~prospect.is_scheduled
    recent = prospect.evidence.column("seconds", k) >= prospect.now - GOES_ON_DAYS * SECONDS_PER_DAY
    goes_on = waiting & (((n > 0) & (n < TRIES) & recent) | prospect.is_scheduled)
    goes_on[pinned] = waiting[pinned]
    opened, turn = {*prospect.criteria.opened, *pinned}, turns(content, n, pinned, goals)
    openings = Openings(
        content.prerequisites, opened, likely, waiting, ~is_new, turn, goes_on, _scheduled_days(prospect)
    )  # fmt: skip
    return Tasks(answers, is_learnable, is_new, openings, goes_on)


def _scheduled_days(prospect: Prospect) -> Int:
    """(concepts,) the day on which each comes back by the policy's schedule; today without one, or if it is pinned."""
    out = np.zeros(prospect.content.n_concepts, np.int64)
    if prospect.schedule is not None:
        comes = np.where(prospect.is_scheduled, np.maximum(prospect.schedule, prospect.now), prospect.now)
        out = prospect.days.index(comes)
    out[list(prospect.pinned)] = 0
    return out


def _beginnings(prospect: Prospect) -> Beginnings:
    """What goes on, and day by day as many as the rate lets: what was begun before, then what is open, in order."""
    answers, is_learnable, is_new, openings, goes_on = tasks(prospect)
    started = 0
    learnt, visits = np.full(prospect.content.n_concepts, -1), list[tuple[int, int, int, int]]()
    for opened, day in enumerate(np.flatnonzero(~prospect.quiet).tolist(), start=1):
        allowed = int(opened * prospect.new_per_day + 1e-9) - started
        for taken in openings.take(allowed, day):
            last = _learn(prospect, taken, day, int(answers[taken]), is_new=bool(is_new[taken]), visits=visits)
            started += not goes_on[taken]
            if is_learnable[taken] and last < len(prospect.days):
                learnt[taken] = last
                openings.learn(taken, last)
    return Beginnings.of(visits, learnt)


def _learn(
    prospect: Prospect, concept: int, day: int, answers: int, *, is_new: bool, visits: list[tuple[int, int, int, int]]
) -> int:
    """Adds the visits of a concept taken up on a day; the day of the last, beyond the horizon if it has no room."""
    kind = NEW if is_new else PRACTICE
    while day < len(prospect.days):
        visits.append((concept, day, kind, min(answers, AT_ONCE)))
        answers -= AT_ONCE
        if answers <= 0:
            return day
        day, kind = int(prospect.open_days[day + 1]), PRACTICE
    return day


def _answers_needed(prospect: Prospect, n: Float) -> tuple[Int, Bool]:
    """(concepts,) answers until mastery is expected, `TRIES` at most, and whether they will do."""
    missing = logit(prospect.criteria.mastered_at) - prospect.strength[:, 0]
    gain = prospect.gain[:, 0]
    needed = np.where(missing > 0, np.ceil(missing / np.maximum(gain, 1e-9) - 1e-9), 0.0)
    needed = np.maximum(needed, np.maximum(prospect.criteria.mastered_after - n, 1.0))
    return np.minimum(needed, TRIES).astype(np.int64), needed <= TRIES


def _at_delay(curve: Float, delay: Float) -> Float:
    """Of curves (rows, delays), the value of each at its own delay, shape (rows,); linear as `RecallTable` is."""
    x = np.minimum(np.log1p(delay / DELAYS[1]), _AXIS[-1])
    left = np.minimum(np.searchsorted(_AXIS, x, side="right") - 1, DELAYS.shape[0] - 2)
    weight, row = (x - _AXIS[left]) / (_AXIS[left + 1] - _AXIS[left]), np.arange(curve.shape[0])
    return np.asarray((1 - weight) * curve[row, left] + weight * curve[row, left + 1])
