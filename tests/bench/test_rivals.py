"""The rivals and their protocols, on few simulated learners: what is fair, and what each can be checked by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsrs
import numpy as np
import pytest

from kt_models import data, metrics, synthetic
from kt_models.base import ConceptLists, Interactions, Query
from kt_models.data import Dataset
from tests.bench import paper_protocol, rivals
from tests.bench.rivals import scores
from tests.bench.rivals.additive import Additive
from tests.bench.rivals.kept import Kept
from tests.bench.rivals.memory import Memory
from tests.bench.rivals.simple import LearnerMean
from tests.bench.rivals.tasks import Situation, open_loop, prequential
from tests.bench.rivals.trees import Trees

GIVEN, HORIZON = 15, 10
EVERYBODY = ["half-life", *rivals.RIVALS]


@pytest.fixture(scope="module")
def learners() -> Dataset:
    """Simulated learners with at least 50 answers."""
    found = synthetic.simulate(synthetic.Scenario(learners=90, concepts=8, days=20), seed=3).data
    return found.take(np.flatnonzero(found.lengths >= paper_protocol.ANSWERS)).first(paper_protocol.ANSWERS)


def only(situation: Situation, rows: slice) -> Situation:
    """The questions at some places only."""
    query, kept = situation.future, np.arange(len(situation.future.learner))[rows]
    future = Query(query.learner[kept], query.seconds[kept], query.item[kept], query.concepts.take(kept))
    return Situation(situation.n_learners, situation.past, future)


@pytest.mark.parametrize("name", EVERYBODY)
def test_everybody_answers_each_question_with_a_probability(name: str, learners: Dataset) -> None:
    situation, truth = open_loop(learners, GIVEN, HORIZON)
    p = rivals.resolve(name)(learners.first(GIVEN), 0).ahead(situation)
    asked = truth.repeated if name.startswith("fsrs") else np.ones(len(p), np.bool_)
    assert np.array_equal(np.isfinite(p), asked)
    assert np.all((p[asked] > 0) & (p[asked] < 1))


# Trees are told how far ahead a question is, by its place among the others.
@pytest.mark.parametrize("name", [name for name in EVERYBODY if not name.startswith("trees")])
def test_a_forecast_does_not_depend_on_the_other_questions(name: str, learners: Dataset) -> None:
    situation, _ = open_loop(learners, GIVEN, HORIZON)
    fitted = rivals.resolve(name)(learners.first(GIVEN), 0)
    last = only(situation, slice(HORIZON - 1, None, HORIZON))
    assert np.allclose(fitted.ahead(last), fitted.ahead(situation)[HORIZON - 1 :: HORIZON], equal_nan=True)


def test_the_questions_are_the_answers_after_those_given(learners: Dataset) -> None:
    situation, truth = open_loop(learners, GIVEN, HORIZON)
    assert len(situation.past) == GIVEN * learners.n_learners
    assert truth.ahead[:HORIZON].tolist() == list(range(1, HORIZON + 1))
    first = slice(GIVEN, GIVEN + HORIZON)
    assert np.array_equal(situation.future.seconds[:HORIZON], learners.interactions.seconds[first])
    assert np.array_equal(truth.correct[:HORIZON], learners.interactions.correct[first])


def test_trees_do_not_see_the_answers_that_they_are_asked_for(learners: Dataset) -> None:
    fitted = Trees.for_next(learners, 0)
    seen = learners.interactions
    turned = Interactions(seen.learner, seen.seconds, seen.item, seen.concepts, seen.correct.copy())
    last = learners.offset[1:] - 1
    turned.correct[last] = 1 - turned.correct[last]
    other = Dataset(learners.learner_ids, turned, learners.concepts, learners.items)
    assert np.array_equal(fitted.following(learners), fitted.following(other))


def test_trees_say_the_same_of_the_next_answer_both_ways(learners: Dataset) -> None:
    fitted = Trees.for_next(learners, 0)
    situation, _ = open_loop(learners, GIVEN, 1)
    assert np.allclose(fitted.ahead(situation), fitted.following(learners)[learners.offset[:-1] + GIVEN])


def test_a_learners_mean_is_drawn_to_the_rate_of_all(learners: Dataset) -> None:
    fitted = LearnerMean.fit(learners, 0)
    situation, _ = open_loop(learners, 10, 1)
    right = learners.first(10).interactions.correct.reshape(-1, 10).sum(axis=1)
    assert np.allclose(fitted.ahead(situation), (right + fitted.right) / (10 + fitted.right + fitted.wrong))


def test_additive_effects_are_found_again() -> None:
    generator, n, each = np.random.default_rng(0), 400, 40
    ability, base = generator.normal(0, 0.8, n), np.linspace(-1.5, 1.5, 6)
    learner, concept = np.repeat(np.arange(n), each), generator.integers(0, 6, n * each)
    chance = 1 / (1 + np.exp(-(0.5 + ability[learner] + base[concept])))
    correct = (generator.random(n * each) < chance).astype(np.float32)
    answers = data.of_columns(learner=learner, concepts=ConceptLists.single(concept), correct=correct)
    fitted = Additive.with_concepts(answers, 0)
    assert fitted.learner_sd == pytest.approx(0.8, abs=0.1)
    assert np.allclose(fitted.intercept + fitted.concept, 0.5 + base, atol=0.2)


def test_memory_is_that_of_the_package_on_whole_days() -> None:
    days, right = np.array([0.0, 1.0, 4.0, 30.0]), [1, 0, 1, 1]
    answers = data.of_columns(
        learner=np.zeros(4, np.int64), concepts=ConceptLists.single(np.zeros(4, np.int64)),
        correct=np.array(right, np.float32), seconds=days * 86_400,
    )  # fmt: skip
    scheduler, card, said = fsrs.Scheduler(enable_fuzzing=False), fsrs.Card(), []
    for day, credit in zip(days.tolist(), right, strict=True):
        now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=day)
        said.append(scheduler.get_card_retrievability(card, now))
        card, _ = scheduler.review_card(card, fsrs.Rating.Good if credit else fsrs.Rating.Again, now)
    p = Memory.default(answers, 0).following(answers)
    assert np.isnan(p[0])
    assert np.allclose(p[1:], said[1:])


def test_nobody_is_fitted_on_the_learners_forecast_between_learners(learners: Dataset) -> None:
    task = paper_protocol.experiment(learners, "between", 0, 40)
    for (_, truth), *_ in task.parts.values():
        assert not set(truth.learner.tolist()) & set(task.fitted.learner_ids.tolist())


def test_the_continual_protocol_forecasts_after_every_step(learners: Dataset) -> None:
    task = paper_protocol.experiment(learners, "continual", 0, 40)
    (truth,) = task.truths().values()
    assert np.unique(truth.given).tolist() == list(range(11, 41))
    assert task.fitted.lengths.max() == 10


def test_a_difference_is_that_of_the_metrics_and_zero_from_itself(learners: Dataset) -> None:
    truth = prequential(learners)
    one, other = np.full(len(truth.correct), 0.6), LearnerMean.fit(learners, 0).following(learners)
    a, b = scores.answers_of(truth, one), scores.answers_of(truth, other)
    found = scores.difference(a, b, 50)
    assert found["log_loss"].value == pytest.approx(
        float(metrics.log_loss_each(a).mean() - metrics.log_loss_each(b).mean()), abs=1e-6
    )
    assert found["auc"].value == pytest.approx(metrics.auc(a) - metrics.auc(b))
    assert scores.difference(a, a, 50)["log_loss"].high == 0


def test_deciles_hold_all_repeated_practice(learners: Dataset) -> None:
    truth = prequential(learners)
    p = np.full(len(truth.correct), 0.5)
    shown = list(scores.deciles("x", truth, p, scores.decile_edges(truth), 20))
    losses = [figure for figure in shown if figure["name"] == "x.gap.log_loss"]
    assert sum(figure["n"] for figure in losses) == truth.repeated.sum()
    assert all(figure["value"] == pytest.approx(np.log(2), abs=1e-5) for figure in losses)


def test_kept_predictions_are_not_made_again(tmp_path: Path) -> None:
    made = {"p": np.array([0.25, np.nan])}
    Kept(tmp_path).get("set", "model", lambda: made)
    again = Kept(tmp_path).get("set", "model", lambda: pytest.fail("made again"))
    assert np.array_equal(again["p"], made["p"], equal_nan=True)


def test_trees_cannot_read_the_time_taken_over_an_answer(learners: Dataset) -> None:
    fitted, timed = Trees.for_next(learners, 0), Trees.for_next_timed(learners, 0)
    seen, last = learners.interactions, learners.offset[1:] - 1
    # Only of answers in the session of the one before: a pause between sessions is known to whoever asks.
    last = last[seen.seconds[last] - seen.seconds[last - 1] < 400]
    later = seen.seconds.copy()
    later[last] += 120.0
    other = Dataset(
        learners.learner_ids, Interactions(seen.learner, later, seen.item, seen.concepts, seen.correct),
        learners.concepts, learners.items,
    )  # fmt: skip
    assert np.allclose(fitted.following(learners)[last], fitted.following(other)[last])
    assert not np.allclose(timed.following(learners)[last], timed.following(other)[last])
