"""A learner's traits in words that a teacher understands, with their range, and the class beside them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple, final
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kt_models.recall import sigmoid
from tutor import language
from tutor.dashboard.words import Definition
from tutor.tracing.traits import Trait

#: Learners of a class whose answers must tell a trait before one of them is compared with it.
LEAST_COMPARED: Final = 10


class TraitLine(NamedTuple):
    """`compared` is "" where the class is too small, or too little is known of it."""

    key: str
    title: str
    text: str
    compared: str


@final
@dataclass(frozen=True)
class Character:
    """What the model tells of a learner, and what it does not."""

    lines: tuple[TraitLine, ...]
    unknown: tuple[str, ...]


class _Words(NamedTuple):
    """Of one trait. `says` takes the mean and its range; `compares` the class's median, and where the learner stands:
    -1 surely below it, 1 surely above, 0 neither."""

    title: Callable[[], str]
    says: Callable[[float, float, float], str]
    compares: Callable[[int, float], str]
    missing: Callable[[], str]


def character(learner_id: UUID, found: Mapping[UUID, Sequence[Trait]]) -> Character:
    """`found` are the traits of everybody in the class whom the model knows, `tracing.traits.traits`."""
    lines, unknown = [], []
    names = [name for name in _WORDS if any(t.name == name for each in found.values() for t in each)]
    for name in names:
        words, own = _WORDS[name], _named(found.get(learner_id, ()), name)
        if own is None or not own.told:
            unknown.append(words.missing())
        else:
            lines.append(TraitLine(name, words.title(), words.says(own.mean, own.low, own.high), _beside(own, found)))
    if "half_life" not in names:
        unknown.append(
            _("The learner model of this class does not tell how fast one learner forgets compared with others.")
        )
    return Character(tuple(lines), tuple(unknown))


def _beside(own: Trait, found: Mapping[UUID, Sequence[Trait]]) -> str:
    told = [t.mean for each in found.values() for t in each if t.name == own.name and t.told]
    if len(told) < LEAST_COMPARED:
        return ""
    middle = median(told)
    # Only what its whole range bears out.
    side = -1 if own.high < middle else 1 if own.low > middle else 0
    return _WORDS[own.name].compares(side, middle)


def _named(traits: Sequence[Trait], name: str) -> Trait | None:
    return next((trait for trait in traits if trait.name == name), None)


def days(number: float) -> str:
    """A time in words, as exact as it deserves."""
    if number < 1.5:
        hours = max(round(number * 24), 1)
        return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    if number < 60:
        return ngettext("%(n)s day", "%(n)s days", round(number)) % {"n": round(number)}
    months = round(number / 30.4)
    return ngettext("%(n)s month", "%(n)s months", months) % {"n": months}


def _half_life(mean: float, low: float, high: float) -> str:
    return _("Half of what is not practised is gone after about %(mean)s (%(low)s to %(high)s).") % {
        "mean": days(mean), "low": days(low), "high": days(high),
    }  # fmt: skip


def _half_life_beside(side: int, middle: float) -> str:
    texts = {
        -1: _("Forgets faster than most of the class: its middle is %(middle)s."),
        0: _("About as the class: its middle is %(middle)s."),
        1: _("Forgets more slowly than most of the class: its middle is %(middle)s."),
    }
    return texts[side] % {"middle": days(middle)}


def _share(text: str, mean: float, low: float, high: float) -> str:
    return text % {"mean": language.percent(mean), "low": round(100 * low), "high": round(100 * high)}


def _long_run(mean: float, low: float, high: float) -> str:
    return _share(
        _("After a long pause, about %(mean)s of answers on an average concept are right (%(low)s to %(high)s)."),
        mean, low, high,
    )  # fmt: skip


def _right_beside(side: int, middle: float) -> str:
    texts = {
        -1: _("Surely less than the middle of the class, %(middle)s."),
        0: _("About as the class: its middle is %(middle)s."),
        1: _("Surely more than the middle of the class, %(middle)s."),
    }
    return texts[side] % {"middle": language.percent(middle)}


def _transfer(mean: float, low: float, high: float) -> str:
    return _share(
        _("Carries about %(mean)s of what is known of prerequisites to what builds on them (%(low)s to %(high)s)."),
        mean, low, high,
    )  # fmt: skip


def _ability(mean: float, low: float, high: float) -> str:
    return _share(
        _("About %(mean)s of first tries at something of average difficulty are right (%(low)s to %(high)s)."),
        *sigmoid([mean, low, high]).tolist(),
    )


def _ability_beside(side: int, middle: float) -> str:
    return _right_beside(side, float(sigmoid(middle)))


_WORDS: Final[Mapping[str, _Words]] = {
    "half_life": _Words(
        lambda: _("Forgetting"), _half_life, _half_life_beside,
        lambda: _("Too few answers yet, over too short a time, to tell how fast this learner forgets."),
    ),
    "long_run_success": _Words(
        lambda: _("What lasts"), _long_run, _right_beside,
        lambda: _("Too few answers yet to tell what lasts with this learner."),
    ),
    "transfer": _Words(
        lambda: _("Building on what is known"), _transfer, _right_beside,
        lambda: _("Too few answers yet to tell how much knowing what comes before helps this learner."),
    ),
    "ability": _Words(
        lambda: _("Starting point"), _ability, _ability_beside,
        lambda: _("Too few answers yet to tell where this learner starts on new material."),
    ),
}  # fmt: skip


def definitions() -> dict[str, Definition]:
    compared = _(
        "Compared with the class only if the answers of at least %(n)s of its learners tell it, and called more or "
        "less only if the whole range is."
    ) % {"n": LEAST_COMPARED}
    texts = {
        "half_life": _(
            "By the learner model: the time after which half of the difference that practice made is gone, if nothing "
            "is practised. In brackets the range that holds it with 90 % certainty."
        ),
        "long_run_success": _(
            "By the learner model: the chance of a right answer to which knowledge settles when nothing is practised "
            "for long, on a concept of average difficulty. In brackets the range that holds it with 90 % certainty."
        ),
        "transfer": _(
            "By the learner model: how much of the strength of its prerequisites a concept takes on, between nothing "
            "and all of it. In brackets the range that holds it with 90 % certainty."
        ),
        "ability": _(
            "By the learner model: the chance of a right answer to an average item of a concept not practised before. "
            "In brackets the range that holds it with 90 % certainty."
        ),
    }
    return {name: Definition(_WORDS[name].title(), f"{text} {compared}") for name, text in texts.items()}
