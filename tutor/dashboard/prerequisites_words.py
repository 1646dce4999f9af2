"""What an edge between two concepts is called, what it means, and how its figures are computed, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tutor.dashboard.words import Definition
from tutor.language import Figure, grouped, percent
from tutor.registry.card import label
from tutor.registry.models import ModelVersion
from tutor.registry.prerequisites import LEARNERS, SURE, Learned
from tutor.registry.reviews import Verb

#: From this chance on the model takes an edge for more likely than not, and a teacher is asked.
LIKELY: Final = 0.5
#: Edges less likely than this say nothing, and are not shown.
SHOWN: Final = 0.1


class Kind(StrEnum):
    """Why an edge holds, or why it does not. The first three hold."""

    AUTHORED = "authored"
    ACCEPTED = "accepted"
    LEARNED = "learned"
    SUGGESTED = "suggested"
    UNLIKELY = "unlikely"
    REJECTED = "rejected"
    CYCLE = "circular"
    REMOVED = "removed"
    NONE = "unknown"


HOLDING: Final = frozenset({Kind.AUTHORED, Kind.ACCEPTED, Kind.LEARNED})
KINDS: Final[Mapping[Kind, Promise]] = {
    Kind.AUTHORED: gettext_lazy("Authored"),
    Kind.ACCEPTED: gettext_lazy("Accepted"),
    Kind.LEARNED: gettext_lazy("Learnt and sure"),
    Kind.SUGGESTED: gettext_lazy("Suggested"),
    Kind.UNLIKELY: gettext_lazy("Unlikely"),
    Kind.REJECTED: gettext_lazy("Rejected"),
    Kind.CYCLE: gettext_lazy("Left out: circular"),
    Kind.REMOVED: gettext_lazy("Concept removed"),
    Kind.NONE: gettext_lazy("Not a prerequisite"),
}


class Choice(StrEnum):
    """Which edges the page shows."""

    USUAL = "usual"
    HOLDING = "holding"
    AUTHORED = "authored"
    LEARNED = "learned"
    OPEN = "open"
    REVIEWED = "reviewed"


CHOICES: Final[Mapping[Choice, Promise]] = {
    Choice.USUAL: gettext_lazy("Holding and suggested"),
    Choice.HOLDING: gettext_lazy("Holding"),
    Choice.AUTHORED: gettext_lazy("Authored"),
    Choice.LEARNED: gettext_lazy("Learnt"),
    Choice.OPEN: gettext_lazy("To decide"),
    Choice.REVIEWED: gettext_lazy("Reviewed"),
}

VERBS: Final[Mapping[Verb, Promise]] = {
    Verb.ACCEPT: gettext_lazy("Accept"),
    Verb.REJECT: gettext_lazy("Reject"),
    Verb.LOCK: gettext_lazy("Lock"),
    Verb.UNLOCK: gettext_lazy("Unlock"),
    Verb.CLEAR: gettext_lazy("Take the review back"),
}


def definitions() -> dict[str, Definition]:
    sure, learners = percent(SURE), LEARNERS
    return {
        "prerequisites": Definition(
            _("Prerequisites"),
            _(
                "What holds is what the authors wrote, what a teacher accepted, and what the model is sure of "
                "(%(sure)s or more, from %(learners)s learners or more), without what a teacher rejected. "
                "Where these run in a circle, the weakest of them is left out."
            )
            % {"sure": sure, "learners": learners},
        ),
        "sure": Definition(
            _("How sure the model is"),
            _(
                "The chance that the first concept supports the second: that the two are linked at all, times that "
                "the link runs this way. Learnt from answers: who knows the one learns the other more easily."
            ),
        ),
        "evidence": Definition(
            _("Learners behind it"),
            _("Learners whose answers bear on both concepts. Fewer than %(learners)s are not enough to go by.")
            % {"learners": learners},
        ),
        "effect": Definition(
            _("Effect"),
            _(
                "By how much mastering the first concept raises the level at which a learner settles on the second, "
                "in logits: 0 is nothing, 1 lifts an even chance of a right answer to %(one)s."
            )
            % {"one": percent(0.731)},
        ),
        "waits": Definition(
            _("Waiting"),
            _(
                "Learners of this class who have not begun the second concept and are not offered it, since the first "
                "is not likely mastered. They may wait for other prerequisites too."
            ),
        ),
        "review": Definition(
            _("Review"),
            _(
                "A teacher's word on an edge. It holds for the whole school and for every model to come, until it "
                "is taken back; a locked one must be unlocked first."
            ),
        ),
    }


def meaning(is_holding: bool, parent: str, child: str) -> str:
    if is_holding:
        text = _(
            "“%(parent)s” is a prerequisite of “%(child)s”: learners who have not begun “%(child)s” are offered it "
            "once “%(parent)s” is likely mastered, and wait until then."
        )
    else:
        text = _("“%(parent)s” is no prerequisite of “%(child)s”: for this one, nobody has to know the other first.")
    return text % {"parent": parent, "child": child}


def not_serving(model: ModelVersion) -> str:
    return _(
        "What follows has been learnt by %(model)s. It does not serve this school, so what it has learnt holds once a "
        "teacher accepts it."
    ) % {"model": label(model.kind, model.pk)}


def reason(kind: Kind, circle: str, *, serves: bool = True) -> str:
    """Why it holds or not. `circle` names the concepts of a cycle; `serves`: the model that has learnt it."""
    if kind is Kind.SUGGESTED and not serves:
        return _(
            "It does not hold: a model thinks it likely that does not serve this school. For it to hold, a teacher "
            "accepts it."
        )
    sure = {"sure": percent(SURE), "learners": LEARNERS}
    texts = {
        Kind.AUTHORED: _("It holds: the authors of the curriculum wrote it, and nobody has rejected it."),
        Kind.ACCEPTED: _("It holds: a review accepted it."),
        Kind.LEARNED: _(
            "It holds: the model is sure of it. %(sure)s from %(learners)s learners suffice, unless a teacher "
            "rejects it."
        )
        % sure,
        Kind.SUGGESTED: _(
            "It does not hold: the model thinks it likely, and is not sure enough. That takes %(sure)s from "
            "%(learners)s learners, or a teacher who accepts it."
        )
        % sure,
        Kind.UNLIKELY: _("It does not hold: the model thinks it unlikely."),
        Kind.REJECTED: _("It does not hold: a review rejected it."),
        Kind.CYCLE: _(
            "It does not hold: with stronger ones it would run in a circle, %(circle)s. "
            "For it to hold, reject one of those first."
        )
        % {"circle": circle},
        Kind.REMOVED: _("It does not hold: one of its concepts is no longer in the curriculum."),
        Kind.NONE: _("It does not hold: nobody has written it, and the model has not learnt it."),
    }
    return texts[kind]


def belief(learned: Learned, parent: str, child: str) -> str:
    """How sure the model is."""
    p = learned.probability
    if p >= SURE:
        text = _("The model is sure that “%(parent)s” supports “%(child)s”: %(p)s.")
    elif p >= 0.75:
        text = _("The model is fairly sure that “%(parent)s” supports “%(child)s”: %(p)s.")
    elif p >= LIKELY:
        text = _("The model thinks it more likely than not that “%(parent)s” supports “%(child)s”: %(p)s.")
    else:
        text = _("The model doubts that “%(parent)s” supports “%(child)s”: %(p)s.")
    parts = _("That the two are linked at all: %(existence)s; that the link runs this way: %(direction)s.")
    figures = {"existence": percent(learned.existence), "direction": percent(learned.direction)}
    return f"{text % {'parent': parent, 'child': child, 'p': percent(p)}} {parts % figures}"


def evidence(learned: Learned) -> str:
    text = ngettext(
        "It rests on the answers of %(n)s learner.", "It rests on the answers of %(n)s learners.", learned.evidence
    )
    return text % {"n": grouped(learned.evidence)}


def effect(learned: Learned, parent: str, child: str) -> str:
    raised = 1.0 / (1.0 + math.exp(-learned.effect))
    return _(
        "Who has mastered “%(parent)s” settles at a chance of %(raised)s to be right on “%(child)s” "
        "where it would else be %(even)s (effect %(effect)s)."
    ) % {
        "even": percent(0.5),
        "parent": parent,
        "child": child,
        "raised": percent(raised),
        "effect": f"{Figure(learned.effect):.2f}",
    }


def short(learned: Learned) -> str:
    return ngettext("%(p)s sure, %(n)s learner", "%(p)s sure, %(n)s learners", learned.evidence) % {
        "p": percent(learned.probability),
        "n": grouped(learned.evidence),
    }


def waiting(n: int) -> str:
    return ngettext("%(n)s learner waits", "%(n)s learners wait", n) % {"n": n}


def what_it_does(verb: Verb, is_holding: bool, is_accepted: bool) -> str:
    texts = {
        Verb.ACCEPT: _("It goes on holding whatever a model learns, and the next models take it as likely.")
        if is_holding
        else _("It will hold, and the next models take it as likely."),
        Verb.REJECT: _("It will hold no longer, and the next models leave it out.")
        if is_holding
        else _("It will not hold however sure a model becomes, and the next models leave it out."),
        Verb.LOCK: _("The review stays as it is until somebody unlocks it, and the next models take it as certain.")
        if is_accepted
        else _("The review stays as it is until somebody unlocks it."),
        Verb.UNLOCK: _("The review stays, and can be changed or taken back again."),
        Verb.CLEAR: _("As if nobody had reviewed it: the authors and the model decide again."),
    }
    return texts[verb]


def done(verb: Verb, parent: str, child: str, school: str) -> str:
    texts = {
        Verb.ACCEPT: _("Accepted: “%(parent)s” is a prerequisite of “%(child)s” at %(school)s."),
        Verb.REJECT: _("Rejected: “%(parent)s” is no prerequisite of “%(child)s” at %(school)s."),
        Verb.LOCK: _("Locked: the review of “%(parent)s” before “%(child)s” stays as it is."),
        Verb.UNLOCK: _("Unlocked: the review of “%(parent)s” before “%(child)s” can be changed again."),
        Verb.CLEAR: _("Taken back: nobody at %(school)s has reviewed “%(parent)s” before “%(child)s”."),
    }
    return texts[verb] % {"parent": parent, "child": child, "school": school}
