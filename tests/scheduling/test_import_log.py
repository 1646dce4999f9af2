"""`manage.py import_log`: any log of answers into a school."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command
from pyarrow import csv, parquet

from curricula import queries, snapshot
from tutor.accounts.models import Learner, School
from tutor.interactions.models import Interaction, LogHead
from tutor.scheduling import intake, logfile
from tutor.scheduling.logfile import BadLog, Layout
from tutor.tracing.models import LearnerState

DATA = Path(__file__).parents[3] / "shared" / "data"
START = 1_756_713_600.0


def some_rows(**changes: Iterable[Any]) -> dict[str, list[Any]]:
    """Two learners, two items on one concept each and one on both."""
    columns: dict[str, Iterable[Any]] = {
        "learner": [1, 1, 1, 2, 2, 2],
        "item": [10, 11, 12, 10, 12, 12],
        "concept": [["7"], ["8"], ["7", "8"], ["7"], ["7", "8"], ["7", "8"]],
        "correct": [1.0, 0.0, 1.0, 0.5, 0.0, 1.0],
        "timestamp": [START + 60 * k for k in range(6)],
    }
    return {name: list(column) for name, column in (columns | changes).items()}


@pytest.fixture
def parquet_file(tmp_path: Path) -> Path:
    return write(tmp_path / "answers.parquet", some_rows())


def write(path: Path, columns: dict[str, list[Any]]) -> Path:
    if path.suffix == ".csv":
        flat = {n: [";".join(x) if isinstance(x, list) else x for x in column] for n, column in columns.items()}
        csv.write_csv(pa.table(flat), path)
    else:
        parquet.write_table(pa.table(columns), path)
    return path


def run(path: Path, school: School, *options: str) -> str:
    said = StringIO()
    call_command("import_log", path, "--school", str(school.pk), *options, stdout=said, stderr=said)
    return said.getvalue()


def logged() -> list[tuple[Any, ...]]:
    """External id, item key, concept keys, credit and time of every answer in the log, in time order."""
    names = dict(Learner.objects.values_list("pk", "external_id"))
    out = []
    for each in Interaction.objects.order_by("occurred_at"):
        content = snapshot.latest(each.curriculum_id)
        keys = [content.concept_keys[c] for c in each.concepts]
        answered = (each.correct, each.occurred_at.timestamp())
        out.append((names[each.learner_id], content.item_keys[each.item], keys, *answered))
    return out


@pytest.mark.django_db
def test_a_parquet_file_becomes_learners_content_and_answers(parquet_file: Path, school: School) -> None:
    assert "6 accepted" in run(parquet_file, school)
    assert logged()[2] == ("1", "12", ["7", "8"], 1.0, START + 120)
    assert {learner.source for learner in Learner.objects.filter(school=school)} == {"answers"}
    assert queries.by_key(school.pk, "answers") is not None


@pytest.mark.django_db
def test_a_csv_file_with_columns_of_other_names_says_the_same(parquet_file: Path, school: School) -> None:
    run(parquet_file, school)
    wanted = logged()
    names = {"learner": "user", "item": "problem", "concept": "skills", "correct": "score", "timestamp": "ms"}
    columns = {names[name]: column for name, column in some_rows(timestamp=[60 * k for k in range(6)]).items()}
    path = write(parquet_file.with_name("other.csv"), columns)
    options = [argument for name, column in names.items() for argument in (f"--{name}", column)]
    other = School.objects.create(name="Oak School")
    run(path, other, *options, "--epoch", "2025-09-01T08:00:00")
    assert sorted(logged()[::2]) == sorted(wanted)


@pytest.mark.django_db
def test_the_same_file_again_adds_nothing(parquet_file: Path, school: School) -> None:
    run(parquet_file, school, "--limit", "4")
    said = run(parquet_file, school)
    assert "2 accepted, 4 duplicate, 0 rejected" in said
    assert "0 accepted, 6 duplicate" in run(parquet_file, school)
    assert Learner.objects.filter(school=school).count() == 2


@pytest.mark.django_db
def test_advance_brings_everybody_level(parquet_file: Path, school: School) -> None:
    run(parquet_file, school, "--advance")
    assert LearnerState.objects.exclude(state=None).count() == 2
    assert not LogHead.objects.exclude(behind_since=None).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("column", "cells", "wanted"),
    [
        ("correct", [1, 0, 1, 7, 0, 1], "row 4, column correct: 7 must be a number from 0 to 1"),
        ("learner", [1, None, 1, 2, 2, 2], "row 2, column learner: None must be an id"),
        ("timestamp", ["x", *["5"] * 5], "row 1, column timestamp: 'x' must be a time"),
        ("concept", [["7"], [], ["7"], ["7"], ["7"], ["7"]], "row 2, column concept: [] must be 1 to 20 concept ids"),
        ("timestamp", [4e9] * 6, "in the future: say with --epoch"),
        ("timestamp", [-9e9, 0, 0, 0, 0, 0], "say with --epoch when they begin"),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_written(
    tmp_path: Path, school: School, column: str, cells: list[Any], wanted: str
) -> None:
    path = write(tmp_path / "bad.parquet", some_rows(**{column: cells}))
    with pytest.raises(CommandError) as refused:
        run(path, school)
    assert wanted in str(refused.value)
    assert not Interaction.objects.exists()
    assert not Learner.objects.filter(school=school).exists()


@pytest.mark.django_db
def test_mistakes_in_the_command_are_told_with_the_way_out(parquet_file: Path, school: School) -> None:
    for arguments, wanted in (
        ((parquet_file, "--school", "Elm"), "--create-school"),
        ((parquet_file, "--school", school.name, "--learner", "user"), "no column 'user', only learner, item"),
        ((parquet_file.with_name("absent.csv"), "--school", school.name), "there is no file"),
        ((parquet_file, "--school", school.name, "--epoch", "soon"), "--epoch 'soon' is no date"),
        ((Path(__file__), "--school", school.name), "cannot be read as Parquet"),
    ):
        with pytest.raises(CommandError, match=wanted):
            call_command("import_log", *arguments, stdout=StringIO(), stderr=StringIO())


@pytest.mark.django_db
def test_a_dry_run_writes_nothing(parquet_file: Path) -> None:
    said = StringIO()
    call_command("import_log", parquet_file, "--school", "Elm", "--create-school", "--dry-run", stdout=said)
    assert "6 answers of 2 learners to 3 items of 2 concepts" in said.getvalue()
    assert not School.objects.exists()


@pytest.mark.django_db
def test_ids_that_are_no_keys_become_different_keys(tmp_path: Path, school: School) -> None:
    names = ["a b", "a/b", "a|b", "ok-1", "é", "x" * 200]
    run(write(tmp_path / "odd name.parquet", some_rows(item=names)), school)
    content = snapshot.latest(Interaction.objects.all()[0].curriculum_id)
    assert len(set(content.item_keys)) == 6
    assert "ok-1" in content.item_keys
    assert {content.item_statement(place) for place in range(6)} == set(names)


@pytest.mark.django_db
def test_a_school_that_has_the_curriculum_keeps_it(parquet_file: Path, school: School, fractions: Any) -> None:
    run(parquet_file, school, "--curriculum", fractions.key)
    content = snapshot.latest(fractions.pk)
    assert content.concept_keys == ("halves", "equal-parts", "adding", "7", "8")
    assert content.prerequisites.counts.tolist() == [0, 1, 1, 0, 0]


def test_a_file_is_read_row_by_row(tmp_path: Path) -> None:
    path = write(tmp_path / "long.csv", some_rows(correct=[*"11111", "no"]))
    read = logfile.rows(path, Layout())
    assert [next(read).number for _ in range(5)] == [1, 2, 3, 4, 5]
    with pytest.raises(BadLog, match="row 6, column correct"):
        next(read)


@pytest.mark.django_db
@pytest.mark.skipif(not DATA.exists(), reason=f"{DATA} is not on this machine")
def test_a_public_log_goes_in_as_it_is(school: School) -> None:
    path = DATA / "assist12" / "interactions.parquet"
    said = run(path, school, "--epoch", "2024-09-01", "--limit", str(2 * intake.MAX_ROWS + 1))
    assert "2,001 accepted, 0 duplicate, 0 rejected" in said
