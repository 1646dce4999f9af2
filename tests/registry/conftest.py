from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from curricula.models import Curriculum
from tests.flow import steps
from tests.registry.training import Busy, reached, request
from tutor.accounts.models import School
from tutor.registry import runs
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion, TrainingRun


@pytest.fixture
def baseline(fractions: Curriculum) -> ModelVersion:
    """It serves."""
    found = registry.ensure_served(fractions.pk)
    assert found
    return found


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """Where fits are made, without a pause."""
    settings.TRAINING_DIR, settings.TRAINING_NICE = tmp_path / "training", 5
    settings.TRAINING_PAUSE_SECONDS, settings.TRAINING_SHARE = 0, 1.0
    return tmp_path / "training"


@pytest.fixture
def practised(school: School, fractions: Curriculum) -> Curriculum:
    """Twenty-four learners, some of whom know more than others, have answered over three days."""
    chance = np.random.default_rng(3)
    answers = []
    for learner in steps.learners(school, 24):
        knows = chance.normal()
        for n in range(30):
            item = int(chance.integers(6))
            right = float(chance.random() < 1 / (1 + np.exp(-knows - 0.2 * n + 0.5 * item)))
            seconds = steps.at(n, days=n // 10).timestamp()
            answers.append(steps.answer(learner, fractions, item, correct=right, seconds=seconds))
    steps.record(school, answers, now=timezone.now() - timedelta(hours=1))
    return fractions


@pytest.fixture
def busy(practised: Curriculum, folder: Path) -> Iterator[tuple[TrainingRun, Busy]]:
    """A fit that has begun, and its worker."""
    run, worker = request(practised, "psikt", settings={"epochs": 100_000}), Busy()
    worker.start()
    reached(run, lambda run: run.step == "fit" and run.progress.get("event") == "step")
    yield run, worker
    runs.cancel(run, now=timezone.now())
    worker.join(30)
