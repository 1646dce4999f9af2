"""One small fitted model of every kind."""

from __future__ import annotations

import pytest

from kt_models import kinds, synthetic
from kt_models.base import LearnerModel
from kt_models.data import Dataset
from tests.contract.fitting import fit_quickly
from tests.contract.histories import N_CONCEPTS, N_ITEMS


@pytest.fixture(scope="session")
def answers() -> Dataset:
    scenario = synthetic.Scenario(
        learners=90, concepts=N_CONCEPTS, items_per_concept=N_ITEMS // N_CONCEPTS, days=16, two_concept_share=0.25
    )
    return synthetic.simulate(scenario, seed=7).data


@pytest.fixture(scope="session")
def parts(answers: Dataset) -> tuple[Dataset, Dataset]:
    """Training and test answers, of different learners."""
    training, test = answers.split_learners((0.7, 0.3), seed=0)
    return training, test


@pytest.fixture(scope="session", params=sorted(kinds.KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def model(kind: str, parts: tuple[Dataset, Dataset]) -> LearnerModel:
    return fit_quickly(kind, parts[0])
