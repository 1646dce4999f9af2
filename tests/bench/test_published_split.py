"""The published split: which rows are taken, cut and scored, and that its rivals look back only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from kt_models import data, synthetic
from kt_models.base import ConceptLists, Interactions
from kt_models.baselines import logistic
from kt_models.data import Dataset
from kt_models.recall import Float
from kt_models.settings import BadSetting
from tests.bench import published_split
from tests.bench.published_split import Histories, Plan, Source, folded, parts, reference, scored
from tests.bench.rivals import order_trees, ours
from tests.bench.rivals.lstm import Lstm
from tests.bench.rivals.order_trees import OrderTrees, Rates
from tests.bench.rivals.ours import Ours
from tests.bench.rivals.tasks import Truth, open_loop

LENGTHS = [1, 4, 5, 9, 10, 11, 200, 201, 202, 450, 12, 13]
CONCEPTS = 7


def answers(lengths: list[int]) -> Dataset:
    """Learners 100, 101, ... who learn with each answer, none at the same rate."""
    generator = np.random.default_rng(0)
    learner = np.repeat(np.arange(len(lengths)), lengths)
    step = np.concatenate([np.arange(n) for n in lengths])
    chance = 1 / (1 + np.exp(-generator.normal(0, 1, len(lengths))[learner] - step / 100))
    correct = (generator.random(len(learner)) < chance).astype(np.float32)
    concepts = ConceptLists.single(generator.integers(0, CONCEPTS, len(learner)))
    return data.of_columns(learner=100 + learner, concepts=concepts, correct=correct)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A file like the published ones: three folds, then the test part."""
    path: Path = tmp_path_factory.mktemp("published") / "set.parquet"
    lengths = LENGTHS * 4
    seen, row = answers(lengths).interactions, np.repeat(np.arange(len(lengths)), lengths)
    columns = {"learner": 100 + row, "concept": seen.concepts.flat, "correct": seen.correct.astype(np.int8)}
    test = row >= 3 * len(LENGTHS)
    columns |= {"split": np.where(test, "test", "train"), "fold": np.where(test, 0, 1 + row % 3).astype(np.int8)}
    parquet.write_table(pa.table(columns), path)
    return published_split.read(path)


@pytest.fixture(scope="module")
def learners() -> Dataset:
    return answers([40] * 60)


def everyone(histories: Histories) -> set[int]:
    return set(histories.owner.tolist())


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=8), most=st.integers(1, 12))
def test_folding_loses_and_repeats_nothing(lengths: list[int], most: int) -> None:
    whole = answers(lengths)
    found = folded(whole, most)
    seen, cut = whole.interactions, found.data.interactions
    assert np.array_equal(found.owner[cut.learner], whole.learner_ids[seen.learner])
    assert np.array_equal(cut.correct, seen.correct)
    assert np.array_equal(cut.concepts.flat, seen.concepts.flat)
    assert found.data.lengths.max() <= most
    assert found.data.n_learners == sum(-(-n // most) for n in lengths)


def test_pieces_are_of_at_most_200_and_each_begins_anew() -> None:
    found = folded(answers(LENGTHS))
    pieces = [found.data.lengths[found.owner == 100 + row].tolist() for row in range(len(LENGTHS))]
    assert pieces[LENGTHS.index(450)] == [200, 200, 50]
    assert pieces[LENGTHS.index(201)] == [200, 1]
    assert pieces[LENGTHS.index(200)] == [200]
    assert np.array_equal(found.data.interactions.seconds, found.data.step)


@pytest.mark.parametrize(
    ("name", "kept"),
    [("assist2009", [10, 11, 200, 201, 12, 13]), ("statics2011", [5, 9, 10, 11, 200, 201, 202, 450, 12, 13])],
)
def test_the_published_selection_keeps_whole_sequences(name: str, kept: list[int], source: Source) -> None:
    test = parts(source, name, "reference", 0).test
    assert test.data.lengths.tolist() == kept
    assert np.array_equal(test.owner, test.data.learner_ids)


def test_a_selection_by_length_leaves_the_answers_as_they_are() -> None:
    whole = answers(LENGTHS)
    found = reference(whole, 10, 201).data
    rows = whole.answers_of(found.learner_ids - 100)
    assert np.array_equal(found.interactions.correct, whole.interactions.correct[rows])
    assert np.array_equal(found.interactions.concepts.flat, whole.interactions.concepts.flat[rows])


@pytest.mark.parametrize("selection", published_split.SELECTIONS)
def test_nobody_is_in_two_parts_of_a_seed(selection: str, source: Source) -> None:
    for seed in range(3):
        found = parts(source, "assist2009", selection, seed)
        groups = [everyone(part) for part in (found.training, found.validation, found.test)]
        assert all(groups)
        assert sum(map(len, groups)) == len(set.union(*groups))


def test_each_seed_validates_on_its_own_fold_and_tests_on_the_same_learners(source: Source) -> None:
    found = [parts(source, "assist2009", "folded", seed) for seed in range(4)]
    folds = [everyone(part.validation) for part in found]
    assert set.union(*folds[:3]) == set(source.data.learner_ids[~source.test].tolist())
    assert sum(map(len, folds[:3])) == (~source.test).sum()
    assert folds[3] == folds[0]
    assert all(everyone(part.test) == set(source.data.learner_ids[source.test].tolist()) for part in found)


def test_a_set_with_one_validation_part_has_it_for_all_seeds(source: Source) -> None:
    one = Source(source.data, source.test, (source.fold == 1).astype(np.int64))
    folds = [everyone(parts(one, "synthetic_v0", "folded", seed).validation) for seed in range(3)]
    assert folds[0] == folds[1] == folds[2] == everyone(parts(source, "assist2009", "folded", 0).validation)


def test_all_but_first_answers_are_scored_by_true_learner(source: Source) -> None:
    test = parts(source, "assist2009", "folded", 0).test
    truth, rows = scored(test)
    assert np.array_equal(np.flatnonzero(~rows), test.data.offset[:-1])
    assert len(truth.correct) == test.data.n_answers - test.data.n_learners
    of_450 = source.data.learner_ids[source.test][LENGTHS.index(450)]
    assert (truth.learner == of_450).sum() == 450 - 3


def turned(whole: Dataset, step: int) -> Dataset:
    """The same with all answers from a step on turned round."""
    seen = whole.interactions
    correct = np.where(whole.step >= step, 1 - seen.correct, seen.correct).astype(np.float32)
    other = Interactions(seen.learner, seen.seconds, seen.item, seen.concepts, correct)
    return Dataset(whole.learner_ids, other, whole.concepts, whole.items, whole.has_time)


@pytest.mark.parametrize("step", [0, 1, 2, 17, 39])
def test_counts_depend_on_earlier_answers_only(step: int, learners: Dataset) -> None:
    rates, inside = Rates.of(learners), learners.step <= step
    told, other = (order_trees.features(d, rates.told(d)) for d in (learners, turned(learners, step)))
    assert told.shape == (learners.n_answers, len(order_trees.NAMES))
    assert np.array_equal(told[inside], other[inside])
    assert step == 39 or not np.array_equal(told, other)


def test_counts_are_those_made_by_hand() -> None:
    concept, correct = np.array([0, 0, 1, 0, 0, 1]), np.array([1, 1, 0, 1, 0, 1], np.float32)
    one = data.of_columns(learner=np.zeros(6, np.int64), concepts=ConceptLists.single(concept), correct=correct)
    told = order_trees.features(one, np.tile([0.5, 0.5, 0.0], (6, 1)))
    column = {name: told[:, k].tolist() for k, name in enumerate(order_trees.NAMES)}
    assert column["learner right"] == [0, 1, 2, 2, 3, 3]
    assert column["concept wrong"] == [0, 0, 0, 0, 0, 1]
    assert column["streak"] == [0, 1, 2, -1, 1, -1]
    assert column["concept streak"] == [0, 1, 0, 2, 3, -1]
    assert column["steps since concept"] == [-1, 1, -1, 2, 1, 3]
    assert column["same concept as last"] == [0, 1, 0, 0, 1, 0]
    assert column["run of last concept"] == [0, 1, 2, 1, 1, 2]
    assert column["concepts met"] == [0, 1, 1, 2, 2, 2]
    assert column["last but two"] == [-1, -1, -1, 1, 1, 0]
    assert np.allclose(column["late surprise 3"], [0, 0.25, 1 / 3, 0.125, 0.125, -0.125])


def test_rates_are_drawn_to_all_answers_and_then_to_the_concept() -> None:
    concept, correct = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 1], np.float32)
    two = data.of_columns(learner=np.array([5, 5, 9, 9]), concepts=ConceptLists.single(concept), correct=correct)
    told = Rates.of(two).told(two)
    first, second = (2 + 8 * 0.75) / 10, (1 + 8 * 0.75) / 10
    assert np.allclose(told[:, 0], [first, second, first, second])
    assert np.allclose(told[1], [second, (1 + 8 * second) / 10, 2])


@pytest.mark.parametrize("fit", [OrderTrees.fit, Lstm.for_next_chosen_on])
def test_rivals_cannot_see_what_they_predict(
    fit: Callable[[Dataset, Dataset, int], published_split.Fitted], learners: Dataset
) -> None:
    fitted = fit(learners.take(np.arange(40)), learners.take(np.arange(40, 60)), 0)
    p, inside = fitted.following(learners), learners.step <= 20
    assert np.all((p > 0) & (p < 1))
    assert np.allclose(p[inside], fitted.following(turned(learners, 20))[inside], atol=1e-6)


def test_a_network_says_the_same_of_the_next_answer_both_ways() -> None:
    whole = answers([3, 8, 1, 5])
    fitted = Lstm.for_next_chosen_on(whole, whole, 0)
    situation, _ = open_loop(whole, 3, 1)
    long = whole.take(np.array([1, 3]))
    assert np.allclose(fitted.ahead(situation), fitted.following(long)[long.offset[:-1] + 3], atol=1e-6)
    assert np.allclose(fitted.following(whole)[whole.answers_of(np.array([1, 3]))], fitted.following(long), atol=1e-6)


def test_a_model_is_named_with_its_settings(learners: Dataset) -> None:
    found = published_split.resolve("logistic[concept_sd=0.5,item_sd=0.25]")(learners, learners, 0)
    assert isinstance(found, Ours)
    assert isinstance(found.model, logistic.Model)
    assert (found.model.config.concept_sd, found.model.config.item_sd) == (0.5, 0.25)
    with pytest.raises(BadSetting, match="colour"):
        published_split.resolve("logistic[colour=red]")
    with pytest.raises(ValueError, match="nobody is named 'oracle'"):
        published_split.resolve("oracle")


def test_seeds_are_not_taken_for_learners(learners: Dataset) -> None:
    truth, rows = scored(Histories(learners, learners.learner_ids))
    p = np.clip(truth.correct * 0.3 + np.random.default_rng(1).random(len(rows[rows])) * 0.7, 0.01, 0.99)

    def interval(truths: list[Truth], ps: list[Float]) -> tuple[float, float]:
        plan = Plan(seeds=tuple(range(len(ps))), models=("one",), replicates=50)
        shown = {figure["name"]: figure for figure in published_split.report("set", truths, {"one": ps}, plan)}
        return shown["set.one.auc"]["low"], shown["set.one.auc"]["high"]

    assert interval([truth] * 3, [p] * 3) == pytest.approx(interval([truth], [p]))


def test_a_model_is_fitted_again_on_all_learners_for_the_epochs_that_were_chosen() -> None:
    log = synthetic.simulate(synthetic.Scenario(learners=30, concepts=4, items_per_concept=2, days=3), seed=0).data
    training, validation = log.split_learners((0.7, 0.3), 0)
    whole = ours.together(training, validation)
    assert (whole.n_learners, whole.n_answers) == (30, log.n_answers)
    assert whole.interactions.correct.sum() == log.interactions.correct.sum()
    fits = (published_split.resolve(f"cakt[side=3,head=4,epochs=2,min_steps=1]{name}") for name in ("+all", ""))
    again, once = (fit(training, validation, 0).following(log) for fit in fits)
    assert np.all((again > 0) & (again < 1))
    assert not np.allclose(again, once, atol=1e-3)
    with pytest.raises(ValueError, match="choose no epoch"):
        published_split.resolve("logistic+all")
