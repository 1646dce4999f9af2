"""What every learner model promises (`kt_models.base.LearnerModel`), tested on all kinds."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_models import artifact, evaluate, kinds, metrics
from kt_models.base import BadInteractions, ConceptLists, Interactions, LearnerModel, Prediction, Query
from kt_models.data import Dataset
from kt_models.recall import DELAYS, Float, Int
from kt_models.state import LearnerState
from tests.contract.fitting import fit_quickly
from tests.contract.histories import N_CONCEPTS, N_ITEMS, START, Answer, History, batches, columns, flipped, histories

#: Largest difference in P(correct) that rounding may make: beliefs are float32.
ROUNDING = 2e-5
#: Tables hold probabilities in [1e-4, 1 - 1e-4].
TABLE_ROUNDING = 1.5e-4
#: Models may approximate the average over the outcomes of a practice.
PRACTICE_TOLERANCE = 0.02

few = settings(max_examples=40, deadline=None)
LATER = START + 2e7


def questions(learners: int, seconds: float = LATER) -> Query:
    """Every concept asked alone of every learner, with an average item, then a known and an unknown item."""
    grid = np.arange(N_CONCEPTS + 3)
    concept = np.tile(grid, 3 * learners)
    item = np.tile(np.repeat([-1, 3, N_ITEMS + 1], len(grid)), learners)
    learner = np.repeat(np.arange(learners), 3 * len(grid))
    return Query(learner, np.full(len(learner), seconds), item, ConceptLists.single(concept))


def believe(model: LearnerModel, batch: list[History]) -> LearnerState:
    return model.update(model.prior(len(batch)), columns(batch))


def average_questions(learner: Int, seconds: Float, concept: Int) -> Query:
    return Query(learner, seconds, np.full(len(learner), -1), ConceptLists.single(concept))


def assert_same(a: Prediction, b: Prediction) -> None:
    assert np.array_equal(a.p, b.p)
    assert np.array_equal(a.logit_sd, b.logit_sd)


def assert_states_equal(a: LearnerState, b: LearnerState) -> None:
    assert a.schema == b.schema
    for name in ("seconds", "learner", "offset", "concept", "concept_seconds", "touched"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


@few
@given(history=histories(), cut=st.integers(0, 30))
def test_updating_in_two_parts_equals_updating_at_once(model: LearnerModel, history: History, cut: int) -> None:
    seen, rows = columns([history]), np.arange(len(history))
    whole = model.update(model.prior(1), seen)
    first = model.update(model.prior(1), seen.take(rows[:cut]))
    parts = model.update(first, seen.take(rows[cut:]))
    expected, found = model.predict(whole, questions(1)), model.predict(parts, questions(1))
    assert np.allclose(found.p, expected.p, rtol=0, atol=ROUNDING)
    assert np.allclose(found.logit_sd, expected.logit_sd, rtol=1e-3, atol=1e-4)
    assert np.array_equal(parts.seconds, whole.seconds)
    assert np.array_equal(parts.concept, whole.concept)


@few
@given(batch=batches(), data=st.data())
def test_order_and_company_of_learners_do_not_matter(
    model: LearnerModel, batch: list[History], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(batch))))
    together = model.predict(believe(model, batch), questions(len(batch))).p.reshape(len(batch), -1)
    shuffled = model.predict(believe(model, [batch[i] for i in order]), questions(len(batch))).p
    alone = np.stack([model.predict(believe(model, [history]), questions(1)).p for history in batch])
    assert np.allclose(shuffled.reshape(len(batch), -1), together[order], rtol=0, atol=ROUNDING)
    assert np.allclose(alone, together, rtol=0, atol=ROUNDING)


@few
@given(batch=batches())
def test_no_method_changes_the_state_or_answers_it_is_given(model: LearnerModel, batch: list[History]) -> None:
    state, seen = believe(model, batch), columns(batch)
    before, copy = state.to_bytes(), (seen.correct.copy(), seen.seconds.copy(), seen.concepts.flat.copy())
    later = replace(seen, seconds=seen.seconds + 1e8)
    model.update(state, later)
    model.trace(state, later)
    model.predict(state, questions(len(batch)))
    model.forecast(state, np.full(len(batch), LATER))
    assert state.to_bytes() == before
    assert all(
        np.array_equal(*pair) for pair in zip(copy, (seen.correct, seen.seconds, seen.concepts.flat), strict=True)
    )


@few
@given(batch=batches())
def test_states_survive_their_bytes_exactly(model: LearnerModel, batch: list[History]) -> None:
    state = believe(model, batch)
    again = LearnerState.from_bytes(state.to_bytes(), schema=state.schema)
    assert_states_equal(again, state)
    assert_same(model.predict(again, questions(len(batch))), model.predict(state, questions(len(batch))))


@few
@given(batch=batches())
def test_equal_calls_give_bitwise_equal_results(model: LearnerModel, batch: list[History]) -> None:
    first, second = believe(model, batch), believe(model, batch)
    assert first.to_bytes() == second.to_bytes()
    assert_same(model.predict(first, questions(len(batch))), model.predict(first, questions(len(batch))))
    times = np.full(len(batch), LATER)
    assert model.forecast(first, times).to_bytes() == model.forecast(first, times).to_bytes()


@few
@given(batch=batches(), wait=st.sampled_from([0.0, 3_600.0, 1e7]))
def test_a_forecast_without_delay_equals_a_prediction(model: LearnerModel, batch: list[History], wait: float) -> None:
    state = believe(model, batch)
    times = np.where(np.isfinite(state.seconds), state.seconds, START) + wait
    tables = model.forecast(state, times, N_CONCEPTS + 3).tables
    for row, (table, seconds) in enumerate(zip(tables, times, strict=True)):
        asked = average_questions(
            np.full(N_CONCEPTS + 3, row), np.full(N_CONCEPTS + 3, seconds), np.arange(N_CONCEPTS + 3)
        )
        prediction = model.predict(state, asked)
        assert np.allclose(table.at(float(seconds)), prediction.p, rtol=0, atol=TABLE_ROUNDING)
        assert np.allclose(table.sd_at(float(seconds)), prediction.logit_sd, rtol=1e-2, atol=1e-3)


@few
@given(history=histories(), delay=st.sampled_from(DELAYS.tolist()))
def test_a_forecast_equals_a_prediction_after_the_delay(model: LearnerModel, history: History, delay: float) -> None:
    state, grid = believe(model, [history]), np.arange(N_CONCEPTS + 3)
    origin = float(state.seconds[0]) + 60.0
    table = model.forecast(state, np.array([origin]), len(grid)).tables[0]
    asked = average_questions(np.zeros(len(grid), np.int64), np.full(len(grid), origin + delay), grid)
    assert np.allclose(table.at(origin + delay), model.predict(state, asked).p, rtol=0, atol=5e-3)


def average_after_practice(model: LearnerModel, state: LearnerState, origin: float, concept: int) -> Float:
    """P(correct) at each of DELAYS after one practice at `origin`, by updating with both outcomes. Shape (delays,)."""
    n, grid = len(DELAYS), np.zeros(len(DELAYS), np.int64)
    row, at = np.zeros(1, np.int64), np.array([origin])
    asked = average_questions(row, at, np.array([concept]))
    p = float(model.predict(state, asked).p[0])
    practised = [Interactions(row, at, asked.item, asked.concepts, np.array([c], np.float32)) for c in (0.0, 1.0)]
    later = average_questions(grid, origin + DELAYS, np.full(n, concept))
    wrong, right = (model.predict(model.update(state, answer), later).p for answer in practised)
    return (1 - p) * wrong + p * right


@few
@given(history=histories(), concept=st.integers(0, N_CONCEPTS))
def test_recall_after_practice_is_the_average_over_both_outcomes(
    model: LearnerModel, history: History, concept: int
) -> None:
    state = believe(model, [history])
    origin = float(state.seconds[0]) + 86_400.0
    table = model.forecast(state, np.array([origin]), N_CONCEPTS + 1).tables[0]
    after = np.array([table.after_at(origin, origin + delay)[concept] for delay in DELAYS])
    expected = average_after_practice(model, state, origin, concept)
    if not table.has_row()[concept]:
        # One value stands for all delays.
        expected = np.clip(after, expected.min(), expected.max())
    assert np.allclose(after, expected, rtol=0, atol=PRACTICE_TOLERANCE)


@few
@given(batch=batches())
def test_probabilities_are_finite_and_inside_the_unit_interval(model: LearnerModel, batch: list[History]) -> None:
    state = believe(model, batch)
    for prediction in (
        model.predict(state, questions(len(batch))),
        model.trace(model.prior(len(batch)), columns(batch))[1],
    ):
        low, high = prediction.interval()
        assert np.all((prediction.p > 0) & (prediction.p < 1))
        assert np.all((prediction.logit_sd >= 0) & np.isfinite(prediction.logit_sd))
        assert np.all((low <= prediction.p + 0.02) & (prediction.p <= high + 0.02))
    for table in model.forecast(state, np.full(len(batch), LATER)).tables:
        for values in (table.recall, table.after, table.rest_recall, table.rest_after):
            assert np.all((values > 0) & (values < 1))


@few
@given(history=histories(min_size=2), data=st.data())
def test_an_answer_changes_no_prediction_made_before_it(
    model: LearnerModel, history: History, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(history) - 1))
    before = model.trace(model.prior(1), columns([history]))[1]
    after = model.trace(model.prior(1), columns([flipped(history, at)]))[1]
    assert np.array_equal(after.p[: at + 1], before.p[: at + 1])
    assert np.array_equal(after.logit_sd[: at + 1], before.logit_sd[: at + 1])


@few
@given(batch=batches())
def test_trace_equals_predicting_then_updating_answer_by_answer(model: LearnerModel, batch: list[History]) -> None:
    seen, prior = columns(batch), model.prior(len(batch))
    state, prediction = model.trace(prior, seen)
    expected_state, expected = LearnerModel.trace(model, prior, seen)
    assert np.allclose(prediction.p, expected.p, rtol=0, atol=ROUNDING)
    assert np.allclose(prediction.logit_sd, expected.logit_sd, rtol=1e-3, atol=1e-4)
    asked = questions(len(batch))
    assert np.allclose(model.predict(state, asked).p, model.predict(expected_state, asked).p, rtol=0, atol=ROUNDING)


@few
@given(history=histories())
def test_concepts_and_items_beyond_the_models_stand_at_the_prior(model: LearnerModel, history: History) -> None:
    known = [replace(a, concepts=tuple(c % N_CONCEPTS for c in a.concepts[:1]), item=a.item % N_ITEMS) for a in history]
    state = believe(model, [known])
    assert (model.n_concepts, model.n_items) == (N_CONCEPTS, N_ITEMS)
    unknown = np.array([N_CONCEPTS, N_CONCEPTS + 1, N_CONCEPTS + 500])
    concepts = model.predict(state, average_questions(np.zeros(3, np.int64), np.full(3, LATER), unknown)).p
    items = np.array([N_ITEMS, N_ITEMS + 5, -1])
    asked = Query(np.zeros(3, np.int64), np.full(3, LATER), items, ConceptLists.single(np.ones(3, np.int64)))
    assert np.ptp(concepts) < ROUNDING
    assert np.ptp(model.predict(state, asked).p[:2]) < ROUNDING


@few
@given(history=histories())
def test_an_answer_older_than_the_state_is_refused(model: LearnerModel, history: History) -> None:
    state = believe(model, [history])
    old = columns([history[:1]])
    for answers in (replace(old, seconds=state.seconds - 1), replace(old, seconds=old.seconds - 1e9)):
        with pytest.raises(BadInteractions, match="replay"):
            model.update(state, answers)
    model.update(state, replace(old, seconds=state.seconds))


@few
@given(history=histories())
def test_a_question_about_the_past_counts_as_asked_at_the_last_answer(model: LearnerModel, history: History) -> None:
    state = believe(model, [history])
    asked = questions(1, float(state.seconds[0]))
    assert_same(model.predict(state, questions(1, float(state.seconds[0]) - 1e6)), model.predict(state, asked))


def test_no_answers_and_no_questions_are_legal(model: LearnerModel) -> None:
    state = believe(model, [[Answer(0.0, (1,), 2, 1.0)], []])
    assert_states_equal(model.update(state, columns([[], []])), state)
    nothing = average_questions(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64))
    assert model.predict(state, nothing).p.shape == (0,)
    assert model.forecast(model.prior(0), np.empty(0)).tables == ()


def test_more_is_expected_after_right_answers_than_after_wrong_ones(model: LearnerModel) -> None:
    # Not that wrong ones lower it: learners learn from them too.
    right, wrong = ([Answer(60.0, (1,), 5, correct)] * 6 for correct in (1.0, 0.0))
    state = believe(model, [right, wrong])
    asked = average_questions(np.arange(2), np.full(2, START + 1_000), np.ones(2, np.int64))
    high, low = model.predict(state, asked).p
    assert low < high


def test_a_saved_model_predicts_the_same(
    model: LearnerModel, kind: str, parts: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    model.save(tmp_path / "m")
    again = artifact.load_model(tmp_path / "m")
    assert type(again) is type(model)
    assert (again.kind, again.n_concepts, again.n_items) == (kind, model.n_concepts, model.n_items)
    seen = parts[1].interactions
    before, after = (m.trace(m.prior(parts[1].n_learners), seen) for m in (model, again))
    assert_same(after[1], before[1])
    times = np.full(parts[1].n_learners, LATER)
    assert again.forecast(after[0], times).to_bytes() == model.forecast(before[0], times).to_bytes()
    again.save(tmp_path / "n")
    assert artifact.checksum(tmp_path / "n") == artifact.checksum(tmp_path / "m")


def test_a_saved_model_keeps_the_ids_of_its_concepts_and_items(
    model: LearnerModel, parts: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    model.save(tmp_path / "m")
    again = artifact.load_model(tmp_path / "m")
    for name in ("concepts", "items"):
        assert np.array_equal(getattr(again, name).ids, getattr(parts[0], name).ids)


def test_damaged_and_foreign_artifacts_are_refused(model: LearnerModel, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    model.save(folder)
    with pytest.raises(artifact.BadArtifact, match="not empty"):
        model.save(folder)
    weights = (folder / artifact.WEIGHTS).read_bytes()
    (folder / artifact.WEIGHTS).write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(artifact.BadArtifact, match="checksum"):
        type(model).load(folder)
    (folder / artifact.WEIGHTS).write_bytes(weights)
    manifest = (folder / artifact.MANIFEST).read_text()
    (folder / artifact.MANIFEST).write_text(manifest.replace(f'"kind": "{model.kind}"', '"kind": "foreign"'))
    with pytest.raises(artifact.BadArtifact, match="foreign"):
        type(model).load(folder)


def test_fitting_beats_the_base_rate_on_other_learners(model: LearnerModel, parts: tuple[Dataset, Dataset]) -> None:
    report = evaluate.evaluate(model, parts[1], replicates=2)
    assert report.estimates["log_loss"].value < report.base_log_loss - 0.02
    assert report.estimates["auc"].value > 0.6
    assert report.estimates["ece"].value < 0.1


def test_fitting_is_deterministic_in_its_arguments(
    model: LearnerModel, kind: str, parts: tuple[Dataset, Dataset]
) -> None:
    again = fit_quickly(kind, parts[0])
    seen, prior = parts[1].interactions, model.prior(parts[1].n_learners)
    assert_same(again.trace(prior, seen)[1], model.trace(prior, seen)[1])


def test_a_fit_starts_from_another_model_and_reports_its_progress(kind: str, parts: tuple[Dataset, Dataset]) -> None:
    records: list[dict[str, float]] = []
    first = fit_quickly(kind, parts[0].take(np.arange(20)))
    fit_quickly(kind, parts[0].take(np.arange(30)), warm_start=first, validation=parts[1], progress=records.append)
    assert all(isinstance(value, int | float) for record in records for value in record.values())


def test_nothing_is_learnt_from_answers_without_information(kind: str, parts: tuple[Dataset, Dataset]) -> None:
    shuffled = [_with_random_answers(part, seed) for seed, part in enumerate(parts)]
    model = fit_quickly(kind, shuffled[0])
    scored = evaluate.score_next(model, shuffled[1])
    # The standard error of an AUC of n answers, half of them correct, is 1 / sqrt(3 n).
    assert abs(metrics.auc(scored.answers) - 0.5) < 4 / np.sqrt(3 * shuffled[1].n_answers)


def _with_random_answers(data: Dataset, seed: int) -> Dataset:
    generator = np.random.default_rng(seed)
    correct = generator.integers(0, 2, data.n_answers).astype(np.float32)
    seen = replace(data.interactions, correct=correct, response_seconds=np.full(data.n_answers, np.nan, np.float32))
    return replace(data, interactions=seen)


@pytest.mark.gpu
def test_cpu_and_gpu_agree(kind: str, model: LearnerModel, parts: tuple[Dataset, Dataset]) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    on_gpu = fit_quickly(kind, parts[0], device="cuda")
    losses = [evaluate.evaluate(m, parts[1], replicates=2).estimates["log_loss"].value for m in (model, on_gpu)]
    assert abs(losses[0] - losses[1]) < 0.005


@pytest.mark.parametrize(
    "module",
    [f"kt_models.{name}" for name in ("recall", "base", "state", "data", "tables", "artifact", "evaluate", "synthetic")]
    + [module for module in kinds.KINDS.values() if ".baselines." in module],
)
def test_what_light_processes_import_does_not_load_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'pyro' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
