"""Tags and filters of the pages: statuses as marks, definitions one click away, times and shares in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django import template
from django.template import Context
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import npgettext_lazy

from tutor import language
from tutor.dashboard.pictures import SPANS
from tutor.dashboard.words import LABELS, Definition, definitions
from tutor.tracing.status import Status

register = template.Library()

#: After "in" and before "ago": languages with cases decline them there.
_SPANS: Final[dict[str, Any]] = {
    "year": npgettext_lazy("in … or … ago", "%(num)d year", "%(num)d years", "num"),
    "month": npgettext_lazy("in … or … ago", "%(num)d month", "%(num)d months", "num"),
    "week": npgettext_lazy("in … or … ago", "%(num)d week", "%(num)d weeks", "num"),
    "day": npgettext_lazy("in … or … ago", "%(num)d day", "%(num)d days", "num"),
    "hour": npgettext_lazy("in … or … ago", "%(num)d hour", "%(num)d hours", "num"),
    "minute": npgettext_lazy("in … or … ago", "%(num)d minute", "%(num)d minutes", "num"),
}
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
    known: Mapping[str, Definition] = getattr(context.get("page"), "definitions", None) or definitions()
    return {"definition": known[key], "side": side}


@register.filter
def label(status: Status) -> str:
    return LABELS[Status(status)]


@register.filter
def percent(share: float) -> str:
    return language.percent(share)


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
        return _("just now")
    return _("%(span)s ago") % {"span": timesince(moment, now, time_strings=_SPANS, depth=1)}


@register.filter
def ahead(moment: datetime, now: datetime) -> str:
    """A due time in words; a past one has come."""
    if moment <= now:
        return _("now")
    return _("in %(span)s") % {"span": timeuntil(moment, now, time_strings=_SPANS, depth=1)}
