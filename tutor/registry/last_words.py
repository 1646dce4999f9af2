"""What a process said before it failed, and of several that torchrun began, what the one said that failed first."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Final

from django.utils.translation import gettext_noop

from tutor.language import Sentence

#: In torchrun's report of those that failed, the first of them last.
_FAILURE: Final = re.compile(r"^ +rank +: (\d+).*\n +exitcode +: (-?\d+)", re.MULTILINE)
#: In lines of torchrun's own, which follow those of its processes.
_LAUNCHER: Final = "torch/distributed/elastic/"

ENDED: Final = gettext_noop("{step} was ended by signal {n}")


def last_words(log: Path) -> str:
    """Its last line, or all lines of the error that a traceback ends with."""
    return _error([line for line in _read(log).splitlines() if line.strip()])


def of_processes(log: Path, step: Sentence) -> str:
    """The signal that ended one of them, else the error of the first that failed: the others' are of losing it."""
    told = _read(log)
    failures = [(rank, int(status)) for rank, status in _FAILURE.findall(told)]
    # The launcher itself terminates those that are left.
    signals = [-status for _, status in failures if status < 0 and status != -signal.SIGTERM]
    if signals:
        return Sentence(ENDED, step=step, n=signals[-1])
    lines = [line for line in told.splitlines() if line.strip()]
    return _error(_own(lines, failures[-1][0]) if failures else lines)


def _own(lines: list[str], rank: str) -> list[str]:
    """What a process said; before the processes have met their lines bear no mark."""
    mark = f"[rank{rank}]: "
    if marked := [line.removeprefix(mark) for line in lines if line.startswith(mark)]:
        return marked
    end = next((number for number, line in enumerate(lines) if _LAUNCHER in line), len(lines))
    return [line for line in lines[:end] if not line.startswith("[rank")]


def _error(lines: list[str]) -> str:
    if "Traceback (most recent call last):" not in lines:
        return lines[-1].strip() if lines else ""
    told = max(number for number, line in enumerate(lines) if line.startswith(" ")) + 1
    return " ".join(lines[told:])


def _read(log: Path) -> str:
    return log.read_text(errors="replace")
