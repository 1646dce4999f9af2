"""What a model card calls things, and what each gate asks, in words for people who have not read the code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

#: What gates call a class.
GROUP: Final = re.compile(r"group ([0-9a-f-]{36})")
KINDS: Final[Mapping[str, str]] = {
    "cakt": "CAKT",
    "half-life": "Half-life",
    "logistic": "Logistic",
    "psikt": "PSI-KT",
}
#: What a kind is, for whoever chooses one.
KIND_TEXTS: Final[Mapping[str, str]] = {
    "cakt": "a network that reads the whole history of answers; needs many of them",
    "half-life": "a half-life for each learner and concept; the simplest",
    "logistic": "logistic regression on counts of earlier answers; the baseline that others must beat",
    "psikt": "knowledge that fades and leans on prerequisites, with traits of each learner; learns the map",
}
STATES: Final[Mapping[str, str]] = {
    "candidate": "candidate",
    "shadow": "in shadow",
    "champion": "champion",
    "retired": "retired",
    "failed": "failed",
    "rejected": "rejected",
}
FIGURES: Final[Mapping[str, str]] = {
    "log_loss": "Log loss",
    "brier": "Brier score",
    "ece": "Calibration error",
    "auc": "AUC",
    "accuracy": "Accuracy",
    "f1": "F1",
    "rmse_bins": "Calibration error by practice",
}
#: Of which more is better; of the others less is.
MORE_IS_BETTER: Final = frozenset({"auc", "accuracy", "f1"})
#: By the names of `kt_models.evaluate.GAPS`: since the learner last practised the concept.
GAPS: Final[Mapping[str, str]] = {
    "first time": "first time on the concept",
    "< 1 min": "less than a minute",
    "< 10 min": "1 to 10 minutes",
    "< 1 h": "10 minutes to an hour",
    "< 1 d": "an hour to a day",
    "< 1 week": "a day to a week",
    "longer": "longer than a week",
}
#: By the names of `kt_models.evaluate.ATTEMPTS`: the how-many-eth answer on the concept.
ATTEMPTS: Final[Mapping[str, str]] = {
    "1": "first answer",
    "2": "second answer",
    "3-5": "third to fifth answer",
    "6-10": "sixth to tenth answer",
    "> 10": "later answers",
}
_ASKED: Final[Mapping[str, str]] = {
    "next": "Does it foretell the next answer at least as well as {rival}?",
    "ahead": "Does it foretell ten answers in a row, unseen, at least as well as {rival}?",
    "calibration": "When it says 80 %, are 80 % right?",
    "groups and deciles": "Is no class and no tenth of the learners told clearly worse than by the champion?",
    "enough": "Are there enough answers of enough learners to judge by?",
    "coin flips": "Does it find nothing to foretell where outcomes are coin flips? If it does, the test leaks.",
    "policy": "Does a policy that it drives teach simulated learners no less than one driven by the champion?",
}
_TITLES: Final[Mapping[str, str]] = {
    "next": "Next answer, against {rival}",
    "ahead": "Ten answers ahead, against {rival}",
    "calibration": "Calibration",
    "groups and deciles": "Classes and tenths of learners",
    "enough": "Enough to judge by",
    "coin flips": "Leak test",
    "policy": "A policy driven by it",
}
_BLOCKS: Final[Mapping[str, str]] = {
    "prediction": "Prediction",
    "people": "People",
    "leaks": "Leaks",
    "answers": "Answers",
    "scheduling": "Scheduling",
}


def kind(name: str) -> str:
    return KINDS.get(name, name)


def rival(name: str) -> str:
    """ "champion", "untrained" or a kind that was fitted beside."""
    return {"champion": "the champion", "untrained": "the untrained model"}.get(name, f"the {kind(name)} baseline")


def gate_block(block: str) -> str:
    return _BLOCKS.get(block, block.capitalize())


def gate_title(name: str) -> str:
    key, against = _parts(name)
    return _TITLES.get(key, name.capitalize()).format(rival=rival(against))


def gate_asks(name: str) -> str:
    key, against = _parts(name)
    return _ASKED.get(key, "").format(rival=rival(against))


def unnamed(reason: str) -> str:
    """A version's reason for anybody: `card.reasons` says more to who may know more."""
    told = "a class is told clearly worse than by the champion"
    return "; ".join(told if GROUP.search(each) else each for each in reason.split("; "))


def deciles(first: int, last: int) -> str:
    """Several tenths stand together where learners are few."""
    told = " (least success before)" if first == 1 else " (most success before)" if last == 10 else ""
    return f"tenth{f's {first} to {last}' if last > first else f' {first}'} of learners{told}"


def _parts(name: str) -> tuple[str, str]:
    """ "next answer against champion" is of the question "next" and the rival "champion"."""
    asked, _, against = name.partition(" answer against ")
    return asked, against
