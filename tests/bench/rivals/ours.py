"""Our kinds of learner model, asked as the rivals are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from kt_models import evaluate, kinds, settings
from kt_models.base import LearnerModel
from kt_models.data import Dataset
from kt_models.recall import Float
from tests.bench.rivals.tasks import Rival, Situation


@final
@dataclass(frozen=True, eq=False)
class Ours:
    """A fitted model. Beliefs are folded from the given answers, as in service."""

    model: LearnerModel

    def ahead(self, situation: Situation) -> Float:
        state = self.model.update(self.model.prior(situation.n_learners), situation.past)
        return self.model.predict(state, situation.future).p

    def following(self, data: Dataset) -> Float:
        return evaluate.score_next(self.model, data).answers.p


def rival(kind: str, given: Sequence[str] = ()) -> Rival:
    """A kind with settings `key=value`; what it chooses (epochs, spreads), it chooses within the data it is given."""
    module = kinds.resolve(kind)
    config = settings.parse_settings(module.Config, given)

    def fit(data: Dataset, seed: int) -> Ours:
        return Ours(module.fit(data, config, seed=seed).model)

    return fit
