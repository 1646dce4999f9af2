"""PSI-KT as a learner model in service: numpy only, the filter of `online`, and what can be said of its belief."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Final, final

import numpy as np

from kt_models import artifact, stored
from kt_models.base import ConceptGraph, Forecast, Interactions, LearnerModel, Prediction, Query, Traits
from kt_models.data import Vocabulary
from kt_models.grids import tables
from kt_models.psikt import ahead, dense, explain, online
from kt_models.psikt.algebra import LEVEL, LOG_RATE, TRANSFER
from kt_models.psikt.config import Config
from kt_models.psikt.edges import Edges
from kt_models.psikt.explain import Change, Parts
from kt_models.psikt.online import Setting
from kt_models.psikt.parameters import TRACKED, Parameters
from kt_models.recall import Z90, Float, Int, sigmoid
from kt_models.state import LearnerState

#: Of the tensors in an artifact.
VERSION: Final = 1
#: A trait is told apart from the population's once its variance is below this share of the prior one.
ENOUGH: Final = 0.5
TRAIT_NAMES: Final = ("half_life", "long_run_success", "stationary_spread", "transfer")
TRAIT_UNITS: Final = ("days", "probability", "logits", "share")


_ARRAYS: Final = ("parents", "difficulty", "doubt", "again", "again_doubt")


@final
@dataclass(frozen=True, eq=False)
class Fit:
    """All that a fit has found; arrays as in `online.Setting`, and the prior variance of difficulties."""

    parameters: Parameters
    parents: Int
    difficulty: Float
    doubt: Float
    unknown_doubt: float
    again: Float
    again_doubt: Float
    edges: Edges


@final
class Model(LearnerModel):
    """A frozen PSI-KT. A state takes 76 bytes a learner and 40 a touched concept."""

    kind: ClassVar[str] = "psikt"

    def __init__(
        self, config: Config, fit: Fit, concepts: Vocabulary | None = None, items: Vocabulary | None = None
    ) -> None:
        self.config, self.fitted, self.concepts, self.items = config, fit, concepts, items
        self.n_concepts, self.n_items = len(fit.parents) - 1, len(fit.difficulty)
        self._setting = Setting(
            config,
            fit.parameters,
            fit.parents,
            np.append(fit.difficulty, 0.0),
            np.append(fit.doubt, fit.unknown_doubt),
            np.append(fit.again, 0.0),
            np.append(fit.again_doubt, 0.0),
        )

    def prior(self, n_learners: int) -> LearnerState:
        return online.prior(self._setting, n_learners)

    def update(self, state: LearnerState, seen: Interactions) -> LearnerState:
        return self._fold(state, seen).state

    def trace(self, state: LearnerState, seen: Interactions) -> tuple[LearnerState, Prediction]:
        folded = self._fold(state, seen)
        return folded.state, folded.prediction

    def predict(self, state: LearnerState, query: Query) -> Prediction:
        predict = dense.predict if self.config.dense else online.predict
        return predict(self._setting, state, query)

    def _fold(self, state: LearnerState, seen: Interactions) -> online.Folded:
        fold = dense.fold if self.config.dense else online.fold
        return fold(self._setting, state, seen)

    def forecast(self, state: LearnerState, seconds: Float, n_concepts: int | None = None) -> Forecast:
        width = max(self.n_concepts, n_concepts or 0)
        origin = np.maximum(seconds, state.seconds)
        rest, moves = ahead.rest(self._setting, state, origin, width)
        which = ahead.rows(self._setting, state, width)
        look = dense.look if self.config.dense else ahead.look
        return tables(origin, which.offset, which.concept, look(self._setting, state, origin, which), rest, moves)

    def graph(self) -> ConceptGraph | None:
        if not len(self.fitted.edges):
            return None
        return self.fitted.edges.concept_graph(float(sigmoid(self.fitted.parameters.anchor[TRANSFER])))

    def traits(self, state: LearnerState) -> Traits:
        """Half-life ln 2 / alpha, success sigmoid(mu) in the long run at an average concept, stationary spread
        of strengths, transfer gamma; intervals by the transforms of the Gaussian belief.

        The spread is sigma / sqrt(2 alpha), or the population's where the config says it is common to all.
        """
        p = self.fitted.parameters
        columns = state.learner.astype(np.float64)
        learner = online.unpack_learner(p, columns)
        sd = np.sqrt(np.diagonal(learner.covariance, axis1=-2, axis2=-1))
        prior_sd = p.trait_sd[list(TRACKED)]
        now = [self._described(learner.traits + z * sd) for z in (0.0, -Z90, Z90)]
        before = [self._described(np.broadcast_to(p.anchor + z * prior_sd, sd.shape)) for z in (0.0, -Z90, Z90)]
        (mean, *ends), (prior, *prior_ends) = now, before
        told = np.square(sd) < ENOUGH * np.square(prior_sd)
        return Traits(
            TRAIT_NAMES, TRAIT_UNITS, mean, np.minimum(*ends), np.maximum(*ends), prior, np.minimum(*prior_ends),
            np.maximum(*prior_ends), told[:, [LOG_RATE, LEVEL, LOG_RATE, TRANSFER]],
        )  # fmt: skip

    def explain(self, state: LearnerState, query: Query) -> Parts:
        """The parts that each expected logit is the sum of: level, concept, parents one by one, practice, item."""
        return explain.prediction(self._setting, state, query)

    def explain_answer(self, state: LearnerState, seen: Interactions) -> Change:
        """What answers, at most one a learner, change: gain times surprise, and practice."""
        return explain.answer(self._setting, state, seen)

    def _described(self, theta: Float) -> Float:
        """(learners, 4) interpretable traits of (learners, 3) tracked ones."""
        p = self.fitted.parameters
        rate = np.exp(np.clip(theta[:, LOG_RATE], -6.0, 3.0))
        spread = np.full_like(rate, np.sqrt(p.rest_variance))
        if not self.config.common_spread:
            spread = np.exp(p.trait_mean[2]) / np.sqrt(2 * rate)
        return np.stack([np.log(2) / rate, sigmoid(theta[:, LEVEL]), spread, sigmoid(theta[:, TRANSFER])], axis=1)

    def save(self, folder: Path) -> None:
        fit = self.fitted
        tensors = {
            **fit.parameters.to_tensors(), **{name: getattr(fit, name) for name in _ARRAYS},
            "unknown_doubt": np.array(fit.unknown_doubt), **fit.edges.to_tensors(),
            **stored.to_tensors(self.concepts, self.items),
        }  # fmt: skip
        artifact.save(folder, self.kind, VERSION, asdict(self.config), tensors)

    @classmethod
    def load(cls, folder: Path) -> Model:
        needed = (
            *Parameters.names(),
            "parents",
            "difficulty",
            "doubt",
            "unknown_doubt",
            "again",
            "again_doubt",
            *Edges.tensor_names(),
        )
        found = stored.load(folder, cls.kind, VERSION, needed)
        config, tensors = stored.config(folder, Config, found.config), found.tensors
        parameters = Parameters(**{name: tensors[name] for name in Parameters.names()})
        fit = Fit(
            parameters=parameters,
            unknown_doubt=float(tensors["unknown_doubt"]),
            edges=Edges.from_tensors(tensors),
            **{name: tensors[name] for name in _ARRAYS},
        )
        return cls(config, fit, *stored.from_tensors(tensors))
