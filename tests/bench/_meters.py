"""CPU time and memory of processes, while something runs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from threading import Event, Thread
from typing import Final

import psutil

SAMPLE_SECONDS: Final = 0.5
MIB: Final = 2**20


class Meters:
    """Of named process trees; this process's own tree is itself alone, for the others are its children."""

    def __init__(self, roots: Mapping[str, int], *, alone: str) -> None:
        self._roots = {name: psutil.Process(pid) for name, pid in roots.items()}
        self._alone = alone
        self.peak_mib = dict.fromkeys(roots, 0.0)
        self._stop = Event()
        self._thread = Thread(target=self._sample, daemon=True)
        self._thread.start()

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, user and system, with children that have ended."""
        return {name: self._cpu(name) for name in self._roots}

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _members(self, name: str) -> list[psutil.Process]:
        root = self._roots[name]
        return [root] if name == self._alone else [root, *root.children(recursive=True)]

    def _cpu(self, name: str) -> float:
        total = 0.0
        for process in self._members(name):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
                if name != self._alone:
                    total += times.children_user + times.children_system
        return total

    def _sample(self) -> None:
        """The largest process of each tree: shared memory would count many times in a sum."""
        while not self._stop.wait(SAMPLE_SECONDS):
            for name in self._roots:
                with contextlib.suppress(psutil.NoSuchProcess):
                    largest = max(process.memory_info().rss for process in self._members(name)) / MIB
                    self.peak_mib[name] = max(self.peak_mib[name], largest)
