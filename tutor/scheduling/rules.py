"""What holds for each learner now: policy, settings, criteria and today's rules, resolved from the tables.

Five statements at most, however many learners: the terms; the log since their mornings, where an allowance or a pin
asks for it; their histories and their cohorts, where the policy reads them; their paces, where minutes are counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import Float
from tutor import db
from tutor.scheduling import cohorts, contents, knobs, own_paces, plans, trials
from tutor.scheduling.allotted import Allowance
from tutor.scheduling.balance import balanced, latest_at
from tutor.scheduling.calendar import Bool, Days
from tutor.scheduling.configs import Chosen
from tutor.scheduling.histories import Pair, histories_of
from tutor.scheduling.models import Override
from tutor.scheduling.policies import Cohort, History, Policy, Rules, Settings, Situation
from tutor.scheduling.policies.situation import concept_minutes
from tutor.scheduling.terms import COLUMNS, JOINS, Supposed, Terms, Word
from tutor.tracing.beliefs import Belief
from tutor.tracing.status import Criteria

#: No answer counts for more minutes than this: pages stay open over lunch.
MOST_MINUTES: Final = 10.0

_TERMS: Final = f"""
SELECT l.id, c.id, {COLUMNS}
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS t(learner_id, id, school_id)
JOIN accounts_learner l ON l.id = t.learner_id AND l.school_id = t.school_id
CROSS JOIN LATERAL (SELECT t.id, %s::timestamptz AS now) c
{JOINS}
"""  # noqa: S608

_LOG: Final = """
SELECT w.learner_id, w.curriculum_id, i.seq, i.item, i.concepts, i.response_seconds,
       extract(epoch FROM i.occurred_at)::float8
FROM unnest(%s::uuid[], %s::uuid[], %s::float8[], %s::float8[], %s::text[])
    AS w(learner_id, curriculum_id, since, morning, pinned)
JOIN interactions_interaction i ON i.learner_id = w.learner_id AND i.curriculum_id = w.curriculum_id
    AND i.occurred_at >= to_timestamp(w.since)
    AND (i.occurred_at >= to_timestamp(w.morning) OR i.concepts && w.pinned::int[])
"""


_PLANS: Final = "SELECT learner_id, body FROM scheduling_plan WHERE curriculum_id = %s AND learner_id = ANY(%s)"


class Given(NamedTuple):
    """An answer in the log, whether or not a worker has seen it. `seconds` is Unix time."""

    seq: int
    item: int
    concepts: Sequence[int]
    response_seconds: float | None
    seconds: float


@final
@dataclass(frozen=True, eq=False)
class Agreed:
    """Attributes:
    days: of the learner, today first.
    given: answers since the morning, if they are counted, and since the oldest pin to what is pinned.
    """

    terms: Terms
    policy: Policy
    settings: Settings
    criteria: Criteria
    days: Days
    given: tuple[Given, ...] = ()
    history: History | None = None
    cohort: Cohort | None = None
    #: `own_paces.usual_of`, where minutes are counted.
    own_pace: float | None = None

    @property
    def policy_after(self) -> Policy:
        """Goes on where one comes to an end."""
        return knobs.policy_after(self.terms.knobs)

    @cached_property
    def quiet(self) -> Bool:
        """(days,)"""
        return self.days.quiet(self.terms.knobs.quiet_numbers, self.terms.knobs.quiet_dates)

    @cached_property
    def minutes_a_day(self) -> float | None:
        limits = [each for each in (self.terms.knobs.minutes_a_day, self.terms.minutes_a_day) if each is not None]
        return min(limits, default=None)

    @property
    def is_daily(self) -> bool:
        """Whether what may be offered today may not be what may be tomorrow."""
        return self.terms.knobs.is_daily or self.minutes_a_day is not None

    @property
    def counts_answers(self) -> bool:
        """Whether each answer lessens what may be offered."""
        return self.terms.knobs.has_caps or self.minutes_a_day is not None

    @property
    def daily(self) -> Allowance:
        return Allowance(self.terms.knobs.answers_a_day, self.terms.knobs.new_a_day, self.minutes_a_day)

    def left(self, belief: Belief, content: Snapshot) -> Allowance:
        """What is left of today's allowance."""
        (answers, new, minutes), today = self.daily, self._today()
        return Allowance(
            None if answers is None else max(answers - len(today), 0),
            None if new is None else max(new - len(_begun(today, belief)), 0),
            None if minutes is None else max(minutes - _minutes(today, content), 0.0),
        )

    def pinned(self, belief: Belief, content: Snapshot) -> tuple[int, ...]:
        """Concepts whose pins have still to do their work, in the order in which they are wanted."""
        spent = self.spent(belief)
        return tuple(_within(content, (word.concept for word in self.terms.pins if word.id not in spent)))

    def rules(self, belief: Belief, content: Snapshot) -> Rules:
        terms = self.terms
        within, left = partial(_within, content), self.left(belief, content)
        return Rules(
            pinned=self.pinned(belief, content),
            excluded=frozenset(within(terms.excluded)),
            opened=frozenset(within(terms.opened)),
            known=frozenset(within(terms.known)),
            returns={concept: terms.returns[concept] for concept in within(terms.returns)},
            answers_left=left.answers,
            new_left=left.new,
            minutes_left=left.minutes,
            quiet=bool(self.quiet[0]),
            day_ends=self.open_from(float(self.days.starts[1])) if self.quiet[0] else float(self.days.starts[1]),
            review_due=partial(spread, self.days, self.quiet) if self.settings.spread_reviews else None,
        )

    def criteria_within(self, content: Snapshot) -> Criteria:
        """Without concepts that a version before the newest does not have."""
        known, opened = (frozenset(_within(content, each)) for each in (self.terms.known, self.terms.opened))
        return replace(self.criteria, known=known, opened=opened) if known or opened else self.criteria

    def spent(self, belief: Belief) -> dict[UUID, Override.End]:
        """Pins that have done their work for this learner: mastered since, or answered often enough."""
        return {word.id: end for word in self.terms.pins if (end := self._end(word, belief))}

    def done(self, belief: Belief) -> dict[UUID, Override.End]:
        """Of those, the learner's own: a class's pin goes on for the others."""
        own = {word.id for word in self.terms.pins if word.is_own}
        return {pin: end for pin, end in self.spent(belief).items() if pin in own}

    def _end(self, pin: Word, belief: Belief) -> Override.End | None:
        since = [each for each in self.given if each.seconds >= pin.made_at and pin.concept in each.concepts]
        if len(since) >= pin.answers:
            return Override.End.ANSWERED
        # Judged by what the belief knows: mastery from before the pin is what the teacher doubts.
        is_known = any(each.seq <= belief.applied_seq for each in since)
        rows = belief.evidence.rows
        mastered = bool(rows["mastered"][rows["concept"] == pin.concept].any())
        return Override.End.MASTERED if is_known and mastered else None

    def open_from(self, seconds: float) -> float:
        """The time itself, or the end of the quiet days that it falls on; unchanged beyond the days known."""
        index = int(self.days.index(seconds))
        if not 0 <= index < len(self.days) or not self.quiet[index]:
            return seconds
        later = np.flatnonzero(~self.quiet[index:])
        return float(self.days.starts[index + int(later[0])] if len(later) else self.days.starts[-1])

    def _today(self) -> list[Given]:
        morning = float(self.days.starts[0])
        return [each for each in self.given if each.seconds >= morning]


def agreed(
    school_id: UUID, curriculum_id: UUID, learner_ids: Collection[UUID], now: datetime, *,
    supposing: Supposed | None = None, timed: bool = False,
) -> dict[UUID, Agreed]:  # fmt: skip
    """By learner of a school; where nothing is agreed, defaults. `supposing`: as if that were agreed with a class.
    `timed`: minutes are counted though none are agreed."""
    schools = {(learner, curriculum_id): school_id for learner in learner_ids}
    found = agreed_for(schools, now, supposing=supposing, timed=timed)
    return {learner: each for (learner, _), each in found.items()}


def agreed_for(
    schools: Mapping[Pair, UUID], now: datetime, *, supposing: Supposed | None = None, timed: bool = False
) -> dict[Pair, Agreed]:
    """The same in several schools and on several curricula, in as many statements."""
    terms = _terms(schools, now)
    if supposing is not None:
        terms = {pair: each.supposing(supposing) for pair, each in terms.items()}
    found = {pair: _resolved(each, pair[1], now) for pair, each in terms.items()}
    policies = {pair: _policies(schools[pair], pair[1], each) for pair, each in found.items()}
    given = _given({pair: wanted for pair, each in found.items() if (wanted := _wanted(each)) is not None})
    by_history = {pair for pair, told in policies.items() if any(policy.reads_history for policy in told)}
    by_cohort = {pair for pair, told in policies.items() if any(policy.reads_cohort for policy in told)}
    read = histories_of(list(by_history))
    measured = cohorts.read({_cohort_key(pair, found[pair]) for pair in by_cohort})
    by_minutes = {pair: terms[pair].pace for pair, each in found.items() if timed or each.minutes_a_day is not None}
    own = own_paces.usual_of(by_minutes, now)
    return {
        pair: replace(
            each,
            given=given.get(pair, ()),
            history=read.get(pair, History.none()) if pair in by_history else None,
            cohort=measured.get(_cohort_key(pair, each)) if pair in by_cohort else None,
            own_pace=own.get(pair),
        )
        for pair, each in found.items()
    }


def chosen(school_id: UUID, curriculum_id: UUID, agreed: Agreed, seed: int | None) -> Chosen:
    """The policy that is agreed, or the one that a trial draws by the seed of a plan; without one, the one approved."""
    may_draw = seed is not None and agreed.terms.explores and agreed.terms.knobs.explores
    where = school_id, agreed.terms.group_id, curriculum_id, agreed.terms.policy
    arm = trials.arm(*where, seed or 0, may_draw=may_draw)
    # A trial that began after the histories were read must wait for the next plan.
    if arm and not (arm.chosen.policy.reads_history and agreed.history is None):
        return arm.chosen
    return Chosen(agreed.policy.name, agreed.policy.version, agreed.policy)


def goes_on(school_id: UUID, curriculum_id: UUID, agreed: Agreed, seed: int | None) -> Chosen:
    """The same for days to come: where one comes to an end, as a placement does, what is agreed on for after."""
    found, after = chosen(school_id, curriculum_id, agreed, seed), agreed.policy_after
    is_readable = agreed.history is not None or not after.reads_history
    return Chosen(after.name, after.version, after) if found.policy.ends and is_readable else found


def seeds(school_id: UUID, curriculum_id: UUID, held: Mapping[UUID, Agreed]) -> dict[UUID, int]:
    """Of the plans that learners have, where a trial draws by them: one statement there, elsewhere none."""
    where = {learner: (school_id, each.terms.group_id, curriculum_id) for learner, each in held.items()}
    drawn = [learner for learner, each in held.items() if trials.draws(*where[learner], each.terms.policy)]
    rows = db.rows(_PLANS, [curriculum_id, drawn]) if drawn else []
    return {learner: body.seed for learner, text in rows if (body := plans.readable(text))}


def criteria(
    school_id: UUID, curriculum_id: UUID, learner_ids: Collection[UUID], now: datetime
) -> dict[UUID, Criteria]:  # fmt: skip
    """By which each learner's statuses are to be told: one statement."""
    content = contents.latest(curriculum_id)
    found = settled(school_id, curriculum_id, learner_ids, now)
    return {learner: each.criteria_within(content) for learner, each in found.items()}


def settled(
    school_id: UUID, curriculum_id: UUID, learner_ids: Collection[UUID], now: datetime
) -> dict[UUID, Agreed]:  # fmt: skip
    """The same as `agreed` without what today's allowance and policies read of the log: one statement."""
    terms = _terms({(learner, curriculum_id): school_id for learner in learner_ids}, now)
    return {learner: _resolved(each, curriculum_id, now) for (learner, _), each in terms.items()}


def spread(days: Days, quiet: Bool, situation: Situation) -> Float:
    """(concepts,) Unix seconds at which reviews are offered, so that no day is crowded and quiet days stay quiet.

    What is excluded until a time comes then, if it is due; days are balanced without it until it is back.
    """
    out = balanced(
        np.where(offered(situation.content, situation.rules.excluded), situation.falls_due, np.inf),
        situation.column("seconds"),
        # As agenda and events count them, so that all tell the same day.
        concept_minutes(situation.content),
        days,
        quiet,
        latest=latest_at(situation.table, situation.level),
    )
    for concept in situation.rules.excluded & situation.rules.returns.keys():
        out[concept] = max(situation.falls_due[concept], situation.rules.returns[concept])
    return out


def offered(content: Snapshot, excluded: Iterable[int]) -> Bool:
    """(concepts,) that there is something to practise on, and no teacher has excluded."""
    out: Bool = content.concept_active & (content.concept_items.counts > 0)
    out[_within(content, excluded)] = False
    return out


def _terms(schools: Mapping[Pair, UUID], now: datetime) -> dict[Pair, Terms]:
    if not schools:
        return {}
    learners, curricula = map(list, zip(*schools, strict=True))
    rows = db.rows(_TERMS, [learners, curricula, list(schools.values()), now], prepare=True)
    known = {(learner, curriculum): Terms.of(tuple(row)) for learner, curriculum, *row in rows}
    return {pair: known.get(pair) or Terms.none() for pair in schools}


def _resolved(terms: Terms, curriculum_id: UUID, now: datetime) -> Agreed:
    goals: frozenset[int] = frozenset()
    if terms.knobs.goals:
        positions = contents.latest(curriculum_id).concept_position
        goals = frozenset(positions[key] for key in terms.knobs.goals if key in positions)
    return Agreed(
        terms,
        knobs.policy_of(terms.policy),
        knobs.settings_of(terms.knobs, goals, terms.zone, terms.cutoff_hour, terms.explores),
        knobs.criteria_of(terms.knobs),
        Days.ahead(terms.zone, terms.cutoff_hour, now.timestamp()),
    )


def _policies(school_id: UUID, curriculum_id: UUID, each: Agreed) -> tuple[Policy, ...]:
    """All that a plan may be made by: of several in a trial, its seed draws one; and what goes on where one ends."""
    told = (each.policy, *trials.read_by(school_id, each.terms.group_id, curriculum_id, each.terms.policy))
    return (*told, each.policy_after) if any(policy.ends for policy in told) else told


def mark(terms: Terms, school_id: UUID, curriculum_id: UUID, without: Collection[UUID] = ()) -> str:
    """Changes whenever plans made before no longer hold: something else is agreed, or a trial begins or ends."""
    return terms.mark(without) + trials.mark(school_id, terms.group_id, curriculum_id, terms.policy)


class _Wanted(NamedTuple):
    """Answers that matter: all since the morning, and since the oldest pin, which may be of last term, a few."""

    since: float
    morning: float
    pinned: str


def _wanted(each: Agreed) -> _Wanted | None:
    pins = each.terms.pins
    morning = float(each.days.starts[0]) if each.counts_answers else np.inf
    since = min((morning, *(pin.made_at for pin in pins)))
    return None if since == np.inf else _Wanted(since, morning, f"{{{','.join(str(pin.concept) for pin in pins)}}}")


def _given(wanted: Mapping[Pair, _Wanted]) -> dict[Pair, tuple[Given, ...]]:
    if not wanted:
        return {}
    learners, curricula = map(list, zip(*wanted, strict=True))
    since, morning, pinned = map(list, zip(*wanted.values(), strict=True))
    out: dict[Pair, list[Given]] = defaultdict(list)
    for learner, curriculum, *row in db.rows(_LOG, [learners, curricula, since, morning, pinned], prepare=True):
        out[learner, curriculum].append(Given(*row))
    return {pair: tuple(given) for pair, given in out.items()}


def _cohort_key(pair: Pair, each: Agreed) -> tuple[UUID | None, UUID]:
    return each.terms.group_id, pair[1]


def _within(content: Snapshot, concepts: Iterable[int]) -> list[int]:
    """Overrides may name concepts that a process which looked a moment ago has not seen yet."""
    return [concept for concept in concepts if concept < content.n_concepts]


def _begun(today: Sequence[Given], belief: Belief) -> set[int]:
    """Concepts whose first answer is of today."""
    folded: dict[int, int] = defaultdict(int)
    for each in today:
        for concept in each.concepts:
            folded[concept] += each.seq <= belief.applied_seq
    rows = belief.evidence.rows
    before = dict(zip(rows["concept"].tolist(), rows["n"].tolist(), strict=True))
    return {concept for concept, n in folded.items() if before.get(concept, 0) <= n}


def _minutes(today: Sequence[Given], content: Snapshot) -> float:
    """That the answers took, as far as senders say; else as long as their items are expected to take."""
    return sum(_minutes_of(each, content) for each in today)


def _minutes_of(given: Given, content: Snapshot) -> float:
    if given.response_seconds is not None:
        return min(given.response_seconds / 60.0, MOST_MINUTES)
    return float(content.item_minutes[given.item]) if given.item < content.n_items else 1.0
