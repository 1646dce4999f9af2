"""The overview and the list of prerequisites as CSV. Rows ask the database for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from tutor.dashboard.class_page import ClassPage
from tutor.dashboard.csv import Cell
from tutor.dashboard.prerequisites_page import PrerequisitesPage
from tutor.dashboard.words import BY_NEED, LABELS, SOON_DAYS


def overview_head() -> list[str]:
    return [
        _("Learner"),
        _("Learner id"),
        *(str(LABELS[status]) for status in BY_NEED),
        _("Due within %(days)s days") % {"days": SOON_DAYS},
        _("Last answer"),
        _("Inactive"),
        _("Next concept"),
        _("Why"),
    ]


def overview_rows(shown: ClassPage) -> Iterator[list[Cell]]:
    for line in shown.lines:
        offer = line.upcoming.first
        yield [
            line.name,
            str(line.learner.pk),
            *(line.n(status) for status in BY_NEED),
            line.soon,
            line.last_answer,
            _("yes") if line.is_inactive else _("no"),
            offer.concept if offer else None,
            " ".join(offer.reasons) if offer else str(line.upcoming.nothing),
        ]


def prerequisites_head() -> list[str]:
    return [
        _("Before"),
        _("After"),
        _("Prerequisite"),
        _("Holds"),
        _("Probability"),
        _("Review"),
        _("Reviewed"),
        _("Note"),
        _("Learners who wait"),
    ]


def prerequisites_rows(shown: PrerequisitesPage) -> Iterator[list[Cell]]:
    """As far as they are shown on the page."""
    for edge in shown.shown:
        review = edge.review
        yield [
            edge.parent,
            edge.child,
            edge.label,
            _("yes") if edge.is_holding else _("no"),
            round(edge.learned.probability, 3) if edge.learned else None,
            review.get_decision_display() if review else None,
            review.updated_at if review else None,
            review.reason if review else None,
            edge.waits,
        ]
