"""How far a command is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from tqdm import tqdm

#: Between lines where there is no terminal.
LINE_SECONDS: Final = 10.0


class Progress:
    """Counts what is done; `total` None where it is not known."""

    def __init__(self, label: str, unit: str, total: int | None, stream: TextIO) -> None:
        self._label, self._unit, self._total, self._stream = label, unit, total, stream
        self._bar = tqdm(desc=label, unit=f" {unit}", total=total, file=stream) if stream.isatty() else None
        self._started = self._said = time.monotonic()
        self.done = 0

    def add(self, n: int) -> None:
        self.done += n
        if self._bar is not None:
            self._bar.update(n)
        elif time.monotonic() - self._said >= LINE_SECONDS:
            self._say()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        else:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        of = f" of {self._total:,}" if self._total is not None else ""
        seconds = self._said - self._started
        print(f"{self._label}: {self.done:,}{of} {self._unit} in {seconds:.0f} s", file=self._stream, flush=True)


@contextmanager
def progress(label: str, unit: str, total: int | None = None, stream: TextIO | None = None) -> Iterator[Progress]:
    shown = Progress(label, unit, total, sys.stderr if stream is None else stream)
    try:
        yield shown
    finally:
        shown.close()
