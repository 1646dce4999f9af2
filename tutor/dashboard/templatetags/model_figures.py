"""Tags and filters of the pages of models: figures with their intervals, and how they are computed."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from tutor import language
from tutor.dashboard.models_words import definitions
from tutor.language import Figure
from tutor.registry.card import Value

register = template.Library()

#: What a figure that is undefined is shown as.
_NONE = "\N{EN DASH}"


@register.inclusion_tag("dashboard/_definition.html")
def explain(key: str, side: str = "start") -> dict[str, Any]:
    """How a figure of models is computed. `side`: the edge of the sign that the text lines up with."""
    return {"definition": definitions()[key], "side": side}


@register.filter
def estimate(found: Value | None) -> str:
    return _with_range(found, "{:.3f}", "\N{EN DASH}")


@register.filter
def difference(found: Value | None) -> str:
    return _with_range(found, "{:+.3f}", _(" to "))


@register.filter
def grouped(count: int) -> str:
    return language.grouped(count)


@register.filter
def mebibytes(count: int) -> str:
    return (
        f"{Figure(count / 2**20):,.0f}\N{NO-BREAK SPACE}MiB"
        if count < 2**30
        else f"{Figure(count / 2**30):.1f}\N{NO-BREAK SPACE}GiB"
    )


@register.filter
def seconds_in_words(count: float) -> str:
    """A time that was waited."""
    if count < 1:
        return _("less than a second")
    if count < 120:
        return f"{count:.0f}\N{NO-BREAK SPACE}s"
    return f"{count / 60:.0f}\N{NO-BREAK SPACE}min" if count < 7200 else f"{count / 3600:.0f}\N{NO-BREAK SPACE}h"


def _with_range(found: Value | None, form: str, between: str) -> SafeString:
    if found is None or found.value is None:
        return mark_safe(_NONE)  # noqa: S308
    value, low, high = (None if each is None else _minus(form.format(Figure(each))) for each in
                        (found.value, found.low, found.high))  # fmt: skip
    shown = f'<span class="figure">{value}</span>'
    if low is None or high is None:
        return mark_safe(shown)  # noqa: S308
    return mark_safe(f'{shown} <span class="muted interval">({low}{between}{high})</span>')  # noqa: S308


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
