"""A challenger beside the champion: what both expected of the same answers, before either knew them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, final
from uuid import UUID

import numpy as np
from django.utils.translation import gettext_noop

from kt_models import metrics
from kt_models.metrics import Answers, Estimate
from kt_models.recall import SECONDS_PER_DAY
from tutor import db
from tutor.language import Sentence
from tutor.registry import card_words, deployments
from tutor.registry.models import Deployment, ModelVersion

#: Nats an answer that a challenger may lose by, at the upper end of the interval: as much as the gates let through.
MARGIN: Final = 0.003
#: Calibration error that is never too much, and how much more than the champion's is let through: as the gates.
LEAST_ECE: Final = 0.03
MORE_ECE: Final = 0.01
#: The newest answers that are compared: bounds time and memory, and is plenty for a margin of this size.
MOST_ANSWERS: Final = 100_000

# Both foretold the answer; the challenger only what came in since it challenges, see `beside`. In order: who folds a
# late answer together with those received before it knows it when it foretells them, and the other may not.
_PAIRS: Final = """
SELECT DISTINCT ON (own.learner_id, own.seq) own.learner_id, own.p, theirs.p, own.correct
FROM (
    SELECT o.id, o.learner_id, o.curriculum_id, o.seq, o.p, o.correct
    FROM tracing_score o
    JOIN interactions_loghead h ON h.learner_id = o.learner_id AND h.curriculum_id = o.curriculum_id
    WHERE o.version_id = %s AND o.curriculum_id = %s AND o.scored_at >= %s AND o.in_order
        AND (%s::uuid IS NULL OR h.school_id = %s) AND h.school_id <> ALL(%s::uuid[])
    ORDER BY o.id DESC LIMIT %s
) own
JOIN tracing_score theirs
    ON theirs.version_id = %s AND theirs.learner_id = own.learner_id AND theirs.curriculum_id = own.curriculum_id
    AND theirs.seq = own.seq AND theirs.scored_at >= %s AND theirs.in_order
ORDER BY own.learner_id, own.seq, own.id, theirs.id
"""


class Verdict(StrEnum):
    TOO_EARLY = "too_early"
    BETTER = "better"
    NO_WORSE = "no_worse"
    WORSE = "worse"


class NoChallenger(ValueError):
    """Nothing is in shadow."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(f"curriculum {deployment.curriculum_id} has no challenger here: challenge its champion first")


@final
@dataclass(frozen=True)
class Figures:
    """How well a version foretold the answers compared: estimates by name, and the reliability diagram."""

    version_id: UUID
    estimates: Mapping[str, Estimate]
    reliability: list[dict[str, float]]


@final
@dataclass(frozen=True)
class Comparison:
    """What the shadow has shown so far.

    Attributes:
        days: since the challenge.     differences: challenger less champion, by name; log loss in nats an answer.
        champion, challenger, differences: nothing before the first answer that both foretold.
    """

    verdict: Verdict
    reason: str
    since: datetime
    days: float
    answers: int
    learners: int
    champion: Figures | None = None
    challenger: Figures | None = None
    differences: Mapping[str, Estimate] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values: null where a number is undefined."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def compare(deployment: Deployment, *, now: datetime, seed: int = 0) -> Comparison:
    """Compares the challenger of a deployment with its champion, on the same answers.

    Raises:
        NoChallenger: if it has none.
    """
    since = deployment.challenger_since
    if deployment.challenger is None or since is None:
        raise NoChallenger(deployment)
    own, theirs = _answers(deployment, since)
    days = (now - since).total_seconds() / SECONDS_PER_DAY
    if not len(own):
        none = Sentence(gettext_noop("no answer has come since that both foretold"))
        return Comparison(Verdict.TOO_EARLY, none, since, days, 0, 0)
    found = metrics.differences(own, theirs, seed)
    figures = _figures(deployment.challenger, own, seed), _figures(deployment.champion, theirs, seed)
    early = _too_early(deployment, len(own), days)
    verdict, reason = (Verdict.TOO_EARLY, early) if early else _judge(found["log_loss"], *figures)
    return Comparison(verdict, reason, since, days, len(own), own.n_learners, figures[1], figures[0], found)


def _answers(deployment: Deployment, since: datetime) -> tuple[Answers, Answers]:
    """What the challenger and the champion expected of the same answers."""
    school, apart = deployment.school_id, deployments.schools_apart(deployment)
    concerned = deployment.curriculum_id, since, school, school, apart, MOST_ANSWERS
    rows = db.rows(_PAIRS, [deployment.challenger_id, *concerned, deployment.champion_id, since])
    names: dict[UUID, int] = {}
    learner = np.array([names.setdefault(row[0], len(names)) for row in rows], np.int64)
    own, theirs, correct = np.array([row[1:] for row in rows], np.float64).reshape(-1, 3).T
    return Answers(learner, own, correct), Answers(learner, theirs, correct)


def _figures(version: ModelVersion, answers: Answers, seed: int) -> Figures:
    return Figures(version.pk, metrics.estimates(answers, seed), metrics.reliability(answers))


def _too_early(deployment: Deployment, answers: int, days: float) -> str:
    """Why it is, if it is."""
    few, short = answers < deployment.shadow_answers, days < deployment.shadow_days
    if few and short:
        text = gettext_noop("{answers:,} of {least_answers:,} answers and {days:.1f} of {least_days:g} days so far")
    elif few:
        text = gettext_noop("{answers:,} of {least_answers:,} answers so far")
    elif short:
        text = gettext_noop("{days:.1f} of {least_days:g} days so far")
    else:
        return ""
    least = {"least_answers": deployment.shadow_answers, "least_days": deployment.shadow_days}
    return Sentence(text, answers=answers, days=days, **least)


def _judge(loss: Estimate, own: Figures, theirs: Figures) -> tuple[Verdict, str]:
    told = Sentence(
        gettext_noop("log loss differs by {value:+.4f} [{low:+.4f}, {high:+.4f}] nats an answer"), **asdict(loss)
    )
    error, allowed = own.estimates["ece"], max(LEAST_ECE, theirs.estimates["ece"].value + MORE_ECE)
    if loss.low > 0:
        return Verdict.WORSE, told
    if error.value > allowed:
        return Verdict.WORSE, Sentence(card_words.CALIBRATION_ERROR, value=error.value, allowed=allowed)
    if loss.high < 0:
        return Verdict.BETTER, told
    if loss.high <= MARGIN:
        return Verdict.NO_WORSE, Sentence(gettext_noop("{told}, {margin} are let through"), told=told, margin=MARGIN)
    unsure = gettext_noop("{told}, {margin} are let through: more answers will tell")
    return Verdict.TOO_EARLY, Sentence(unsure, told=told, margin=MARGIN)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
