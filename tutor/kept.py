"""What may be a moment old: values kept for a time, so that reading them at every answer costs no query."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: A change is visible to every process after this; whoever misses something looks again at once.
KEPT_SECONDS: Final = 2.0


class Kept(Generic[K, V]):
    """A dictionary that forgets. Threads may compute a value twice; no harm.

    After `KEPT_SECONDS`, or as many as are said; with `most`, also the oldest when there are more.
    """

    def __init__(self, compute: Callable[[K], V], *, seconds: float | None = None, most: int | None = None) -> None:
        self._compute, self._seconds, self._most = compute, seconds, most
        self._values: dict[K, tuple[float, V]] = {}

    def get(self, key: K, *, fresh: bool = False) -> V:
        found = self._values.get(key)
        now = time.monotonic()
        if found and not fresh and now - found[0] < (KEPT_SECONDS if self._seconds is None else self._seconds):
            return found[1]
        value = self._compute(key)
        self._values[key] = (now, value)
        if self._most is not None and len(self._values) > self._most:
            oldest = min(list(self._values.items()), key=lambda each: each[1][0])[0]
            self._values.pop(oldest, None)
        return value

    def clear(self) -> None:
        self._values.clear()
