"""What a fit tells of itself while it is under way: records in a file, a bar on a terminal."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any, TextIO, final

import numpy as np


class BadLog(ValueError):
    """A file cannot take records."""


@final
class Log:
    """Records as JSON lines in a file, if one is named; those of a fit that is resumed follow its earlier ones."""

    def __init__(self, path: Path | None, resumed: bool) -> None:
        try:
            if path and not resumed:
                path.write_bytes(b"")
            # Other processes append to it when they fail.
            self._file: TextIO | None = path.open("a", encoding="utf-8") if path else None
        except OSError as error:
            raise BadLog(f"--json-log {path}: cannot be written ({error.strerror}): name another file") from error

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def write(self, event: str, **record: Any) -> None:
        if self._file:
            print(json.dumps({"event": event, **record}, default=_plain), file=self._file, flush=True)


def tell_failure(path: Path | None, status: int, message: str) -> None:
    """Appends, as any of several processes may fail, and before the log is begun."""
    if path is None:
        return
    # A log that cannot be written is what the message says.
    with contextlib.suppress(OSError), path.open("a", encoding="utf-8") as file:
        print(json.dumps({"event": "failed", "status": status, "message": message}), file=file, flush=True)


@final
class Bar:
    """A bar on stderr if that is a terminal; records with `step` (done so far) and `steps` (in all) move it."""

    def __init__(self, name: str) -> None:
        self._bar: Any = None
        if sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(desc=name, leave=False)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def move(self, record: dict[str, float]) -> None:
        if self._bar is None:
            return
        self._bar.total = record.get("steps", self._bar.total)
        self._bar.set_postfix({k: v for k, v in record.items() if k not in ("step", "steps")}, refresh=False)
        self._bar.update(record.get("step", self._bar.n + 1) - self._bar.n)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value)
