"""Runs a command humbly: `python -m tutor.registry.leash PID NICENESS CPUS COMMAND...`. Standard library only.

At niceness 19 it takes only time that nobody else wants, and of at most so many CPUs. It dies with the process PID
that started it.
"""

import contextlib
import ctypes
import os
import re
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

#: From this niceness on, only time that nobody else wants is taken.
HUMBLE = 19
#: Of <sys/prctl.h>: the signal that the kernel sends when the parent is gone.
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    owner, niceness, cpus, *command = arguments
    os.setpriority(os.PRIO_PROCESS, 0, int(niceness))
    if int(niceness) >= HUMBLE and sys.platform == "linux":
        # A nice process still keeps one that wakes up waiting for some milliseconds; an idle one gives way at once.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        # What gives way at once has still emptied the caches, and its core's other thread goes on: some CPUs stay free.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, by_core(os.sched_getaffinity(0))[-max(int(cpus), 1) :])
    # With autogrouping, niceness counts among the processes of a session only; this is the session's own.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(niceness)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # It may have died before the kernel was asked to watch it.
        if os.getppid() != int(owner):
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606


def by_core(cpus: Iterable[int]) -> list[int]:
    """CPUs that are threads of one core next to each other: they share its caches and its units."""
    return sorted(cpus, key=lambda cpu: (_first_thread(cpu), cpu))


def _first_thread(cpu: int) -> int:
    """Of the CPU's core; itself where the machine does not tell."""
    try:
        told = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
        return int(re.split("[,-]", told)[0])
    except (OSError, ValueError):
        return cpu


if __name__ == "__main__":
    main(sys.argv[1:])
