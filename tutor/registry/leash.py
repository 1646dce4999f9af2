"""Runs a command humbly: `python -m tutor.registry.leash PID NICENESS COMMAND...`. Standard library only.

At niceness 19 it takes only time that nobody else wants. It dies with the process PID that started it.
"""

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

#: From this niceness on, only time that nobody else wants is taken.
HUMBLE = 19
#: Of <sys/prctl.h>: the signal that the kernel sends when the parent is gone.
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    owner, niceness, *command = arguments
    os.setpriority(os.PRIO_PROCESS, 0, int(niceness))
    if int(niceness) >= HUMBLE and sys.platform == "linux":
        # A nice process still keeps one that wakes up waiting for some milliseconds; an idle one gives way at once.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    # With autogrouping, niceness counts among the processes of a session only; this is the session's own.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(niceness)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # It may have died before the kernel was asked to watch it.
        if os.getppid() != int(owner):
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
