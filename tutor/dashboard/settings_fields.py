"""What a class can be configured by, as a teacher reads it: what it does, its unit, its bounds, and how it is typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from tutor.scheduling.policies import Spinning

Text = str | Promise


class Kind(StrEnum):
    """How a value is typed."""

    PERCENT = "percent"
    NUMBER = "number"
    COUNT = "count"
    FLAG = "flag"
    DAY = "day"
    DAYS = "days"
    WEEKDAYS = "weekdays"
    CONCEPTS = "concepts"
    SPINNING = "spinning"
    POLICY = "policy"
    NEXT_POLICY = "next_policy"


@final
@dataclass(frozen=True)
class Field:
    """Attributes: about: what it does, in a sentence.     why: what lies beyond its bounds.     none: what empty is."""

    name: str
    kind: Kind
    label: Text
    about: Text
    unit: Text = ""
    why: Text = ""
    none: Text = ""

    @property
    def is_typed(self) -> bool:
        return self.kind in (Kind.PERCENT, Kind.NUMBER, Kind.COUNT)


@final
@dataclass(frozen=True)
class Part:
    """What a teacher thinks of together."""

    key: str
    title: Text
    about: Text
    fields: tuple[Field, ...]
    is_folded: bool = False


WEEKDAYS: Final[dict[str, Text]] = {
    "monday": _("Monday"),
    "tuesday": _("Tuesday"),
    "wednesday": _("Wednesday"),
    "thursday": _("Thursday"),
    "friday": _("Friday"),
    "saturday": _("Saturday"),
    "sunday": _("Sunday"),
}
SPINNING: Final[dict[str, Text]] = {
    Spinning.OTHER_MATERIAL.value: _("go on with another kind of material"),
    Spinning.REST.value: _("let the concept rest until tomorrow"),
    Spinning.ALERT.value: _("go on, and only tell the teacher"),
}

_NO_LIMIT: Final = _("no limit")

PARTS: Final = (
    Part(
        "goal",
        _("Goal and exam"),
        _("What is to be learnt, and until when."),
        (
            Field(
                "exam_on",
                Kind.DAY,
                _("Exam date"),
                _(
                    "Forecasts are for this day. Practice follows it only with the policy “Towards an exam”, "
                    "under “Policy and exploration” below."
                ),
                none=_("no exam"),
            ),
            Field(
                "goals",
                Kind.CONCEPTS,
                _("Concepts to be learnt"),
                _("These count as the goal; others are offered for what they unlock. None chosen: all are the goal."),
                none=_("all concepts"),
            ),
        ),
    ),
    Part(
        "amount",
        _("How much and when"),
        _("Limits for a learner's own day, and days off."),
        (
            Field(
                "minutes_a_day",
                Kind.NUMBER,
                _("Minutes a day"),
                _("After so much practice no more is offered that day; a learner's own limit holds if it is less."),
                _("minutes"),
                _("empty is no limit, quiet days are for days off"),
                _NO_LIMIT,
            ),
            Field(
                "answers_a_day",
                Kind.COUNT,
                _("Answers a day"),
                _("After so many answers nothing more is offered that day."),
                _("answers"),
                _("empty is no limit, quiet days are for days off"),
                _NO_LIMIT,
            ),
            Field(
                "new_a_day",
                Kind.COUNT,
                _("New concepts a day"),
                _("So many concepts are begun a day at most; 0 leaves reviews and what is begun."),
                pgettext_lazy("a unit", "concepts"),
                _("empty is no limit, 0 is for reviews alone"),
                _NO_LIMIT,
            ),
            Field(
                "quiet_weekdays",
                Kind.WEEKDAYS,
                _("Quiet weekdays"),
                _("Nothing is planned on these days, every week."),
                none=pgettext_lazy("quiet days", "none"),
            ),
            Field(
                "quiet_dates",
                Kind.DAYS,
                _("Quiet dates"),
                _("Nothing is planned on these days, such as holidays. One day a line, or two with “to” between them."),
                none=pgettext_lazy("quiet days", "none"),
            ),
            Field(
                "spread_reviews",
                Kind.FLAG,
                _("Spread reviews"),
                _("Reviews are moved by a few days so that no day is crowded; off, they come on the day they are due."),
            ),
        ),
    ),
    Part(
        "sure",
        _("How sure before moving on"),
        _("What counts as forgotten, and what may be built on. Mastery itself is judged by one rule for everybody."),
        (
            Field(
                "retention",
                Kind.PERCENT,
                _("Desired retention"),
                _("A review comes when recall has faded to this share of what it was; more means more minutes."),
                "%",
                _("less lets most be forgotten, more makes reviews of every minute"),
            ),
            Field(
                "ready_at",
                Kind.PERCENT,
                _("Ready to build on"),
                _("From this recall on, a concept that is practised but not mastered opens what builds on it."),
                "%",
                _("less opens by chance, more opens nothing"),
            ),
        ),
    ),
    Part(
        "session",
        _("Within a session"),
        _("How questions follow each other."),
        (
            Field(
                "success",
                Kind.PERCENT,
                _("Chance of a right answer"),
                _("Items of this expected success are preferred: less is harder, more encourages."),
                "%",
                _("items outside teach little"),
            ),
            Field(
                "in_a_row",
                Kind.COUNT,
                _("Questions in a row"),
                _("At most so many to one concept follow each other, as long as there are others; 0 is no limit."),
                _("questions"),
                _("0 is without a limit"),
            ),
            Field(
                "retry_after",
                Kind.COUNT,
                _("Second try after"),
                _("What was missed is asked again after so many other questions; 0: when its turn comes."),
                _("questions"),
                _("0 is not before its turn comes"),
            ),
            Field(
                "item_gap",
                Kind.COUNT,
                _("Same item again after"),
                _("An item comes again only after so many answers to others, as long as there are others."),
                _("answers"),
                _("only the last 64 items are known"),
            ),
            Field(
                "spinning_after",
                Kind.COUNT,
                _("Getting nowhere after"),
                _("So many answers without mastery, at most half of the last right: you are told, and this follows:"),
                _("answers"),
                _("fewer answers say nothing"),
            ),
            Field(
                "spinning",
                Kind.SPINNING,
                _("When a learner gets nowhere"),
                _("What becomes of such a concept, beside the alert."),
            ),
        ),
    ),
    Part(
        "policy",
        _("Policy and exploration"),
        _("How the next question is chosen among all that may be asked. The defaults serve most classes."),
        (
            Field("policy", Kind.POLICY, _("Policy"), _("The rule by which the next question is chosen.")),
            Field(
                "after_placement",
                Kind.NEXT_POLICY,
                _("After the placement"),
                _("The policy that goes on for each learner who is placed, if “Placement” is chosen above."),
            ),
            Field(
                "horizon_days",
                Kind.NUMBER,
                _("Horizon"),
                _("What a practice is worth is looked at so far ahead: short serves tomorrow's lesson, long the year."),
                _("days"),
                _("forecasts reach a year"),
            ),
            Field(
                "look_ahead",
                Kind.COUNT,
                _("Steps ahead"),
                _("1: a practice is worth what it adds itself; 2 or 3: also what becomes open through it."),
                _("steps"),
                _("1 is practice itself"),
            ),
            Field(
                "explores",
                Kind.FLAG,
                _("Explore"),
                _("Some choices are drawn by chance among the best, so that policies can be compared; off: none is."),
            ),
            Field(
                "exploration",
                Kind.PERCENT,
                _("Share of chance"),
                _("So much of each choice's chance is spread evenly over the best candidates."),
                "%",
                _("more than half by chance is no policy, “Explore” switches it off"),
            ),
        ),
        is_folded=True,
    ),
)


def fields() -> Iterator[Field]:
    for part in PARTS:
        yield from part.fields


BY_NAME: Final = {field.name: field for field in fields()}
