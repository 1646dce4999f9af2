"""Known failure cases of a model version, read off its figures. Pure: a card in, sentences out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tutor.language import Figure, grouped, percent

if TYPE_CHECKING:
    from tutor.registry.card import Card, Slice

#: Expected and true share right may lie so far apart before it is called a fault, and so many standard errors of
#: independent answers: those of one learner are alike, so twice the usual 1.5.
BIAS: Final = 0.05
ERRORS: Final = 3.0
#: Fewer answers to judge a part by leave open how good it is there.
THIN: Final = 100
#: Of single bins, whose answers are few.
BIN_BIAS: Final = 0.1
#: A group told worse than the champion told it by so many nats is named, though the gate lets up to its limit through.
WORSE: Final = 0.005


@final
@dataclass(frozen=True)
class Fault:
    """`kind`: untrained, not_judged, rival, worse, champion, bias, bin, ahead, thin or small."""

    kind: str
    text: str


def of(card: Card) -> Iterator[Fault]:
    """The gravest first."""
    if card.is_baseline:
        yield Fault("untrained", _("It has learnt from nobody: its parameters are those of the literature."))
    if card.judged is None:
        text = _("It was never judged on answers of these learners: how well it does is not known.")
        yield Fault("not_judged", text)
        return
    yield from _rivals(card)
    yield from _worse(card)
    yield from _against_champion(card)
    yield from _bias(card)
    yield from _bins(card)
    yield from _ahead(card)
    yield from _thin(card)


def _rivals(card: Card) -> Iterator[Fault]:
    own = _loss(card)
    for rival in card.rivals:
        theirs = next((figure.value.value for figure in rival.figures if figure.key == "log_loss"), None)
        if own is not None and theirs is not None and theirs < own:
            text = _("On the same answers %(rival)s does better: log loss %(theirs)s, here %(own)s.")
            yield Fault("rival", text % {"rival": rival.title, "theirs": _loss_of(theirs), "own": _loss_of(own)})


def _worse(card: Card) -> Iterator[Fault]:
    """Parts whose whole interval lies above that of all answers."""
    whole = next((figure.value for figure in card.figures if figure.key == "log_loss"), None)
    if whole is None or whole.value is None or whole.high is None:
        return
    for what, part in _parts(card):
        loss = part.log_loss
        if loss is None or loss.value is None or loss.low is None or loss.high is None:
            continue
        if loss.low > whole.high:
            text = _(
                "%(part)s: answers are harder to foretell than the rest, log loss %(value)s [%(low)s, %(high)s], "
                "of all answers %(whole)s."
            )
            told = {"value": loss.value, "low": loss.low, "high": loss.high, "whole": whole.value}
            yield Fault("worse", text % {"part": what, **{name: _loss_of(each) for name, each in told.items()}})


def _against_champion(card: Card) -> Iterator[Fault]:
    for part in (*card.groups, *card.deciles):
        worse = part.worse
        if worse is None or worse.value is None or worse.low is None or worse.high is None:
            continue
        if worse.value > WORSE and worse.low > 0:
            text = _("%(part)s: told worse than by the champion, by %(value)s nats an answer [%(low)s, %(high)s].")
            told = {"value": worse.value, "low": worse.low, "high": worse.high}
            figures = {name: _loss_of(each) for name, each in told.items()}
            yield Fault("champion", text % {"part": _capital(part.title), **figures})


def _bias(card: Card) -> Iterator[Fault]:
    for what, part in _parts(card):
        if part.correct is not None and part.predicted is not None:
            off = part.predicted - part.correct
            if abs(off) > max(BIAS, ERRORS * _error(part.correct, part.n)):
                text = _("%(part)s: it %(expects)s.")
                yield Fault("bias", text % {"part": what, "expects": _expects(part.predicted, part.correct, part.n)})


def _bins(card: Card) -> Iterator[Fault]:
    for each in card.reliability:
        if abs(each.predicted - each.correct) > max(BIN_BIAS, ERRORS * _error(each.correct, each.n)):
            text = _("Where it expects %(low)s to %(high)s, it %(expects)s.")
            told = _expects(each.predicted, each.correct, each.n)
            yield Fault("bin", text % {"low": percent(each.low), "high": percent(each.high), "expects": told})


def _ahead(card: Card) -> Iterator[Fault]:
    base = card.judged.base_log_loss if card.judged else math.inf
    for part in card.by_ahead:
        if part.log_loss and part.log_loss.low is not None and part.log_loss.low > base:
            text = _("From %(n)s answers ahead on it foretells no better than the mean would.")
            yield Fault("ahead", text % {"n": part.title})
            return


def _thin(card: Card) -> Iterator[Fault]:
    for part in card.by_gap:
        if part.n < THIN:
            text = _("%(part)s: no answers to judge by, so how well it does there is not known.")
            if part.n:
                text = ngettext(
                    "%(part)s: only %(n)s answer to judge by, so how well it does there is not known.",
                    "%(part)s: only %(n)s answers to judge by, so how well it does there is not known.",
                    part.n,
                )
            yield Fault("thin", text % {"part": _pause(part), "n": part.n})
    small = sum(bool(part.hidden) for part in card.groups)
    if small:
        text = ngettext(
            "%(n)s class is too small to be judged apart.", "%(n)s classes are too small to be judged apart.", small
        )
        yield Fault("small", text % {"n": small})


def _parts(card: Card) -> Iterator[tuple[str, Slice]]:
    """All parts with figures and what to call them at the start of a sentence."""
    yield from ((_pause(part), part) for part in card.by_gap if not part.hidden)
    # The first answer on a concept is the first time on it, where times are known.
    attempts = card.by_attempt[1:] if card.by_gap else card.by_attempt
    yield from ((_capital(part.title), part) for part in attempts if not part.hidden)
    yield from ((_capital(part.title), part) for part in (*card.groups, *card.deciles) if not part.hidden)


def _pause(part: Slice) -> str:
    if part.name == "first time":
        return _("First time on a concept")
    return _("After a pause of %(pause)s") % {"pause": part.title}


def _expects(predicted: float, correct: float, n: int) -> str:
    if predicted > correct:
        text = _("expects too much, %(expected)s right where %(right)s were (%(n)s answers)")
    else:
        text = _("expects too little, %(expected)s right where %(right)s were (%(n)s answers)")
    return text % {"expected": percent(predicted), "right": percent(correct), "n": grouped(n)}


def _error(share: float, n: int) -> float:
    """Standard error of a share; of an extreme one as if it were one in n."""
    share = min(max(share, 1 / n), 1 - 1 / n) if n > 1 else 0.5
    return math.sqrt(share * (1 - share) / max(n, 1))


def _loss(card: Card) -> float | None:
    return next((figure.value.value for figure in card.figures if figure.key == "log_loss"), None)


def _loss_of(value: float | None) -> str:
    return "" if value is None else f"{Figure(value):.3f}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
