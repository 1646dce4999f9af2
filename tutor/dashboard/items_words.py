"""What the pages of items call things, how each figure is computed, and the evidence of a flag in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from kt_models.item_flags import ABLE_EXPECTED, EACH, FAILED, JUDGED, RATE, SLOW, Band
from kt_models.items import REST
from tutor.dashboard.items_state import LEAST
from tutor.dashboard.words import Definition
from tutor.language import Figure, Texts, percent


class Flag(StrEnum):
    """What may be wrong with an item, the gravest first."""

    WRONG_KEY = "wrong_key"
    TOO_HARD = "too_hard"
    SLOW = "slow"
    TOO_EASY = "too_easy"
    NEVER = "never"


LABELS: Final[Mapping[Flag, Promise]] = {
    Flag.WRONG_KEY: gettext_lazy("Probably a wrong key"),
    Flag.TOO_HARD: gettext_lazy("Too hard"),
    Flag.SLOW: gettext_lazy("Takes much longer than stated"),
    Flag.TOO_EASY: gettext_lazy("Too easy"),
    Flag.NEVER: gettext_lazy("Never used"),
}
#: For the eye, beside the label.
SIGNS: Final[Mapping[Flag, str]] = {
    Flag.WRONG_KEY: "✗", Flag.TOO_HARD: "▲", Flag.SLOW: "◷", Flag.TOO_EASY: "▽", Flag.NEVER: "○",
}  # fmt: skip
#: What a teacher or author does about it.
ADVICE: Final[Mapping[Flag, str]] = Texts(
    {
        Flag.WRONG_KEY: gettext_noop(
            "Check the answer key and the wording. Once a corrected version is published, the figures start anew."
        ),
        Flag.TOO_HARD: gettext_noop("Check the wording, split it into steps, or keep it for those who want more."),
        Flag.SLOW: gettext_noop("Correct the author's minutes, which plans are made with, or shorten the item."),
        Flag.TOO_EASY: gettext_noop("It teaches little: make it harder, or keep it as a first step."),
        Flag.NEVER: gettext_noop("Check that it belongs to a concept that the class works on."),
    }
)
SORTS: Final = {
    "flags": gettext_lazy("flags first"),
    "curriculum": gettext_lazy("as in the curriculum"),
    "hard": gettext_lazy("hardest first"),
    "discrimination": gettext_lazy("least telling first"),
    "time": gettext_lazy("slowest first"),
    "use": gettext_lazy("most used first"),
}
FLAG_CHOICES: Final = {
    "": gettext_lazy("with and without flags"),
    "any": gettext_lazy("any flag"),
    **{flag.value: label for flag, label in LABELS.items()},
    "none": gettext_lazy("no flag"),
}


class Range(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def with_range(share: Range) -> str:
    return f"{percent(share.value)} ({share.low * 100:.0f}\N{EN DASH}{share.high * 100:.0f})"


def number(value: float) -> str:
    """With two decimals, and a minus that is one."""
    return f"{Figure(value):.2f}".replace("-", "\N{MINUS SIGN}")


def spent(seconds: float) -> str:
    """A time that was taken."""
    if seconds < 90:
        return _("%(n)s s") % {"n": f"{Figure(seconds):.0f}"}
    minutes = seconds / 60
    return _("%(n)s min") % {"n": f"{Figure(minutes):.{1 if minutes < 10 else 0}f}"}


def reversed_key(found: Range) -> str:
    text = _(
        "Learners who are good at other items get it wrong more often than others: discrimination %(r)s (%(range)s)."
    )
    low_high = _("%(low)s to %(high)s") % {"low": number(found.low), "high": number(found.high)}
    return text % {"r": number(found.value), "range": low_high}


def failed_key(right: Range, expected: float) -> str:
    text = _("Of the abler half of learners %(right)s are right; of an average item it would be %(expected)s.")
    return text % {"right": with_range(right), "expected": percent(expected)}


def too_hard(able: Range, band: Band) -> str:
    text = _("Even a learner at the upper quarter of ability would be right %(share)s of the time: below %(low)s.")
    return text % {"share": with_range(able), "low": percent(band.low)}


def too_easy(weak: Range, band: Band) -> str:
    text = _("Even a learner at the lower quarter of ability would be right %(share)s of the time: above %(high)s.")
    return text % {"share": with_range(weak), "high": percent(band.high)}


def slow(middle: Range, minutes: float) -> str:
    text = _("Half of all learners take longer than %(middle)s (%(low)s to %(high)s); the author says %(said)s.")
    times = {"middle": spent(middle.value), "low": spent(middle.low), "high": spent(middle.high)}
    return text % {**times, "said": spent(minutes * 60)}


def never() -> str:
    return _("Nobody of the school has answered it, or nobody since it was last changed.")


def definitions(band: Band) -> dict[str, Definition]:
    return dict([*_of_list(), *_of_figures(), *_of_flags(band)])


def _of_list() -> Iterator[tuple[str, Definition]]:
    text = _(
        "Answers of all learners of the school to this curriculum, and of no other school. They are counted every ten "
        "minutes where many are new, else once a day; erased learners are gone from the next count on, which starts "
        "within ten minutes. Where an item's text, choices or key were changed, only answers since then count. "
        "Figures of fewer than %(least)s learners are not shown, nor counts by which fewer than %(least)s learners of "
        "other classes could be told. Of your own class, the share right is shown as it is."
    )
    yield "items", Definition(_("Items"), text % {"least": LEAST})
    text = _(
        "With many items some look odd by chance. Each kind of flag is therefore chosen among all items at once "
        "(Benjamini and Hochberg): on average at most %(rate)s of the flags of a kind are by chance. Items with fewer "
        "than %(judged)s learners are not judged."
    )
    yield "flags", Definition(_("Flags"), text % {"rate": percent(RATE), "judged": JUDGED})


def _of_figures() -> Iterator[tuple[str, Definition]]:
    text = _(
        "Share of learners whose first answer was right (half the credit or more), of the school, with its 95 % "
        "interval (Wilson); below it, of your class. The tutor gives hard items to able learners, so that this share "
        "alone says little about the item."
    )
    yield "first", Definition(_("Right first time"), text)
    text = _(
        "How often the school's average learner would be right, with its 95 % interval: the share right, adjusted for "
        "who answered. Ability is told by each learner's first answers to all other items (Rasch model), not by the "
        "learner model, which would take a wrong key for a hard item."
    )
    yield "typical", Definition(_("Typical learner"), text)
    text = _(
        "Correlation between being right at the first answer and ability by all other answers (item-rest), of learners "
        "with at least %(rest)s other answers, with its 95 %% interval (Fisher). From 0.2 on an item tells able "
        "learners from others; near 0 it tells nothing; below 0 good learners get it wrong."
    )
    yield "discrimination", Definition(_("Discrimination"), text % {"rest": REST})
    text = _(
        "Median time of first answers, with its 95 % interval; the bar is the middle half of learners, the dot the "
        "median, the upright line what the author states. The bar is logarithmic, from 4 seconds to 17 minutes: a "
        "quarter of it is four times as long."
    )
    yield "time", Definition(_("Time"), text)
    text = _(
        "All answers of the school, repeated ones too, and of how many learners; which share of them is of the four "
        "weeks before the count, and when the last one was given."
    )
    yield "use", Definition(_("Use"), text)
    text = _("Share of first answers given after at least one hint, of those of which that is known.")
    yield "hints", Definition(_("Hints"), text)
    text = _(
        "Learners in groups of equal size, at most ten groups and at least ten learners in each, from the least able "
        "to the ablest by their other answers; their share right with its 95 % interval. The dashed line is what the "
        "same learners have right of an average item. Of a sound item the dots rise as the line does."
    )
    yield "curve", Definition(_("Right by ability"), text)
    text = _("First answers of the learners who are in this class now; right is half the credit or more.")
    yield "own", Definition(_("Your class"), text)


def _of_flags(band: Band) -> Iterator[tuple[str, Definition]]:
    text = _(
        "Good learners get it wrong: discrimination is below 0 with all of its 95 %% interval; or surely fewer than "
        "%(failed)s of the abler half are right, where %(expected)s or more would be of an average item, and being "
        "right does not go with ability. At least %(judged)s learners; for the first, at least %(each)s right and "
        "%(each)s wrong answers."
    )
    said = {"failed": percent(FAILED), "expected": percent(ABLE_EXPECTED), "judged": JUDGED, "each": EACH}
    yield Flag.WRONG_KEY.value, Definition(str(LABELS[Flag.WRONG_KEY]), text % said)
    text = _(
        "Even a learner at the upper quarter of the school's abilities would surely be right less often than %(low)s, "
        "the lower end of what suits this class. Its target is a setting of the class."
    )
    yield Flag.TOO_HARD.value, Definition(str(LABELS[Flag.TOO_HARD]), text % {"low": percent(band.low)})
    text = _(
        "Even a learner at the lower quarter of the school's abilities would surely be right more often than %(high)s, "
        "the upper end of what suits this class. Its target is a setting of the class."
    )
    yield Flag.TOO_EASY.value, Definition(str(LABELS[Flag.TOO_EASY]), text % {"high": percent(band.high)})
    text = _("More than half of all first answers take longer than %(times)s times the author's minutes, for sure.")
    yield Flag.SLOW.value, Definition(str(LABELS[Flag.SLOW]), text % {"times": f"{SLOW:.0f}"})
    yield Flag.NEVER.value, Definition(str(LABELS[Flag.NEVER]), never())
