"""What a learner should do next, as asked at this moment: the plan if it still holds, else the policy on the spot.

Reads rows that workers wrote and needs no worker to answer: two statements when the plan holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any, Final
from uuid import UUID

from curricula import snapshot
from curricula.snapshot import Snapshot
from tutor import db
from tutor.accounts.access import Client, External, NotFound, parse_ref
from tutor.scheduling import contents, plans, rules, services
from tutor.scheduling.plans import Body, PlannedEntry
from tutor.scheduling.services import Narrowing
from tutor.scheduling.terms import COLUMNS, JOINS, Terms
from tutor.tracing.beliefs import STALE_SECONDS, beliefs

#: A plan older than this is made anew: recall has faded since, though nothing new fell due.
PLAN_HOLDS_SECONDS: Final = 6 * 3600.0

_PLAN: Final = f"""
SELECT l.id, p.applied_seq, p.body, h.seq, COALESCE(h.behind_since < to_timestamp(%s), false), {COLUMNS}
FROM (SELECT %s::uuid AS id, %s::timestamptz AS now) c
CROSS JOIN accounts_learner l
LEFT JOIN scheduling_plan p ON p.learner_id = l.id AND p.curriculum_id = c.id
LEFT JOIN interactions_loghead h ON h.learner_id = l.id AND h.curriculum_id = c.id
{JOINS}
WHERE l.school_id = %s AND """  # noqa: S608
_BY_ID: Final = _PLAN + "l.id = %s"
_BY_NAME: Final = _PLAN + "l.source = %s AND l.external_id = %s AND l.external_id <> ''"

_ANSWERED_SINCE: Final = """
SELECT item, max(seq) FROM interactions_interaction WHERE learner_id = %s AND curriculum_id = %s AND seq > %s
GROUP BY item
"""


@dataclass(frozen=True)
class Served:
    """`body` is the plan that `entries` come from; its other entries were not asked for.

    `degraded`: the plan is, or no worker has looked at the learner's answers for longer than `STALE_SECONDS`.
    """

    learner_id: UUID
    body: Body
    entries: Sequence[PlannedEntry]
    content: Snapshot
    degraded: bool


def next_for(
    client: Client, ref: str, *, curriculum: str | None, n: int, narrowing: Narrowing | None, now: datetime
) -> Served:
    """The next `n` entries for a learner; written to the decision log before they are returned.

    Raises:
        NotFound: if there is no such learner in the client's school.
        contents.UnknownCurriculum, contents.AmbiguousCurriculum: if it is not clear what is to be learnt.
    """
    curriculum_id = contents.resolve(client.school_id, curriculum)
    learner_id, applied_seq, text, seq, is_stale, *said = _read(client.school_id, curriculum_id, ref, now)
    answered = _answered_since(learner_id, curriculum_id, applied_seq, seq)
    body = plans.readable(text) if narrowing is None else None
    holds = (
        body
        and body.agreed == rules.mark(Terms.of(tuple(said)), client.school_id, curriculum_id)
        and _is_of_newest(body, client.school_id, curriculum_id)
    )
    entries = _left(body, frozenset(answered), n, now) if body and holds else None
    if body is None or entries is None:
        body = _choose(client.school_id, learner_id, curriculum_id, n, narrowing, answered, now)
        entries = body.entries[:n]
    services.log_decisions(client.school_id, learner_id, curriculum_id, body, entries, now)
    content = snapshot.load(body.curriculum_version_id)
    return Served(learner_id, body, entries, content, body.degraded or is_stale)


def _read(school_id: UUID, curriculum_id: UUID, ref: str, now: datetime) -> tuple[Any, ...]:
    parsed = parse_ref(ref)
    common = now.timestamp() - STALE_SECONDS, curriculum_id, now, school_id
    # Prepared: so many tables take longer to plan for than to read.
    if isinstance(parsed, UUID):
        found = db.rows(_BY_ID, (*common, parsed), prepare=True)
    elif isinstance(parsed, External):
        found = db.rows(_BY_NAME, (*common, parsed.source, parsed.id), prepare=True)
    else:
        found = []
    if not found:
        raise NotFound("learner", ref)
    return found[0]


def _answered_since(learner_id: UUID, curriculum_id: UUID, applied_seq: int | None, seq: int | None) -> dict[int, int]:
    """Items answered after the plan was made, with the place of the last answer in the log: workers are a moment
    behind, or away. All that were ever answered, where there is no plan."""
    if seq is None or seq <= (applied_seq or 0):
        return {}
    return dict(db.rows(_ANSWERED_SINCE, (learner_id, curriculum_id, applied_seq or 0)))


def _is_of_newest(body: Body, school_id: UUID, curriculum_id: UUID) -> bool:
    """Whether the plan knows the newest version and its prerequisites: what was withdrawn or locked since must not be
    offered."""
    where = school_id, curriculum_id, body.model_version_id
    looks = (contents.gated(*where, fresh=fresh) for fresh in (False, True))
    return any((body.curriculum_version_id, body.graph) == (look.version_id, look.graph) for look in looks)


def _left(body: Body, answered: frozenset[int], n: int, now: datetime) -> list[PlannedEntry] | None:
    """The first `n` entries that are still open; None if there may be more than the plan says."""
    left = open_entries(body, answered, now)
    is_cut_short = n > body.size <= len(body.entries)
    return None if left is None or is_cut_short else left[:n]


def open_entries(body: Body, answered: frozenset[int], now: datetime) -> list[PlannedEntry] | None:
    """Entries of a plan not answered yet; None if the plan no longer says what to do."""
    seconds = now.timestamp()
    ends = min(body.computed_at + PLAN_HOLDS_SECONDS, body.next_due_at or inf, body.holds_until or inf)
    if seconds >= ends or (body.counts_answers and answered):
        return None
    left = [entry for entry in body.entries if entry.item not in answered]
    return None if body.entries and not left else left


def _choose(
    school_id: UUID,
    learner_id: UUID,
    curriculum_id: UUID,
    n: int,
    narrowing: Narrowing | None,
    answered: Mapping[int, int],
    now: datetime,
) -> Body:
    belief = beliefs(school_id, curriculum_id, [learner_id], now.timestamp())[0]
    asked = narrowing or Narrowing()
    avoid = services.skipped([learner_id], now=now).get((learner_id, curriculum_id), {})
    timed = asked.minutes is not None
    agreed = rules.agreed(school_id, curriculum_id, [learner_id], now, timed=timed)[learner_id]
    narrowed = Narrowing(
        size=n if narrowing else max(n, services.plan_size()),
        minutes=asked.minutes,
        concepts=asked.concepts,
        # What the belief knows of waits for its turn like everything else.
        exclude_items=asked.exclude_items | {item for item, seq in answered.items() if seq > belief.applied_seq},
        skipped=avoid,
    )
    body = services.choose(belief, now=now, narrowing=narrowed, agreed=agreed)
    if narrowing is None:
        services.save(belief, body, agreed=agreed, now=now)
    return body
