"""Data sets of answers: reading, positions, cutting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from kt_models import data, synthetic
from kt_models.base import ConceptLists
from kt_models.data import BadDataset, Columns, Dataset, Vocabulary

REAL = Path(__file__).parents[2] / "../shared/data"

CSV = """learner,item,concept,correct,timestamp
7,20,3;5,1,100
7,21,3,0,50
4,20,3;5,0.5,60
"""


@pytest.fixture
def small(tmp_path: Path) -> Dataset:
    path = tmp_path / "answers.csv"
    path.write_text(CSV)
    return data.read(path)


@pytest.fixture(scope="module")
def simulated() -> Dataset:
    return synthetic.simulate(synthetic.Scenario(learners=40, days=10, two_concept_share=0.3), seed=3).data


def write_parquet(path: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table({"learner": [1, 1, 2], "concept": [3, 4, 3], "correct": [1, 0, 1]} | columns), path)
    return path


def as_lists(answers: Dataset) -> list[list[int]]:
    lists = answers.interactions.concepts
    return [lists.flat[a:b].tolist() for a, b in zip(lists.offset[:-1], lists.offset[1:], strict=True)]


def test_answers_are_grouped_by_learner_in_order_of_time(small: Dataset) -> None:
    assert small.learner_ids.tolist() == [4, 7]
    assert small.interactions.learner.tolist() == [0, 1, 1]
    assert small.interactions.seconds.tolist() == [60, 50, 100]
    assert small.interactions.correct.tolist() == [0.5, 0, 1]
    assert as_lists(small) == [[0, 1], [0], [0, 1]]
    assert (small.concepts.ids.tolist(), small.items.ids.tolist()) == ([3, 5], [20, 21])


def test_a_file_without_times_keeps_its_order(tmp_path: Path) -> None:
    answers = data.read(write_parquet(tmp_path / "a.parquet"))
    assert not answers.has_time
    assert answers.interactions.seconds.tolist() == [0, 1, 0]
    assert answers.interactions.item.tolist() == [-1, -1, -1]
    assert answers.items.size == 0


def test_answers_of_equal_time_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", learner=[1, 1, 1], timestamp=[9, 9, 5])
    assert data.read(path).interactions.concepts.flat.tolist() == [0, 0, 1]


def test_optional_columns_may_be_empty_in_places(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "a.parquet",
        item=[5, None, 6],
        response_seconds=[1.5, None, 2.0],
        hints=[None, 2, 0],
        attempt=[1, 2, 1],
    )
    seen = data.read(path).interactions
    assert seen.item.tolist() == [0, -1, 1]
    assert np.array_equal(seen.response_seconds, [1.5, np.nan, 2.0], equal_nan=True)
    assert (seen.hints.tolist(), seen.attempt.tolist()) == ([0, 2, 0], [1, 2, 1])


def test_empty_cells_among_texts_with_blanks_are_no_numbers(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", response_seconds=[" 2.5", None, "4"])
    assert np.array_equal(data.read(path).interactions.response_seconds, np.float32([2.5, np.nan, 4.0]), equal_nan=True)


def test_lists_booleans_and_arrow_times_are_read(tmp_path: Path) -> None:
    times = pa.array([2_000_000, 1_500_000, 0], pa.timestamp("us"))
    path = write_parquet(
        tmp_path / "a.parquet", concept=[[3, 4], [4], [9]], correct=[True, False, True], timestamp=times
    )
    answers = data.read(path)
    assert as_lists(answers) == [[1], [0, 1], [2]]
    assert answers.interactions.seconds.tolist() == [1.5, 2.0, 0.0]
    assert answers.interactions.correct.tolist() == [0, 1, 1]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user,skill,score\n1,2,1\n")
    answers = data.read(path, columns=Columns(learner="user", concept="skill", correct="score"))
    assert answers.n_answers == 1


def test_rows_are_chosen_by_the_values_of_a_column(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", split=["train", "test", "train"], fold=[1, 0, 2])
    assert data.read(path, where={"split": "train"}).n_answers == 2
    assert data.read(path, where={"fold": (0, 2)}).n_answers == 2
    assert data.read(path, where={"split": "train", "fold": 2}).learner_ids.tolist() == [2]


def test_positions_are_shared_with_another_vocabulary(small: Dataset, tmp_path: Path) -> None:
    answers = data.read(write_parquet(tmp_path / "a.parquet", concept=[9, 5, 8]), concepts=small.concepts)
    assert answers.interactions.concepts.flat.tolist() == [3, 1, 2]
    assert answers.concepts is small.concepts


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"correct": [1, 0, 2]}, r"row 3, column 'correct': 2.0 must lie in \[0, 1\]"),
        ({"correct": [1, None, 0]}, "row 2, column 'correct': '' must not be empty"),
        ({"correct": ["1", "yes", "0"]}, "row 2, column 'correct': 'yes' must be a number"),
        ({"learner": [1, -2, 3]}, r"row 2, column 'learner': -2 must be a whole number"),
        ({"learner": [1.5, 2.5, 3]}, r"row 1, column 'learner': 1.5 must be a whole number.*\(and 1 more\)"),
        ({"concept": [[1], [], [2]]}, "row 2, column 'concept': 0 concepts"),
        ({"concept": ["1", "2;x", "3"]}, "row 2, column 'concept': 'x' must be a number"),
        ({"concept": ["1", "2;", "3"]}, "row 2, column 'concept': '' must be a number"),
        ({"timestamp": [1.0, float("nan"), 2.0]}, "row 2, column 'timestamp': nan must be finite"),
        ({"response_seconds": [1.0, 2.0, -3.0]}, "row 3, column 'response_seconds': -3.0 must not be negative"),
        ({"hints": [0, 1.5, 0]}, "row 2, column 'hints': 1.5 must be a whole number"),
    ],
)
def test_a_bad_cell_is_named_with_its_rule(tmp_path: Path, columns: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadDataset, match=complaint):
        data.read(write_parquet(tmp_path / "a.parquet", **columns))


def test_large_ids_are_kept_apart(tmp_path: Path) -> None:
    ids = [2**60, 2**60 + 1, 2**60 + 2]
    assert data.read(write_parquet(tmp_path / "a.parquet", learner=ids)).learner_ids.tolist() == ids


def test_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("no table")
    (tmp_path / "empty.csv").write_text("learner,concept,correct\n")
    (tmp_path / "other.csv").write_text("user,concept,correct\n1,2,1\n")
    for name, complaint in (
        ("none.parquet", "no such file"),
        ("text.parquet", "is no Parquet file"),
        ("empty.csv", "holds no rows"),
        ("other.csv", "column 'learner' is needed, found user, concept, correct"),
    ):
        with pytest.raises(BadDataset, match=complaint):
            data.read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_what_is_written_is_read_again(simulated: Dataset, tmp_path: Path, name: str) -> None:
    data.write(simulated, tmp_path / name)
    again = data.read(tmp_path / name, concepts=simulated.concepts, items=simulated.items)
    assert np.array_equal(again.learner_ids, simulated.learner_ids)
    for column in ("learner", "seconds", "item", "correct", "response_seconds"):
        assert np.array_equal(getattr(again.interactions, column), getattr(simulated.interactions, column)), column
    assert as_lists(again) == as_lists(simulated)


@given(known=st.sets(st.integers(0, 50)), ids=st.lists(st.integers(0, 60)))
def test_unknown_ids_get_positions_of_their_own_beyond_the_known(known: set[int], ids: list[int]) -> None:
    vocabulary = Vocabulary.of(np.array(sorted(known), dtype=np.int64))
    positions = vocabulary.encode(np.array(ids, dtype=np.int64))
    pairs = dict(zip(ids, positions.tolist(), strict=True))
    assert len(set(pairs.values())) == len(pairs)
    foreign = sorted(set(ids) - known)
    assert [pairs[i] for i in foreign] == list(range(len(known), len(known) + len(foreign)))
    inside = positions < vocabulary.size
    assert np.array_equal(vocabulary.decode(positions[inside]), np.array(ids, dtype=np.int64)[inside])


def test_positions_without_an_id_are_refused() -> None:
    with pytest.raises(BadDataset, match="position 2 is not in a vocabulary of 2"):
        Vocabulary(np.array([5, 9])).decode(np.array([0, 2]))
    with pytest.raises(BadDataset, match="ascend"):
        Vocabulary(np.array([9, 5]))


def test_taken_learners_keep_their_answers(simulated: Dataset) -> None:
    taken = simulated.take(np.array([5, 2]))
    assert taken.learner_ids.tolist() == [5, 2]
    for row, source in enumerate([5, 2]):
        mine = taken.interactions.learner == row
        theirs = simulated.interactions.learner == source
        assert np.array_equal(taken.interactions.seconds[mine], simulated.interactions.seconds[theirs])
    with pytest.raises(BadDataset, match="twice"):
        simulated.take(np.array([1, 1]))


@given(seed=st.integers(0, 2**40), share=st.floats(0, 1))
def test_no_learner_is_in_two_parts(simulated: Dataset, seed: int, share: float) -> None:
    parts = simulated.split_learners((share, 1 - share), seed)
    ids = [set(part.learner_ids.tolist()) for part in parts]
    assert not ids[0] & ids[1]
    assert ids[0] | ids[1] == set(simulated.learner_ids.tolist())
    assert abs(len(ids[0]) - share * simulated.n_learners) <= 0.5 + 1e-9
    assert sum(part.n_answers for part in parts) == simulated.n_answers


def test_parts_do_not_depend_on_the_order_of_learners(simulated: Dataset) -> None:
    turned = simulated.take(np.arange(simulated.n_learners)[::-1])
    first, second = (d.split_learners((0.3, 0.7), seed=1)[0] for d in (simulated, turned))
    assert set(first.learner_ids.tolist()) == set(second.learner_ids.tolist())
    assert set(simulated.split_learners((0.3, 0.7), seed=2)[0].learner_ids.tolist()) != set(first.learner_ids.tolist())


def test_fractions_must_sum_to_one(simulated: Dataset) -> None:
    with pytest.raises(BadDataset, match="sum to 1"):
        simulated.split_learners((0.5, 0.4), seed=0)


def test_windows_cut_every_history(simulated: Dataset) -> None:
    first, rest = simulated.first(10), simulated.window(10, 10**9)
    assert first.lengths.max() == 10
    assert first.n_answers + rest.n_answers == simulated.n_answers
    assert np.array_equal(first.lengths, np.minimum(simulated.lengths, 10))
    assert np.array_equal(rest.learner_ids, simulated.learner_ids[simulated.lengths > 10])


def test_time_cuts_every_history(simulated: Dataset) -> None:
    before, after = simulated.split_time(0.75)
    assert before.interactions.seconds.max() < after.interactions.seconds.min()
    assert before.n_answers + after.n_answers == simulated.n_answers
    assert abs(before.n_answers / simulated.n_answers - 0.75) < 0.01


def test_columns_in_memory_make_the_same_data_set(small: Dataset) -> None:
    made = data.of_columns(
        learner=np.array([7, 7, 4]),
        concepts=ConceptLists.of([[3, 5], [3], [3, 5]]),
        correct=np.array([1, 0, 0.5], np.float32),
        seconds=np.array([100.0, 50.0, 60.0]),
        item=np.array([20, 21, 20]),
    )
    assert as_lists(made) == as_lists(small)
    assert np.array_equal(made.interactions.item, small.interactions.item)


@pytest.mark.skipif(not REAL.is_dir(), reason="the development data (../shared/data) are not here")
@pytest.mark.parametrize(
    ("file", "learners", "answers", "concepts", "items"),
    [
        ("assist12/interactions", 19_543, 1_582_102, 263, 49_798),
        ("cloze/interactions", 382, 44_068, 36, 144),
        ("supermemo/interactions", 6, 64_935, 18_884, 18_884),
        ("cakt/assist2009", 4_151, 325_637, 110, 0),
    ],
)
def test_real_files_have_the_size_that_their_source_states(
    file: str, learners: int, answers: int, concepts: int, items: int
) -> None:
    found = data.read(REAL / f"{file}.parquet")
    assert (found.n_learners, found.n_answers, found.concepts.size, found.items.size) == (
        learners,
        answers,
        concepts,
        items,
    )
