"""Forecasts of concepts never practised come from tables of the model; what they say must be what the model says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kt_models.base import ConceptLists, Interactions, Query
from kt_models.cakt import Model
from kt_models.cakt.linear import gates_of_input, gates_of_state, stepped
from kt_models.cakt.model import network
from kt_models.cakt.reference import Reference, Table
from kt_models.cakt.stream import Calibration
from kt_models.cakt.tables import Tables
from kt_models.levels import Levels
from kt_models.recall import REST_DELAY, Float, RecallTable
from kt_models.state import LearnerState
from tests.kt_models.cakt import networks

#: Of probabilities, between two orders of the same sums.
ROUNDING = 1e-5
#: Since the last answer, of four learners: as in service, the same again, soon after, and weeks later.
PAUSES = np.array([0.0, 0.0, 45.0, 2e6])
#: So many that not all are worked on at once.
MANY = 700


def believed(model: Model) -> LearnerState:
    histories = [networks.history(seed, n) for seed, n in enumerate((1, 9, 3, 20))]
    return model.update(model.prior(len(PAUSES)), networks.together(histories))


def practised(model: Model, state: LearnerState, origin: Float, concepts: int) -> Float:
    """P(correct) after REST_DELAY of (learners, concepts) each practised once at `origin`, from updates."""
    learner, concept = np.repeat(np.arange(len(state)), concepts), np.tile(np.arange(concepts), len(state))
    each, own, lists = state.take(learner), np.arange(len(learner)), ConceptLists.single(concept)
    at, item = origin[learner], np.full(len(learner), -1)
    chance = model.predict(each, Query(own, at, item, lists)).p
    after = np.zeros(len(learner))
    for correct, weight in ((1.0, chance), (0.0, 1.0 - chance)):
        answer = Interactions(own, at, item, lists, np.full(len(learner), correct, np.float32))
        after += weight * model.predict(model.update(each, answer), Query(own, at + REST_DELAY, item, lists)).p
    return after.reshape(len(state), concepts)


def rest(tables: tuple[RecallTable, ...], name: str) -> Float:
    return np.stack([getattr(table, name) for table in tables])


def never_met(tables: tuple[RecallTable, ...]) -> Float:
    return np.stack([~table.has_row() for table in tables])


@pytest.mark.parametrize("name", networks.CONFIGS)
def test_a_first_practice_is_worth_what_follows_from_both_outcomes(name: str) -> None:
    model = networks.model(name)
    state, width = believed(model), networks.N_CONCEPTS + 3
    origin = state.seconds + PAUSES
    tables = model.forecast(state, origin, width).tables
    new = never_met(tables)
    assert new[:, : networks.N_CONCEPTS].any()
    found, expected = rest(tables, "rest_after"), practised(model, state, origin, width)
    np.testing.assert_allclose(found[new], expected[new], rtol=0, atol=ROUNDING)


@pytest.fixture(scope="module")
def wide() -> Model:
    """Of many concepts, of which the fit has met every third."""
    config, rng = networks.config("product"), np.random.default_rng(1)
    net, met = networks.drawn(network(config, MANY)), np.arange(0, MANY, 3)
    net.stand_in(torch.as_tensor(np.isin(np.arange(MANY + 1), met)))
    base = np.zeros(MANY)
    base[met] = rng.normal(0, 0.5, len(met))
    before, asked = rng.choice(met, (2, 5_000))
    follows = Table.of(MANY, before, rng.integers(0, 2, 5_000), asked, rng.uniform(-1, 1, 5_000))
    reference = Reference(
        Levels(0.3, base, np.zeros(networks.N_ITEMS)), (follows, Table.of(1, *[np.empty(0, int)] * 4))
    )
    return Model(config, net, reference, Calibration(1.2, -0.1, np.array([0.05, 0.2, 0.3])))


def test_many_concepts_are_each_forecast_as_if_alone(wide: Model) -> None:
    state = believed(wide)
    tables = wide.forecast(state, state.seconds, MANY).tables
    new, found = never_met(tables), rest(tables, "rest_after")
    np.testing.assert_allclose(found[new], practised(wide, state, state.seconds, MANY)[new], rtol=0, atol=ROUNDING)
    alone = [wide.forecast(state.take(np.array([i])), state.seconds[[i]], MANY).tables[0] for i in range(len(state))]
    np.testing.assert_allclose(found, rest(tuple(alone), "rest_after"), rtol=0, atol=ROUNDING)


def test_concepts_that_the_fit_never_met_are_worked_out_once(wide: Model) -> None:
    assert len(Tables(wide._setting, 0.0)) == len(range(0, MANY, 3)) + 1
    state = believed(wide)
    table = wide.forecast(state, state.seconds).tables[0]
    unmet = ~np.isin(np.arange(MANY), np.arange(0, MANY, 3)) & ~table.has_row()
    assert np.ptp(table.rest_after[unmet]) < ROUNDING
    assert np.ptp(table.rest_after) > 100 * ROUNDING


def test_a_pause_counts_whoever_was_asked_for_before(wide: Model) -> None:
    """Tables kept for learners who have just answered serve no one else."""
    state = believed(wide)
    soon, late = (wide.forecast(state, state.seconds + pause).to_bytes() for pause in (0.0, 86_400.0))
    assert soon != late
    assert wide.forecast(state, state.seconds).to_bytes() == soon


@pytest.mark.parametrize("shape", [(1,), (7,), (300,), (3, 50)])
def test_a_step_taken_apart_is_the_step(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = torch.nn.LSTM(12, 12, batch_first=True)
    x, h, c = (2.0 * torch.randn(*shape, 12) for _ in range(3))
    with torch.inference_mode():
        found = stepped(gates_of_input(layer)(x) + gates_of_state(layer)(h), c)
        flat = (y.reshape(1, -1, 12) for y in (h, c))
        expected = layer(x.reshape(-1, 1, 12), tuple(flat))[0].view(*shape, 12)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_tables_are_as_exact_as_the_model_whoever_makes_them(wide: Model) -> None:
    """In bfloat16 as well, for what is kept serves other calls too."""
    state = believed(wide)
    exact = wide.forecast(state, state.seconds)
    fresh = Model(wide.config, wide.network, wide.reference, wide.calibration)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = fresh.forecast(state, state.seconds).tables
    assert fresh.forecast(state, state.seconds).to_bytes() == exact.to_bytes()
    assert np.abs(rest(rough, "rest_after") - rest(exact.tables, "rest_after")).max() < 0.05
