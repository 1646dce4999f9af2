"""Penalised logistic regression on counts of right and wrong answers, as they fade, and on surprises.

    logit P(correct) = v + w . f(learner) + mean over concepts c of (b_c + (u + u_c) . g(learner, c, pause)) - d_item

f: logs of right and wrong answers, mean surprise, two running means of surprises. g: the same of the concept, whether
it is practised for the first time, the pause, and right and wrong answers that fade with half-lives from ten minutes to
a month. A surprise is an answer less what an average learner would have given to that item, so that a hard item solved
says more than an easy one. u_c differs between concepts in three features, shrunk to zero, as are bases b and
difficulties d. All of it is a pure function of a state of O(1) numbers a concept, so later times need no new answers.

Sources: log-counts by outcome, Pavlik, Cen & Koedinger 2009 (PFA); time windows, Choffin et al. 2019 (DAS3H), here as
fading counts, which need no history; surprise, as in Elo ratings (Pelanek 2016). docs/models/logistic.md has figures.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import ClassVar, Final, final

import numpy as np
from numpy.typing import NDArray

from kt_models import artifact, counts, stored
from kt_models.base import ConceptLists, Fitted, Forecast, Interactions, LearnerModel, Prediction, Query
from kt_models.baselines import _logistic_fit
from kt_models.baselines._effects import TENSORS, Effects
from kt_models.baselines._logistic_fit import Config
from kt_models.data import Dataset, Vocabulary
from kt_models.grids import REST_DAYS, Grid, inside, tables
from kt_models.kinds import Progress
from kt_models.recall import DELAYS, SECONDS_PER_DAY, Float, Int
from kt_models.state import LearnerState
from kt_models.walk import held, meet

__all__ = ["Config", "Model", "fit"]

#: Of the tensors in an artifact.
VERSION: Final = 1


@final
class Model(LearnerModel):
    """A frozen logistic model. A state takes 48 bytes a learner and 72 bytes a touched concept."""

    kind: ClassVar[str] = "logistic"

    def __init__(
        self, config: Config, effects: Effects, concepts: Vocabulary | None = None, items: Vocabulary | None = None
    ) -> None:
        self.config, self.effects, self.concepts, self.items = config, effects, concepts, items
        self.n_concepts, self.n_items = effects.n_concepts, effects.n_items

    def prior(self, n_learners: int) -> LearnerState:
        return counts.prior(n_learners)

    def update(self, state: LearnerState, seen: Interactions) -> LearnerState:
        return counts.fold(state, seen, self.effects.expected(seen.query())).state

    def trace(self, state: LearnerState, seen: Interactions) -> tuple[LearnerState, Prediction]:
        query = seen.query()
        folded = counts.fold(state, seen, self.effects.expected(query))
        return folded.state, self._prediction(query, folded.learner, folded.concept)

    def predict(self, state: LearnerState, query: Query) -> Prediction:
        met = meet(state, query, counts.fresh())
        learner, concept = counts.learner_features(met.learner), counts.concept_features(met.fields, met.pause)
        return self._prediction(query, learner, concept)

    def _prediction(self, query: Query, learner: counts.Features, concept: counts.Features) -> Prediction:
        logit = self.effects.logit(query, learner, concept)
        return Prediction(held(logit), self.effects.sd(query.concepts, learner, concept))

    def forecast(self, state: LearnerState, seconds: Float, n_concepts: int | None = None) -> Forecast:
        width = max(self.n_concepts, n_concepts or 0)
        origin = np.maximum(seconds, state.seconds)
        kept, offset = inside(state, width)
        rows, rest = self._rows(state, origin, kept), self._rest(state, width)
        return tables(origin, offset, state.concept[kept], rows, rest)

    def _rows(self, state: LearnerState, origin: Float, kept: NDArray[np.bool_]) -> Grid:
        """(touched concepts that are kept, delays)."""
        owner, concept = state.owner[kept], state.concept[kept]
        alone = Query(owner, origin[owner], np.full(len(owner), -1), ConceptLists.single(concept))
        met = meet(state, alone, counts.fresh(), row=np.flatnonzero(kept))
        recall = self._curve(met.learner, met.concept, met.fields, met.pause)
        expected, after = self.effects.expected(alone), np.zeros_like(recall)
        for correct, chance in ((1.0, recall[:, :1]), (0.0, 1.0 - recall[:, :1])):
            learner, fields = counts.count(met, np.full(len(owner), correct), expected)
            after += chance * self._curve(learner, concept, fields, np.zeros(len(owner)))
        learner, features = counts.learner_features(met.learner), counts.concept_features(met.fields, met.pause)
        spread = self.effects.sd(alone.concepts, learner, features)
        return Grid(recall, after, np.broadcast_to(spread[:, None], recall.shape))

    def _curve(self, learner: Float, concept: Int, fields: Float, pause: Float) -> Float:
        """(rows, delays) recall of one concept each, of columns (rows, 5) and (rows, 15), after `pause` and delays."""
        features = counts.concept_features(fields[:, None, :], pause[:, None] + DELAYS)
        of_learner = self.effects.of_learner(counts.learner_features(learner))
        return held(of_learner[:, None] + self.effects.of_concept(concept, features))

    def _rest(self, state: LearnerState, width: int) -> Grid:
        """(learners, concepts) as if none were touched; of what a practice gives, what a day leaves of it."""
        concept, learner = np.arange(width), state.learner[:, None, :].astype(np.float64)
        alone = Query(concept, np.zeros(width), np.full(width, -1), ConceptLists.single(concept))
        nothing = np.tile(counts.fresh().astype(np.float64), (width, 1))
        features = counts.learner_features(learner)
        untouched = counts.concept_features(nothing, np.full(width, np.inf))
        recall = held(self.effects.of_learner(features) + self.effects.of_concept(concept, untouched))
        expected, after = self.effects.expected(alone), np.zeros_like(recall)
        blank = meet(self.prior(width), alone, counts.fresh())
        for correct, chance in ((1.0, recall), (0.0, 1.0 - recall)):
            _, fields = counts.count(blank, np.full(width, correct), expected)
            later = counts.concept_features(fields, np.full(width, REST_DAYS * SECONDS_PER_DAY))
            counted = counts.counted(np.repeat(learner, width, axis=1), np.full(width, correct), correct - expected)
            of_learner = self.effects.of_learner(counts.learner_features(counted))
            after += chance * held(of_learner + self.effects.of_concept(concept, later))
        return Grid(recall, after, self._rest_spread(features, width))

    def _rest_spread(self, learner: Float, width: int) -> Float:
        """(learners, concepts) standard deviation of the logit of concepts never practised."""
        one = ConceptLists.single(np.zeros(len(learner), dtype=np.int64))
        spread = self.effects.sd(one, learner[:, 0], np.zeros((len(learner), len(counts.CONCEPT_FEATURES))))
        return np.broadcast_to(spread[:, None], (len(learner), width))

    def save(self, folder: Path) -> None:
        tensors = {**self.effects.to_tensors(), **stored.to_tensors(self.concepts, self.items)}
        artifact.save(folder, self.kind, VERSION, asdict(self.config), tensors)

    @classmethod
    def load(cls, folder: Path) -> Model:
        found = stored.load(folder, cls.kind, VERSION, TENSORS)
        config, effects = stored.config(folder, Config, found.config), Effects.from_tensors(found.tensors)
        return cls(config, effects, *stored.from_tensors(found.tensors))


def fit(
    data: Dataset,
    config: Config,
    *,
    seed: int,
    device: str = "cpu",
    warm_start: Model | None = None,
    validation: Dataset | None = None,
    progress: Progress | None = None,
) -> Fitted[Model]:
    """Effects, bases and difficulties together, by L-BFGS on the penalised likelihood of all answers.

    The spread of the logit is estimated on learners who had no part in it: those of `validation`, else 15 % of `data`,
    who join the final fit.

    Args:
        seed: which learners are set aside.     device: unused, numpy only.
        warm_start: model whose effects the search starts from; the result hardly depends on it, the problem is convex.
    """
    del device
    n_concepts, n_items = data.concepts.size, data.items.size
    start = Effects.zero(n_concepts, n_items) if warm_start is None else _moved(warm_start, data)
    effects, log = _logistic_fit.estimate(data, config, seed, validation, start, progress)
    return Fitted(Model(config, effects, data.concepts, data.items), log)


def _moved(model: Model, data: Dataset) -> Effects:
    """The effects of a model at the positions of a data set, 0 for ids that it lacks."""
    concepts, items = model.concepts or data.concepts, model.items or data.items
    concept = np.minimum(concepts.encode(data.concepts.ids), model.n_concepts)
    item = np.minimum(items.encode(data.items.ids), model.n_items)
    effects = model.effects
    return replace(
        effects,
        own=np.append(effects.own, np.zeros((1, effects.own.shape[1])), axis=0)[concept],
        levels=effects.levels.at(concept, item),
        reference=effects.reference.at(concept, item),
    )
