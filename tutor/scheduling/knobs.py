"""What teachers may turn for a class: names, bounds, and what each comes to in settings and criteria. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from tutor.scheduling.calendar import start_of
from tutor.scheduling.policies import POLICIES, Policy, Settings, Spinning
from tutor.tracing.status import DEFAULT, Criteria

#: Serves where nothing else is agreed.
POLICY: Final = "gain"
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SETTINGS: Final = Settings()


class Knobs(msgspec.Struct, frozen=True, omit_defaults=True):
    """As chosen for a class; kept as JSON with only what differs from the defaults."""

    retention: float = DEFAULT.retention
    ready_at: float = DEFAULT.ready_at
    success: float = _SETTINGS.success
    explores: bool = True
    exploration: float = _SETTINGS.exploration
    horizon_days: float = _SETTINGS.horizon_days
    exam_on: date | None = None
    #: Keys of concepts.
    goals: tuple[str, ...] = ()
    answers_a_day: int | None = None
    new_a_day: int | None = None
    minutes_a_day: float | None = None
    quiet_weekdays: tuple[str, ...] = ()
    quiet_dates: tuple[date, ...] = ()
    in_a_row: int = _SETTINGS.in_a_row
    retry_after: int = _SETTINGS.retry_after
    item_gap: int = _SETTINGS.item_gap
    spinning_after: int = _SETTINGS.spinning_after
    spinning: Spinning = _SETTINGS.spinning
    spread_reviews: bool = _SETTINGS.spread_reviews
    look_ahead: int = _SETTINGS.look_ahead
    #: Goes on for each learner whose placement is complete.
    after_placement: str = POLICY
    struggling_after: int = DEFAULT.struggling_after
    in_need_from: int = 1
    inactive_days: int = 14
    trend_drop: float = 0.2

    @property
    def is_daily(self) -> bool:
        """Whether what may be offered today may not be what may be tomorrow."""
        return bool(self.has_caps or self.quiet_weekdays or self.quiet_dates)

    @property
    def has_caps(self) -> bool:
        return (self.answers_a_day, self.new_a_day, self.minutes_a_day) != (None, None, None)

    @property
    def quiet_numbers(self) -> tuple[int, ...]:
        """0 for Monday."""
        return tuple(WEEKDAYS.index(name) for name in self.quiet_weekdays)


#: Policies that come to no end of themselves.
GOING_ON: Final = tuple(policy.name for policy in POLICIES.values() if not policy.ends)
DEFAULTS: Final = Knobs()
NAMES: Final = Knobs.__struct_fields__


class Range(NamedTuple):
    """Bounds of a number, both allowed, and what lies beyond them."""

    low: float
    high: float
    otherwise: str


RANGES: Final[Mapping[str, Range]] = {
    "retention": Range(0.5, 0.99, "less lets most be forgotten, more makes reviews of every minute"),
    "ready_at": Range(0.5, 0.95, "less opens by chance, more opens nothing"),
    "success": Range(0.3, 0.95, "items outside teach little"),
    "exploration": Range(0.0, 0.5, "more than half by chance is no policy; `explores` switches it off"),
    "horizon_days": Range(0.5, 365, "forecasts reach a year"),
    "answers_a_day": Range(1, 1000, "null is without a limit, `quiet_weekdays` are for days off"),
    "new_a_day": Range(0, 100, "null is without a limit, 0 for reviews alone"),
    "minutes_a_day": Range(1, 600, "null is without a limit, `quiet_weekdays` are for days off"),
    "in_a_row": Range(0, 20, "0 is without a limit"),
    "retry_after": Range(0, 10, "0 is not before its turn comes"),
    "item_gap": Range(0, 63, "the last 64 items are known"),
    "spinning_after": Range(4, 1000, "fewer answers say nothing"),
    "look_ahead": Range(1, 3, "1 is practice itself"),
    "struggling_after": Range(2, 1000, "one answer says nothing"),
    "in_need_from": Range(1, 50, "with 0 everybody is in need"),
    "inactive_days": Range(1, 365, "a night is no absence"),
    "trend_drop": Range(0.05, 0.9, "less is chance, more never happens"),
}
#: Thresholds of alerts: they say whom a teacher is told of, and nothing of what is offered to learners.
ALERTS: Final = ("struggling_after", "in_need_from", "inactive_days", "trend_drop")


class BadKnob(ValueError):
    """A value that cannot be; the message says what to do about it."""

    def __init__(self, name: str, value: object, rule: str) -> None:
        super().__init__(f"{name} {value!r} cannot be: {rule}")
        self.name, self.value, self.rule = name, value, rule


def outside(name: str) -> str:
    """The rule of a number, in words."""
    low, high, otherwise = RANGES[name]
    return f"take {low:g} to {high:g} ({otherwise})"


def changed(before: Knobs, changes: Mapping[str, Any]) -> Knobs:
    """With some knobs set; None sets one back to its default.

    Raises:
        BadKnob: if one is not within its bounds.
    """
    fresh = {name: getattr(DEFAULTS, name) if value is None else value for name, value in changes.items()}
    for name, value in fresh.items():
        bounds = RANGES.get(name)
        if bounds and value is not None and not bounds.low <= value <= bounds.high:
            raise BadKnob(name, value, outside(name))
    after: Knobs = msgspec.structs.replace(before, **fresh)
    _check_days(after)
    return after


def _check_days(knobs: Knobs) -> None:
    for name in knobs.quiet_weekdays:
        if name not in WEEKDAYS:
            raise BadKnob("quiet_weekdays", name, f"name days of the week: {', '.join(WEEKDAYS)}")
    if set(knobs.quiet_weekdays) == set(WEEKDAYS):
        raise BadKnob("quiet_weekdays", list(knobs.quiet_weekdays), "leave at least one day to learn on")


def check_policy(policy: str, knobs: Knobs, *, today: date) -> None:
    """Also the one that goes on after it, where it comes to an end.

    Raises:
        BadKnob: if there is no such policy, or it needs an exam and none is ahead.
    """
    if policy not in POLICIES:
        raise BadKnob("policy", policy, f"take one of {', '.join(POLICIES)}")
    if knobs.after_placement not in GOING_ON:
        raise BadKnob("after_placement", knobs.after_placement, f"take one of {', '.join(GOING_ON)}")
    serving = knobs.after_placement if POLICIES[policy].ends else policy
    if POLICIES[serving].needs_exam and (knobs.exam_on is None or knobs.exam_on <= today):
        given = "null" if knobs.exam_on is None else knobs.exam_on.isoformat()
        raise BadKnob("exam_on", given, f"policy {serving!r} needs a date after {today}: send one, or another policy")


def policy_of(name: str) -> Policy:
    """The default where none is chosen, or where the chosen one is no more."""
    return POLICIES.get(name) or POLICIES[POLICY]


def policy_after(knobs: Knobs) -> Policy:
    """Goes on where the chosen one ends."""
    return policy_of(knobs.after_placement if knobs.after_placement in GOING_ON else POLICY)


@lru_cache(maxsize=4096)
def decoded(chosen: str) -> Knobs:
    return msgspec.json.decode(chosen, type=Knobs)


def encoded(knobs: Knobs) -> dict[str, Any]:
    """What differs from the defaults, as JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(knobs)
    return plain


def as_text(chosen: Mapping[str, Any]) -> str:
    return msgspec.json.encode(chosen).decode()


@lru_cache(maxsize=4096)
def settings_of(knobs: Knobs, goals: frozenset[int], zone: str, cutoff_hour: int, explores: bool) -> Settings:
    """What the knobs come to for learners whose days begin then; `goals` are positions.

    An exam is at the beginning of its day. Whoever opted out of exploration is chosen for without any chance.
    """
    exam_at = None if knobs.exam_on is None else start_of(knobs.exam_on, zone, cutoff_hour)
    same = {name: getattr(knobs, name) for name in _SAME}
    may_draw = knobs.explores and explores
    chance = knobs.exploration if may_draw else 0.0
    return replace(_SETTINGS, **same, exploration=chance, draws=may_draw, goals=goals, exam_at=exam_at)


@lru_cache(maxsize=4096)
def criteria_of(knobs: Knobs) -> Criteria:
    return replace(DEFAULT, retention=knobs.retention, ready_at=knobs.ready_at, struggling_after=knobs.struggling_after)


#: Knobs that are settings of the same name and meaning.
_SAME: Final = (
    "success", "horizon_days", "in_a_row", "retry_after", "item_gap", "spinning_after", "spinning", "spread_reviews",
    "look_ahead",
)  # fmt: skip
