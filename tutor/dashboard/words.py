"""What the pages call things, and how each figure is computed: said once, from the criteria in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tutor.language import Texts, grouped, percent
from tutor.scheduling.knobs import DEFAULTS
from tutor.scheduling.policies import POLICIES, Policy, Settings
from tutor.tracing.status import DEFAULT, Criteria, Status

#: Reviews that fall due within this many days count as soon.
SOON_DAYS: Final = 7

#: Columns and legends go from what asks for attention to what does not.
BY_NEED: Final = (
    Status.STRUGGLING,
    Status.DUE_FOR_REVIEW,
    Status.LEARNING,
    Status.NOT_ENOUGH_DATA,
    Status.MASTERED,
    Status.LOCKED,
)
LABELS: Final[Mapping[Status, str]] = Texts(
    {
        Status.STRUGGLING: gettext_noop("Struggling"),
        Status.DUE_FOR_REVIEW: gettext_noop("Due for review"),
        Status.LEARNING: gettext_noop("Learning"),
        Status.NOT_ENOUGH_DATA: gettext_noop("Not enough data"),
        Status.MASTERED: gettext_noop("Mastered"),
        Status.LOCKED: gettext_noop("Locked"),
    }
)


class Definition(NamedTuple):
    term: str
    text: str


def definitions(
    criteria: Criteria = DEFAULT,
    settings: Settings | None = None,
    policy: Policy | None = None,
    inactive_days: int = DEFAULTS.inactive_days,
) -> dict[str, Definition]:
    """By the key that templates use; a status is its own key."""
    figures = _figures(criteria, settings or Settings(), policy or POLICIES["gain"], inactive_days)
    return _statuses(criteria) | figures


def _levels(c: Criteria) -> dict[str, str | int]:
    return {
        "mastered": percent(c.mastered_at),
        "lost": percent(c.lost_at),
        "ready": percent(c.ready_at),
        "share": percent(c.retention),
        "review": percent(c.review_at),
        "range": percent(0.9),
        "enough": c.enough,
        "struggling": c.struggling_after,
        "after": c.mastered_after,
        "soon": SOON_DAYS,
    }


def _next(s: Settings, p: Policy) -> str:
    if p.name != "gain":
        text = _(
            "What the learner is offered when they next ask, among what they are ready for. It is chosen by the policy "
            "“%(policy)s”: %(about)s"
        )
        return text % {"policy": p.name, "about": _(p.about)}
    text = _(
        "What the learner is offered when they next ask: among what they are ready for, the concept where one practice "
        "now adds most to recall in %(days)s days per minute spent."
    )
    return text % {"days": grouped(s.horizon_days)}


def _statuses(c: Criteria) -> dict[str, Definition]:
    texts = {
        Status.STRUGGLING: _(
            "At least %(struggling)s answers, at most a third of the last eight right, and recall surely below "
            "%(mastered)s: the whole %(range)s range lies under it."
        ),
        Status.DUE_FOR_REVIEW: _(
            "Mastered, and recall has faded since the last answer to %(share)s of what it was, or to %(review)s if "
            "that is more: a short review brings it back. “Soon” counts those that will have faded so far within "
            "%(soon)s days."
        ),
        Status.LEARNING: _("Begun: enough answers to judge, neither mastered nor struggling."),
        Status.NOT_ENOUGH_DATA: _("Fewer than %(enough)s answers: too few to say anything. Counts concepts not begun."),
        Status.MASTERED: _(
            "Recall right after an answer reached %(mastered)s with at least %(after)s answers, and has not fallen "
            "below %(lost)s after an answer since."
        ),
        Status.LOCKED: _(
            "Not begun, and at least one prerequisite is not likely mastered: it is neither mastered, nor practised "
            "with a recall of %(ready)s or more, nor known without practice to %(mastered)s."
        ),
    }
    levels = _levels(c)
    return {status.value: Definition(LABELS[status], text % levels) for status, text in texts.items()}


def _figures(c: Criteria, s: Settings, p: Policy, inactive_days: int) -> dict[str, Definition]:
    levels = {**_levels(c), "inactive": inactive_days}
    pinned = _("What a teacher has pinned comes first. Looking at this page offers nothing and changes nothing.")
    return {
        "recall": Definition(
            _("Recall now"),
            _(
                "The chance of a right answer to an item of average difficulty at this moment, by the learner model. "
                "In brackets the range that holds the true chance with %(range)s certainty: few answers, wide range."
            )
            % levels,
        ),
        "curve": Definition(
            _("Forgetting"),
            _(
                "Recall from the last answer until four weeks from now if nothing is practised; shaded, its %(range)s "
                "range. The dot is now; of a mastered concept, the dashed line is where it falls due for review."
            )
            % levels,
        ),
        "n": Definition(
            _("Answers"),
            _(
                "How many answers were given on this concept, and how many were right. Below, the last eight, newest "
                "last: a full square above is right, a hollow one below wrong."
            ),
        ),
        "due": Definition(
            _("Due"),
            _(
                "When recall of a mastered concept is expected to have faded, without practice, to %(share)s of what "
                "it was, or to %(review)s if that is more."
            )
            % levels,
        ),
        "next": Definition(_("Next"), f"{_next(s, p)} {pinned}"),
        "expected": Definition(
            _("Chance of a right answer"), _("Recall of the concept now, adjusted for the difficulty of this item.")
        ),
        "last": Definition(
            _("Last answer"),
            _(
                "The time of the last answer that the estimates know. Inactive: none in the last %(inactive)s days; "
                "recall is then a forecast, not an observation."
            )
            % levels,
        ),
        "silent": Definition(
            _("No answers yet"), _("Nothing is known of them, so nothing is said: they are never ranked.")
        ),
        "strip": Definition(
            _("Concepts"),
            _(
                "Every concept of the curriculum, by subject area. The height and direction of a bar give the status, "
                "the colour only repeats it; point at a red or amber bar for the concept's name."
            ),
        ),
        "look": Definition(
            _("Look here first"),
            _("Concepts with which most learners of this class struggle, then those that most have to review."),
        ),
    }
