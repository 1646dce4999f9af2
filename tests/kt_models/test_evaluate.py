"""The two protocols, on models whose predictions are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kt_models import evaluate, history, report, synthetic
from kt_models.base import ConceptLists, Forecast, Interactions, LearnerModel, Prediction, Query
from kt_models.data import Dataset
from kt_models.recall import Float
from kt_models.state import LearnerState


class Counting(LearnerModel):
    """P(correct) = (right + 1) / (answers + 2) of the learner, whatever is asked: easy to check by hand."""

    kind = "counting"
    n_concepts = n_items = 0

    def prior(self, n_learners: int) -> LearnerState:
        return LearnerState.empty("count", np.tile(np.array([1, 2], np.float32), (n_learners, 1)), 0)

    def update(self, state: LearnerState, seen: Interactions) -> LearnerState:
        counts = state.learner.copy()
        np.add.at(counts[:, 0], seen.learner, seen.correct)
        np.add.at(counts[:, 1], seen.learner, 1)
        return LearnerState.empty("count", counts, 0)

    def predict(self, state: LearnerState, query: Query) -> Prediction:
        p = (state.learner[:, 0] / state.learner[:, 1])[query.learner].astype(np.float64)
        return Prediction(p, np.zeros(len(p)))

    def forecast(self, state: LearnerState, seconds: Float, n_concepts: int | None = None) -> Forecast:
        return Forecast(())

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> LearnerModel:
        return cls()


@pytest.fixture(scope="module")
def answers() -> Dataset:
    return synthetic.simulate(synthetic.Scenario(learners=60, days=12, two_concept_share=0.3), seed=2).data


def by_hand(answers: Dataset, learner: int) -> tuple[Float, Float]:
    """Credit of each answer of a learner, and the mean of those before each, with one right and one wrong added."""
    y = answers.interactions.correct[answers.interactions.learner == learner].astype(np.float64)
    return y, (np.cumsum(y) - y + 1) / (np.arange(len(y)) + 2)


def test_next_predicts_every_answer_from_those_before_it(answers: Dataset) -> None:
    scored = evaluate.score_next(Counting(), answers)
    assert len(scored.answers) == answers.n_answers
    for learner in range(answers.n_learners):
        mine = scored.answers.learner == answers.learner_ids[learner]
        y, expected = by_hand(answers, learner)
        assert np.array_equal(scored.answers.correct[mine], y)
        assert scored.answers.p[mine] == pytest.approx(expected, abs=1e-6)


def test_horizon_predicts_from_the_given_answers_alone(answers: Dataset) -> None:
    given, horizon = 15, 6
    scored = evaluate.score_horizon(Counting(), answers, given, horizon)
    long_enough = np.flatnonzero(answers.lengths >= given + horizon)
    assert len(scored.answers) == horizon * len(long_enough)
    for learner in long_enough:
        mine = scored.answers.learner == answers.learner_ids[learner]
        y, expected = by_hand(answers, learner)
        assert np.array_equal(scored.answers.correct[mine], y[given : given + horizon])
        assert scored.answers.p[mine] == pytest.approx(expected[given], abs=1e-6)
        assert scored.ahead[mine].tolist() == list(range(1, horizon + 1))


def test_from_a_time_on_answers_are_predicted_from_all_earlier_ones(answers: Dataset) -> None:
    since = float(np.median(answers.interactions.seconds))
    scored = evaluate.score_after(Counting(), answers, since)
    assert len(scored.answers) == int((answers.interactions.seconds >= since).sum())
    for learner in range(answers.n_learners):
        mine = scored.answers.learner == answers.learner_ids[learner]
        expected = by_hand(answers, learner)[1]
        assert scored.answers.p[mine] == pytest.approx(expected[len(expected) - mine.sum() :], abs=1e-6)


def test_ahead_of_a_time_answers_are_predicted_from_those_before_it_alone(answers: Dataset) -> None:
    since, horizon = float(np.median(answers.interactions.seconds)), 7
    scored = evaluate.score_ahead(Counting(), answers, since, horizon)
    for learner in range(answers.n_learners):
        mine = scored.answers.learner == answers.learner_ids[learner]
        seconds = answers.interactions.seconds[answers.interactions.learner == learner]
        given = int((seconds < since).sum())
        y, expected = by_hand(answers, learner)
        assert scored.answers.correct[mine].tolist() == y[given : given + horizon].tolist()
        assert np.all(np.abs(scored.answers.p[mine] - [*expected, (y.sum() + 1) / (len(y) + 2)][given]) < 1e-6)
        assert scored.ahead[mine].tolist() == list(range(1, int(mine.sum()) + 1))


def test_batches_do_not_change_the_predictions(answers: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate.score_next(Counting(), answers).answers.p
    monkeypatch.setattr(evaluate, "BATCH_ANSWERS", 100)
    monkeypatch.setattr(evaluate, "BATCH_LEARNERS", 7)
    done: list[tuple[int, int]] = []
    assert np.array_equal(evaluate.score_next(Counting(), answers, lambda *now: done.append(now)).answers.p, whole)
    assert len(done) > 5
    assert done[-1] == (answers.n_answers, answers.n_answers)


def test_practice_is_that_of_the_least_known_concept() -> None:
    seen = Interactions(
        learner=np.array([0, 0, 0, 0, 1]),
        seconds=np.array([0.0, 10.0, 100.0, 1_000.0, 2_000.0]),
        item=np.full(5, -1),
        concepts=ConceptLists.of([[3], [3, 4], [3], [4, 3], [3]]),
        correct=np.array([0, 1, 0, 1, 1], np.float32),
    )
    practice = history.practice_before(seen)
    assert practice.gap.tolist() == [np.inf, np.inf, 90, 990, np.inf]
    assert practice.attempt.tolist() == [1, 1, 3, 2, 1]
    assert practice.lapses.tolist() == [0, 1, 1, 2, 0]
    known = history.practice_before(seen, np.array([True, True, False, False, False]))
    assert known.gap.tolist() == [np.inf, np.inf, 90, 990, np.inf]
    assert known.attempt.tolist() == [1, 1, 3, 2, 1]
    assert known.lapses.tolist() == [0, 1, 1, 1, 0]


def test_parts_of_a_report_hold_every_answer_once(answers: Dataset) -> None:
    for protocol, ahead in (("next", 0), ("horizon", 10)):
        result = evaluate.evaluate(Counting(), answers, protocol=protocol, replicates=20)  # type: ignore[arg-type]
        assert sum(part.n for part in result.by_gap) == result.n
        assert sum(part.n for part in result.by_attempt) == result.n
        assert len(result.by_ahead) == ahead


def test_a_report_is_json_and_text(answers: Dataset) -> None:
    result = evaluate.evaluate(Counting(), answers, protocol="horizon", given=5, horizon=3, replicates=20)
    plain = json.loads(json.dumps(result.to_json(), allow_nan=False))
    for name in ("auc", "log_loss", "accuracy", "f1", "brier", "ece", "rmse_bins"):
        assert plain[name]["low"] <= plain[name]["value"] <= plain[name]["high"]
    assert (plain["kind"], plain["protocol"], plain["given"], plain["horizon"]) == ("counting", "horizon", 5, 3)
    assert (plain["n"], plain["learners"]) == (result.n, result.learners)
    assert {"by_gap", "by_attempt", "by_ahead", "reliability", "interval"} <= plain.keys()
    assert "counting, 3 answers ahead, given 5" in report.text(result)


def test_without_times_there_are_no_gaps(answers: Dataset) -> None:
    timeless = Dataset(answers.learner_ids, answers.interactions, answers.concepts, answers.items, has_time=False)
    plain = evaluate.evaluate(Counting(), timeless, replicates=5).to_json()
    assert "by_gap" not in plain
    assert "rmse_bins" not in plain
    assert "by_attempt" in plain


def test_too_short_histories_leave_nothing_to_evaluate(answers: Dataset) -> None:
    with pytest.raises(evaluate.NothingToEvaluate, match="no learner has enough answers"):
        evaluate.evaluate(Counting(), answers, protocol="horizon", given=100_000)
    with pytest.raises(evaluate.NothingToEvaluate, match="at least 0 and 1"):
        evaluate.evaluate(Counting(), answers, protocol="horizon", horizon=0)
