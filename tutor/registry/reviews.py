"""What a school's people say of prerequisites. Kept by position, so that it outlives every model and version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from curricula import queries as curricula
from curricula import snapshot
from curricula.models import Curriculum
from curricula.snapshot import Snapshot
from tutor.accounts.access import NotFound, Principal, access_curriculum, groups_visible
from tutor.accounts.models import User
from tutor.language import Texts
from tutor.registry import edges
from tutor.registry.models import EdgeReview
from tutor.registry.prerequisites import Layers, Pair, closes

ACCEPTED, REJECTED = EdgeReview.Decision.ACCEPTED, EdgeReview.Decision.REJECTED
DECISIONS: Final[Mapping[str, str]] = Texts({ACCEPTED: gettext_noop("accepted"), REJECTED: gettext_noop("rejected")})


class Verb(StrEnum):
    """`clear` takes a review back; a locked one must be unlocked before anything else is said of its edge."""

    ACCEPT = "accept"
    REJECT = "reject"
    LOCK = "lock"
    UNLOCK = "unlock"
    CLEAR = "clear"


#: What may be said of an edge whose concept has been removed: its review must not stay for ever.
ENDING: Final = frozenset({Verb.UNLOCK, Verb.CLEAR})


class ReviewRefused(ValueError):
    """A review that cannot be; the message says what to do about it."""


def review(
    by: Principal, curriculum_id: UUID, pair: Pair, verb: Verb, *, reason: str = "", now: datetime
) -> EdgeReview | None:
    """Does what somebody says of an edge (parent, child) in their school; the review as it is then.

    The edge need be in no layer: accepting one adds it, rejecting one keeps models from it.

    Raises:
        NotFound: if they may not review the curriculum.
        ReviewRefused: if the edge is no edge, its review is locked or absent, or people would stand for a cycle.
        curricula.errors.NotPublished: if nothing of the curriculum is.
    """
    school_id = reviewing_school(by, curriculum_id)
    content = snapshot.latest(curriculum_id)
    _check_edge(content, pair, verb)
    with transaction.atomic():
        # One review at a time: two edges that make a cycle only together must not pass side by side.
        Curriculum.objects.select_for_update(no_key=True).get(pk=curriculum_id)
        found = EdgeReview.objects.filter(curriculum=curriculum_id, school=school_id, parent=pair[0], child=pair[1])
        before = found.first()
        after = _after(before, verb, _named(content, pair)) or EdgeReview(
            curriculum_id=curriculum_id, school_id=school_id, parent=pair[0], child=pair[1]
        )
        if verb is Verb.CLEAR:
            found.delete()
        else:
            _sign(after, verb, by, reason, now)
        _refuse_cycle(content, school_id, pair, verb)
        return None if verb is Verb.CLEAR else after


def of_school(school_id: UUID, curriculum_id: UUID) -> dict[Pair, EdgeReview]:
    """What holds in a school, its own word before the operator's; with the reviewers, one query."""
    rows = EdgeReview.objects.filter(Q(school=school_id) | Q(school=None), curriculum=curriculum_id)
    # The school's own come last, and so replace the operator's.
    ordered = rows.select_related("reviewer").order_by(F("school").asc(nulls_first=True))
    return {(review.parent, review.child): review for review in ordered}


def reviewing_school(by: Principal, curriculum_id: UUID) -> UUID | None:
    """The school for which somebody may review a curriculum; None for an operator, who speaks for all.

    A machine and an administrator may in their school, a teacher on what one of their classes works on.

    Raises:
        NotFound: if they may not.
    """
    if isinstance(by, User) and by.school_id is None and by.is_staff and by.is_active:
        return None
    access_curriculum(by, curriculum_id)
    if isinstance(by, User) and by.role != User.Role.ADMIN:
        of_curriculum = Q(curriculum=curriculum_id)
        # A class without a curriculum works on its school's only one.
        if list(curricula.published(by.school_id).values()) == [curriculum_id]:
            of_curriculum |= Q(curriculum=None)
        if not groups_visible(by).filter(of_curriculum).exists():
            raise NotFound("curriculum of your classes", curriculum_id)
    elif isinstance(by, User) and not by.is_active:
        raise NotFound("curriculum", curriculum_id)
    return by.school_id


def _check_edge(content: Snapshot, pair: Pair, verb: Verb) -> None:
    for position in pair:
        is_known = 0 <= position < content.n_concepts
        if not is_known or not (content.concept_active[position] or verb in ENDING):
            text = _("position %(n)s is no concept of '%(title)s', version %(version)s: take one that is")
            raise ReviewRefused(text % {"n": position, "title": content.title, "version": content.number})
    if pair[0] == pair[1]:
        text = _("'%(concept)s' cannot support itself: name two concepts")
        raise ReviewRefused(text % {"concept": content.concept_keys[pair[0]]})


def _after(before: EdgeReview | None, verb: Verb, edge: str) -> EdgeReview | None:
    """The review to write on, None for a new one."""
    if before is None and verb in (Verb.LOCK, Verb.UNLOCK, Verb.CLEAR):
        raise ReviewRefused(_("nobody has reviewed %(edge)s: accept or reject it first") % {"edge": edge})
    if before is not None and before.locked and verb not in (Verb.LOCK, Verb.UNLOCK):
        text = _("the review of %(edge)s is locked (%(decision)s): unlock it first")
        raise ReviewRefused(text % {"edge": edge, "decision": DECISIONS[before.decision]})
    return before


def _sign(after: EdgeReview, verb: Verb, by: Principal, reason: str, now: datetime) -> None:
    match verb:
        case Verb.ACCEPT | Verb.REJECT:
            after.decision, after.reason = ACCEPTED if verb is Verb.ACCEPT else REJECTED, reason
        case _:
            after.locked, after.reason = verb is Verb.LOCK, reason or after.reason
    after.reviewer, after.updated_at = by if isinstance(by, User) else None, now
    after.save()


def _refuse_cycle(content: Snapshot, school_id: UUID | None, pair: Pair, verb: Verb) -> None:
    """Of what people stand for, nothing is ever left out, so a review that closes a cycle must not stand."""
    if verb in (Verb.LOCK, Verb.UNLOCK):
        return
    said = edges.reviews(school_id, content.curriculum_id).said
    firm = Layers(edges.authored(content), {}, said, ()).firm()
    path = closes(firm, pair) if pair in firm else ()
    if path:
        text = _("%(edge)s closes a cycle of accepted and authored prerequisites, %(cycle)s: reject one of these first")
        raise ReviewRefused(text % {"edge": _named(content, pair), "cycle": _named(content, (*path, path[0]))})


def _named(content: Snapshot, path: Sequence[int]) -> str:
    keys = content.concept_keys
    removed = {} if all(keys[position] for position in path) else edges.removed(content)
    gone = _("%(concept)s (removed)")
    return " -> ".join(keys[position] or gone % {"concept": removed[position]} for position in path)
