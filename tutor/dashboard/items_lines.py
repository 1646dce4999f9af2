"""One item as pages and files show it: its figures with intervals where they may be shown, and its flags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, final

import numpy as np
from django.utils.functional import Promise

from kt_models.item_flags import QUARTILE
from kt_models.items import Z95, discrimination_interval, right_share, share_interval
from kt_models.recall import Float
from tutor.dashboard import items_words
from tutor.dashboard.items_pictures import on_time_axis
from tutor.dashboard.items_state import LEAST, RATED, State
from tutor.dashboard.items_words import ADVICE, LABELS, SIGNS, Flag, Range, number, spent


class Flagged(NamedTuple):
    flag: Flag
    label: str | Promise
    sign: str
    evidence: str
    advice: str


class Named(NamedTuple):
    key: str
    title: str


@final
@dataclass(frozen=True)
class Time:
    """In seconds: the median, and the quartiles. `said`: the author's minutes, None where not stated."""

    middle: Range
    low: float
    high: float
    said: float | None

    @property
    def text(self) -> str:
        return spent(self.middle.value)

    @property
    def interval(self) -> str:
        return f"{spent(self.middle.low)}\N{EN DASH}{spent(self.middle.high)}"

    @property
    def half(self) -> str:
        """Of the middle half of learners."""
        return f"{spent(self.low)}\N{EN DASH}{spent(self.high)}"

    @property
    def author(self) -> str:
        return spent(self.said * 60) if self.said else ""

    @property
    def axis(self) -> dict[str, str]:
        """Where each stands on the axis of times."""
        seconds = {"low": self.low, "middle": self.middle.value, "high": self.high}
        said = {"said": self.said * 60} if self.said else {}
        return {name: on_time_axis(each) for name, each in {**seconds, **said}.items()}


@final
@dataclass(frozen=True)
class Line:
    """An item. What may not be shown, or is not known, is None; counts of the school alike.

    Attributes:
        is_few: answered by some of the school, too few to say anything.     is_withheld: counts would tell of others.
        first: share right of first answers.     typical: the same of the school's average learner.
        lately: share of answers in the last four weeks.     own_*: of the class; own is None without first answers.
    """

    position: int
    key: str
    statement: str
    concepts: tuple[Named, ...]
    flags: tuple[Flagged, ...]
    is_few: bool
    is_withheld: bool
    n: int | None
    right: int | None
    answers: int | None
    learners: int | None
    lately: float | None
    last: datetime | None
    first: Range | None
    typical: Range | None
    discrimination: Range | None
    rated: int | None
    time: Time | None
    hints: Range | None
    own: Range | None
    own_n: int
    own_right: int
    own_answers: int
    since: datetime | None

    @property
    def discrimination_text(self) -> str:
        return number(self.discrimination.value) if self.discrimination else ""

    @property
    def discrimination_interval(self) -> tuple[str, str]:
        found = self.discrimination
        return (number(found.low), number(found.high)) if found else ("", "")


def line(state: State, i: int) -> Line:
    row, content = state.rows[i], state.content
    tells, counts = bool(state.tells[i]), bool(state.counts[i])
    item = content.item_contents[i]
    concepts = content.item_concepts.flat[content.item_concepts.offset[i] : content.item_concepts.offset[i + 1]]
    own_n, own_right = int(state.own.n[i]), int(state.own.right[i])
    rated = int(row["rated"])
    return Line(
        position=i,
        key=content.item_keys[i],
        statement=content.item_statement(i),
        concepts=tuple(Named(content.concept_keys[c], content.concept_titles[c]) for c in concepts.tolist()),
        flags=tuple(flags_of(state, i)),
        is_few=bool(row["answers"]) and not tells,
        is_withheld=tells and not counts,
        n=int(row["n"]) if counts else None,
        right=int(row["right"]) if counts else None,
        answers=int(row["answers"]) if counts else None,
        learners=int(row["learners"]) if counts else None,
        lately=float(row["lately"] / row["answers"]) if counts else None,
        last=_moment(row["last"]) if counts else None,
        first=_nth(state.first, i) if counts else None,
        typical=_at(row, 0.0) if tells else None,
        discrimination=_discrimination(row) if tells and rated >= RATED else None,
        rated=rated if counts else None,
        time=_time(row, item.minutes if item else None) if tells and row["timed"] >= LEAST else None,
        hints=_nth(state.hints, i) if counts and row["hints_known"] >= LEAST else None,
        own=_nth(state.own_first, i) if own_n else None,
        own_n=own_n,
        own_right=own_right,
        own_answers=int(state.own.answers[i]),
        since=_moment(row["since"]),
    )


def flags_of(state: State, i: int) -> Iterator[Flagged]:
    """The gravest first."""
    row, found = state.rows[i], state.verdicts
    ability = QUARTILE * state.kept.spread if state.kept else 0.0
    if found.wrong_key[i]:
        yield _flagged(Flag.WRONG_KEY, " ".join(_of_key(state, i)))
    if found.hard[i]:
        yield _flagged(Flag.TOO_HARD, items_words.too_hard(_at(row, ability), state.band))
    if found.slow[i]:
        stated = state.content.item_contents[i]
        minutes = (stated.minutes if stated else None) or 0.0
        yield _flagged(Flag.SLOW, items_words.slow(_median(row), minutes))
    if found.easy[i]:
        yield _flagged(Flag.TOO_EASY, items_words.too_easy(_at(row, -ability), state.band))
    if state.never[i]:
        yield _flagged(Flag.NEVER, items_words.never())


def share(right: Any, n: Any) -> Range:
    low, high = share_interval(np.array([right]), np.array([n]))
    return Range(float(right / n), float(low[0]), float(high[0]))


def _nth(shares: Float, i: int) -> Range:
    return Range(*shares[:, i].tolist())


def _of_key(state: State, i: int) -> Iterator[str]:
    row, found = state.rows[i], state.verdicts
    if found.reversed_[i]:
        yield items_words.reversed_key(_discrimination(row) or Range(0.0, 0.0, 0.0))
    if found.failed[i]:
        yield items_words.failed_key(share(row["able_right"], row["able"]), float(row["able_expected"]))


def _flagged(flag: Flag, evidence: str) -> Flagged:
    return Flagged(flag, LABELS[flag], SIGNS[flag], evidence, ADVICE[flag])


def _at(row: Any, ability: float) -> Range:
    """P(right) of a learner of an ability."""
    error = Z95 * row["difficulty_se"]
    value, low, high = (
        float(right_share(np.array([row["difficulty"] + sign * error]), ability)[0]) for sign in (0, 1, -1)
    )
    return Range(value, low, high)


def _discrimination(row: Any) -> Range | None:
    if np.isnan(row["discrimination"]):
        return None
    low, high = discrimination_interval(np.array([row["discrimination"]]), np.array([row["rated"]]))
    return Range(float(row["discrimination"]), float(low[0]), float(high[0]))


def _median(row: Any) -> Range:
    return Range(*(float(np.exp(row[name])) for name in ("middle", "middle_low", "middle_high")))


def _time(row: Any, minutes: float | None) -> Time:
    return Time(_median(row), float(np.exp(row["low"])), float(np.exp(row["high"])), minutes)


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(float(seconds), UTC) if seconds > 0 else None
