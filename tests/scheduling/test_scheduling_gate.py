"""The gate of a policy: who drives simulated learners worse than the champion is not let through."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from curricula.snapshot import Snapshot
from kt_models import data as datasets
from kt_models.base import Forecast, LearnerModel, Prediction, Query
from kt_models.baselines import half_life
from kt_models.data import Dataset, Vocabulary
from kt_models.recall import Float
from kt_models.state import LearnerState
from tests.flow.situations import content_of
from tutor.registry import gates
from tutor.registry.gates import Case, Gate, Table
from tutor.scheduling.tournament import gate
from tutor.scheduling.tournament.gate import drawn_on, not_worse

CONCEPTS = 16


@pytest.fixture(scope="module")
def content() -> Snapshot:
    """In no order: c2 needs c9. Items are of one concept or two, and the last concept was withdrawn."""
    needs = {n: [f"c{n - 1}"] for n in range(3, CONCEPTS) if n % 3 and n != 9} | {2: ["c9"]}
    concepts = [
        {"key": f"c{n}", "title": f"C {n}", "prerequisites": needs.get(n, [])} for n in range(CONCEPTS)
    ]  # fmt: skip
    items = [
        {"key": f"i{n}-{i}", "concepts": [f"c{n}"] if i else [f"c{n}", f"c{(n + 1) % (CONCEPTS - 1)}"],
         "statement": "?", "difficulty": i - 1.0}
        for n in range(CONCEPTS) for i in range(3 + n % 2)
    ]  # fmt: skip
    head = {"format": "trellis-curriculum/1", "key": "any", "title": "Any", "language": "en"}
    return content_of({**head, "concepts": concepts, "items": items}, removed=1)


@pytest.fixture(scope="module")
def answers(content: Snapshot) -> Dataset:
    """Of c0 most are wrong, of its second item even more; c14 has the fewest answers."""
    chance, n = np.random.default_rng(0), 3_000
    weight = content.item_active * np.where(content.item_concepts.take(np.arange(content.n_items)).counts > 0, 1.0, 0.0)
    item = chance.choice(content.n_items, n, p=weight / weight.sum())
    home = content.item_concepts.flat[content.item_concepts.offset[item]]
    level = np.where(home == 0, 0.25, 0.4) - 0.2 * (item == content.item_position["i0-1"])
    kept = (home != 14) | (chance.random(n) < 0.1)
    item, level = item[kept], level[kept]
    return datasets.of_columns(
        learner=chance.integers(0, 40, len(item)),
        concepts=content.item_concepts.take(item),
        correct=(chance.random(len(item)) < level).astype(np.float32),
        seconds=np.sort(chance.uniform(0, 30 * 86_400.0, len(item))),
        item=item,
        concept_vocabulary=Vocabulary(np.arange(content.n_concepts)),
        item_vocabulary=Vocabulary(np.arange(content.n_items)),
    )


@pytest.fixture(scope="module")
def champion(content: Snapshot) -> half_life.Model:
    return half_life.prior_model(content.n_concepts, content.n_items, content.item_difficulty)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LEARNERS", 24)
    monkeypatch.setattr(gate, "DAYS", 8)


class Unforgetting(half_life.Model):  # type: ignore[misc]
    """Claims that what is known now is known for ever."""

    def forecast(self, state: LearnerState, seconds: Float, n_concepts: int | None = None) -> Forecast:
        tables = super().forecast(state, seconds, n_concepts).tables
        return Forecast(
            tuple(replace(t, recall=t.recall[:, :1] + 0 * t.recall, after=t.after[:, :1] + 0 * t.after) for t in tables)
        )


class Desperate(half_life.Model):  # type: ignore[misc]
    """Claims that nobody ever knows anything, so that nothing opens what rests on it."""

    def predict(self, state: LearnerState, query: Query) -> Prediction:
        told = super().predict(state, query)
        return replace(told, p=np.full(len(told.p), 0.05))

    def forecast(self, state: LearnerState, seconds: Float, n_concepts: int | None = None) -> Forecast:
        tables = super().forecast(state, seconds, n_concepts).tables
        low = [replace(t, recall=0 * t.recall + 0.05, rest_recall=0 * t.rest_recall + 0.05) for t in tables]
        return Forecast(tuple(low))


def spoilt(kind: type[LearnerModel], model: half_life.Model) -> LearnerModel:
    made = kind.__new__(kind)
    made.__dict__.update(model.__dict__)
    return made


def told(candidate: LearnerModel, champion: LearnerModel, answers: Dataset, content: Snapshot | None) -> list[Gate]:
    case = Case(candidate, {"champion": champion}, answers, 0.0, content=content, replicates=100)
    return list(not_worse(case, Table.__new__(Table)))


def test_the_champion_again_is_exactly_as_good(champion: half_life.Model, answers: Dataset, content: Snapshot) -> None:
    (found,) = told(champion, champion, answers, content)
    assert (found.block, found.name, found.passed) == ("scheduling", "policy", True)
    assert found.figures["worlds"].keys() == {"psikt", "power"}
    for world in found.figures["worlds"].values():
        assert world["mean"] == {"value": 0.0, "low": 0.0, "high": 0.0}
        assert 0 < world["champion"]["value"] < 1


def test_a_model_that_knows_of_no_forgetting_is_measured(
    champion: half_life.Model, answers: Dataset, content: Snapshot
) -> None:
    (found,) = told(spoilt(Unforgetting, champion), champion, answers, content)
    assert "knowledge in world" in found.reason
    assert json.loads(json.dumps(found.figures, allow_nan=False))["learners"] == 24
    for world in found.figures["worlds"].values():
        assert world["mean"]["low"] <= world["mean"]["value"] <= world["mean"]["high"]
        assert world["mean"]["value"] != 0.0


def test_a_model_that_keeps_learners_from_going_on_is_rejected_with_the_figures(
    champion: half_life.Model, answers: Dataset, content: Snapshot
) -> None:
    (found,) = told(spoilt(Desperate, champion), champion, answers, content)
    assert not found.passed
    assert "down to -1 % is let through" in found.reason
    assert min(world["mean"]["high"] for world in found.figures["worlds"].values()) < -0.01


def test_nothing_is_asked_without_a_champion_or_a_curriculum(
    champion: half_life.Model, answers: Dataset, content: Snapshot
) -> None:
    assert not told(champion, champion, answers, None)
    case = Case(champion, {"untrained": champion}, answers, 0.0, content=content)
    assert not list(not_worse(case, Table.__new__(Table)))


def test_a_tiny_curriculum_tells_nothing(champion: half_life.Model, answers: Dataset, content: Snapshot) -> None:
    few = replace(content, concept_active=np.arange(content.n_concepts) < 5)
    (found,) = told(champion, champion, answers, few)
    assert found.passed
    assert "fewer than 10 concepts" in found.reason


def test_its_figures_stand_in_the_verdict(champion: half_life.Model, answers: Dataset, content: Snapshot) -> None:
    case = Case(
        spoilt(Desperate, champion), {"champion": champion}, answers, 20 * 86_400.0, content=content, replicates=100
    )  # fmt: skip
    verdict = gates.judge(case)
    kept = next(each for each in verdict.to_json()["gates"] if each["block"] == "scheduling")
    assert kept["figures"]["worlds"]["power"]["mean"]["value"] < 0
    assert any(reason.startswith("scheduling, policy: gain driven by it gives -") for reason in verdict.reasons)


def test_the_course_is_the_curriculum_as_hard_as_its_answers_tell(content: Snapshot, answers: Dataset) -> None:
    ground = drawn_on(content, answers.interactions)
    assert ground is not None
    played, course = ground.content, ground.course
    # The withdrawn concept and its items are not in it.
    assert course.n_concepts == CONCEPTS - 1
    assert played.concept_active.sum() == CONCEPTS - 1
    items = np.flatnonzero(ground.item >= 0)
    assert np.array_equal(items, np.flatnonzero(played.item_active))
    assert not np.any(played.item_active & ~content.item_active)
    # Each item is asked of its concept, and of no other.
    position = np.empty(course.n_concepts, np.int64)
    position[course.concept_of(ground.item[items])] = played.item_concepts.flat[played.item_concepts.offset[items]]
    assert sorted(position.tolist()) == np.flatnonzero(played.concept_active).tolist()
    assert {(position[p], position[c]) for p, c in zip(course.parent, course.child, strict=True)} == {
        (p, c) for p, c in zip(content.prerequisites.flat, content.prerequisites.owner, strict=True)
    }
    hardest = position[np.argmin(course.level)]
    assert hardest == content.concept_position["c0"]
    of_hardest = ground.item[[content.item_position[f"i0-{i}"] for i in range(3)]]
    assert np.argmax(course.difficulty[of_hardest]) == 1


def test_of_large_curricula_the_concepts_with_the_most_answers_are_played(content: Snapshot, answers: Dataset) -> None:
    ground = drawn_on(content, answers.interactions, most=CONCEPTS - 2)
    assert ground is not None
    assert not ground.content.concept_active[content.concept_position["c14"]]
    assert ground.content.concept_active.sum() == CONCEPTS - 2


def test_learners_begin_where_the_data_say(champion: half_life.Model, answers: Dataset, content: Snapshot) -> None:
    easy: dict[str, Any] = {}
    for name, correct in (("hard", 0.0), ("easy", 1.0)):
        seen = answers.interactions
        moved = replace(seen, correct=np.clip(seen.correct * 0.5 + 0.5 * correct, 0, 1).astype(np.float32))
        (found,) = told(champion, champion, replace(answers, interactions=moved), content)
        easy[name] = found.figures["worlds"]["power"]["champion"]["value"]
    assert easy["easy"] > easy["hard"] + 0.1
