"""Models that have learnt a graph, as a fit would leave them, in the registry."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from curricula import snapshot
from curricula.models import Curriculum, CurriculumVersion
from kt_models.base import ConceptLists
from kt_models.data import Dataset, Vocabulary, of_columns
from kt_models.psikt import Config, Model, fit
from kt_models.psikt.edges import Edges
from tutor.registry import deployments, services
from tutor.registry.models import ModelVersion

#: Learners behind each edge, unless a test says otherwise.
MANY: Final = 1_000
_QUICK: Final = Config(epochs=1, min_steps=1, bootstraps=0, edge_learners=2)


def a_version(curriculum: Curriculum, learnt: Mapping[tuple[int, int], float], evidence: int = MANY) -> ModelVersion:
    """A PSI-KT that holds each (parent, child) for so probable; a candidate."""
    content = snapshot.latest(curriculum.pk)
    fitted = _fitted(content.n_concepts, content.n_items)
    model = Model(fitted.config, replace(fitted.fitted, edges=edges(learnt, evidence)))
    with tempfile.TemporaryDirectory() as name:
        model.save(Path(name) / "model")
        published = CurriculumVersion.objects.get(pk=content.version_id)
        return services.register(Path(name) / "model", curriculum_version=published)


def serve(curriculum: Curriculum, learnt: Mapping[tuple[int, int], float], evidence: int = MANY) -> ModelVersion:
    """The same, promoted for all schools."""
    version = a_version(curriculum, learnt, evidence)
    deployments.promote(version)
    return version


def edges(learnt: Mapping[tuple[int, int], float], evidence: int) -> Edges:
    """Of a pair that is linked for certain: what is left of the chance is the other direction's."""
    parent, child = (np.array([pair[end] for pair in learnt], dtype=np.int64) for end in (0, 1))
    n, chance = len(parent), np.array(list(learnt.values()), dtype=np.float64)
    return Edges(parent, child, np.ones(n), chance, chance, chance, np.zeros(n, np.bool_), np.full(n, evidence))


@cache
def _fitted(n_concepts: int, n_items: int) -> Model:
    return fit(_answers(n_concepts, n_items), _QUICK, seed=0).model


def _answers(n_concepts: int, n_items: int) -> Dataset:
    concept = np.tile(np.arange(n_concepts), 8)
    return of_columns(
        learner=np.repeat(np.arange(8), n_concepts),
        concepts=ConceptLists.single(concept),
        item=concept % max(n_items, 1),
        correct=(np.arange(8 * n_concepts) % 3 > 0).astype(np.float32),
        seconds=np.tile(np.arange(n_concepts) * 60.0, 8),
        concept_vocabulary=Vocabulary(np.arange(n_concepts)),
        item_vocabulary=Vocabulary(np.arange(n_items)),
    )
