"""Ability, and a strength for each concept that practice builds and time halves. Closed form, no training needed.

What serves when no better model can: the defaults are sensible for a curriculum that nobody has answered yet.

    logit P(correct) = a + mean over concepts c of (b_c + e_c + k_c 2^(-D_c / h_c)) - d_item
    h_c = half_life_days (1 + n_c)^half_life_growth

Of a learner: ability a (Gaussian, forgets nothing). Of a learner and a concept: aptitude e (Gaussian, lasting: how much
better than the ability tells) and strength k >= 0, what practice built, of which half is lost in each half-life h; D is
the time since the last practice; n_c counts practice, each by how far the strength had faded by then, so that cramming
does not lengthen the half-life and spaced practice does. Of the curriculum: bases b and difficulties d, around zero.

Two laws hold for every learner: a pause never raises recall, and practice never lowers what is expected after a pause.

Sources: effects of right and wrong practice, Pavlik, Cen & Koedinger 2009 (PFA); half-life that grows with practice,
Settles & Meeder 2016; Gaussian update of logits, Glickman 1999 (Glicko); less use of massed practice, Pavlik & Anderson
2005. docs/models/half-life.md has the figures.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kt_models import artifact, stored
from kt_models.base import ConceptLists, Fitted, Forecast, Interactions, LearnerModel, Prediction, Query, Traits
from kt_models.baselines import _half_life_fit, _strength
from kt_models.baselines._strength import Config
from kt_models.data import Dataset, Vocabulary
from kt_models.grids import REST_DAYS, Grid, inside, tables
from kt_models.kinds import Progress
from kt_models.levels import Levels
from kt_models.recall import DELAYS, SECONDS_PER_DAY, Z90, Float
from kt_models.state import LearnerState
from kt_models.walk import held, meet, sums

__all__ = ["Config", "Model", "fit", "prior_model"]

#: Of the tensors in an artifact.
VERSION: Final = 1
_DELAY_DAYS: Final = DELAYS / SECONDS_PER_DAY


@final
class Model(LearnerModel):
    """A frozen half-life model: parameters of the population, bases (n_concepts,) and difficulties (n_items,), logits.

    A state takes 40 bytes a learner and 32 bytes a touched concept.
    """

    kind: ClassVar[str] = "half-life"

    def __init__(
        self,
        config: Config,
        base: Float,
        difficulty: Float,
        concepts: Vocabulary | None = None,
        items: Vocabulary | None = None,
    ) -> None:
        self.config, self.concepts, self.items = config, concepts, items
        self.n_concepts, self.n_items = len(base), len(difficulty)
        # One more for unknown positions (-1 finds it too): they stand at the mean, zero.
        self._base, self._difficulty = np.append(base, 0.0), np.append(difficulty, 0.0)

    @property
    def base(self) -> Float:
        """(n_concepts,) logits by which a concept is easier than the average one."""
        return self._base[:-1]

    @property
    def difficulty(self) -> Float:
        """(n_items,) logits by which an item is harder than the average one of its concepts."""
        return self._difficulty[:-1]

    def prior(self, n_learners: int) -> LearnerState:
        return _strength.prior(self.config, n_learners)

    def update(self, state: LearnerState, seen: Interactions) -> LearnerState:
        return _strength.fold(self.config, state, seen, self.level(seen.query())).state

    def trace(self, state: LearnerState, seen: Interactions) -> tuple[LearnerState, Prediction]:
        folded = _strength.fold(self.config, state, seen, self.level(seen.query()))
        return folded.state, Prediction(folded.p, _strength.spread(self.config, folded.grown))

    def predict(self, state: LearnerState, query: Query) -> Prediction:
        met = meet(state, query, _strength.fresh(self.config))
        belief = _strength.expect(self.config, met, self.level(query))
        return Prediction(belief.p, _strength.spread(self.config, belief.grown))

    def level(self, query: Query) -> Float:
        """Mean base of the concepts less the difficulty of the item, (questions,) logits; unknown ones count 0."""
        lists = query.concepts
        base = self._base[np.minimum(lists.flat, self.n_concepts)]
        mean = sums(lists.owner, base, len(lists)) / lists.counts
        difficulty: Float = self._difficulty[np.minimum(query.item, self.n_items)]
        return mean - difficulty

    def forecast(self, state: LearnerState, seconds: Float, n_concepts: int | None = None) -> Forecast:
        width = max(self.n_concepts, n_concepts or 0)
        origin = np.maximum(seconds, state.seconds)
        kept, offset = inside(state, width)
        rows, rest = self._rows(state, origin, kept), self._rest(state, width)
        return tables(origin, offset, state.concept[kept], rows, rest)

    def _rows(self, state: LearnerState, origin: Float, kept: NDArray[np.bool_]) -> Grid:
        """(touched concepts that are kept, delays)."""
        config, owner = self.config, state.owner[kept]
        alone = Query(owner, origin[owner], np.full(len(owner), -1), ConceptLists.single(state.concept[kept]))
        met = meet(state, alone, _strength.fresh(config), row=np.flatnonzero(kept))
        now = _strength.expect(config, met, self.level(alone))
        spaced, variance = met.fields[:, _strength.SPACED], met.learner[:, _strength.ABILITY_VARIANCE]
        lasting, damping = (now.mean - now.strength)[:, None], _strength.damping(now.settled)[:, None]
        grown = variance[:, None] + _strength.widened(config, now.variance[:, None], _DELAY_DAYS)
        return Grid(
            recall=held(damping * (lasting + _strength.curve(config, now.strength, spaced, _DELAY_DAYS))),
            after=held(damping * (lasting + _strength.curve_after(config, now, spaced, _DELAY_DAYS))),
            spread=_strength.spread(config, grown),
        )

    def _rest(self, state: LearnerState, width: int) -> Grid:
        """(learners, concepts) as if none were touched; of what a practice gives, what a day leaves of it."""
        base = np.zeros(width)
        base[: self.n_concepts] = self.base
        level = state.learner[:, _strength.ABILITY, None] + base
        variance = state.learner[:, _strength.ABILITY_VARIANCE, None] + np.float64(self.config.aptitude_variance)
        recall = _strength.chance(level, variance)
        after = _strength.chance(level + _strength.first_gain(self.config, recall, REST_DAYS), variance)
        return Grid(recall, after, np.broadcast_to(_strength.spread(self.config, variance), recall.shape))

    def traits(self, state: LearnerState) -> Traits:
        mean, sd = state.learner[:, :1].astype(np.float64), np.sqrt(state.learner[:, 1:2].astype(np.float64))
        prior, prior_sd = np.full_like(mean, self.config.intercept), np.sqrt(self.config.ability_variance)
        low, high = prior - Z90 * prior_sd, prior + Z90 * prior_sd
        told = np.square(sd) < 0.5 * self.config.ability_variance
        return Traits(("ability",), ("logits",), mean, mean - Z90 * sd, mean + Z90 * sd, prior, low, high, told)

    def save(self, folder: Path) -> None:
        tensors = {"base": self.base, "difficulty": self.difficulty, **stored.to_tensors(self.concepts, self.items)}
        artifact.save(folder, self.kind, VERSION, asdict(self.config), tensors)

    @classmethod
    def load(cls, folder: Path) -> Model:
        found = stored.load(folder, cls.kind, VERSION, ("base", "difficulty"))
        config = stored.config(folder, Config, found.config)
        return cls(config, found.tensors["base"], found.tensors["difficulty"], *stored.from_tensors(found.tensors))


def prior_model(
    n_concepts: int,
    n_items: int,
    difficulties: ArrayLike | None = None,
    *,
    config: Config | None = None,
    concepts: Vocabulary | None = None,
    items: Vocabulary | None = None,
) -> Model:
    """An untrained model of a fresh curriculum: the population's defaults, all concepts alike.

    Args:
        difficulties: (n_items,) authored difficulties in logits, 0 an average item, NaN where unknown.
    Raises:
        ValueError: if there is not one difficulty an item.
    """
    given = np.zeros(n_items) if difficulties is None else np.nan_to_num(np.asarray(difficulties, dtype=np.float64))
    if given.shape != (n_items,):
        raise ValueError(
            f"difficulties of shape {given.shape} for {n_items} items: give one an item, NaN where unknown"
        )
    return Model(config or Config(), np.zeros(n_concepts), given, concepts, items)


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
    """Bases and difficulties by penalised likelihood, parameters by prequential log loss of other learners.

    Alternates between the two, `config.fit_rounds` times. Parameters are estimated on learners whose answers had no
    part in the difficulties (those of `validation`, else 30 % of `data`): on the same ones, difficulties explain what
    aptitude and practice should. Without times, the half-life is not estimated and nothing is forgotten.

    Args:
        seed: which learners are set aside.     device: unused, numpy only.
        warm_start: model whose parameters, bases and difficulties the search starts from.
    """
    del device
    start = None
    if warm_start is not None:
        config = _half_life_fit.with_estimates(config, warm_start.config)
        start = _matched(warm_start, data)
    found, levels, log = _half_life_fit.estimate(data, config, seed, validation, start, progress)
    return Fitted(Model(found, levels.base, levels.difficulty, data.concepts, data.items), log)


def _matched(model: Model, data: Dataset) -> Levels:
    """Bases and difficulties of another model at the positions of a data set, 0 for ids that it lacks."""
    concepts, items = model.concepts or data.concepts, model.items or data.items
    concept = np.minimum(concepts.encode(data.concepts.ids), model.n_concepts)
    return Levels(0.0, model.base, model.difficulty).at(
        concept, np.minimum(items.encode(data.items.ids), model.n_items)
    )
