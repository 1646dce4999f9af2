"""Announcements: reviews fallen due, what a class has before it today, drifting models. Once each, however often asked.

They are rows of the outbox; `tutor.lms` carries them out of the house.
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
from tutor import db
from tutor.accounts.models import Learner
from tutor.apart import apart
from tutor.scheduling import contents, own_paces, rules
from tutor.scheduling.calendar import Days
from tutor.scheduling.event_models import Digest, Event
from tutor.scheduling.forecasts import Ahead, all_ahead
from tutor.scheduling.plans import Body, moment
from tutor.scheduling.terms import known_zone
from tutor.tracing import drift
from tutor.tracing.beliefs import Belief, NoModel, beliefs
from tutor.tracing.models import DriftAlert

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
    """Reviews of one learner, and what they take at the learner's pace.

    Attributes:
        reviews: that today holds.     waits: that it has no room for, by what is agreed for a day.
        minutes: of those that it holds.     day_minutes: of all that the agenda has for today.
    """

    reviews: int
    waits: int
    minutes: float
    day_minutes: float


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
        bodies = {belief.learner_id: body for belief, body in of_one}
        seeds = {learner: body.seed for learner, body in bodies.items()}
        aheads = _aheads(school_id, curriculum_id, [belief for belief, _ in of_one], now, seeds)
        told = ((ahead, _due_by(ahead, now.timestamp())) for ahead in aheads)
        # Nobody is called to a day that is full.
        rows = ((ahead, due) for ahead, due in told if due and due.reviews)
        _write(_review_due(ahead, due, bodies[ahead.learner.pk], curriculum_id, now) for ahead, due in rows)


def announce_days(*, now: datetime) -> int:
    """Tells of every class whose learners' day has begun what they have before them; of how many classes."""
    return sum(_announce(morning, now) for morning in _mornings(now))


def announce_drift(*, now: datetime) -> int:
    """Tells schools of the open alerts of their own champions; how many are looked at.

    An alert of what serves all schools is nobody's: operators have it from `/metrics` and the pages.
    """
    # None is older than its event is kept, so none is told of again when that is pruned.
    found = drift.open_alerts().filter(school_id__isnull=False, raised_at__gt=now - KEPT)
    return _write(_drift_alert(alert, alert.school_id, now) for alert in found if alert.school_id)


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


def due_reviews(ahead: Ahead, until: float) -> Due:
    """What a learner has to review until a Unix time, today, as the agenda has it."""
    ends = float(ahead.days.starts[1])
    falls = ahead.spread <= until
    is_held = falls & (ahead.planned < ends)
    minutes = float(ahead.prospect.minutes[is_held].sum())
    waits = int(falls.sum() - is_held.sum())
    return Due(int(is_held.sum()), waits, round(minutes, 1), round(float(ahead.minutes()[0]), 1))


def _review_due(ahead: Ahead, due: Due, body: Body, curriculum_id: UUID, now: datetime) -> Event:
    learner = ahead.learner
    next_due = moment(body.next_due_at)
    return Event(
        school_id=learner.school_id,
        kind=Event.Kind.REVIEW_DUE,
        learner_id=learner.pk,
        curriculum_id=curriculum_id,
        key=f"{Event.Kind.REVIEW_DUE.value}:{learner.pk}:{curriculum_id}:{ahead.days.first}",
        payload={
            "learner_id": str(learner.pk),
            "curriculum_id": str(curriculum_id),
            "due": due.reviews,
            "waits": due.waits,
            "minutes": due.minutes,
            "next_due_at": next_due and _told(next_due),
        },
        created_at=now,
    )


def _drift_alert(alert: DriftAlert, school_id: UUID, now: datetime) -> Event:
    kind = Event.Kind.DRIFT_ALERT
    return Event(
        school_id=school_id,
        kind=kind,
        curriculum_id=alert.curriculum_id,
        key=f"{kind.value}:{alert.pk}",
        payload={
            "curriculum_id": str(alert.curriculum_id),
            "model_id": str(alert.version_id),
            "kind": alert.kind,
            "raised_at": _told(alert.raised_at),
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
        for ahead in _aheads(*where, beliefs(*where, part, now.timestamp()), now):
            # Days end as the next begins.
            if due := _due_by(ahead, float(np.nextafter(ahead.days.starts[1], 0.0))):
                yield {
                    "learner_id": str(ahead.learner.pk),
                    "due": due.reviews,
                    "waits": due.waits,
                    "minutes": due.minutes,
                    "day_minutes": due.day_minutes,
                }


def _aheads(
    school_id: UUID,
    curriculum_id: UUID,
    known: Sequence[Belief],
    now: datetime,
    seeds: Mapping[UUID, int] | None = None,
) -> Iterator[Ahead]:
    """Today of each learner for whom it is no quiet day and who has begun; whoever cannot be told of is left out.

    Args: seeds: of the plans that learners have; looked up if not given.
    """
    ids = [belief.learner_id for belief in known]
    agreed = rules.agreed(school_id, curriculum_id, ids, now)
    paces = own_paces.paces_of(ids, contents.latest(curriculum_id), now)
    seeds = rules.seeds(school_id, curriculum_id, agreed) if seeds is None else seeds
    learners = Learner.objects.select_related("school").in_bulk(ids)
    for belief in known:
        look: Sequence[Ahead] = ()
        if belief.evidence.n and not agreed[belief.learner_id].quiet[0]:
            with apart("learner_not_announced", learner=str(belief.learner_id)):
                of_one = [learners[belief.learner_id]], [belief], [_content(belief)]
                look = all_ahead(*of_one, now=now, days=[1], held=agreed, paces=paces, seeds=seeds)
        yield from look


def _due_by(ahead: Ahead, until: float) -> Due | None:
    """None if nothing is. Whoever cannot be told of holds up nobody."""
    due = None
    with apart("learner_not_announced", learner=str(ahead.learner.pk)):
        due = due_reviews(ahead, until)
    return due if due and due.reviews + due.waits else None


def _content(belief: Belief) -> Snapshot:
    where = belief.school_id, belief.curriculum_id, belief.version_id
    content = contents.gated(*where)
    return contents.gated(*where, fresh=True) if belief.is_newer_than(content) else content


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
