"""States are read by the network that they are of, and refused by any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kt_models.base import ConceptLists, Query
from kt_models.baselines import half_life
from kt_models.cakt import Config, Model
from kt_models.cakt.stream import prior
from kt_models.state import BadState, LearnerState
from tests.kt_models.cakt import networks

#: What a caller may do with a state, an hour after its last answer.
USES: dict[str, Callable[[Model, LearnerState], object]] = {
    "update": lambda model, state: model.update(state, later(state)),
    "trace": lambda model, state: model.trace(state, later(state)),
    "predict": lambda model, state: model.predict(state, question(state)),
    "forecast": lambda model, state: model.forecast(state, state.seconds + 3_600.0),
}
OTHERS: list[dict[str, Any]] = [
    {"side": 4}, {"frames": 4}, {"window_key": "current"}, {"second_lstm": False}, {"decay": "days"},
    {"decay": "none"}, {"encoder": "none"}, {"encoder": "recurrent"}, {"fusion": "sum"}, {"items": False},
    {"time": False}, {"counts": False}, {"transitions": False}, {"partial_credit": False},
]  # fmt: skip


def later(state: LearnerState) -> Any:
    seen = networks.history(2, 3)
    return type(seen)(
        seen.learner,
        seen.seconds + max(state.seconds[0], 0.0),
        seen.item,
        seen.concepts,
        seen.correct,
        seen.response_seconds,
    )


def question(state: LearnerState) -> Query:
    one = np.zeros(1, np.int64)
    return Query(one, state.seconds + 3_600.0, one - 1, ConceptLists.single(one))


def practised(model: Any) -> LearnerState:
    found: LearnerState = model.update(model.prior(1), networks.history(1, 9))
    return found


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("changes", OTHERS, ids=str)
def test_a_state_of_other_switches_is_refused(changes: dict[str, Any], use: str) -> None:
    mine, state = networks.model("product"), practised(networks.model("product", **changes))
    with pytest.raises(BadState, match=r"this model reads 'ck3.*side=3\): replay the learner's log with this model"):
        USES[use](mine, state)
    with pytest.raises(BadState, match="replay the learner's log"):
        LearnerState.from_bytes(state.to_bytes(), schema=mine.prior(1).schema)


@pytest.mark.parametrize("use", USES)
def test_a_state_of_another_kind_of_model_or_of_other_widths_is_refused(use: str) -> None:
    mine = networks.model("product")
    theirs = half_life.fit(networks.dataset(networks.history(1, 9)), half_life.Config(), seed=0).model.prior(1)
    narrow = LearnerState.empty(mine.prior(1).schema, np.zeros((1, 3), np.float32), 5)
    for state in (theirs, narrow):
        with pytest.raises(BadState, match="replay the learner's log"):
            USES[use](mine, state)


@pytest.mark.parametrize(
    "changes", [{"chunk": 5, "head": 4, "learning_rate": 0.1}, {"ema": 0.5, "dropout": 0.1, "calibrate": False}],
    ids=str,
)  # fmt: skip
def test_settings_of_the_fit_alone_leave_states_readable(changes: dict[str, Any]) -> None:
    mine, state = networks.model("product"), practised(networks.model("product", **changes))
    again = LearnerState.from_bytes(state.to_bytes(), schema=mine.prior(1).schema)
    for use in USES.values():
        use(mine, again)


def test_the_name_of_a_networks_states_does_not_change() -> None:
    """Otherwise every learner's log is read again."""
    assert prior(Config(), 1).schema == "ck3xb4h4"
    assert prior(Config(mode="paper"), 1).schema == "ck3bcdqz"
