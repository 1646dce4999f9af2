"""Tags and filters of forecasts: scores with their ranges, as text and as pictures."""

from __future__ import annotations

from typing import Any

from django import template

from tutor.dashboard.forecast_page import LearnerLine, Range
from tutor.dashboard.forecast_pictures import bell as drawn

register = template.Library()


@register.filter
def ends(found: Range) -> str:
    """The 90 % range, in whole percent."""
    return f"({100 * found.low:.0f}\N{EN DASH}{100 * found.high:.0f})"


@register.inclusion_tag("dashboard/_forecast_bell.html")
def bell(line: LearnerLine, wanted: float) -> dict[str, Any]:
    """The expected score of a learner who has one, on a scale to 100, and where the wanted score stands."""
    if line.alone is None or line.followed is None:
        return {}
    return {"bell": drawn(line.alone.value, *line.followed), "wanted": f"{100 * wanted:.0f}"}
