"""What a learner is told that statuses mean, and how they come about, from the criteria in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tutor.dashboard.words import LABELS, Definition
from tutor.language import percent
from tutor.tracing.status import Criteria, Status

SAID: Final[Mapping[Status, str | Promise]] = {
    Status.DUE_FOR_REVIEW: gettext_lazy("You know this, and it is beginning to fade. A short review brings it back."),
    Status.LEARNING: gettext_lazy("You are on the way."),
    Status.STRUGGLING: gettext_lazy("This is hard at the moment. That is no shame: ask somebody to explain it anew."),
    Status.MASTERED: gettext_lazy("You know this."),
    Status.NOT_ENOUGH_DATA: gettext_lazy("Too few answers to tell. It says nothing about you."),
    Status.LOCKED: gettext_lazy("It comes later: it builds on something else."),
}


def definitions(c: Criteria) -> dict[str, Definition]:
    """By the key that templates use; a status is its own key."""
    return {status.value: Definition(str(LABELS[status]), text) for status, text in _statuses(c).items()} | _others()


def _statuses(c: Criteria) -> dict[Status, str]:
    figures = {
        "mastered": percent(c.mastered_at),
        "lost": percent(c.lost_at),
        "ready": percent(c.ready_at),
        "review": percent(c.review_at),
        "share": percent(c.retention),
        "after": c.mastered_after,
        "enough": c.enough,
        "struggling": c.struggling_after,
    }
    texts = {
        Status.MASTERED: _(
            "You gave at least %(after)s answers, and after one of them a right answer was %(mastered)s likely or "
            "more. It stays so unless, after an answer, it is less than %(lost)s likely. Your teacher can also say "
            "that you know something."
        ),
        Status.DUE_FOR_REVIEW: _(
            "You mastered it. Everybody forgets: a right answer has become less likely since you last answered. It is "
            "time for a review when that is down to %(share)s of what it was, or to %(review)s if that is more."
        ),
        Status.LEARNING: _("You gave enough answers to tell, and it is neither mastered nor a struggle."),
        Status.STRUGGLING: _(
            "At least %(struggling)s answers, of the last eight at most a third right, and a right answer is surely "
            "less than %(mastered)s likely."
        ),
        Status.NOT_ENOUGH_DATA: _("Fewer than %(enough)s answers. Nobody can tell from so few, so nothing is told."),
        Status.LOCKED: _(
            "You have not begun it, and something that it builds on is not known well enough yet: not mastered, and a "
            "right answer to it less than %(ready)s likely, or %(mastered)s if you have never practised it."
        ),
    }
    return {status: text % figures for status, text in texts.items()}


def _others() -> dict[str, Definition]:
    return {
        "recall": Definition(
            _("Chance of a right answer"),
            _(
                "How likely you are to answer a question of average difficulty rightly, now. It is an estimate from "
                "your answers and the time since then. The true chance lies between the two numbers nine times out of "
                "ten; with more answers they come closer together."
            ),
        ),
        "next": Definition(
            _("What comes next"),
            _(
                "What you would be given now if you asked for something to do, and why. Looking at this page changes "
                "nothing."
            ),
        ),
        "due": Definition(
            _("Coming days"), _("When what you have mastered will have faded so far that a review is worth while.")
        ),
    }
