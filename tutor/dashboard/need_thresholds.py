"""The thresholds of a class's alerts: what they would change, told before they are saved. Only read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, final
from urllib.parse import urlencode
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tutor.dashboard.matrix_filters import Parameters
from tutor.dashboard.need_page import NeedPage
from tutor.scheduling import knobs
from tutor.scheduling.alerting import Judged
from tutor.scheduling.alerts import OF_CONCEPTS, Presence
from tutor.scheduling.knobs import ALERTS, RANGES, Knobs

#: Shares are asked for in percentage points.
_IN_PERCENT: Final = ("trend_drop",)
_LABELS: Final[Mapping[str, str | Promise]] = {
    "struggling_after": gettext_lazy("Struggling counts from"),
    "in_need_from": gettext_lazy("In need from"),
    "inactive_days": gettext_lazy("Inactive after"),
    "trend_drop": gettext_lazy("Falling behind from a drop of"),
}
_UNITS: Final[Mapping[str, str | Promise]] = {
    "struggling_after": gettext_lazy("answers to a concept"),
    "in_need_from": gettext_lazy("concepts with an alert"),
    "inactive_days": gettext_lazy("days without an answer"),
    "trend_drop": gettext_lazy("percentage points"),
}


@final
@dataclass(frozen=True)
class Field:
    """`value` as it stands in the form; `error` "" if it can be."""

    name: str
    value: str
    agreed: int
    error: str

    @property
    def label(self) -> str:
        return str(_LABELS[self.name])

    @property
    def unit(self) -> str:
        return str(_UNITS[self.name])

    @property
    def low(self) -> int:
        return _bounds(self.name)[0]

    @property
    def high(self) -> int:
        return _bounds(self.name)[1]


@final
@dataclass(frozen=True)
class Asked:
    """What stands in the form. `chosen` are the thresholds asked for, None if one of them cannot be."""

    fields: tuple[Field, ...]
    chosen: Knobs | None
    agreed: Knobs

    @classmethod
    def parse(cls, given: Parameters, agreed: Knobs) -> Asked:
        """What is not said stays as agreed."""
        fields = tuple(_field(name, given.get(name, ""), getattr(agreed, name)) for name in ALERTS)
        if any(field.error for field in fields):
            return cls(fields, None, agreed)
        values = {field.name: _value(field.name, int(field.value)) for field in fields}
        # An agreed share need be no whole number of percent: unchanged, it stays as it is.
        kept = {field.name: getattr(agreed, field.name) for field in fields if int(field.value) == field.agreed}
        return cls(fields, knobs.changed(agreed, values | kept), agreed)

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from what is agreed."""
        chosen = self.chosen or self.agreed
        return {n: getattr(chosen, n) for n in ALERTS if getattr(chosen, n) != getattr(self.agreed, n)}

    @property
    def address(self) -> str:
        return "?" + urlencode({field.name: field.value for field in self.fields})


class Difference(NamedTuple):
    """A list of the page, by names: who would come on it, who would drop out; and how long it is now, and then."""

    label: str
    before: int
    after: int
    added: list[str]
    dropped: list[str]


@final
@dataclass(frozen=True)
class Preview:
    """What would be if thresholds were others. `elsewhere`: learners whose statuses another class tells."""

    differences: tuple[Difference, ...]
    alerts_before: int
    alerts_after: int
    elsewhere: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        return not any(each.added or each.dropped for each in self.differences)


def preview(page: NeedPage, asked: Asked) -> Preview | None:
    """None if nothing is asked for, or it cannot be."""
    if asked.chosen is None or not asked.changes:
        return None
    names = {line.learner.pk: line.name for line in page.lines}
    before = [line.judged for line in page.lines]
    after = page.observed.judged(asked.chosen)
    lists: list[tuple[str, Callable[[Judged], bool]]] = [
        (_("In need"), lambda each: each.is_in_need),
        (_("Inactive"), lambda each: each.standing.presence is Presence.INACTIVE),
    ]
    elsewhere = (
        [] if "struggling_after" not in asked.changes else [pk for pk in names if pk not in page.observed.decided]
    )
    return Preview(
        tuple(_difference(label, before, after, holds, names) for label, holds in lists),
        _n_alerts(before),
        _n_alerts(after),
        tuple(names[pk] for pk in elsewhere),
    )


def _difference(
    label: str, before: list[Judged], after: list[Judged], holds: Callable[[Judged], bool], names: Mapping[UUID, str]
) -> Difference:
    was, then = ({each.learner_id for each in judged if holds(each)} for judged in (before, after))
    added, dropped = (sorted((names[pk] for pk in gone), key=str.casefold) for gone in (then - was, was - then))
    return Difference(label, len(was), len(then), added, dropped)


def _n_alerts(judged: list[Judged]) -> int:
    """Of concepts, that nobody has put aside."""
    return sum(seen.alert.kind in OF_CONCEPTS for each in judged for seen in each.open)


def _field(name: str, text: str, agreed: float) -> Field:
    low, high = _bounds(name)
    shown = round(100 * agreed) if name in _IN_PERCENT else int(agreed)
    text = text.strip() or str(shown)
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    if is_number and low <= int(text) <= high:
        return Field(name, text, shown, "")
    error = _("“%(value)s” cannot be: take a whole number from %(low)s to %(high)s.")
    return Field(name, text, shown, error % {"value": text, "low": low, "high": high})


def _bounds(name: str) -> tuple[int, int]:
    low, high, _otherwise = RANGES[name]
    scale = 100 if name in _IN_PERCENT else 1
    return round(low * scale), round(high * scale)


def _value(name: str, number: int) -> float:
    return number / 100 if name in _IN_PERCENT else number
