"""Teachers' words about single concepts: made with a reason, ended by somebody or by themselves, never deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from tutor import db
from tutor.accounts.access import Client, NotFound, Principal, groups_visible, learners_visible
from tutor.accounts.models import Group, Learner, Membership, User
from tutor.scheduling import contents, outdated, overridden
from tutor.scheduling.models import Override

#: Words that may hold at once for one learner, or for one class: each is read at every choice.
MOST: Final = 200
MOST_ANSWERS: Final = 100

_SETTLE: Final = """
UPDATE scheduling_override o SET ended_at = %s, "end" = t.ending
FROM unnest(%s::uuid[], %s::text[]) AS t(id, ending)
WHERE o.id = t.id AND o.ended_at IS NULL
"""


class Refused(ValueError):
    """An override that cannot be; `field` names what is wrong about it, the message what to do."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code = field, code


class Contradicted(ValueError):
    """It was said before, and still holds."""

    def __init__(self, standing: Override) -> None:
        self.standing = standing
        super().__init__(
            f"override {standing.pk} says {standing.kind!r} of this concept already, since "
            f"{standing.made_at:%Y-%m-%d %H:%M}: end it first"
        )


@dataclass(frozen=True)
class Wish:
    """What somebody wants to be made."""

    kind: Override.Kind
    concept: str
    reason: str
    expires_at: datetime | None = None
    answers: int | None = None


def by(principal: Principal, prefix: str) -> dict[str, Any]:
    """Columns that say who it was: a person or a machine."""
    person = isinstance(principal, User)
    return {
        f"{prefix}_by_id": principal.id if person else None,
        f"{prefix}_client_id": None if person else principal.id,
    }


def visible(principal: Principal) -> QuerySet[Override]:
    """Of learners and classes that the principal may see, with those who made and ended them."""
    if principal.school_id is None:
        return Override.objects.none()
    rows = Override.objects.filter(school_id=principal.school_id).select_related(
        "made_by", "made_client", "ended_by", "ended_client"
    )
    if isinstance(principal, Client):
        return rows
    return rows.filter(Q(learner__in=learners_visible(principal)) | Q(group__in=groups_visible(principal)))


def access(principal: Principal, pk: UUID) -> Override:
    found = visible(principal).filter(pk=pk).first()
    if found is None:
        raise NotFound("override", pk)
    return found


def concerning(rows: QuerySet[Override], learner: Learner) -> QuerySet[Override]:
    """Said of a learner, or of one of the learner's classes."""
    return rows.filter(Q(learner=learner) | Q(group__in=Membership.objects.filter(learner=learner).values("group")))


def holding(now: datetime) -> Q:
    return Q(ended_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))


@transaction.atomic
def make(principal: Principal, of: Learner | Group, curriculum_id: UUID, wish: Wish, *, now: datetime) -> Override:
    """Says something of a concept, for a learner or a class that the caller has been given access to.

    Raises:
        Refused: if it cannot be said.     Contradicted: if it was said before.
    """
    concept = _concept(curriculum_id, wish.concept)
    _check(wish, now)
    # One at a time for each, so that they can be counted.
    type(of).objects.select_for_update(no_key=True).only("id").get(pk=of.pk)
    mine = {"learner": of} if isinstance(of, Learner) else {"group": of}
    standing = Override.objects.filter(**mine, ended_at=None)
    standing.filter(expires_at__lte=now).update(ended_at=F("expires_at"))
    if found := standing.filter(curriculum=curriculum_id, concept=concept, kind=wish.kind).first():
        raise Contradicted(found)
    if standing.count() >= MOST:
        raise Refused("", "too_many", f"{MOST} overrides hold for this one already: end some that have done their work")
    made = Override.objects.create(
        **mine, **by(principal, "made"), school_id=of.school_id, curriculum_id=curriculum_id, concept=concept,
        kind=wish.kind, reason=wish.reason.strip(), made_at=now, expires_at=wish.expires_at,
        **({} if wish.answers is None else {"answers": wish.answers}),
    )  # fmt: skip
    overridden.by(made, now=now)
    _outdate(made, now)
    return made


@transaction.atomic
def end(principal: Principal, override: Override, *, now: datetime) -> None:
    """Ends it at once. Again is no error, and changes nothing."""
    ended = Override.objects.filter(pk=override.pk, ended_at=None).update(
        ended_at=now, end=Override.End.WITHDRAWN, **by(principal, "ended")
    )
    if ended:
        overridden.no_more(override)
        _outdate(override, now)


def settle(done: Mapping[UUID, Override.End], *, now: datetime) -> None:
    """Ends pins that have done their work."""
    if done:
        db.rows(_SETTLE, [now, list(done), [end.value for end in done.values()]])


def _check(wish: Wish, now: datetime) -> None:
    if not wish.reason.strip():
        raise Refused("reason", "blank", "say why: whoever wonders about the learner's plan will read it")
    if wish.expires_at is not None and wish.expires_at <= now:
        said = f"{wish.expires_at.isoformat()} is past: send a later time, or none for as long as nobody ends it"
        raise Refused("expires_at", "past", said)
    if wish.answers is None:
        return
    if wish.kind is not Override.Kind.PIN:
        raise Refused("answers", "not_a_pin", f"{wish.kind.value!r} does not end by answers: only a pin does")
    if not 1 <= wish.answers <= MOST_ANSWERS:
        raise Refused("answers", "out_of_range", f"{wish.answers} answers: take 1 to {MOST_ANSWERS}")


def _concept(curriculum_id: UUID, key: str) -> int:
    for fresh in (False, True):
        content = contents.latest(curriculum_id, fresh=fresh)
        if key in content.concept_position:
            return content.concept_position[key]
    raise Refused("concept", "unknown_concept", f"{key!r} is no concept of {content.title!r}: see its list of concepts")


def _outdate(override: Override, now: datetime) -> None:
    if override.learner_id is not None:
        outdated.of_learner(override.learner_id, now=now)
    elif override.group_id is not None:
        outdated.of_group(override.group_id, now=now)
