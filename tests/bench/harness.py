"""Runs benchmarks and prints what they measure: one JSON line a figure, {name, value, unit, machine, commit, ...}.

A benchmark is a module in this folder with `figures(options)`, which yields dictionaries of at least name, value and
unit; or one that prints such lines itself when it is run. Progress and remarks go to stderr.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parents[1]
#: Data sets that are not part of the repository; benchmarks that need one say so and measure nothing without.
DATA: Final = ROOT.parent / "shared" / "data"


def names() -> list[str]:
    """The benchmarks: modules that define `figures`."""
    found = (path for path in FOLDER.glob("*.py") if not path.name.startswith("_"))
    return sorted(path.stem for path in found if "\ndef figures(" in path.read_text())


def run(name: str, options: argparse.Namespace) -> None:
    """One benchmark, in this process."""
    module = importlib.import_module(f"tests.bench.{name}")
    if takes_options(module.figures):
        for figure in module.figures(options):
            print_figure(name, figure)
    else:
        subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], cwd=ROOT, check=True)


def run_apart(name: str, arguments: list[str]) -> int:
    """One benchmark, in a process of its own: its settings and threads are not the next one's."""
    return subprocess.run([sys.executable, "-m", "tests.bench", name, *arguments], cwd=ROOT, check=False).returncode


def takes_options(function: Any) -> bool:
    return list(inspect.signature(function).parameters) == ["options"]


def print_figure(bench: str, figure: dict[str, Any]) -> None:
    print(json.dumps({"bench": bench, **figure, **context()}), flush=True)


def remark(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def without_data(path: Path) -> Iterator[dict[str, Any]]:
    """What a benchmark yields when its data set is absent."""
    remark(f"skipped: {path} is not on this machine")
    return iter(())


@cache
def context() -> dict[str, Any]:
    """Where and of what the figures are. `load` is the machine's at the start, in processes that want a core."""
    return {
        "machine": machine(),
        "commit": commit(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {models[0] if models else platform.processor() or platform.machine()}"


def commit() -> str:
    """With a + where the working tree differs from it."""
    described = _git("describe", "--always", "--exclude=*", "--abbrev=12")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return (described or "unknown") + ("+" if changed else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
