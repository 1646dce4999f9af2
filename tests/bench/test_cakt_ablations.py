"""What the ablations are measured on: repeated rows merged and nothing lost, and one switch changed at a time."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kt_models import data
from kt_models.base import ConceptLists
from kt_models.cakt import Config
from kt_models.data import Dataset, Vocabulary
from kt_models.settings import parse_settings
from tests.bench import cakt_ablations, published_split
from tests.bench.cakt_ablations import GROUPS, PRODUCT, SETS, Plan, Rule
from tests.bench.published_split import Source

CONCEPTS = 7
Row = tuple[int, int]


def rows_of(histories: list[list[Row]]) -> Dataset:
    """Learners 100, 101, ... with (concept, correct) rows."""
    flat = [row for history in histories for row in history]
    return data.of_columns(
        learner=np.repeat(100 + np.arange(len(histories)), [len(history) for history in histories]),
        concepts=ConceptLists.single(np.array([concept for concept, _ in flat])),
        correct=np.array([correct for _, correct in flat], np.float32),
        concept_vocabulary=Vocabulary(np.arange(CONCEPTS)),
    )


def training() -> Dataset:
    """Questions of 0 and 1 are rows of both; a question of 2 is often followed by one of 3; 4 and 5 are mixed.

    They are of one question in turn (4 5 4 5), and of two after a row of 4 (4 4 5).
    """
    generator = np.random.default_rng(0)
    histories = []
    for _ in range(60):
        a, b, c, d, e, f, g = generator.integers(0, 2, 7).tolist()
        histories.append([
            (0, a), (1, a), (0, b), (1, b), (2, c), (3, d), (2, b), (4, e), (5, e), (4, f), (5, f), (6, c), (4, d),
            (4, c), (5, g),
        ])  # fmt: skip
    return rows_of(histories)


def lists(found: Dataset, learner: int = 0) -> list[list[int]]:
    taken = found.take(np.array([learner])).interactions.concepts
    return [taken.flat[a:b].tolist() for a, b in zip(taken.offset[:-1], taken.offset[1:], strict=True)]


def merged(rows: Dataset) -> Dataset:
    return cakt_ablations.merged(rows, Rule.of(training()).repeats(rows))


def test_an_answer_repeated_for_its_next_concept_becomes_one() -> None:
    found = merged(rows_of([[(0, 1), (1, 1), (2, 0), (3, 0), (0, 0), (1, 0), (0, 1), (1, 1)]]))
    assert lists(found) == [[0, 1], [2], [3], [0, 1], [0, 1]]
    assert found.interactions.correct.tolist() == [1, 0, 0, 0, 1]
    assert found.interactions.seconds.tolist() == [0, 1, 2, 3, 4]


def test_concepts_that_also_follow_one_another_are_told_by_the_rows_around() -> None:
    found = merged(rows_of([[(3, 1), (2, 1), (4, 1), (5, 1), (4, 0), (5, 0), (6, 1), (4, 1), (4, 0), (5, 0)]]))
    assert lists(found) == [[3], [2], [4, 5], [4, 5], [6], [4], [4], [5]]


def test_outcomes_do_not_say_what_is_merged() -> None:
    found = merged(rows_of([[(0, 1), (1, 0), (2, 1)]]))
    assert lists(found) == [[0, 1], [2]]
    assert found.interactions.correct.tolist() == [1, 1]


def test_nobody_goes_on_with_the_answer_of_another_learner() -> None:
    found = merged(rows_of([[(2, 1), (0, 1)], [(1, 1), (2, 0)]]))
    assert (lists(found, 0), lists(found, 1)) == ([[2], [0]], [[1], [2]])


def test_a_question_has_a_concept_once() -> None:
    rule = Rule(np.array([0 * CONCEPTS + 1, 1 * CONCEPTS + 0]), np.empty(0, np.int64))
    rows = rows_of([[(0, 1), (1, 1), (0, 1), (1, 1), (0, 0)]])
    assert lists(cakt_ablations.merged(rows, rule.repeats(rows))) == [[0, 1], [0, 1], [0]]


@settings(deadline=None)
@given(histories=st.lists(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=1), min_size=1))
def test_merging_loses_no_row_and_keeps_their_order(histories: list[list[Row]]) -> None:
    rows = rows_of(histories)
    found = merged(rows)
    seen, whole = found.interactions, rows.interactions
    assert np.array_equal(seen.concepts.flat, whole.concepts.flat)
    assert np.array_equal(found.learner_ids, rows.learner_ids)
    assert np.array_equal(seen.learner[seen.concepts.owner], whole.learner)
    assert np.array_equal(seen.correct, whole.correct[seen.concepts.offset[:-1]])


def test_a_chance_agreement_of_a_few_rows_is_no_rule() -> None:
    few = training().take(np.arange(Rule.LEAST // 2 - 1))
    rows = rows_of([[(0, 1), (1, 1)]])
    assert lists(cakt_ablations.merged(rows, Rule.of(few).repeats(rows))) == [[0], [1]]


@pytest.fixture(scope="module")
def source() -> Source:
    """The training learners, two of whom come again in the test part, and others who stop earlier."""
    rows = training()
    again, shorter = rows.take(np.array([3, 7])).interactions, rows.take(np.arange(20, 31)).first(13).interactions
    seen, sizes = [rows.interactions, again, shorter], np.cumsum([0, rows.n_learners, 2])
    whole = data.of_columns(
        learner=np.concatenate([part.learner + at for part, at in zip(seen, sizes, strict=True)]),
        concepts=ConceptLists.single(np.concatenate([part.concepts.flat for part in seen])),
        correct=np.concatenate([part.correct for part in seen]),
        concept_vocabulary=rows.concepts,
    )
    test = np.arange(whole.n_learners) >= rows.n_learners
    return Source(whole, test, np.where(test, 0, 1 + np.arange(whole.n_learners) % 5))


def test_a_double_has_the_same_rows_in_the_same_order() -> None:
    rows = rows_of([[(0, 1), (1, 1)], [(0, 1), (1, 0)], [(0, 1), (1, 1)], [(1, 1), (0, 1)], [(0, 1)], [(0, 1)]])
    test = np.array([False, True, True, True, True, True])
    assert cakt_ablations.doubles(Source(rows, test, (~test).astype(np.int64))).tolist() == [
        False, False, True, False, False, False,
    ]  # fmt: skip


def test_test_learners_who_are_a_training_learner_are_left_out(source: Source) -> None:
    found, facts = cakt_ablations.clean(source)
    assert np.setdiff1d(source.data.learner_ids, found.data.learner_ids).tolist() == [60, 61]
    assert found.test.sum() == 11
    shown = {figure["name"].removeprefix("assist2009-clean."): figure["value"] for figure in facts}
    assert shown["test.doubles"] == 2
    assert shown["training.repeated_agree"] == shown["test.repeated_agree"] == 1.0
    assert shown["training.repeated"] == pytest.approx(4 / 14, abs=1e-5)


def test_the_rule_is_found_on_training_rows_only(source: Source) -> None:
    found = cakt_ablations.clean(source)[0]
    nobody = Source(source.data, source.test & (np.arange(len(source.test)) > 63), source.fold)
    kept = cakt_ablations.taken(nobody, np.flatnonzero(~source.test | nobody.test))
    other = cakt_ablations.clean(kept)[0]
    assert np.array_equal(
        found.data.take(np.arange(60)).interactions.concepts.offset,
        other.data.take(np.arange(60)).interactions.concepts.offset,
    )


def test_each_seed_validates_on_its_own_training_learners(source: Source) -> None:
    found = [cakt_ablations.parts(source, seed) for seed in range(3)]
    for some in found:
        ids = [set(part.learner_ids.tolist()) for part in some]
        assert all(ids)
        assert set.union(*ids) == set(source.data.learner_ids.tolist())
        assert sum(map(len, ids)) == source.data.n_learners
    validated = [set(some[1].learner_ids.tolist()) for some in found]
    assert not set.intersection(*validated)


def test_fewer_learners_are_some_of_the_more(source: Source) -> None:
    few, more = (cakt_ablations.limited(source, n, 5) for n in (10, 30))
    assert ((~few.test).sum(), few.test.sum(), (~more.test).sum()) == (10, 5, 30)
    assert set(few.data.learner_ids.tolist()) < set(more.data.learner_ids.tolist())
    assert cakt_ablations.limited(source, 0, 0).data.n_learners == source.data.n_learners


def test_a_combination_of_concepts_is_one_in_any_order() -> None:
    several = ConceptLists.of([[0, 1], [1], [1, 0], [0], [0, 1, 2]])
    whole = data.of_columns(learner=np.zeros(5, np.int64), concepts=several, correct=np.ones(5, np.float32))
    found = cakt_ablations.of_one_concept(whole)
    concept = found.interactions.concepts.flat.tolist()
    assert concept[0] == concept[2]
    assert len(set(concept)) == found.concepts.size == 4


@pytest.mark.parametrize("name", SETS)
def test_every_ablation_changes_one_switch(name: str) -> None:
    for group, named in cakt_ablations.table(name).items():
        ours = {label: model for label, model in named.items() if label.startswith(group)}
        lead, *others = (asdict(parse_settings(Config, settings_of(model))) for model in ours.values())
        assert len(others) > 6
        assert [sum(lead[key] != other[key] for key in lead) for other in others] == [1] * len(others)


def settings_of(model: str) -> list[str]:
    return model.partition("[")[2].rstrip("]").split(",") if "[" in model else []


@pytest.mark.parametrize("name", SETS)
def test_everybody_of_the_table_can_be_resolved(name: str) -> None:
    for model in {model for named in cakt_ablations.table(name).values() for model in named.values()}:
        assert callable(cakt_ablations.resolve(model))


def test_a_pattern_takes_the_unablated_model_along() -> None:
    assert Plan(only="fusion").groups(cakt_ablations.CLEAN) == [
        (GROUPS["paper"][0], "cakt[mode=paper,fusion=sum]"), (PRODUCT, "cakt[fusion=sum]"),
    ]  # fmt: skip
    assert Plan(only="rivals/lstm").groups("assist17") == [(PRODUCT, "lstm")]
    assert Plan(only="rivals/lstm", settings=("side=5",)).groups("assist17") == [("cakt[side=5]", "lstm")]
    assert Plan(models=("logistic", "lstm"), only="x").groups("assist17") == [("logistic", "lstm")]


def test_switches_of_times_and_items_are_left_to_sets_that_have_them() -> None:
    without, timed = (
        [label for named in cakt_ablations.table(name).values() for label in named] for name in (SETS[0], "assist12")
    )
    gone = {label for label in timed if label.partition("/")[2].partition("=")[0] in ("items", "time")}
    gone |= {"paper/decay=days", "product/decay=days"}
    assert set(timed) - set(without) == gone | {"rivals/trees-next"}


def test_rivals_are_compared_on_the_same_answers(source: Source) -> None:
    found = cakt_ablations.clean(source)[0]
    single = cakt_ablations.of_one_concept(found.data)
    for part, other in zip(
        cakt_ablations.parts(found, 0), cakt_ablations.parts(Source(single, found.test, found.fold), 0), strict=True
    ):
        assert np.array_equal(part.learner_ids, other.learner_ids)
        assert np.array_equal(part.interactions.correct, other.interactions.correct)
    truth, rows = published_split.scored(published_split.Histories(found.data, found.data.learner_ids))
    assert len(truth.correct) == rows.sum() == found.data.n_answers - found.data.n_learners
