"""Settings between what a teacher types and what is agreed: read, written, and told in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from curricula.snapshot import Snapshot
from tutor.dashboard.settings_fields import SPINNING, WEEKDAYS, Field, Kind
from tutor.language import Figure
from tutor.scheduling.knobs import RANGES
from tutor.scheduling.policies import Spinning

#: As in the API: the days of a year.
MOST_DATES: Final = 366
#: Concepts that a sentence names.
NAMED: Final = 3

#: A day, or two with any word or dash between them: “to” in every language.
_DAYS: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:\s*(?:[^\W\d]+|\.\.|[\u2013-])\s*(\d{4}-\d\d-\d\d))?")


class Unreadable(ValueError):
    """What was typed cannot be; the message names it, the rule and the way out."""


def bounds(field: Field) -> str:
    """“50 to 99%”, "" where there are none."""
    if field.name not in RANGES:
        return ""
    low, high = (_figure(field, end) for end in RANGES[field.name][:2])
    return _("%(low)s to %(high)s") % {"low": low, "high": high} + _unit(field)


def number(field: Field, text: str) -> float | int | None:
    """None for nothing, where that may be.

    Raises:
        Unreadable: if it is no number, or beyond the bounds.
    """
    text = text.strip().removesuffix("%").strip()
    if not text and field.none:
        return None
    try:
        typed = float(text.replace(",", "."))
    except ValueError:
        typed = float("nan")
    value = round(typed / 100.0, 6) if field.kind is Kind.PERCENT else typed
    low, high, _otherwise = RANGES[field.name]
    if not low <= value <= high or (field.kind is Kind.COUNT and value != int(value)):
        raise Unreadable(_refused(field, text))
    return int(value) if field.kind is Kind.COUNT else value


def day(text: str) -> date | None:
    """Raises: Unreadable: if it is no day."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise Unreadable(
            _("“%(typed)s” is no day: write year, month and day, such as 2027-06-14.") % {"typed": text}
        ) from error


def days(text: str) -> tuple[date, ...]:
    """Days and spans of days, one a line, in order and each once.

    Raises:
        Unreadable: if a line is neither, or there are too many.
    """
    lines = [line.strip() for line in re.split(r"[\n,;]", text) if line.strip()]
    found = sorted({each for line in lines for each in _span(line)})
    if len(found) > MOST_DATES:
        raise Unreadable(
            _("%(n)s days cannot be: %(most)s are the most. Leave out those that are past.")
            % {"n": len(found), "most": MOST_DATES}
        )
    return tuple(found)


def typed(field: Field, value: Any, content: Snapshot | None) -> Any:
    """As the controls of a field hold it: text, a list of texts, or whether it is on."""
    if field.kind is Kind.CONCEPTS:
        known = content.concept_position if content else {}
        return [str(known[key]) for key in value if key in known]
    if field.kind is Kind.WEEKDAYS:
        return list(value)
    if field.kind is Kind.FLAG:
        return bool(value)
    if field.kind is Kind.DAYS:
        return "\n".join(_spans(value, lambda each: each.isoformat()))
    if value is None:
        return ""
    if field.kind is Kind.DAY:
        return value.isoformat()
    return _plain(field, value) if field.is_typed else str(value)


def told(field: Field, value: Any, content: Snapshot | None = None) -> str:
    """For people: “85%”, “no limit”, “14 June 2027”."""
    if value in (None, ()):
        return str(field.none)
    if field.kind is Kind.FLAG:
        return _("on") if value else _("off")
    if field.kind is Kind.DAY:
        return date_format(value, "DATE_FORMAT")
    if field.kind is Kind.DAYS:
        return ", ".join(_spans(value, lambda each: date_format(each, "DATE_FORMAT")))
    if field.kind is Kind.WEEKDAYS:
        return ", ".join(str(WEEKDAYS[each]) for each in WEEKDAYS if each in value)
    if field.kind is Kind.CONCEPTS:
        return _concepts(value, content)
    if field.kind is Kind.SPINNING:
        return str(SPINNING[Spinning(value).value])
    if field.kind in (Kind.POLICY, Kind.NEXT_POLICY):
        return str(value)
    return _figure(field, value) + _unit(field)


def _refused(field: Field, text: str) -> str:
    rule = bounds(field)
    if not text:
        said = _("A value is missing: give one, %(rule)s (%(why)s).")
    elif field.kind is Kind.COUNT:
        said = _("“%(typed)s” cannot be: give a whole number, %(rule)s (%(why)s).")
    else:
        said = _("“%(typed)s” cannot be: give a number, %(rule)s (%(why)s).")
    return said % {"typed": text, "rule": rule, "why": field.why}


def _span(line: str) -> Iterator[date]:
    found = _DAYS.fullmatch(line)
    try:
        first = date.fromisoformat(found[1] if found else line)
        last = date.fromisoformat(found[2]) if found and found[2] else first
    except ValueError as error:
        raise Unreadable(
            _("“%(typed)s” is no day: write 2026-12-24, or 2026-12-24 to 2027-01-06.") % {"typed": line}
        ) from error
    if last < first or (last - first).days >= MOST_DATES:
        raise Unreadable(
            _("“%(typed)s” cannot be: the last day is not before the first, and %(most)s days are the most.")
            % {"typed": line, "most": MOST_DATES}
        )
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


def _spans(found: Iterable[date], written: Callable[[date], str]) -> list[str]:
    """Days that follow each other as one span."""
    spans: list[list[date]] = []
    for each in sorted(found):
        if spans and (each - spans[-1][1]).days == 1:
            spans[-1][1] = each
        else:
            spans.append([each, each])
    to = _("%(low)s to %(high)s")
    return [written(a) if a == b else to % {"low": written(a), "high": written(b)} for a, b in spans]


def _concepts(keys: Sequence[str], content: Snapshot | None) -> str:
    known = content.concept_position if content else {}
    titles = [content.concept_titles[known[key]] if content and key in known else key for key in keys]
    if len(titles) <= NAMED:
        return ", ".join(titles)
    n = len(titles) - NAMED
    more = ngettext("%(named)s and %(n)s more", "%(named)s and %(n)s more", n)
    return more % {"named": ", ".join(titles[:NAMED]), "n": n}


def _figure(field: Field, value: float) -> str:
    """As the language writes it, in the unit of the field."""
    shown = round(value * 100, 4) if field.kind is Kind.PERCENT else value
    return f"{Figure(shown):g}"


def _unit(field: Field) -> str:
    """As it follows a number."""
    if field.kind is Kind.PERCENT:
        return pgettext("after a number", "%")
    return f"\N{NO-BREAK SPACE}{field.unit}" if field.unit else ""


def _plain(field: Field, value: float) -> str:
    """The same as it is typed again."""
    shown = round(value * 100, 4) if field.kind is Kind.PERCENT else value
    return f"{shown:g}"
