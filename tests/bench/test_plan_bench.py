"""The benchmark of plans measures every policy, of a learner whose rows agree with each other."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from tests.bench import harness, plan
from tutor.scheduling.policies import POLICIES
from tutor.tracing.evidence import Evidence


def test_there_is_a_figure_of_every_policy() -> None:
    line = [sys.executable, "-m", "tests.bench", "plan", "--quick"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=harness.ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    figures = [json.loads(each) for each in done.stdout.splitlines()]
    assert [figure["name"] for figure in figures] == list(POLICIES)
    assert all(figure["value"] > 0 and figure["unit"] == "CPU ms/plan" for figure in figures)


def test_the_history_is_what_the_evidence_tells_of() -> None:
    learner = plan.a_learner(50)
    evidence, history = Evidence.from_bytes(learner.evidence), learner.history
    assert (np.diff(history.seconds) >= 0).all()
    for row in evidence.rows:
        of = history.concept == row["concept"]
        outcomes = history.correct[of]
        assert (row["n"], row["correct"], row["seconds"]) == (of.sum(), outcomes.sum(), history.seconds[of][-1])
        assert row["recent"] == sum(1 << place for place, right in enumerate(outcomes[::-1]) if right)
