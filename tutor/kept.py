"""What may be a moment old: values kept for two seconds, so that reading them at every answer costs no query."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: A change is visible to every process after this; whoever misses something looks again at once.
KEPT_SECONDS: Final = 2.0


class Kept(Generic[K, V]):
    """A dictionary that forgets. Threads may compute a value twice; no harm."""

    def __init__(self, compute: Callable[[K], V]) -> None:
        self._compute = compute
        self._values: dict[K, tuple[float, V]] = {}

    def get(self, key: K, *, fresh: bool = False) -> V:
        found = self._values.get(key)
        now = time.monotonic()
        if found and not fresh and now - found[0] < KEPT_SECONDS:
            return found[1]
        value = self._compute(key)
        self._values[key] = (now, value)
        return value

    def clear(self) -> None:
        self._values.clear()
