"""The map as SVG: a template would look up some hundred thousand names for a few hundred boxes and lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tutor.dashboard.prerequisites_layout import BOX_HEIGHT, BOX_WIDTH, MARGIN, Drawing, Line, Place
from tutor.dashboard.prerequisites_state import Edge
from tutor.tracing.status import Status

_PAD: Final = 9.0
_TEXT_TOP: Final = 17.0
_LEADING: Final = 14.5
_FOOT: Final = 16.0
_BAR_TOP: Final = 11.0
_BAR_HEIGHT: Final = 5
#: As long as the class is large.
_BAR: Final = BOX_WIDTH - 2 * _PAD


class Part(NamedTuple):
    """Of a box's bar, its `share` of the class."""

    status: Status
    share: float


class Box(NamedTuple):
    """`lines` of the title; `figures` at the left, `struggling` at the right of its foot; `said` is all in words."""

    concept: int
    title: str
    lines: Sequence[str]
    parts: Sequence[Part]
    figures: str
    struggling: str
    said: str
    is_found: bool


class Drawn(NamedTuple):
    """`is_back`: not what the page is about, and drawn so that the rest hangs together."""

    edge: Edge
    line: Line
    is_back: bool


def svg(
    drawing: Drawing, boxes: Iterable[Box], edges: Iterable[Drawn], address: str, *, is_searched: bool
) -> SafeString:
    """Hidden from screen readers and keyboards, for which the list is. `address`: of an edge without its concepts."""
    width, height = f"{drawing.width:.0f}", f"{drawing.height:.0f}"
    parts = [
        f'<svg id="map" class="map{" searched" if is_searched else ""}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" aria-hidden="true">',
        _heading(drawing) if drawing.apart else "",
        '<g class="edges">',
        *(_edge(drawn, escape(address)) for drawn in edges),
        "</g>",
        *(_box(box, drawing.places[box.concept]) for box in boxes),
        f'<defs><rect id="bar" x="{_PAD:g}" y="{BOX_HEIGHT - _BAR_TOP:g}" width="{_BAR:g}" height="{_BAR_HEIGHT}"/>'
        "</defs>",
        "</svg>",
    ]
    return SafeString("\n".join(parts))


def _heading(drawing: Drawing) -> str:
    text = escape(_("Without prerequisites, and nothing builds on them"))
    return f'<text class="apart" x="{MARGIN:g}" y="{drawing.apart_y + 18:.0f}">{text}</text>'


def _edge(drawn: Drawn, address: str) -> str:
    edge, line = drawn.edge, drawn.line
    said = ", ".join(text for text in (f"{edge.parent} → {edge.child}: {edge.label}", edge.sure, edge.waiting) if text)
    back = " back" if drawn.is_back else ""
    return (
        f'<a class="of{back}" tabindex="-1" href="{address}{edge.parent_id}/{edge.child_id}/" '
        f'data-from="{edge.pair[0]}" data-to="{edge.pair[1]}"><title>{escape(said)}</title>'
        f'<path class="edge {edge.kind}" d="{line.d}"/><path class="head {edge.kind}" d="{line.head}"/></a>'
    )


def _box(box: Box, place: Place) -> str:
    left, right, foot = place.x + _PAD, place.x + BOX_WIDTH - _PAD, place.y + BOX_HEIGHT - _FOOT
    title = escape(box.title)
    parts = [
        f'<a class="box{" found" if box.is_found else ""}" href="#c{box.concept}" tabindex="-1" '
        f'data-concept="{box.concept}" data-title="{title}"><title>{title}{escape(f". {box.said}" if box.said else "")}'
        f'</title><rect x="{place.x:.1f}" y="{place.y:g}" width="{BOX_WIDTH:g}" height="{BOX_HEIGHT:g}" rx="8"/>',
        *(_text(left, place.y + _TEXT_TOP + i * _LEADING, line) for i, line in enumerate(box.lines)),
    ]
    if box.figures:
        parts.append(_text(left, foot, box.figures, "figures"))
        parts.append(f'<use class="whole" href="#bar" x="{place.x:.1f}" y="{place.y:g}"/>')
    if box.struggling:
        parts.append(_text(right, foot, box.struggling, "figures struggles"))
    for part in box.parts:
        parts.append(
            f'<rect class="part {part.status}" x="{left:.1f}" y="{place.y + BOX_HEIGHT - _BAR_TOP:g}" '
            f'width="{part.share * _BAR:.1f}" height="{_BAR_HEIGHT}"/>'
        )
        left += part.share * _BAR
    return "".join(parts) + "</a>"


def _text(x: float, y: float, text: str, classes: str = "") -> str:
    named = f' class="{classes}"' if classes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{named}>{escape(text)}</text>'
