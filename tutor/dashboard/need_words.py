"""What the page of learners in need calls things, and how each of its figures comes about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tutor.dashboard.words import Definition
from tutor.language import percent
from tutor.scheduling.alerting import Observed
from tutor.scheduling.alerts import NEW_ANSWERS, QUIET_ANSWERS, TREND_ANSWERS, TREND_DAYS, Kind
from tutor.scheduling.models import AlertMark

#: Marked alerts from which on a share of them is worth a percentage.
SHARE_FROM: Final = 5

LABELS: Final[Mapping[Kind, str | Promise]] = {
    Kind.SPINNING: gettext_lazy("Spinning"),
    Kind.STRUGGLING: gettext_lazy("Struggling"),
    Kind.FALLING_BEHIND: gettext_lazy("Falling behind"),
    Kind.GONE_QUIET: gettext_lazy("Gone quiet"),
}


def until(kind: Kind) -> str:
    """Until when an alert that was said not to be useful is put aside."""
    if kind is Kind.FALLING_BEHIND:
        return _("until all answers of the last two weeks are new")
    if kind is Kind.GONE_QUIET:
        return _("until the learner has answered again")
    return ngettext(
        "until there is %(n)s more answer", "until there are %(n)s more answers", NEW_ANSWERS
    ) % {"n": NEW_ANSWERS}  # fmt: skip


def marked_by(mark: AlertMark) -> str:
    if mark.marked_by:
        return mark.marked_by.name or mark.marked_by.email
    return mark.marked_client.name if mark.marked_client else _("somebody who has left")


def definitions(observed: Observed) -> dict[str, Definition]:
    return _of_kinds(observed) | _of_the_page(observed)


def _of_kinds(observed: Observed) -> dict[str, Definition]:
    knobs = observed.knobs
    spinning = _(
        "At least %(n)s answers to a concept, not mastered, and at most four of the last eight right: more of the same "
        "does not help. The number is among the settings of the class. A concept is told of once, as this or as "
        "struggling."
    )
    behind = _(
        "The share of right answers has fallen by %(drop)s percentage points or more from two weeks to the next, and "
        "surely: the whole 90 %% range of the difference lies below zero. New or harder material lowers it too."
    )
    quiet = _(
        "No answer for more than %(days)s days, from somebody who had given at least %(n)s. It says nothing of what "
        "the learner knows: what has faded since is a forecast."
    )
    return {
        "spinning": Definition(_("Spinning"), spinning % {"n": knobs.spinning_after}),
        "falling_behind": Definition(_("Falling behind"), behind % {"drop": round(100 * knobs.trend_drop)}),
        "gone_quiet": Definition(_("Gone quiet"), quiet % {"days": knobs.inactive_days, "n": QUIET_ANSWERS}),
    }


def _of_the_page(observed: Observed) -> dict[str, Definition]:
    knobs = observed.knobs
    in_need = ngettext(
        "In need is who has an alert on at least %(n)s concept, or is falling behind.",
        "In need is who has alerts on at least %(n)s concepts, or is falling behind.",
        knobs.in_need_from,
    )
    ranked = _(
        "Ranked by the number of concepts with an alert, then of those spun upon, then by falling behind, then by how "
        "few of the last answers to these concepts were right. Only answers count: a forecast or a review due ranks "
        "nobody. Alerts marked as not useful do not count while they are put aside."
    )
    trend = _(
        "Right answers of all answers in the last %(days)s days, and in the %(days)s days before; in brackets the "
        "difference with its 90 %% range. Each window needs at least %(n)s answers."
    )
    aside = _(
        "An alert marked as not useful is put aside for this learner and concept, and counts no more, until the "
        "evidence has changed: after %(n)s more answers to the concept; for falling behind, when all answers of the "
        "last %(days)s days are new; for gone quiet, when the learner has answered and fallen silent again. What "
        "stands here is kept with the evidence as it was."
    )
    numbers = {"days": TREND_DAYS, "n": TREND_ANSWERS}
    return {
        "in_need": Definition(_("In need"), f"{in_need % {'n': knobs.in_need_from}} {ranked}"),
        "trend": Definition(_("Trend"), trend % numbers),
        "gaps": Definition(
            _("Gaps"),
            _(
                "How long the last answer is ago, and on how many of the last %(days)s days, and of those before, "
                "there was any. Faded: mastered concepts whose review has come."
            )
            % numbers,
        ),
        "useful": Definition(_("Useful alerts"), aside % {"n": NEW_ANSWERS, "days": TREND_DAYS}),
    }


def share_of(useful: int, marked: int) -> str:
    """ "" where there are too few for a percentage."""
    return percent(useful / marked) if marked >= SHARE_FROM else ""
