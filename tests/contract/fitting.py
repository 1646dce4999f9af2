"""Fits of every kind that take seconds."""

from __future__ import annotations

from typing import Any

from kt_models import kinds, settings
from kt_models.base import LearnerModel
from kt_models.data import Dataset

#: Settings that make the fit of a kind a matter of seconds, where the defaults are not.
QUICK: dict[str, list[str]] = {
    "cakt": ["epochs=4", "min_steps=40", "side=6", "learning_rate=0.01", "ema=0"],
    "psikt": ["epochs=4", "min_steps=40", "learning_rate=0.1", "edge_learners=5", "bootstraps=2"],
}


def fit_quickly(kind: str, data: Dataset, seed: int = 0, **options: Any) -> LearnerModel:
    module = kinds.resolve(kind)
    config = settings.parse_settings(module.Config, QUICK.get(kind, []))
    model: LearnerModel = module.fit(data, config, seed=seed, **options).model
    return model
