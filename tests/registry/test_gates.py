"""Who is let through: fitted models and spoilt ones, on simulated learners whose later answers nobody was fitted on."""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kt_models import synthetic
from kt_models.base import Interactions, LearnerModel, Prediction, Query
from kt_models.baselines import half_life, logistic
from kt_models.data import Dataset
from kt_models.state import LearnerState
from tutor.registry import gates
from tutor.registry.gates import Case, Limits, NothingLater


@pytest.fixture(scope="module")
def parts() -> tuple[Dataset, ...]:
    scenario = synthetic.Scenario(learners=320, concepts=6, items_per_concept=4, days=20)
    return synthetic.simulate(scenario, seed=4).data.split_learners((0.55, 0.45), 0)


@pytest.fixture(scope="module")
def answers(parts: tuple[Dataset, ...]) -> Dataset:
    """Of learners whom nobody was fitted on: what was before the fit tells the models who they are."""
    return parts[1]


@pytest.fixture(scope="module")
def since(answers: Dataset) -> float:
    return float(np.quantile(answers.interactions.seconds, 0.7))


@pytest.fixture(scope="module")
def good(parts: tuple[Dataset, ...]) -> logistic.Model:
    return logistic.fit(parts[0], logistic.Config(), seed=0).model


@pytest.fixture(scope="module")
def plain(answers: Dataset) -> half_life.Model:
    """Untrained."""
    return half_life.prior_model(answers.concepts.size, answers.items.size, np.zeros(answers.items.size))


#: Marks the answers of a group.
SLOW = 77.0


class Spoilt(logistic.Model):  # type: ignore[misc]
    """A fitted model whose predictions are moved before they are told."""

    def trace(self, state: LearnerState, seen: Interactions) -> tuple[LearnerState, Prediction]:
        after, told = super().trace(state, seen)
        return after, replace(told, p=self.moved(told.p, seen))

    def predict(self, state: LearnerState, query: Query) -> Prediction:
        told = super().predict(state, query)
        return replace(told, p=self.moved(told.p, query))

    @abstractmethod
    def moved(self, p: Any, asked: Interactions | Query) -> Any: ...


class Overconfident(Spoilt):
    def moved(self, p: Any, asked: Interactions | Query) -> Any:
        odds = (p / (1 - p)) ** 2
        return np.clip(odds / (1 + odds), 0.01, 0.99)


class Wavering(Spoilt):
    """A quarter of the time too high, a quarter too low."""

    def moved(self, p: Any, asked: Interactions | Query) -> Any:
        odds = p / (1 - p) * np.exp(np.sin(np.arange(len(p)) * np.pi / 2))
        return np.clip(odds / (1 + odds), 0.01, 0.99)


class Peeking(Spoilt):
    """Knows a little of the outcome that it is asked for."""

    def moved(self, p: Any, asked: Interactions | Query) -> Any:
        return np.clip(p + 0.1 * (asked.correct - 0.5), 0.01, 0.99) if isinstance(asked, Interactions) else p


class Unfair(Spoilt):
    """Tells the contrary to those who take `SLOW` seconds, and everybody else what a good model tells."""

    def moved(self, p: Any, asked: Interactions | Query) -> Any:
        return np.where(asked.response_seconds == SLOW, 1.0 - p, p) if isinstance(asked, Interactions) else p


def spoilt(kind: type[Spoilt], model: logistic.Model) -> Spoilt:
    made = kind.__new__(kind)
    made.__dict__.update(model.__dict__)
    return made


def case(candidate: LearnerModel, answers: Dataset, since: float, **changes: Any) -> Case:
    return Case(candidate, **({"rivals": {}, "answers": answers, "since": since, "replicates": 100} | changes))


def failed(verdict: gates.Verdict) -> set[str]:
    return {gate.block for gate in verdict.gates if not gate.passed}


def test_a_model_that_learnt_passes_beside_one_that_did_not(
    good: logistic.Model, plain: half_life.Model, answers: Dataset, since: float
) -> None:
    verdict = gates.judge(case(good, answers, since, rivals={"champion": plain, "half-life": plain}))
    assert verdict.passed, verdict.reasons
    assert {gate.block for gate in verdict.gates} == {"prediction", "people", "leaks", "answers"}
    assert json.loads(json.dumps(verdict.to_json(), allow_nan=False))["passed"]


def test_a_worse_model_is_rejected_with_the_figures(
    good: logistic.Model, plain: half_life.Model, answers: Dataset, since: float
) -> None:
    verdict = gates.judge(case(plain, answers, since, rivals={"champion": good}))
    assert not verdict.passed
    assert "prediction" in failed(verdict)
    reason = next(text for text in verdict.reasons if text.startswith("prediction, next answer against champion"))
    assert "0.003 are let through" in reason
    gate = next(gate for gate in verdict.gates if not gate.passed)
    assert gate.figures["log_loss"]["value"] > 0
    assert gate.figures["auc"]["value"] < 0


def test_the_champion_again_is_not_worse_than_itself(good: logistic.Model, answers: Dataset, since: float) -> None:
    verdict = gates.judge(case(good, answers, since, rivals={"champion": good}))
    assert verdict.passed, verdict.reasons


def test_overconfidence_is_not_let_through(good: logistic.Model, answers: Dataset, since: float) -> None:
    rivals = {"champion": good}
    verdict = gates.judge(case(spoilt(Overconfident, good), answers, since, rivals=rivals))
    named = {gate.name: gate for gate in verdict.gates}
    assert not named["calibration"].passed
    assert "calibration error is" in named["calibration"].reason


def test_a_model_that_sees_the_outcome_is_found_by_coin_flips(
    good: logistic.Model, plain: half_life.Model, answers: Dataset, since: float
) -> None:
    """Its figures are better than anybody's: nothing else would stop it."""
    verdict = gates.judge(case(spoilt(Peeking, good), answers, since, rivals={"champion": plain}))
    assert failed(verdict) == {"leaks"}


def test_a_group_that_is_told_worse_stops_a_model_that_is_as_good_on_the_whole(
    good: logistic.Model, answers: Dataset, since: float
) -> None:
    groups = np.where(np.arange(answers.n_learners) < 15, 0, 1)
    seen = answers.interactions
    seconds = np.where(groups[seen.learner] == 0, SLOW, 5.0).astype(np.float32)
    marked = replace(answers, interactions=replace(seen, response_seconds=seconds))
    loose = Limits(log_loss=1.0, ahead=1.0, ece=1.0)
    unfair, rivals = spoilt(Unfair, good), {"champion": good}
    verdict = gates.judge(case(unfair, marked, since, rivals=rivals, groups=groups, limits=loose))
    found = next(gate for gate in verdict.gates if gate.block == "people")
    assert not found.passed
    assert found.reason.startswith("group 0 is told worse by +")
    assert found.figures["group 1"]["log_loss"]["value"] == pytest.approx(0.0, abs=1e-12)


def test_few_answers_are_said_to_be_too_few(good: logistic.Model, answers: Dataset, since: float) -> None:
    """What many learners show to be about as good, ten cannot."""
    wavering, rivals, limits = spoilt(Wavering, good), {"champion": good}, Limits(log_loss=0.03, ahead=1.0)
    few, many = (
        next(gate for gate in verdict.gates if gate.name == "next answer against champion")
        for some in (answers.take(np.arange(10, 20)), answers)
        for verdict in [gates.judge(case(wavering, some, since, rivals=rivals, limits=limits))]
    )
    assert many.passed, many.reason
    assert not few.passed
    assert few.reason.endswith("0.03 are let through: too few answers to tell")


def test_without_later_answers_nothing_is_judged(good: logistic.Model, answers: Dataset) -> None:
    with pytest.raises(NothingLater, match=r"none of \d+ answers came at .* or later: wait, or fit on less"):
        gates.judge(case(good, answers, float(answers.interactions.seconds.max()) + 1.0))


def test_few_learners_are_put_together_and_too_few_are_not_judged(
    good: logistic.Model, answers: Dataset, since: float
) -> None:
    """An interval over two learners tells nothing, however many answers they gave."""
    judged = {n: gates.judge(case(good, answers.take(np.arange(n)), since, rivals={"champion": good})) for n in (2, 40)}
    assert [gate.name for gate in judged[2].gates] == ["enough"]
    assert "answers" in failed(judged[2])
    assert "answers" not in failed(judged[40])
    (people,) = (gate for gate in judged[40].gates if gate.block == "people")
    assert 3 <= len(people.figures) <= 8
    assert all(part["log_loss"]["low"] is not None for part in people.figures.values())


def test_a_single_later_answer_is_too_little_and_that_is_said(good: logistic.Model, answers: Dataset) -> None:
    last = float(answers.interactions.seconds.max())
    verdict = gates.judge(case(good, answers, last, rivals={"champion": good}))
    assert verdict.reasons == (
        "answers, enough: there are 1 answers of 1 learners, 30 of 10 are needed: more will come",
    )
