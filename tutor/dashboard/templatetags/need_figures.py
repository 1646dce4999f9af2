"""Filters of the page of learners in need."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def points(change: float) -> str:
    """A difference of shares in percentage points, with its sign."""
    whole = round(100 * change)
    return f"{whole:+d}".replace("-", "\N{MINUS SIGN}") if whole else "0"
