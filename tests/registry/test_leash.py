"""A fit runs beside the answer path, and leaves it what it needs: through the command line that workers start it by."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tutor.registry.leash import HUMBLE, by_core

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's policies and CPU sets are Linux'")

#: What a process tells of how it runs.
TELL = """
import json, os, threading
cpus = []
thread = threading.Thread(target=lambda: cpus.extend(os.sched_getaffinity(0)))
thread.start(); thread.join()
print(json.dumps([os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), sorted(cpus)]))
"""


def told(niceness: int, cpus: int, *, allowed: set[int] | None = None) -> Any:
    """Policy, niceness and CPUs of a command on the leash, by a process that may use some CPUs."""
    command = [sys.executable, "-m", "tutor.registry.leash", str(os.getpid()), str(niceness), str(cpus)]
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, allowed or before)
        # A session of its own, as workers give it: niceness counts for the whole of it.
        done = subprocess.run(
            [*command, sys.executable, "-c", TELL], capture_output=True, text=True, check=True, start_new_session=True
        )
    finally:
        os.sched_setaffinity(0, before)
    return json.loads(done.stdout)


def test_a_humble_fit_keeps_to_some_cpus_with_all_its_threads() -> None:
    mine = by_core(os.sched_getaffinity(0))
    half = max(len(mine) // 2, 1)
    assert told(HUMBLE, half) == [os.SCHED_IDLE, HUMBLE, sorted(mine[-half:])]


def test_it_has_one_cpu_at_least_and_those_of_its_worker_at_most() -> None:
    mine = by_core(os.sched_getaffinity(0))
    assert told(HUMBLE, 0)[2] == mine[-1:]
    assert told(HUMBLE, 1_000)[2] == sorted(mine)
    # A container, or an operator, has left the worker one.
    assert told(HUMBLE, 1, allowed={mine[0]})[2] == [mine[0]]


def test_a_fit_that_need_not_be_humble_runs_where_it_likes() -> None:
    assert told(5, 1) == [os.SCHED_OTHER, 5, sorted(os.sched_getaffinity(0))]


def test_threads_of_a_core_stand_together() -> None:
    """So that the last half of the CPUs is half of the cores, however the machine counts."""
    mine = by_core(os.sched_getaffinity(0))
    assert sorted(mine) == sorted(os.sched_getaffinity(0))
    cores = [_siblings(cpu) for cpu in mine]
    assert all(cores.count(core) == len(_run(cores, at)) for at, core in enumerate(cores) if at == cores.index(core))


def _siblings(cpu: int) -> str:
    return Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()


def _run(cores: list[str], at: int) -> list[str]:
    stop = next((i for i in range(at, len(cores)) if cores[i] != cores[at]), len(cores))
    return cores[at:stop]


def test_a_fit_ends_with_the_worker_that_started_it() -> None:
    """The leash was put on by a process that is gone by now."""
    command = [sys.executable, "-m", "tutor.registry.leash", "1", str(HUMBLE), "1", sys.executable, "-c", TELL]
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    assert (done.returncode, done.stdout) == (1, "")
