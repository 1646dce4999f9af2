"""What a model card calls things, and what each gate asks, in words for people who have not read the code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tutor.language import Sentence, Texts, told_again
from tutor.registry.models import ModelVersion

#: What gates call a class.
GROUP: Final = re.compile(r"group ([0-9a-f-]{36})")
KINDS: Final[Mapping[str, str]] = {
    "cakt": "CAKT",
    "half-life": "Half-life",
    "logistic": "Logistic",
    "psikt": "PSI-KT",
}
#: What a kind is, for whoever chooses one.
KIND_TEXTS: Final[Mapping[str, str]] = Texts(
    {
        "cakt": gettext_noop("a network that reads the whole history of answers; needs many of them"),
        "half-life": gettext_noop("a half-life for each learner and concept; the simplest"),
        "logistic": gettext_noop(
            "logistic regression on counts of earlier answers; the baseline that others must beat"
        ),
        "psikt": gettext_noop(
            "knowledge that fades and leans on prerequisites, with traits of each learner; learns the map"
        ),
    }
)
STATES: Final[Mapping[str, str]] = Texts(
    {
        "candidate": gettext_noop("candidate"),
        "shadow": gettext_noop("in shadow"),
        "champion": gettext_noop("champion"),
        "retired": gettext_noop("retired"),
        "failed": gettext_noop("failed"),
        "rejected": gettext_noop("rejected"),
    }
)
FIGURES: Final[Mapping[str, str]] = Texts(
    {
        "log_loss": gettext_noop("Log loss"),
        "brier": gettext_noop("Brier score"),
        "ece": gettext_noop("Calibration error"),
        "auc": gettext_noop("AUC"),
        "accuracy": gettext_noop("Accuracy"),
        "f1": gettext_noop("F1"),
        "rmse_bins": gettext_noop("Calibration error by practice"),
    }
)
#: Of which more is better; of the others less is.
MORE_IS_BETTER: Final = frozenset({"auc", "accuracy", "f1"})
#: By the names of `kt_models.evaluate.GAPS`: since the learner last practised the concept.
GAPS: Final[Mapping[str, str]] = Texts(
    {
        "first time": gettext_noop("first time on the concept"),
        "< 1 min": gettext_noop("less than a minute"),
        "< 10 min": gettext_noop("1 to 10 minutes"),
        "< 1 h": gettext_noop("10 minutes to an hour"),
        "< 1 d": gettext_noop("an hour to a day"),
        "< 1 week": gettext_noop("a day to a week"),
        "longer": gettext_noop("longer than a week"),
    }
)
#: By the names of `kt_models.evaluate.ATTEMPTS`: the how-many-eth answer on the concept.
ATTEMPTS: Final[Mapping[str, str]] = Texts(
    {
        "1": gettext_noop("first answer"),
        "2": gettext_noop("second answer"),
        "3-5": gettext_noop("third to fifth answer"),
        "6-10": gettext_noop("sixth to tenth answer"),
        "> 10": gettext_noop("later answers"),
    }
)
_ASKED: Final[Mapping[str, str]] = Texts(
    {
        "next": gettext_noop("Does it foretell the next answer at least as well as {rival}?"),
        "ahead": gettext_noop("Does it foretell ten answers in a row, unseen, at least as well as {rival}?"),
        "calibration": gettext_noop("When it says 80 %, are 80 % right?"),
        "groups and deciles": gettext_noop(
            "Is no class and no tenth of the learners told clearly worse than by the champion?"
        ),
        "enough": gettext_noop("Are there enough answers of enough learners to judge by?"),
        "coin flips": gettext_noop(
            "Does it find nothing to foretell where outcomes are coin flips? If it does, the test leaks."
        ),
        "policy": gettext_noop(
            "Does a policy that it drives teach simulated learners no less than one driven by the champion?"
        ),
    }
)
_TITLES: Final[Mapping[str, str]] = Texts(
    {
        "next": gettext_noop("Next answer, against {rival}"),
        "ahead": gettext_noop("Ten answers ahead, against {rival}"),
        "calibration": gettext_noop("Calibration"),
        "groups and deciles": gettext_noop("Classes and tenths of learners"),
        "enough": gettext_noop("Enough to judge by"),
        "coin flips": gettext_noop("Leak test"),
        "policy": gettext_noop("A policy driven by it"),
    }
)


#: Blocks and gates as a rejection names them.
_BLOCKS: Final[Mapping[str, str]] = Texts(
    {
        "prediction": gettext_noop("prediction"),
        "people": gettext_noop("people"),
        "leaks": gettext_noop("leaks"),
        "answers": gettext_noop("answers"),
        "scheduling": gettext_noop("scheduling"),
    }
)
_NAMES: Final[Mapping[str, str]] = Texts(
    {
        "next": gettext_noop("next answer against {rival}"),
        "ahead": gettext_noop("ahead answer against {rival}"),
        "calibration": gettext_noop("calibration"),
        "groups and deciles": gettext_noop("groups and deciles"),
        "enough": gettext_noop("enough"),
        "coin flips": gettext_noop("coin flips"),
        "policy": gettext_noop("policy"),
    }
)
_RIVALS: Final[Mapping[str, str]] = Texts(
    {"champion": gettext_noop("champion"), "untrained": gettext_noop("untrained")}
)
#: Of the gates, and of the comparison in shadow.
CALIBRATION_ERROR: Final = gettext_noop("calibration error is {value:.4f}, at most {allowed:.4f} is let through")


def kind(name: str) -> str:
    return KINDS.get(name, name)


def rival(name: str) -> str:
    """ "champion", "untrained" or a kind that was fitted beside."""
    named = {"champion": _("the champion"), "untrained": _("the untrained model")}
    return named.get(name) or _("the %(kind)s baseline") % {"kind": kind(name)}


def gate_title(name: str) -> str:
    key, against = _parts(name)
    return _TITLES.get(key, name.capitalize()).format(rival=rival(against))


def gate_asks(name: str) -> str:
    key, against = _parts(name)
    return _ASKED.get(key, "").format(rival=rival(against))


def failed(block: str, name: str, reason: str) -> str:
    """A gate that is shut, as a rejection tells it."""
    key, against = _parts(name)
    gate = _NAMES.get(key, name).format(rival=_RIVALS.get(against, against))
    return _("%(block)s, %(gate)s: %(reason)s") % {"block": _BLOCKS.get(block, block), "gate": gate, "reason": reason}


def reason(version: ModelVersion) -> str:
    """Why it was rejected or withdrawn, in the reader's language; older ones as they were told."""
    if withdrawn := version.reason and version.verdict.get("withdrawn"):
        return Sentence.again(withdrawn)
    said = version.verdict.get("said")
    if version.state != ModelVersion.State.REJECTED or not said:
        return version.reason
    shut = [gate for gate in told_again(version.verdict["gates"], said, "/gates") if not gate["passed"]]
    return "; ".join(failed(gate["block"], gate["name"], gate["reason"]) for gate in shut)


def unnamed(reason: str) -> str:
    """A version's reason for anybody: `card.reasons` says more to who may know more."""
    told = _("a class is told clearly worse than by the champion")
    return "; ".join(told if GROUP.search(each) else each for each in reason.split("; "))


def deciles(first: int, last: int) -> str:
    """Several tenths stand together where learners are few."""
    if first == 1:
        text = _("tenths %(first)s to %(last)s of learners (least success before)")
        single = _("tenth %(first)s of learners (least success before)")
    elif last == 10:
        text = _("tenths %(first)s to %(last)s of learners (most success before)")
        single = _("tenth %(first)s of learners (most success before)")
    else:
        text, single = _("tenths %(first)s to %(last)s of learners"), _("tenth %(first)s of learners")
    return (text if last > first else single) % {"first": first, "last": last}


def _parts(name: str) -> tuple[str, str]:
    """ "next answer against champion" is of the question "next" and the rival "champion"."""
    asked, _, against = name.partition(" answer against ")
    return asked, against
