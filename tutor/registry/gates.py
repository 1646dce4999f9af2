"""Whether a candidate may serve: judged on answers that came later than all it was fitted on, beside who serves now.

Each gate compares on the same answers and the same resamples of learners, and records its figures whether it opens or
not. A candidate that may be worse than is let through, as far as the answers can tell, is not: where a gate says "too
few answers", more of them may open it. Blocks of layers above are named in `ABOVE`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, final

import numpy as np
from django.utils.module_loading import import_string
from django.utils.translation import gettext_noop

from curricula.snapshot import Snapshot
from kt_models import evaluate, metrics
from kt_models.base import LearnerModel
from kt_models.data import Dataset
from kt_models.evaluate import Scored
from kt_models.metrics import Bool, Estimate
from kt_models.recall import Int
from tutor.language import Sentence, sentences
from tutor.registry import card_words

#: Answers that every learner is predicted ahead, open loop.
HORIZON: Final = 10
#: Learners are put into so many parts by their success before.
DECILES: Final = 10
#: Learners of a part, at least; with fewer than ten times as many, tenths are put together.
PART: Final = 5
#: Less is not judged by: with fewer learners, intervals over them are too narrow.
LEAST_LEARNERS: Final = 10
LEAST_ANSWERS: Final = 30
#: Standard errors that the AUC of coin flips may lie from one half, how far from it nothing is told any more, and
#: tosses at most: with several, few answers tell as well.
CHANCE: Final = 4.0
TOLD: Final = 0.15
TOSSES: Final = 16


@final
@dataclass(frozen=True)
class Limits:
    """How much worse a candidate may be.

    Attributes:
        log_loss: nats an answer, at the upper end of the interval of the difference.     ahead: the same, open loop.
        ece: expected calibration error above the champion's, and `least_ece`, which is never too much.
        people: nats an answer of any group or decile, where the interval of the difference lies above 0.
    """

    log_loss: float = 0.003
    ahead: float = 0.006
    ece: float = 0.01
    least_ece: float = 0.03
    people: float = 0.02


@final
@dataclass(frozen=True)
class Gate:
    """One rule, whether it was kept, why, for others to read too (`language.Sentence`), and the figures behind it."""

    block: str
    name: str
    passed: bool
    reason: str
    figures: dict[str, Any]


@final
@dataclass(frozen=True)
class Verdict:
    """All gates of a candidate."""

    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why a candidate is rejected; nothing if it is not."""
        return tuple(card_words.failed(gate.block, gate.name, gate.reason) for gate in self.gates if not gate.passed)

    def to_json(self) -> dict[str, Any]:
        told = {"passed": self.passed, "gates": [asdict(gate) for gate in self.gates]}
        return told | {"said": sentences(told)}


@final
@dataclass(frozen=True, eq=False)
class Case:
    """What is judged, and on what.

    Attributes:
        rivals: by name; the champion, if there is one, is "champion", all others are baselines.
        answers: whole histories.     since: seconds from which on answers count; none of these was fitted on.
        groups: (learners,) a number for each group of `answers`, -1 for none; none at all by default.
    """

    candidate: LearnerModel
    rivals: Mapping[str, LearnerModel]
    answers: Dataset
    since: float
    groups: Int | None = None
    #: What the groups are called, by number; else their numbers.
    group_names: tuple[str, ...] = ()
    #: The curriculum that it would serve, for those who try a policy on it.
    content: Snapshot | None = None
    seed: int = 0
    replicates: int = metrics.REPLICATES
    limits: Limits = field(default_factory=Limits)


class NothingLater(ValueError):
    """No answer came after the fit."""


def judge(case: Case, table: Table | None = None) -> Verdict:
    """Runs all gates, on predictions made before if given; where there is too little to judge by, only says so.

    Raises:
        NothingLater: if there is no answer to judge by.
    """
    later = case.answers.interactions.seconds >= case.since
    if not later.any():
        raise NothingLater(
            f"none of {case.answers.n_answers} answers came at {case.since:.0f} or later: wait, or fit on less"
        )
    table = table or Table(case)
    (enough,) = _enough(case, table)
    # Of a handful of answers figures say nothing, and of one there are none.
    rest = (gate for block in blocks() for gate in block(case, table)) if enough.passed else ()
    return Verdict((enough, *rest))


@final
class Table:
    """Predictions of everybody, by name: of the next answer, and ahead."""

    def __init__(self, case: Case) -> None:
        models = {"candidate": case.candidate, **case.rivals}
        self.next = {name: evaluate.score_after(model, case.answers, case.since) for name, model in models.items()}
        self.ahead = {
            name: evaluate.score_ahead(model, case.answers, case.since, HORIZON) for name, model in models.items()
        }

    def rivals(self, case: Case) -> list[str]:
        """The champion and the best of the baselines, by log loss of the next answer."""
        loss = {name: float(metrics.log_loss_each(self.next[name].answers).mean()) for name in case.rivals}
        baselines = [name for name in loss if name != "champion"]
        best = [min(baselines, key=loss.__getitem__)] if baselines else []
        return [name for name in loss if name == "champion"] + best


def _enough(case: Case, table: Table) -> Iterator[Gate]:
    """Whether there is anything to judge by."""
    answers = table.next["candidate"].answers
    enough = answers.n_learners >= LEAST_LEARNERS and len(answers) >= LEAST_ANSWERS
    figures = {"answers": len(answers), "learners": answers.n_learners}
    text = gettext_noop(
        "there are {answers} answers of {learners} learners, {least_answers} of {least_learners} are needed: more will "
        "come"
    )
    if enough:
        text = gettext_noop(
            "there are {answers} answers of {learners} learners, {least_answers} of {least_learners} suffice"
        )
    reason = Sentence(text, **figures, least_answers=LEAST_ANSWERS, least_learners=LEAST_LEARNERS)
    yield Gate("answers", "enough", enough, reason, figures)


def _prediction(case: Case, table: Table) -> Iterator[Gate]:
    """Log loss of the next answer and ahead against each rival, and calibration against the champion."""
    limits = case.limits
    for rival in table.rivals(case):
        for name, scored, limit in (("next", table.next, limits.log_loss), ("ahead", table.ahead, limits.ahead)):
            found = _differences(case, scored["candidate"], scored[rival])
            yield _not_worse("prediction", f"{name} answer against {rival}", found["log_loss"], limit, plain(found))
    own = _figures(case, table.next["candidate"])
    champion = _figures(case, table.next["champion"]) if "champion" in case.rivals else None
    allowed = limits.least_ece
    if champion:
        allowed = max(allowed, champion["ece"].value + limits.ece)
    reason = Sentence(card_words.CALIBRATION_ERROR, value=own["ece"].value, allowed=allowed)
    figures = {"candidate": plain(own)} | ({"champion": plain(champion)} if champion else {})
    yield Gate("prediction", "calibration", own["ece"].value <= allowed, reason, figures)


def _people(case: Case, table: Table) -> Iterator[Gate]:
    """No group and no decile of learners may be told clearly worse than now."""
    if "champion" not in case.rivals:
        return
    own, theirs = table.next["candidate"], table.next["champion"]
    worst, told = None, {}
    for name, mask in parts(case):
        found = _differences(case, own.take(mask), theirs.take(mask))["log_loss"]
        told[name] = {**plain({"log_loss": found}), "answers": int(mask.sum())}
        clear = found.value > case.limits.people and found.low > 0
        if clear and (worst is None or found.value > worst[1].value):
            worst = name, found
    text = gettext_noop("of {n} groups and deciles none is told worse by more than {limit} nats an answer")
    reason = Sentence(text, n=len(told), limit=case.limits.people)
    if worst:
        name, found = worst
        text = gettext_noop(
            "{part} is told worse by {value:+.4f} [{low:+.4f}, {high:+.4f}] nats an answer, {limit} are let through"
        )
        reason = Sentence(text, part=name, **asdict(found), limit=case.limits.people)
    yield Gate("people", "groups and deciles", worst is None, reason, told)


def parts(case: Case) -> Iterator[tuple[str, Bool]]:
    """Answers judged, by group, and by decile of the learner's success before."""
    data = case.answers
    seen = data.interactions
    before = seen.seconds < case.since
    learner = seen.learner[~before]
    if case.groups is not None:
        group = case.groups[learner]
        for number in np.unique(group[group >= 0]).tolist():
            # Smaller groups are in the tenths only.
            if len(np.unique(learner[group == number])) >= PART:
                yield f"group {case.group_names[number] if case.group_names else number}", group == number
    right = np.bincount(seen.learner, seen.correct * before, data.n_learners)
    # A learner without answers before is an average one.
    level = (right + 2.0) / (np.bincount(seen.learner, before, data.n_learners) + 4.0)
    present = np.unique(learner)
    n_parts = max(min(DECILES, len(present) // PART), 1)
    place = np.empty(data.n_learners)
    place[present[np.argsort(level[present], kind="stable")]] = np.arange(len(present)) * n_parts // len(present)
    for part in range(n_parts):
        first, last = part * DECILES // n_parts + 1, (part + 1) * DECILES // n_parts
        text = (
            gettext_noop("decile {first} to {last} by success")
            if last > first
            else gettext_noop("decile {first} by success")
        )
        yield Sentence(text, first=first, last=last), place[learner] == part


def _leaks(case: Case, table: Table) -> Iterator[Gate]:
    """Of coin flips in place of the outcomes nobody can know more than chance."""
    n = len(table.next["candidate"].answers)
    # Mann & Whitney 1947: the variance of the AUC where scores tell nothing, of as many heads as tails.
    error = math.sqrt((n + 1) / (3.0 * n * n))
    tosses = min(max(math.ceil((CHANCE * error / (TOLD / 2)) ** 2), 1), TOSSES)
    rng = np.random.default_rng(case.seed)
    found = [_auc_of_flips(case, rng) for _ in range(tosses)]
    mean, allowed = float(np.mean(found)), CHANCE * error / math.sqrt(tosses)
    text = gettext_noop("AUC is {auc:.4f} on coin flips, chance gives .5 within {allowed:.4f}")
    if allowed > TOLD:
        text = gettext_noop(
            "AUC is {auc:.4f} on coin flips, chance gives .5 within {allowed:.4f}: too few answers to tell"
        )
    reason = Sentence(text, auc=mean, allowed=allowed)
    passed = allowed <= TOLD and abs(mean - 0.5) <= allowed
    yield Gate("leaks", "coin flips", passed, reason, {"auc": mean, "error": error, "tosses": tosses})


def _auc_of_flips(case: Case, rng: np.random.Generator) -> float:
    seen = case.answers.interactions
    flips = rng.integers(0, 2, len(seen)).astype(seen.correct.dtype)
    # One of each among those judged, so that there is an AUC.
    flips[np.flatnonzero(seen.seconds >= case.since)[:2]] = (0, 1)
    tossed = replace(case.answers, interactions=replace(seen, correct=flips))
    return metrics.auc(evaluate.score_after(case.candidate, tossed, case.since).answers)


Block = Callable[[Case, Table], Iterator[Gate]]
BLOCKS: Final[tuple[Block, ...]] = (_prediction, _people, _leaks)
#: By name, for they stand above.
ABOVE: Final = ("tutor.scheduling.tournament.gate.not_worse",)


def blocks() -> tuple[Block, ...]:
    """All that have a word, those of layers above last."""
    return (*BLOCKS, *(import_string(name) for name in ABOVE))


def _not_worse(block: str, name: str, found: Estimate, limit: float, figures: dict[str, Any]) -> Gate:
    """Passed if the whole interval lies below the limit."""
    high = found.high if math.isfinite(found.high) else math.inf
    text = gettext_noop("log loss differs by {value:+.4f} [{low:+.4f}, {high:+.4f}] nats, {limit} are let through")
    if high > limit >= found.value:
        text = gettext_noop(
            "log loss differs by {value:+.4f} [{low:+.4f}, {high:+.4f}] nats, {limit} are let through: too few answers "
            "to tell"
        )
    return Gate(block, name, high <= limit, Sentence(text, **asdict(found), limit=limit), figures)


def _differences(case: Case, own: Scored, theirs: Scored) -> dict[str, Estimate]:
    return metrics.differences(own.answers, theirs.answers, case.seed, case.replicates)


def _figures(case: Case, scored: Scored) -> dict[str, Estimate]:
    return metrics.estimates(scored.answers, case.seed, None, case.replicates)


def plain(found: Mapping[str, Estimate]) -> dict[str, Any]:
    """Plain values for JSON: null where a number is undefined."""
    return {
        name: {key: value if math.isfinite(value) else None for key, value in asdict(estimate).items()}
        for name, estimate in found.items()
    }
