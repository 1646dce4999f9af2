"""An item's curve as SVG geometry, in the units of its viewBox. Pure: figures in, path data out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from kt_models.items import share_interval
from tutor.dashboard.items_words import Range
from tutor.language import percent

WIDTH: Final = 320.0
HEIGHT: Final = 160.0
#: The axis of times goes from this many seconds to this many; each quarter of it is four times as long.
SHORTEST: Final = 4.0
LONGEST: Final = 1024.0


@final
@dataclass(frozen=True)
class Group:
    """Learners of about one ability: who, their share right, what is expected of an average item, and where."""

    number: int
    n: int
    right: Range
    expected: float
    x: str
    y: str
    bar: str
    label: str


@final
@dataclass(frozen=True)
class Curve:
    """`line`: through the shares right.     expected: through what is expected of an average item."""

    groups: tuple[Group, ...]
    line: str
    expected: str
    summary: str


def curve(row: Any) -> Curve | None:
    """Of a row of `items.ITEM`; None with less than two groups."""
    counts = row["group_n"][row["group_n"] > 0]
    if len(counts) < 2:
        return None
    right = row["group_right"][: len(counts)]
    low, high = share_interval(right, counts)
    shares = [Range(*each) for each in zip((right / counts).tolist(), low.tolist(), high.tolist(), strict=True)]
    expected = row["group_expected"][: len(counts)].astype(np.float64).tolist()
    groups = tuple(_group(k, len(counts), int(counts[k]), shares[k], expected[k]) for k in range(len(counts)))
    return Curve(
        groups,
        line="M" + "L".join(f"{each.x} {each.y}" for each in groups),
        expected="M" + "L".join(f"{each.x} {_at(each.expected)}" for each in groups),
        summary=_("Share right from the least able to the ablest: %(shares)s; of an average item %(expected)s.")
        % {
            "shares": ", ".join(percent(each.value) for each in shares),
            "expected": ", ".join(percent(each) for each in expected),
        },
    )


def _group(k: int, size: int, n: int, right: Range, expected: float) -> Group:
    x = _number((k + 0.5) / size * WIDTH)
    text = ngettext(
        "Group %(k)s of %(size)s by ability, %(n)s learner: %(right)s right (%(low)s to %(high)s)",
        "Group %(k)s of %(size)s by ability, %(n)s learners: %(right)s right (%(low)s to %(high)s)",
        n,
    )
    said = {name: percent(value) for name, value in (("right", right.value), ("low", right.low), ("high", right.high))}
    bar = f"M{x} {_at(right.low)}V{_at(right.high)}"
    return Group(k + 1, n, right, expected, x, _at(right.value), bar, text % {"k": k + 1, "size": size, "n": n, **said})


def on_time_axis(seconds: float) -> str:
    """In percent of its width; what lies beyond stands at its end."""
    share = np.log(max(seconds, 1e-9) / SHORTEST) / np.log(LONGEST / SHORTEST)
    return _number(100.0 * float(np.clip(share, 0.0, 1.0)))


def _at(share: float) -> str:
    return _number((1.0 - share) * HEIGHT)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
