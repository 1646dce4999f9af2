"""Plans: made by workers when beliefs change, read by everybody, made on the spot when there is none to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec
import numpy as np
import structlog
from django.db import transaction

from curricula.snapshot import Snapshot
from tutor import db
from tutor.apart import apart
from tutor.scheduling import contents, events, knobs, overrides, placements, plans, rules
from tutor.scheduling.configs import Chosen
from tutor.scheduling.histories import Pair
from tutor.scheduling.models import Override
from tutor.scheduling.plans import ANSWERS_WITHIN, CLOCK_SKEW, Body, Narrowed, PlannedEntry, Provenance
from tutor.scheduling.policies import Choice, Settings, Situation
from tutor.scheduling.rules import Agreed
from tutor.tracing import services as tracing
from tutor.tracing.beliefs import Belief, NoModel, beliefs
from tutor.tracing.services import Advanced

log = structlog.get_logger()

#: Learners a batch: large enough to amortise a model's fixed cost, small enough to be done within a second.
BATCH: Final = 256
#: Plans rebuilt by one call of `release_due`: bounds its transaction.
RELEASED_AT_ONCE: Final = 500
#: Who could not be planned for is tried again after this.
PUT_OFF_FOR: Final = timedelta(hours=1)
#: What a learner skipped stays out of plans for this long.
SKIPPED_FOR: Final = timedelta(days=1)

_SAVE: Final = """
INSERT INTO scheduling_plan AS p (learner_id, curriculum_id, school_id, applied_seq, computed_at, next_due_at, body)
SELECT learner_id, curriculum_id, school_id, applied_seq, to_timestamp(computed_at), to_timestamp(next_due_at), body
FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::bigint[], %b::float8[], %b::float8[], %b::text[])
    AS t(learner_id, curriculum_id, school_id, applied_seq, computed_at, next_due_at, body)
ORDER BY learner_id, curriculum_id
ON CONFLICT (learner_id, curriculum_id) DO UPDATE
SET applied_seq = excluded.applied_seq, computed_at = excluded.computed_at, next_due_at = excluded.next_due_at,
    body = excluded.body
WHERE excluded.applied_seq >= p.applied_seq OR p.next_due_at <= excluded.computed_at
RETURNING 1
"""

_LOCK: Final = """
SELECT 1 FROM scheduling_plan WHERE learner_id = ANY(%b::uuid[]) ORDER BY learner_id, curriculum_id FOR UPDATE
"""

# By the decision named in the answer, else by the newest offer of the item; the first answer of several. What was
# skipped is answered only by name.
_ANSWERED: Final = """
UPDATE scheduling_decision d
SET outcome = 'answered', outcome_at = to_timestamp(a.seconds), answered_seq = a.seq, correct = a.correct
FROM (
    SELECT DISTINCT ON (o.id) o.id, a.seconds, a.seq, a.correct
    FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::int[], %b::float8[], %b::float8[], %b::bigint[])
        AS a(learner_id, curriculum_id, decision_id, item, seconds, correct, seq)
    CROSS JOIN LATERAL (
        SELECT d.id FROM scheduling_decision d
        WHERE d.learner_id = a.learner_id AND d.curriculum_id = a.curriculum_id AND d.item = a.item
            AND d.answered_seq IS NULL
            AND (a.decision_id = d.id OR (a.decision_id IS NULL AND d.outcome NOT IN ('skipped', 'superseded')))
            AND d.served_at BETWEEN to_timestamp(a.seconds - %s) AND to_timestamp(a.seconds + %s)
        ORDER BY d.served_at DESC, d.id DESC LIMIT 1
    ) o
    ORDER BY o.id, a.decision_id NULLS LAST, a.seconds, a.seq
) a
WHERE d.id = a.id
RETURNING d.id
"""

# Older offers of an item whose newest was answered: a later answer is no answer to them.
_SUPERSEDED: Final = """
UPDATE scheduling_decision o SET outcome = 'superseded', outcome_at = d.outcome_at
FROM scheduling_decision d
WHERE d.id = ANY(%s::uuid[]) AND o.learner_id = d.learner_id AND o.curriculum_id = d.curriculum_id AND o.item = d.item
    AND o.id <> d.id AND o.answered_seq IS NULL AND o.outcome NOT IN ('skipped', 'superseded', 'overridden')
    AND o.served_at < d.served_at
"""

# Looked up by the index of open decisions: what was skipped was not answered.
_SKIPPED: Final = """
SELECT learner_id, curriculum_id, item, extract(epoch FROM max(outcome_at))::float8 FROM scheduling_decision
WHERE learner_id = ANY(%b::uuid[]) AND answered_seq IS NULL AND outcome = 'skipped' AND outcome_at > %s
GROUP BY learner_id, curriculum_id, item
"""

_DUE: Final = """
SELECT school_id, curriculum_id, learner_id FROM scheduling_plan
WHERE next_due_at <= %s ORDER BY next_due_at LIMIT %s FOR UPDATE SKIP LOCKED
"""

_PUT_OFF: Final = """
UPDATE scheduling_plan p SET next_due_at = %s FROM unnest(%s::uuid[], %s::uuid[]) AS t(learner_id, curriculum_id)
WHERE p.learner_id = t.learner_id AND p.curriculum_id = t.curriculum_id
"""


@dataclass(frozen=True)
class Narrowing:
    """What a caller may ask of a choice. Positions refer to the newest published version."""

    size: int | None = None
    minutes: float | None = None
    concepts: frozenset[int] | None = None
    exclude_items: frozenset[int] = frozenset()
    #: Left out as well, by item until when (Unix seconds): what the learner skipped.
    skipped: Mapping[int, float] = field(default_factory=dict)


def advance_and_plan(*, limit: int, now: datetime) -> int:
    """Folds unseen answers of at most `limit` learners and plans for them, all or nothing; how many there were."""
    return len(tracing.advance(limit=limit, now=now, then=partial(plan, now=now)))


def plan(advanced: Sequence[Advanced], *, now: datetime) -> None:
    """Plans for learners whose beliefs have just changed, and notes which offers their answers answered."""
    if not advanced:
        return
    with transaction.atomic():
        # Decisions before plans, as `decisions.report` locks them.
        _note_answers(advanced)
        # Locked before `_planned` asks what was skipped: a report of it then comes before, or strikes it out after.
        db.rows(_LOCK, [[a.belief.learner_id for a in advanced]])
        _save(_planned([a.belief for a in advanced], now))


def choose(
    belief: Belief,
    *,
    now: datetime,
    narrowing: Narrowing | None = None,
    seed: int | None = None,
    agreed: Agreed | None = None,
) -> Body:
    """What the policy says now, by what is agreed (looked up if not given); pure but for that and fresh chance."""
    where = belief.school_id, belief.curriculum_id, belief.version_id
    content = contents.gated(*where)
    if belief.is_newer_than(content):
        content = contents.gated(*where, fresh=True)
    agreed = agreed or _agreed(belief, narrowing, now)
    seed = plans.new_seed() if seed is None else seed
    by = rules.chosen(belief.school_id, belief.curriculum_id, agreed, seed)
    met_by = partial(_situation, content, belief, narrowing or Narrowing(), agreed, seed=seed, now=now.timestamp())
    chosen, situation, choice = placements.made(by, agreed, met_by)
    choice = replace(choice, next_due=agreed.open_from(choice.next_due))
    basis = Provenance(
        belief.version_id, belief.model, belief.degraded, content.version_id, belief.as_of, content.graph
    )
    return plans.body(
        choice,
        basis,
        chosen.label,
        chosen.version,
        seed=situation.seed,
        now=situation.now,
        size=situation.settings.size if situation.size is None else situation.size,
        agreed=rules.mark(agreed.terms, belief.school_id, belief.curriculum_id, agreed.done(belief)),
        holds_until=situation.rules.day_ends if agreed.is_daily else None,
        counts_answers=agreed.counts_answers,
        narrowed=_narrowed(situation, agreed, choice, belief.applied_seq),
        placed=chosen is not by,
    )


def save(belief: Belief, body: Body, *, agreed: Agreed | None = None, now: datetime | None = None) -> None:
    _save([(belief, body)])
    if agreed and now:
        overrides.settle(agreed.done(belief), now=now)
        placements.complete(placements.found(belief, body, agreed), now=now)


def plan_size() -> int:
    """Entries of a plan that nobody has narrowed."""
    return Settings().size


def release_due(*, now: datetime) -> int:
    """Plans again for everybody whose next review has fallen due; how many were claimed. Calls are repeatable.

    Claims are exclusive. Whoever cannot be planned for is put off: the others' turn would never come.
    """
    with transaction.atomic():
        due = sorted(db.rows(_DUE, [now, RELEASED_AT_ONCE]))
        planned: list[tuple[Belief, Body]] = []
        for (school_id, curriculum_id), group in groupby(due, key=lambda row: row[:2]):
            learners = [learner for *_, learner in group]
            planned += _released(school_id, curriculum_id, learners, now)
        _save(planned)
        _put_off({(learner, curriculum) for _, curriculum, learner in due} - {_pair(b) for b, _ in planned}, now)
        events.released(planned, now=now)
    return len(due)


def plan_again(beliefs: Sequence[Belief], *, now: datetime) -> int:
    """Plans where nothing but who believes it has changed; how many. A plan that knows more of the log stays."""
    return _save(_planned(beliefs, now))


def log_decisions(
    school_id: UUID, learner_id: UUID, curriculum_id: UUID, body: Body, entries: Sequence[PlannedEntry], now: datetime
) -> None:
    """Writes what is about to be offered. An entry offered before keeps its first record."""
    common = (
        school_id, learner_id, curriculum_id, body.curriculum_version_id, body.model_version_id, body.graph,
        body.policy, body.policy_version, body.seed, plans.moment(body.as_of), plans.moment(body.computed_at), now,
    )  # fmt: skip
    narrowing = _json(body.narrowed)
    for entry in entries:
        db.rows(
            _LOG,
            (
                entry.decision_id, *common, entry.slot, entry.concept, entry.item, entry.kind,
                plans.moment(entry.due_at), entry.score,
                entry.propensity, _json(entry.reasons), _json(entry.candidates), narrowing,
            ),
        )  # fmt: skip


_LOG: Final = """
INSERT INTO scheduling_decision (
    id, school_id, learner_id, curriculum_id, curriculum_version_id, model_version_id, graph, policy, policy_version,
    seed, as_of, decided_at, served_at, slot, concept, item, kind, due_at, score, propensity, reasons, candidates,
    narrowing, outcome)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb,
    %s::jsonb, 'offered')
ON CONFLICT (id) DO NOTHING
"""


def skipped(learner_ids: Collection[UUID], *, now: datetime) -> dict[Pair, dict[int, float]]:
    """Items that each learner skipped within the last day, and the Unix time at which each may be offered again. By
    learner and curriculum, for those who did."""
    out: dict[Pair, dict[int, float]] = defaultdict(dict)
    for learner, curriculum, item, at in db.rows(_SKIPPED, [list(learner_ids), now - SKIPPED_FOR]):
        out[learner, curriculum][item] = at + SKIPPED_FOR.total_seconds()
    return dict(out)


def _planned(beliefs: Sequence[Belief], now: datetime) -> list[tuple[Belief, Body]]:
    """A plan each; few queries for all. Whoever cannot be planned for keeps the plan they had, and holds up nobody."""
    avoid = skipped([b.learner_id for b in beliefs], now=now)
    by_pair = {_pair(b): b for b in beliefs}
    agreed = rules.agreed_for({pair: b.school_id for pair, b in by_pair.items()}, now)
    planned: list[tuple[Belief, Body]] = []
    done: dict[UUID, Override.End] = {}
    placed: list[Pair] = []
    for pair, belief in by_pair.items():
        narrowing = Narrowing(skipped=avoid.get(pair, {}))
        with apart("learner_not_planned", learner=str(belief.learner_id)):
            body = choose(belief, now=now, narrowing=narrowing, agreed=agreed[pair])
            planned.append((belief, body))
            done |= agreed[pair].done(belief)
            placed += placements.found(belief, body, agreed[pair])
    overrides.settle(done, now=now)
    placements.complete(placed, now=now)
    return planned


def _released(
    school_id: UUID, curriculum_id: UUID, learners: Sequence[UUID], now: datetime
) -> list[tuple[Belief, Body]]:  # fmt: skip
    try:
        return _planned(beliefs(school_id, curriculum_id, learners, now.timestamp()), now)
    except NoModel as error:
        log.warning("learners_not_released", school=str(school_id), error=str(error))
        return []


def _put_off(pairs: Collection[Pair], now: datetime) -> None:
    if pairs:
        learners, curricula = map(list, zip(*pairs, strict=True))
        db.rows(_PUT_OFF, [now + PUT_OFF_FOR, learners, curricula])


def _agreed(belief: Belief, narrowing: Narrowing | None, now: datetime) -> Agreed:
    where, timed = (belief.school_id, belief.curriculum_id), narrowing is not None and narrowing.minutes is not None
    return rules.agreed(*where, [belief.learner_id], now, timed=timed)[belief.learner_id]


def _pair(belief: Belief) -> Pair:
    return belief.learner_id, belief.curriculum_id


def _situation(
    content: Snapshot, belief: Belief, narrowing: Narrowing, agreed: Agreed, chosen: Chosen, *, seed: int, now: float
) -> Situation:
    return Situation(
        now=now,
        content=content,
        table=belief.table,
        evidence=belief.evidence,
        seed=seed,
        criteria=chosen.criteria(agreed.criteria_within(content)),
        settings=chosen.settings(agreed.settings),
        scope=_mask(content, narrowing.concepts),
        exclude_items=narrowing.exclude_items | narrowing.skipped.keys(),
        skipped={item: at for item, at in narrowing.skipped.items() if item not in narrowing.exclude_items},
        minutes=narrowing.minutes,
        size=narrowing.size,
        rules=agreed.rules(belief, content),
        history=agreed.history,
        cohort=agreed.cohort,
        pace=agreed.terms.pace,
        own_pace=agreed.own_pace,
    )


def _narrowed(situation: Situation, agreed: Agreed, choice: Choice, applied_seq: int) -> Narrowed:
    held, asked = situation.rules, situation.scope
    return Narrowed(
        n=situation.size,
        minutes=situation.minutes,
        concepts=None if asked is None else np.flatnonzero(asked).tolist(),
        exclude=sorted(situation.exclude_items),
        settings=knobs.encoded(agreed.terms.knobs),
        explores=agreed.terms.explores,
        pinned=list(held.pinned),
        excluded=sorted(held.excluded),
        opened=sorted(held.opened),
        known=sorted(held.known),
        answers_left=held.answers_left,
        new_left=held.new_left,
        minutes_left=held.minutes_left,
        quiet=held.quiet,
        day_ends=held.day_ends,
        barriers=choice.barriers,
        applied_seq=applied_seq,
        pace=(situation.pace.first, situation.pace.wrong, situation.pace.usual),
        own_pace=situation.own_pace,
    )


def _mask(content: Snapshot, concepts: frozenset[int] | None) -> Any:
    if concepts is None:
        return None
    mask = content.concept_active & False
    mask[sorted(concepts)] = True
    return mask


def _save(planned: Sequence[tuple[Belief, Body]]) -> int:
    if not planned:
        return 0
    fields = [
        (b.learner_id, b.curriculum_id, b.school_id, b.applied_seq, body.computed_at, body.next_due_at,
         plans.encode(body).decode())
        for b, body in planned
    ]  # fmt: skip
    return len(db.rows(_SAVE, [list(column) for column in zip(*fields, strict=True)]))


def _note_answers(advanced: Sequence[Advanced]) -> None:
    fields = [
        (a.belief.learner_id, a.belief.curriculum_id, u.decision_id, u.item, u.seconds, u.correct, u.seq)
        for a in advanced
        for u in a.answered
    ]
    if fields:
        answered = db.rows(_ANSWERED, [*map(list, zip(*fields, strict=True)), ANSWERS_WITHIN, CLOCK_SKEW])
        db.rows(_SUPERSEDED, [[decision for (decision,) in answered]])


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
