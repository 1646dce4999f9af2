"""The form of a class's settings: what is saved or typed, field by field, and what is wrong with it.

What was typed is never lost: it is shown again beside what it should be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple, final

from django.http import QueryDict
from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from tutor.accounts.models import Group
from tutor.dashboard import settings_values as values
from tutor.dashboard.matrix_page import area_of, area_title
from tutor.dashboard.pictures import Layout
from tutor.dashboard.settings_fields import BY_NAME, PARTS, SPINNING, WEEKDAYS, Field, Kind, Part
from tutor.dashboard.settings_values import Unreadable
from tutor.dashboard.settings_words import policy_label
from tutor.language import Texts
from tutor.scheduling import agreements
from tutor.scheduling.knobs import DEFAULTS, GOING_ON, POLICY, BadKnob
from tutor.scheduling.models import GroupSettings
from tutor.scheduling.policies import POLICIES
from tutor.scheduling.terms import Supposed

#: Names the settings that a form was made from, so that nobody overwrites what they have not seen.
OF: Final = "of"
_POLICIES: Final = (Kind.POLICY, Kind.NEXT_POLICY)


class Option(NamedTuple):
    value: str
    label: str | Promise
    is_chosen: bool
    about: str = ""


class Area(NamedTuple):
    """Concepts to choose from; `place` names the area in an address."""

    place: int
    title: str
    options: tuple[Option, ...]

    @property
    def n_chosen(self) -> int:
        return sum(option.is_chosen for option in self.options)


@final
@dataclass(frozen=True)
class Line:
    """A field as it stands. `value` is what was typed comes to, `saved` if that is nothing; `content` as for goals."""

    field: Field
    typed: Any
    value: Any
    saved: Any
    content: Snapshot | None
    error: str = ""
    is_contested: bool = False

    @property
    def default(self) -> Any:
        return default_of(self.field)

    @property
    def differs(self) -> bool:
        return bool(self.error) or self.value != self.default

    @property
    def is_changed(self) -> bool:
        return bool(self.error) or self.value != self.saved

    @property
    def bounds(self) -> str:
        return values.bounds(self.field)

    @property
    def told(self) -> str:
        return self._told(self.value)

    @property
    def told_saved(self) -> str:
        return self._told(self.saved)

    @property
    def told_default(self) -> str:
        return self._told(self.default)

    @property
    def options(self) -> list[Option]:
        """Of what is chosen rather than typed, but for concepts."""
        if self.field.kind is Kind.WEEKDAYS:
            return [Option(value, label, value in self.typed) for value, label in WEEKDAYS.items()]
        if self.field.kind is Kind.SPINNING:
            return [Option(value, label, value == self.typed) for value, label in SPINNING.items()]
        if self.field.kind is Kind.NEXT_POLICY:
            return [Option(name, policy_label(name), name == self.typed) for name in GOING_ON]
        abouts = Texts({name: policy.about for name, policy in POLICIES.items()})
        return [Option(name, policy_label(name), name == self.typed, abouts[name]) for name in POLICIES]

    @cached_property
    def areas(self) -> list[Area]:
        """Concepts by subject area, in the order of the map."""
        if self.content is None:
            return []
        chosen, found = set(self.typed), dict[str, list[Option]]()
        for concept in Layout.of(self.content).order.tolist():
            option = Option(str(concept), self.content.concept_titles[concept], str(concept) in chosen)
            found.setdefault(area_of(self.content, concept), []).append(option)
        return [Area(at, area_title(area), tuple(each)) for at, (area, each) in enumerate(found.items())]

    def _told(self, value: Any) -> str:
        return policy_label(value) if self.field.kind in _POLICIES else values.told(self.field, value, self.content)


class Shown(NamedTuple):
    """A part of the form, with its fields as they stand."""

    part: Part
    lines: tuple[Line, ...]

    @property
    def n_differ(self) -> int:
        return sum(line.differs for line in self.lines)

    @property
    def is_open(self) -> bool:
        return not self.part.is_folded or any(line.is_changed or line.error for line in self.lines)


@final
@dataclass(frozen=True)
class Form:
    """Attributes: supposed: what would be agreed; None if it cannot be.     of: version of what it was made from."""

    group: Group
    settings: GroupSettings
    lines: Mapping[str, Line]
    supposed: Supposed | None
    of: str

    @property
    def parts(self) -> Iterator[Shown]:
        for part in PARTS:
            yield Shown(part, tuple(self.lines[field.name] for field in part.fields))

    @property
    def errors(self) -> list[Line]:
        return [line for line in self.lines.values() if line.error]

    @property
    def changed(self) -> list[Line]:
        """What would be saved."""
        return [line for line in self.lines.values() if line.is_changed and not line.error]

    @property
    def changes(self) -> dict[str, Any]:
        return {line.field.name: line.value for line in self.changed}

    @property
    def contested(self) -> list[Line]:
        return [line for line in self.lines.values() if line.is_contested]

    @property
    def is_stale(self) -> bool:
        """Somebody else has saved since it was made."""
        return self.of != version(self.settings)

    def against(self) -> Form:
        """The same beside what somebody else has saved meanwhile; saved once more, it counts."""
        lines = {name: replace(line, is_contested=line.is_changed) for name, line in self.lines.items()}
        return replace(self, lines=lines, of=version(self.settings))


def version(settings: GroupSettings) -> str:
    return settings.updated_at.isoformat()


def form_of(
    group: Group, settings: GroupSettings, data: QueryDict, content: Snapshot | None, *, now: datetime
) -> Form:  # fmt: skip
    """What is saved, or typed. `data` may ask for one field's default (`reset`) or what is saved of it (`take`)."""
    saved = _saved(settings, content)
    lines = {name: Line(field, values.typed(field, saved[name], content), saved[name], saved[name], content)
             for name, field in BY_NAME.items()}  # fmt: skip
    if OF in data:
        lines = {name: _typed(line, data) for name, line in lines.items()}
    if (line := lines.get(data.get("reset", ""))) is not None:
        lines[line.field.name] = _set(line, line.default)
    if (line := lines.get(data.get("take", ""))) is not None:
        lines[line.field.name] = _set(line, line.saved)
    form = Form(group, settings, lines, None, data.get(OF) or version(settings))
    return form if form.errors else _supposed(form, now)


def default_of(field: Field) -> Any:
    return POLICY if field.kind is Kind.POLICY else getattr(DEFAULTS, field.name)


def _saved(settings: GroupSettings, content: Snapshot | None) -> dict[str, Any]:
    chosen = agreements.knobs_of(settings)
    found = {name: getattr(chosen, name, None) for name in BY_NAME} | {"policy": settings.policy or POLICY}
    found["quiet_weekdays"] = _ordered(chosen.quiet_weekdays)
    found["quiet_dates"] = tuple(sorted(set(chosen.quiet_dates)))
    if content is not None:
        # In the order of the curriculum, without what has left it: nobody can choose that.
        found["goals"] = tuple(sorted(set(chosen.goals) & content.concept_position.keys(),
                                      key=content.concept_position.__getitem__))  # fmt: skip
    return found


def _ordered(weekdays: Any) -> tuple[str, ...]:
    return tuple(each for each in WEEKDAYS if each in weekdays)


def _set(line: Line, value: Any) -> Line:
    return replace(line, typed=values.typed(line.field, value, line.content), value=value, error="")


def _typed(line: Line, data: QueryDict) -> Line:
    """Of an address that lacks a field, what is saved; but what is not ticked is not sent."""
    field = line.field
    if field.name not in data and field.kind not in (Kind.FLAG, Kind.WEEKDAYS, Kind.CONCEPTS):
        return line
    typed: Any = data.getlist(field.name) if field.kind in (Kind.WEEKDAYS, Kind.CONCEPTS) else data.get(field.name, "")
    try:
        if field.kind is Kind.CONCEPTS:
            if line.content is None:
                return line
            value: Any = _goals(line, data, line.content)
            typed = values.typed(field, value, line.content)
        else:
            value = _value(field, typed)
    except Unreadable as error:
        return replace(line, typed=typed, error=str(error))
    return replace(line, typed=bool(typed) if field.kind is Kind.FLAG else typed, value=value)


def _value(field: Field, typed: Any) -> Any:
    if field.is_typed:
        return values.number(field, typed)
    if field.kind is Kind.DAY:
        return values.day(typed)
    if field.kind is Kind.DAYS:
        return values.days(typed)
    if field.kind is Kind.FLAG:
        return bool(typed)
    if field.kind is Kind.WEEKDAYS:
        return _weekdays(typed)
    known = {Kind.POLICY: POLICIES, Kind.NEXT_POLICY: GOING_ON}.get(field.kind, SPINNING)
    if typed not in known:
        raise Unreadable(_("“%(typed)s” cannot be: choose one of the list.") % {"typed": typed})
    return typed if field.kind in _POLICIES else type(default_of(field))(typed)


def _weekdays(typed: list[str]) -> tuple[str, ...]:
    for each in typed:
        if each not in WEEKDAYS:
            raise Unreadable(_("“%(typed)s” is no day of the week: choose one of the list.") % {"typed": each})
    if len(set(typed)) == len(WEEKDAYS):
        raise Unreadable(_("All seven days cannot be: leave at least one to learn on."))
    return _ordered(typed)


def _goals(line: Line, data: QueryDict, content: Snapshot) -> tuple[str, ...]:
    """Concepts by position, and whole areas."""
    known = {option.value for area in line.areas for option in area.options}
    chosen = set(data.getlist("goals"))
    for each in chosen - known:
        raise Unreadable(_("“%(typed)s” is no concept of %(title)s: choose from the list.")
                         % {"typed": each, "title": content.title})  # fmt: skip
    areas = {str(area.place): area for area in line.areas}
    for index in data.getlist("goal_area"):
        if index in areas:
            chosen |= {option.value for option in areas[index].options}
    # All there are is what holds without a choice.
    positions = [] if chosen == known else sorted(map(int, chosen))
    return tuple(content.concept_keys[each] for each in positions)


def _supposed(form: Form, now: datetime) -> Form:
    """With what would be agreed, or what is wrong with it."""
    try:
        return replace(form, supposed=agreements.supposed(form.group, form.settings, form.changes, now=now))
    except BadKnob as bad:
        name = bad.name if bad.name in form.lines else "policy"
        line = replace(form.lines[name], error=_why(form, bad))
        return replace(form, lines={**form.lines, name: line})


def _why(form: Form, bad: BadKnob) -> str:
    if bad.name != "exam_on":
        return _("“%(typed)s” cannot be: choose one of the list.") % {"typed": bad.value}
    policy = form.lines["policy"].value
    serving = form.lines["after_placement"].value if POLICIES[policy].ends else policy
    said = {"day": form.lines["exam_on"].told, "policy": policy_label(serving)}
    return _("“%(day)s” cannot be: the policy “%(policy)s” needs a day ahead. Give one, or take another policy.") % said
