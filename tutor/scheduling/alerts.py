"""Who needs help, with what, and how sure that is: every rule of alerts, its evidence and its limit. Pure.

Four claims about a learner, each with the evidence that it rests on:

    struggling      a concept has the status of that name (`tracing.status`), as on every page and in the API
    spinning        a concept was practised over and over without getting anywhere (`policies.filters.spinning`)
    falling_behind  the share of right answers has surely fallen, from two weeks to the next
    gone_quiet      no answer for some days, from somebody who used to answer

Recall, which is a forecast, flags nobody by itself: each rule asks for answers first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, final
from uuid import UUID

import msgspec
import numpy as np

from kt_models.recall import SECONDS_PER_DAY, Z90, interval
from tutor.scheduling.knobs import Knobs
from tutor.scheduling.policies import Situation
from tutor.scheduling.policies.filters import spinning
from tutor.tracing.estimates import outcomes
from tutor.tracing.status import Status, widen

#: The two windows that a trend compares, one after the other.
TREND_DAYS: Final = 14
#: Answers that each window must hold before anything is said of a trend.
TREND_ANSWERS: Final = 10
#: Answers from which on somebody "used to answer", and can fall silent.
QUIET_ANSWERS: Final = 5
#: Answers to a concept after which what was said of an alert no longer holds: five of the last eight are new.
NEW_ANSWERS: Final = 5


class Kind(StrEnum):
    """In the order in which they ask for attention."""

    SPINNING = "spinning"
    STRUGGLING = "struggling"
    FALLING_BEHIND = "falling_behind"
    GONE_QUIET = "gone_quiet"


#: Kinds that are about one concept.
OF_CONCEPTS: Final = (Kind.SPINNING, Kind.STRUGGLING)


class Practice(msgspec.Struct, frozen=True):
    """Of a concept: answers, how many of the last `lately` were right, recall now with its 90 % interval.

    `recent` holds those outcomes, newest last; `last_at` is Unix time.
    """

    n: int
    right: int
    lately: int
    recall: float
    low: float
    high: float
    last_at: float
    recent: tuple[bool, ...]


class Trend(msgspec.Struct, frozen=True):
    """Right answers in two windows, and the 90 % interval of the difference of their shares."""

    n: int
    right: int
    n_before: int
    right_before: int
    low: float
    high: float

    @classmethod
    def of(cls, n: int, right: int, n_before: int, right_before: int) -> Trend:
        """The interval is that of Agresti and Caffo (2000): it holds what it says from a handful of answers on."""
        share, before = (right + 1) / (n + 2), (right_before + 1) / (n_before + 2)
        spread = Z90 * math.sqrt(share * (1 - share) / (n + 2) + before * (1 - before) / (n_before + 2))
        return cls(n, right, n_before, right_before, share - before - spread, share - before + spread)

    @property
    def share(self) -> float:
        return self.right / self.n

    @property
    def share_before(self) -> float:
        return self.right_before / self.n_before

    @property
    def change(self) -> float:
        return self.share - self.share_before

    @property
    def is_sure(self) -> bool:
        """Whether it rose or fell at all, as far as the interval tells."""
        return self.low > 0 or self.high < 0


class Absence(msgspec.Struct, frozen=True):
    """Since when (Unix time), and what lies there: concepts struggled with, and due for review."""

    last_at: float
    struggling: int
    due: int


Evidence = Practice | Trend | Absence
_FORMS: Final[dict[Kind, type[Evidence]]] = {
    Kind.SPINNING: Practice,
    Kind.STRUGGLING: Practice,
    Kind.FALLING_BEHIND: Trend,
    Kind.GONE_QUIET: Absence,
}


class Alert(NamedTuple):
    """A claim about a learner; `concept` is a position, None for what is not about one."""

    kind: Kind
    concept: int | None
    evidence: Evidence


class Activity(NamedTuple):
    """Answers in the last `TREND_DAYS` and in as many days before; `days` are those with any answer."""

    n: int = 0
    right: int = 0
    days: int = 0
    n_before: int = 0
    right_before: int = 0
    days_before: int = 0


class Presence(StrEnum):
    ACTIVE = "active"
    #: No answer for longer than the class allows.
    INACTIVE = "inactive"
    #: No answer at all.
    SILENT = "silent"


class Limits(NamedTuple):
    """What a class has agreed on, beside its criteria of statuses."""

    in_need_from: int
    inactive_days: int
    trend_drop: float

    @classmethod
    def of(cls, knobs: Knobs) -> Limits:
        return cls(knobs.in_need_from, knobs.inactive_days, knobs.trend_drop)


@final
@dataclass(frozen=True)
class Standing:
    """One learner at a time. `last_at` is Unix time, None before the first answer.

    `trend` is None below the evidence limit. `struggling` and `due` are positions of concepts by their status;
    `has_enough`: whether any concept has the answers that it takes to be judged.
    """

    learner_id: UUID
    presence: Presence
    last_at: float | None
    activity: Activity
    trend: Trend | None
    struggling: tuple[int, ...]
    due: tuple[int, ...]
    has_enough: bool
    alerts: tuple[Alert, ...]


def standing(learner_id: UUID, situation: Situation, activity: Activity, limits: Limits) -> Standing:
    """What is to be said of a learner. Who is away is told as that alone: their concepts are as they left them."""
    rows = situation.evidence.rows
    last_at = float(rows["seconds"].max()) if len(rows) else None
    presence = _presence(last_at, situation.now, limits)
    trend = _trend(activity)
    struggling, due = (_positions(situation, status) for status in (Status.STRUGGLING, Status.DUE_FOR_REVIEW))
    active = situation.content.concept_active
    enough = active & (situation.column("n") >= situation.criteria.struggling_after)
    if presence is Presence.ACTIVE:
        alerts = (*_of_concepts(situation), *_falling_behind(trend, limits))
    else:
        alerts = tuple(_gone_quiet(situation, last_at, presence, len(struggling), len(due)))
    return Standing(
        learner_id, presence, last_at, activity, trend, struggling, due, bool(enough.any()), alerts
    )  # fmt: skip


def is_in_need(alerts: Iterable[Alert], limits: Limits) -> bool:
    """By alerts that nobody has put aside: enough concepts, or falling behind."""
    kinds = [alert.kind for alert in alerts]
    return sum(kind in OF_CONCEPTS for kind in kinds) >= limits.in_need_from or Kind.FALLING_BEHIND in kinds


def need(alerts: Iterable[Alert]) -> tuple[int, int, int, float]:
    """Sorts from most to least in need, by what was answered: forecasts and reviews due have no say.

    Concepts with an alert, then those of them spun upon, then falling behind, then the share right of the last
    answers to these concepts.
    """
    found = tuple(alerts)
    kinds = [alert.kind for alert in found]
    seen = [alert.evidence for alert in found if isinstance(alert.evidence, Practice)]
    lately = sum(each.lately for each in seen)
    share = sum(each.right for each in seen) / lately if lately else 1.0
    return -len(seen), -kinds.count(Kind.SPINNING), -kinds.count(Kind.FALLING_BEHIND), share


def has_changed(kind: Kind, was: Evidence, marked_at: float, now_is: Evidence, now: float) -> bool:
    """Whether an alert is another one than that of which somebody has said something, so that it is told anew.

    Of a concept: after `NEW_ANSWERS` more answers to it, with which the alert may also have ended and begun anew, or
    if answers are gone. Falling behind: when all answers of the recent window are later than what was said. Gone
    quiet: when the learner has answered since, and fallen silent again. What a model makes of the same answers is no
    change.
    """
    if isinstance(was, Practice) and isinstance(now_is, Practice):
        return not was.n <= now_is.n < was.n + NEW_ANSWERS
    if isinstance(was, Absence) and isinstance(now_is, Absence):
        return was.last_at != now_is.last_at
    return now - marked_at >= TREND_DAYS * SECONDS_PER_DAY


def plain(evidence: Evidence) -> dict[str, Any]:
    """As JSON keeps it."""
    kept: dict[str, Any] = msgspec.to_builtins(evidence)
    return kept


def evidence_of(kind: Kind, kept: dict[str, Any]) -> Evidence:
    """From `plain`, with whatever stands beside it."""
    return msgspec.convert(kept, type=_FORMS[kind])


def _presence(last_at: float | None, now: float, limits: Limits) -> Presence:
    if last_at is None:
        return Presence.SILENT
    away = now - last_at > limits.inactive_days * SECONDS_PER_DAY
    return Presence.INACTIVE if away else Presence.ACTIVE


def _positions(situation: Situation, status: Status) -> tuple[int, ...]:
    return tuple(np.flatnonzero(situation.is_status(status) & situation.content.concept_active).tolist())


def _of_concepts(situation: Situation) -> list[Alert]:
    """One a concept, the worst first. What is spun upon is said so, whether or not it is also struggled with."""
    spun = spinning(situation)
    # A teacher's word that it is mastered goes before.
    spun[sorted(situation.criteria.known)] = False
    flagged = (spun | situation.is_status(Status.STRUGGLING)) & situation.content.concept_active
    seen = dict(_practices(situation, np.flatnonzero(flagged).tolist()))
    order = sorted(seen, key=lambda c: (not spun[c], seen[c].right / seen[c].lately, -seen[c].n))
    return [Alert(Kind.SPINNING if spun[c] else Kind.STRUGGLING, c, seen[c]) for c in order]


def _practices(situation: Situation, concepts: list[int]) -> Iterator[tuple[int, Practice]]:
    if not concepts:
        return
    sd = widen(situation.table.sd_at(situation.now), situation.content.n_concepts)
    columns = [situation.recall, *interval(situation.recall, sd)]
    columns += [situation.column(name) for name in ("seconds", "n", "recent")]
    for concept in concepts:
        recall, low, high, seconds, n, recent = (float(column[concept]) for column in columns)
        lately = outcomes(int(recent), int(n))
        yield concept, Practice(int(n), sum(lately), len(lately), recall, low, high, seconds, lately)


def _trend(activity: Activity) -> Trend | None:
    if min(activity.n, activity.n_before) < TREND_ANSWERS:
        return None
    return Trend.of(activity.n, activity.right, activity.n_before, activity.right_before)


def _falling_behind(trend: Trend | None, limits: Limits) -> list[Alert]:
    """A fall as large as agreed, and surely a fall: the whole 90 % range of the difference lies below zero."""
    if trend is None or trend.change > -limits.trend_drop or trend.high >= 0:
        return []
    return [Alert(Kind.FALLING_BEHIND, None, trend)]


def _gone_quiet(
    situation: Situation, last_at: float | None, presence: Presence, struggling: int, due: int
) -> list[Alert]:  # fmt: skip
    # As many items as are remembered, 64, are as good as all: an answer on two concepts counts once among them.
    if last_at is None or presence is not Presence.INACTIVE or len(situation.evidence.items) < QUIET_ANSWERS:
        return []
    return [Alert(Kind.GONE_QUIET, None, Absence(last_at, struggling, due))]
