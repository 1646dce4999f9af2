"""Our kinds of learner model, asked as the rivals are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, final, runtime_checkable

import numpy as np

from kt_models import evaluate, kinds, settings
from kt_models.base import ConceptLists, Interactions, LearnerModel
from kt_models.data import Dataset
from kt_models.recall import Float
from tests.bench.rivals.tasks import Rival, Situation


@runtime_checkable
class _Scorer(Protocol):
    """A model that can predict whole histories at once."""

    def score(self, data: Dataset) -> Float:
        """P(correct) of each answer, from the learner's earlier ones alone."""


@final
@dataclass(frozen=True, eq=False)
class Ours:
    """A fitted model. Beliefs are folded from the given answers, as in service."""

    model: LearnerModel

    def ahead(self, situation: Situation) -> Float:
        state = self.model.update(self.model.prior(situation.n_learners), situation.past)
        return self.model.predict(state, situation.future).p

    def following(self, data: Dataset) -> Float:
        if isinstance(self.model, _Scorer):
            return self.model.score(data)
        return evaluate.score_next(self.model, data).answers.p


def rival(kind: str, given: Sequence[str] = ()) -> Rival:
    """A kind with settings `key=value`; what it chooses (epochs, spreads), it chooses within the data it is given."""
    module = kinds.resolve(kind)
    config = settings.parse_settings(module.Config, given)

    def fit(data: Dataset, seed: int) -> Ours:
        return Ours(module.fit(data, config, seed=seed).model)

    return fit


def on_all(kind: str, given: Sequence[str] = (), device: str = "cpu") -> Callable[[Dataset, Dataset, int], Ours]:
    """Fitted again on training and validation learners together, for as many epochs as the latter chose."""
    module = kinds.resolve(kind)
    config: Any = settings.parse_settings(module.Config, given)
    if not hasattr(config, "choose"):
        raise ValueError(f"{kind}+all: fits of {kind} choose no epoch: leave out +all")

    def fit(training: Dataset, validation: Dataset, seed: int) -> Ours:
        log = module.fit(training, config, seed=seed, device=device, validation=validation).log
        losses = [-r["validation_auc"] if config.choose == "auc" else r["validation_log_loss"] for r in log]
        epochs = 1 + losses.index(min(losses))
        again = replace(config, epochs=epochs, min_steps=1, patience=epochs)
        whole = together(training, validation)
        return Ours(module.fit(whole, again, seed=seed, device=device, validation=whole).model)

    return fit


def together(one: Dataset, other: Dataset) -> Dataset:
    """The learners of both, numbered anew; positions are shared."""
    seen, more = one.interactions, other.interactions
    lists, others = seen.concepts, more.concepts
    concepts = ConceptLists(
        np.concatenate([lists.flat, others.flat]), np.append(lists.offset, lists.offset[-1] + others.offset[1:])
    )
    columns = (np.concatenate([getattr(seen, x), getattr(more, x)]) for x in ("seconds", "item"))
    credit, elapsed = (np.concatenate([getattr(seen, x), getattr(more, x)]) for x in ("correct", "response_seconds"))
    learner = np.concatenate([seen.learner, one.n_learners + more.learner])
    joined = Interactions(learner, *columns, concepts, credit, elapsed)
    return replace(one, learner_ids=np.arange(one.n_learners + other.n_learners), interactions=joined)


def on_validation(kind: str, given: Sequence[str] = (), device: str = "cpu") -> Callable[[Dataset, Dataset, int], Ours]:
    """The same, of training learners, validation learners and a seed: it chooses on the validation learners."""
    module = kinds.resolve(kind)
    config = settings.parse_settings(module.Config, given)

    def fit(training: Dataset, validation: Dataset, seed: int) -> Ours:
        return Ours(module.fit(training, config, seed=seed, device=device, validation=validation).model)

    return fit
