"""Tags and filters of the pages: statuses as marks, definitions one click away, times and shares in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django import template
from django.template import Context
from django.utils.timesince import timesince, timeuntil

from tutor.dashboard.pictures import SPANS
from tutor.dashboard.words import LABELS, Definition, definitions
from tutor.tracing.status import Status

register = template.Library()

_DEFINITIONS: Final = definitions()
_MARKS: Final = {
    status: "".join(f"M2 {top}h6v{height}h-6z" for top, height in spans) for status, spans in SPANS.items()
}


@register.inclusion_tag("dashboard/_mark.html")
def mark(status: Status) -> dict[str, Any]:
    """The shape of a status, as in a strip; for the eye only, so its label must stand beside it."""
    return {"status": status, "d": _MARKS[Status(status)]}


@register.inclusion_tag("dashboard/_definition.html", takes_context=True)
def definition(context: Context, key: str, side: str = "start") -> dict[str, Any]:
    """How a figure is computed, on this page. `side`: the edge of the sign that the text lines up with."""
    known: Mapping[str, Definition] = getattr(context.get("page"), "definitions", _DEFINITIONS)
    return {"definition": known[key], "side": side}


@register.filter
def label(status: Status) -> str:
    return LABELS[Status(status)]


@register.filter
def percent(share: float) -> str:
    return f"{share:.0%}"


@register.filter
def whole(share: float) -> int:
    """A share as a whole number of percent, for pictures."""
    return round(share * 100)


@register.filter
def duration(minutes: float) -> str:
    return f"{round(minutes * 60)}\N{NO-BREAK SPACE}s" if minutes < 1 else f"{minutes:.0f}\N{NO-BREAK SPACE}min"


@register.filter
def ago(moment: datetime, now: datetime) -> str:
    if (now - moment).total_seconds() < 60:
        return "just now"
    return f"{timesince(moment, now, depth=1)} ago"


@register.filter
def ahead(moment: datetime, now: datetime) -> str:
    """A due time in words; a past one has come."""
    return f"in {timeuntil(moment, now, depth=1)}" if moment > now else "now"
