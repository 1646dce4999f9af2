"""Rules that several settings share."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite


def require(settings: object, *, positive: str = "", shares: str = "", counts: str = "", natural: str = "") -> None:
    """Checks fields of a dataclass, named in strings with spaces between.

    Args:
        positive: finite and above 0.     shares: in [0, 1].     counts: 1 or more.     natural: finite, 0 or more.
    Raises:
        ValueError: names the field, its value and the rule.
    """
    rules: tuple[tuple[str, Callable[[float], bool], str], ...] = (
        (positive, lambda x: isfinite(x) and x > 0, "must be finite and above 0"),
        (shares, lambda x: 0 <= x <= 1, "must lie in [0, 1]"),
        (counts, lambda x: x >= 1, "must be 1 or more"),
        (natural, lambda x: isfinite(x) and x >= 0, "must be finite and not negative"),
    )
    for names, holds, rule in rules:
        for name in names.split():
            value = getattr(settings, name)
            if not holds(value):
                raise ValueError(f"{type(settings).__name__}.{name} is {value}: {rule}")
