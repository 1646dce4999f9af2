"""Announcements: reviews that have fallen due, and what a class has before it today. Once each, however often asked.

They are rows of the outbox, written in the transaction of what they tell of; `tutor.lms` carries them out of the house.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import QuerySet

from curricula.snapshot import Snapshot
from kt_models.recall import Float
from tutor import db
from tutor.apart import apart
from tutor.scheduling import contents, rules
from tutor.scheduling.balance import balanced, latest_at
from tutor.scheduling.calendar import Days
from tutor.scheduling.event_models import Digest, Event
from tutor.scheduling.plans import Body, moment
from tutor.scheduling.policies.situation import concept_minutes
from tutor.scheduling.rules import Agreed
from tutor.scheduling.terms import known_zone
from tutor.tracing.beliefs import Belief, NoModel, beliefs
from tutor.tracing.status import due_at, review_level

T = TypeVar("T")

#: Learners of one `agenda.daily`: some 20 KB of JSON. Beliefs are read as many at a time.
PAGE: Final = 200
#: Events, and what became of them, are kept for this long.
KEPT: Final = timedelta(days=30)
#: Rows deleted in one statement.
PRUNED_AT_ONCE: Final = 2_000

# A class for each time at which days of its learners begin: most have one.
_CLASSES: Final = """
SELECT g.school_id, g.id, g.curriculum_id, c.zone, c.cutoff_hour, d.day
FROM accounts_group g JOIN accounts_school s ON s.id = g.school_id
CROSS JOIN LATERAL (
    SELECT DISTINCT COALESCE(NULLIF(l.timezone, ''), s.timezone) AS zone, l.day_cutoff_hour AS cutoff_hour
    FROM accounts_membership m JOIN accounts_learner l ON l.id = m.learner_id WHERE m.group_id = g.id
) c
LEFT JOIN scheduling_digest d ON d.group_id = g.id AND d.zone = c.zone AND d.cutoff_hour = c.cutoff_hour
"""

_MEMBERS: Final = """
SELECT l.id FROM accounts_membership m JOIN accounts_learner l ON l.id = m.learner_id
JOIN accounts_school s ON s.id = l.school_id
WHERE m.group_id = %s AND COALESCE(NULLIF(l.timezone, ''), s.timezone) = %s AND l.day_cutoff_hour = %s
ORDER BY l.id
"""

# Whoever moves it on is the one who tells of the day.
_CLAIM: Final = """
INSERT INTO scheduling_digest AS d (group_id, zone, cutoff_hour, day) VALUES (%s, %s, %s, %s)
ON CONFLICT (group_id, zone, cutoff_hour) DO UPDATE SET day = excluded.day WHERE d.day < excluded.day
RETURNING 1
"""


class Due(NamedTuple):
    """Reviews of one learner, and how long they are expected to take."""

    reviews: int
    minutes: float


class Morning(NamedTuple):
    """A class of learners whose day begins together."""

    school_id: UUID
    group_id: UUID
    curriculum_id: UUID
    zone: str
    cutoff_hour: int
    day: date


def released(planned: Sequence[tuple[Belief, Body]], *, now: datetime) -> None:
    """Announces what has fallen due, once a learner, curriculum and day, and on no quiet one. In your transaction."""
    for (school_id, curriculum_id), of_one in _by_curriculum(planned).items():
        agreed = rules.agreed(school_id, curriculum_id, [belief.learner_id for belief, _ in of_one], now)
        _write(event for belief, body in of_one if (event := _review_due(agreed[belief.learner_id], belief, body, now)))


def announce_days(*, now: datetime) -> int:
    """Tells of every class whose learners' day has begun what they have before them; of how many classes."""
    return sum(_announce(morning, now) for morning in _mornings(now))


def waiting(limit: int) -> list[Event]:
    """Events that nobody has been told of, locked until your transaction ends; oldest first."""
    rows = Event.objects.filter(relayed_at=None).order_by("id")
    return list(rows.select_for_update(skip_locked=True)[:limit])


def mark_relayed(events: Sequence[Event], *, now: datetime) -> None:
    Event.objects.filter(pk__in=[event.pk for event in events]).update(relayed_at=now)


def prune(*, now: datetime) -> int:
    """Deletes what is older than `KEPT`; how many events."""
    Digest.objects.filter(day__lt=(now - KEPT).date()).delete()
    return _delete(Event.objects.filter(created_at__lt=now - KEPT).order_by("created_at"))


def due_reviews(agreed: Agreed, belief: Belief, content: Snapshot, until: float) -> Due:
    """What a learner has to review until a Unix time, as the agenda has it."""
    minutes = concept_minutes(content)
    is_due = np.flatnonzero(_review_times(agreed, belief, content, minutes) <= until)
    return Due(len(is_due), round(float(minutes[is_due].sum()), 1))


def _review_times(agreed: Agreed, belief: Belief, content: Snapshot, minutes: Float) -> Float:
    """(concepts,) Unix seconds, inf for none."""
    criteria, k = agreed.criteria_within(content), content.n_concepts
    due = due_at(belief.table, belief.evidence, content, criteria)
    due[~rules.offered(content, agreed.terms.excluded)] = np.inf
    if not agreed.settings.spread_reviews:
        return due
    latest = latest_at(belief.table, review_level(belief.evidence, k, criteria))
    return balanced(due, belief.evidence.column("seconds", k), minutes, agreed.days, agreed.quiet, latest=latest)


def _review_due(agreed: Agreed, belief: Belief, body: Body, now: datetime) -> Event | None:
    due = _due_by(now.timestamp(), agreed, belief)
    if due is None:
        return None
    next_due = moment(body.next_due_at)
    return Event(
        school_id=belief.school_id,
        kind=Event.Kind.REVIEW_DUE,
        learner_id=belief.learner_id,
        curriculum_id=belief.curriculum_id,
        key=f"{Event.Kind.REVIEW_DUE.value}:{belief.learner_id}:{belief.curriculum_id}:{agreed.days.first}",
        payload={
            "learner_id": str(belief.learner_id),
            "curriculum_id": str(belief.curriculum_id),
            "due": due.reviews,
            "minutes": due.minutes,
            "next_due_at": next_due and _told(next_due),
        },
        created_at=now,
    )


def _mornings(now: datetime) -> list[Morning]:
    # A class without a curriculum works on the school's only one.
    rows = [(*row[:2], row[2] or contents.only(row[0]), *row[3:]) for row in db.rows(_CLASSES)]
    mornings = {(zone, hour) for *_, zone, hour, _ in rows}
    today = {at: Days.ahead(known_zone(at[0]), at[1], now.timestamp(), 1).first for at in mornings}
    return [
        Morning(school_id, group_id, curriculum_id, zone, hour, today[zone, hour])
        for school_id, group_id, curriculum_id, zone, hour, told in rows
        if curriculum_id and (told is None or told < today[zone, hour])
    ]


def _announce(morning: Morning, now: datetime) -> bool:
    """One class, all or nothing; what goes wrong there holds up no other class."""
    claim = [morning.group_id, morning.zone, morning.cutoff_hour, morning.day]
    with apart("day_not_announced", group=str(morning.group_id)), suppress(NoModel), transaction.atomic():
        return bool(db.rows(_CLAIM, claim)) and _write(_digest(morning, now)) > 0
    return False


def _digest(morning: Morning, now: datetime) -> Iterator[Event]:
    kind, rows = Event.Kind.AGENDA_DAILY, list(_due_today(morning, now))
    pages = list(_parts(rows, PAGE))
    for number, page in enumerate(pages, start=1):
        yield Event(
            school_id=morning.school_id,
            kind=kind,
            group_id=morning.group_id,
            curriculum_id=morning.curriculum_id,
            key=f"{kind.value}:{morning.group_id}:{morning.zone}:{morning.cutoff_hour}:{morning.day}:{number}",
            payload={
                "class_id": str(morning.group_id),
                "curriculum_id": str(morning.curriculum_id),
                "date": morning.day.isoformat(),
                "page": number,
                "pages": len(pages),
                "learners": page,
            },
            created_at=now,
        )


def _due_today(morning: Morning, now: datetime) -> Iterator[dict[str, Any]]:
    members = [learner for (learner,) in db.rows(_MEMBERS, [morning.group_id, morning.zone, morning.cutoff_hour])]
    where = morning.school_id, morning.curriculum_id
    for part in _parts(members, PAGE):
        agreed = rules.agreed(*where, part, now)
        for belief in beliefs(*where, part, now.timestamp()):
            # Days end as the next begins.
            end = float(np.nextafter(agreed[belief.learner_id].days.starts[1], 0.0))
            if due := _due_by(end, agreed[belief.learner_id], belief):
                yield {"learner_id": str(belief.learner_id), "due": due.reviews, "minutes": due.minutes}


def _due_by(until: float, agreed: Agreed, belief: Belief) -> Due | None:
    """None on a quiet day, and if nothing is. Whoever cannot be told of holds up nobody."""
    if agreed.quiet[0] or not belief.evidence.n:
        return None
    due = None
    with apart("learner_not_announced", learner=str(belief.learner_id)):
        due = due_reviews(agreed, belief, _content(belief), until)
    return due if due and due.reviews else None


def _content(belief: Belief) -> Snapshot:
    content = contents.latest(belief.curriculum_id)
    return contents.latest(belief.curriculum_id, fresh=True) if belief.is_newer_than(content) else content


def _write(events: Iterable[Event]) -> int:
    """What has been announced already is left as it is. In one order for all, so that no two writers wait in a ring."""
    rows = sorted(events, key=lambda event: event.key or "")
    Event.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _by_curriculum(
    planned: Sequence[tuple[Belief, Body]],
) -> Mapping[tuple[UUID, UUID], list[tuple[Belief, Body]]]:
    out: dict[tuple[UUID, UUID], list[tuple[Belief, Body]]] = defaultdict(list)
    for belief, body in planned:
        out[belief.school_id, belief.curriculum_id].append((belief, body))
    return out


def _parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), size):
        yield things[start : start + size]


def _delete(rows: QuerySet[Event]) -> int:
    deleted = 0
    while ids := list(rows.values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        Event.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
    return deleted


def _told(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
