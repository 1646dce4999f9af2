"""Why a fit failed, as its processes say: two that torchrun begins, one of which fails on its own account."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tutor.language import Sentence
from tutor.registry.last_words import of_processes

FIT = """
import os, sys, torch
import torch.distributed as together
if sys.argv[1] == "early":
    raise ImportError("no module named so")
together.init_process_group("gloo")
if os.environ["RANK"] == "1":
    {"killed": lambda: os.kill(os.getpid(), 9), "odd": lambda: int("three")}[sys.argv[1]]()
together.all_reduce(torch.ones(2))
"""


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("killed", "fit was ended by signal 9"),
        ("odd", "ValueError: invalid literal for int() with base 10: 'three'"),
        ("early", "ImportError: no module named so"),
    ],
)
def test_the_error_of_the_first_that_failed_is_told(tmp_path: Path, how: str, told: str) -> None:
    fit, log = tmp_path / "fit.py", tmp_path / "log"
    fit.write_text(FIT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(fit), how]
    with log.open("wb") as said:
        assert subprocess.run(command, stdout=said, stderr=said, check=False).returncode == 1
    assert of_processes(log, Sentence("fit")) == told
