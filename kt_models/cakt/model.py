"""CAKT as a learner model: a frozen network, its references and its calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np
import torch
from numpy.typing import NDArray

from kt_models import artifact, stored
from kt_models.base import Forecast, Interactions, LearnerModel, Prediction, Query
from kt_models.cakt import ahead, sequence, stream
from kt_models.cakt.batches import event_columns, frame_columns
from kt_models.cakt.config import Config
from kt_models.cakt.network import Network
from kt_models.cakt.reference import Reference, Table
from kt_models.cakt.stream import Calibration, Setting
from kt_models.cakt.untouched import Untouched
from kt_models.data import Dataset, Vocabulary
from kt_models.grids import inside, tables
from kt_models.levels import Levels
from kt_models.metrics import Bool
from kt_models.recall import Float
from kt_models.state import LearnerState
from kt_models.walk import held

#: Of the tensors in an artifact.
VERSION: Final = 1
_LEVELS: Final = ("reference_intercept", "reference_base", "reference_difficulty")
_CALIBRATION: Final = ("calibration", "spread")
_LEARNT: Final = "learnt_concepts"
_NET: Final = "net."
_TABLE: Final = "table."


def network(config: Config, n_concepts: int) -> Network:
    """An untrained network of these settings."""
    return Network(
        config, n_concepts, len(event_columns(config)), frame_columns(config), len(sequence.head_names(config)),
        sequence.aside(config),
    )  # fmt: skip


def _tables_to(reference: Reference) -> dict[str, NDArray[Any]]:
    return {
        f"{_TABLE}{place}.{name}": getattr(table, name)
        for place, table in enumerate(reference.tables)
        for name in ("key", "effect", "answers")
    }


def _tables_from(config: Config, levels: Levels, tensors: Mapping[str, NDArray[Any]]) -> tuple[Table, ...]:
    sizes = (len(levels.base), len(levels.difficulty))[: sequence.tables(config)]
    return tuple(
        Table(n, *(tensors[f"{_TABLE}{place}.{name}"] for name in ("key", "effect", "answers")))
        for place, n in enumerate(sizes)
    )


@final
class Model(LearnerModel):
    """A frozen CAKT. A state takes 4 (9 + 4 H^2) bytes a learner and 72 + 36 k a touched concept.

        P(correct) = sigmoid(slope (o_t . w_c + b_c + head(o_t, g)) + intercept)     mean of w_c, b_c over its concepts

    with o_t of two LSTMs and the window of the last k answers on the concept asked: `kt_models.cakt.network` has the
    equations in full, after Su, Liu, Yang & Lu 2023 (doi 10.3389/fpsyg.2023.1150329). Head, slope and intercept are
    ours.

    Forecasts fall with the delay only as far as the fit has seen times: without, they are flat (`ahead`). `update`,
    `trace`, `predict` and `forecast` raise `kt_models.state.BadState` for a state of another kind, layout or switches.

    Args:
        config, net: settings, and the network of just these; it is frozen.
        reference: what an average learner gives.
        calibration: slope, intercept and spread of the logit.     concepts, items: ids of positions, None if not known.
        learnt: (concepts,) those that answers of this fit, or of the one it started from, bear on; None: those of which
            `reference` has a base other than 0. The rest stand at the average.
    """

    kind: ClassVar[str] = "cakt"

    def __init__(
        self, config: Config, net: Network, reference: Reference, calibration: Calibration,
        concepts: Vocabulary | None = None, items: Vocabulary | None = None, learnt: Bool | None = None,
    ) -> None:  # fmt: skip
        self.config, self.network, self.reference, self.calibration = config, net, reference, calibration
        self.concepts, self.items = concepts, items
        self.n_concepts, self.n_items = reference.n_concepts, reference.n_items
        # A base is fitted to answers, from 0: artifacts of before `learnt` was kept tell it so.
        self.learnt: Bool = reference.levels.base != 0 if learnt is None else learnt
        self._setting = Setting(config, net.eval().requires_grad_(False), reference, calibration)
        self._untouched = Untouched(self._setting)

    def to(self, device: str) -> Model:
        self.network.to(torch.device(device))
        return self

    def prior(self, n_learners: int) -> LearnerState:
        return stream.prior(self.config, n_learners)

    def update(self, state: LearnerState, seen: Interactions) -> LearnerState:
        return self.trace(state, seen)[0]

    def trace(self, state: LearnerState, seen: Interactions) -> tuple[LearnerState, Prediction]:
        return stream.fold(self._setting, stream.checked(self.config, state), seen)

    def predict(self, state: LearnerState, query: Query) -> Prediction:
        return stream.predict(self._setting, stream.checked(self.config, state), query)

    def score(self, data: Dataset) -> Float:
        """(answers,) P(correct) of each answer from its learner's earlier ones: `trace` from the prior, without states.

        `data` is encoded with the model's vocabularies.
        """
        # Training imports the model's parts, not the other way round.
        from kt_models.cakt import train

        made = sequence.prepare(self.config, self.prior(data.n_learners), data.interactions, self.reference)
        return held(self.calibration.logit(train.logits(self.network, made, self._setting.device)))

    def forecast(self, state: LearnerState, seconds: Float, n_concepts: int | None = None) -> Forecast:
        state, width = stream.checked(self.config, state), max(self.n_concepts, n_concepts or 0)
        origin = np.maximum(seconds, state.seconds)
        kept, offset = inside(state, width)
        rest, moves = self._untouched.forecast(state, origin, width)
        rows = ahead.touched(self._setting, state, origin, np.flatnonzero(kept))
        return tables(origin, offset, state.concept[kept], rows, rest, moves)

    def save(self, folder: Path) -> None:
        weights = {_NET + name: value.cpu().numpy() for name, value in self.network.state_dict().items()}
        levels, calibration = self.reference.levels, self.calibration
        tensors = {
            **weights, "reference_intercept": np.array(levels.intercept), "reference_base": levels.base,
            "reference_difficulty": levels.difficulty, "spread": calibration.spread,
            "calibration": np.array([calibration.slope, calibration.intercept]), _LEARNT: self.learnt,
            **_tables_to(self.reference),
            **stored.to_tensors(self.concepts, self.items),
        }  # fmt: skip
        artifact.save(folder, self.kind, VERSION, asdict(self.config), tensors)

    @classmethod
    def load(cls, folder: Path) -> Model:
        found = stored.load(folder, cls.kind, VERSION, (*_LEVELS, *_CALIBRATION))
        config, t = stored.config(folder, Config, found.config), found.tensors
        levels = Levels(float(t["reference_intercept"]), t["reference_base"], t["reference_difficulty"])
        net = network(config, len(levels.base))
        weights = {n.removeprefix(_NET): torch.as_tensor(v) for n, v in t.items() if n.startswith(_NET)}
        try:
            net.load_state_dict(weights)
        except RuntimeError as error:
            raise artifact.BadArtifact(
                folder, f"its weights do not fit its settings ({error})", "fit the model again"
            ) from error
        slope, intercept = t["calibration"].tolist()
        calibration = Calibration(slope, intercept, t["spread"])
        return cls(
            config, net, Reference(levels, _tables_from(config, levels, t)), calibration, *stored.from_tensors(t),
            t.get(_LEARNT),
        )  # fmt: skip
