"""Marks on alerts: whether they were useful, said by whom and when, with the evidence as it was."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from tutor.accounts.access import Principal
from tutor.accounts.models import Group
from tutor.scheduling import agreements, alerting, alerts
from tutor.scheduling.alerting import Observed, Seen
from tutor.scheduling.alerts import Kind
from tutor.scheduling.models import AlertMark
from tutor.scheduling.overrides import by

#: Characters of a note.
LONGEST_NOTE: Final = 2000


class TooLong(ValueError):
    """Of a note; the message says what to do."""

    def __init__(self, note: str) -> None:
        text = _("the note has %(n)s characters: %(most)s is the most")
        super().__init__(text % {"n": len(note), "most": LONGEST_NOTE})


class Share(NamedTuple):
    """Of the alerts of a kind that were marked."""

    kind: Kind
    marked: int
    useful: int


def shares(group: Group) -> list[Share]:
    """Of each kind, in their order: one statement."""
    rows = AlertMark.objects.filter(group=group).values_list("kind")
    counted = rows.annotate(Count("id"), useful=Count("id", Q(useful=True)))
    found = {kind: Share(Kind(kind), marked, useful) for kind, marked, useful in counted}
    return [found.get(kind.value, Share(kind, 0, 0)) for kind in Kind]


def of_group(group: Group) -> QuerySet[AlertMark]:
    """All that were ever made and kept, the newest first, with those who made them."""
    return AlertMark.objects.filter(group=group).select_related("learner", "marked_by", "marked_client").order_by("-id")


@transaction.atomic
def mark(
    principal: Principal, observed: Observed, seen: Seen, *, useful: bool, note: str = "", now: datetime
) -> AlertMark:  # fmt: skip
    """Says of an alert that it was useful, or not. Said of the same one before, the new word goes in its place.

    Raises:
        TooLong: of a note.
    """
    if len(note := note.strip()) > LONGEST_NOTE:
        raise TooLong(note)
    # One at a time, so that two teachers who mark the same alert make one row of it.
    agreements.lock_group(observed.group)
    row = _standing(observed, seen, now) or AlertMark(
        group=observed.group, curriculum_id=observed.content.curriculum_id, learner_id=seen.name.learner_id,
        kind=seen.alert.kind, concept=seen.alert.concept,
    )  # fmt: skip
    row.useful, row.note, row.marked_at = useful, note, now
    row.evidence = alerts.plain(seen.alert.evidence) | observed.told_by(seen.name.learner_id)
    for column, value in by(principal, "marked").items():
        setattr(row, column, value)
    row.save()
    return row


def _standing(observed: Observed, seen: Seen, now: datetime) -> AlertMark | None:
    """What was said of the alert, perhaps since it was looked at."""
    found = alerting.latest_marks(observed.group, observed.content.curriculum_id, [seen.name.learner_id])
    last = found.get((seen.name.learner_id, seen.alert.kind, seen.alert.concept))
    return last if last and alerting.still_holds(last, seen.alert, now) else None
