"""Files open in a spreadsheet as they are, and nothing in them is computed there."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from tutor.dashboard.csv import FORMULA, MARK, PART, parts, shown

#: Whatever people call each other; a spreadsheet reads no NUL.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


@given(rows=st.lists(st.lists(TEXTS | st.integers(), min_size=2, max_size=2), max_size=5))
def test_what_is_written_is_read_again_and_starts_no_formula(rows: list[list[str | int]]) -> None:
    text = "".join(parts(["A", "B"], rows, UTC))
    assert text.startswith(MARK)
    read = list(csv.reader(StringIO(text.removeprefix(MARK), newline="")))
    assert read[0] == ["A", "B"]
    for written, row in zip(read[1:], rows, strict=True):
        for found, cell in zip(written, row, strict=True):
            assert found in (str(cell), f"'{cell}")
            assert isinstance(cell, int) or not found.lstrip().startswith(FORMULA)


def test_numbers_stay_numbers() -> None:
    assert [shown(cell, UTC) for cell in (-3, 0.5, None)] == [-3, 0.5, ""]
    assert [shown(cell, UTC) for cell in ("-3", "+49 30", " =1", "a=1")] == ["'-3", "'+49 30", "' =1", "a=1"]


def test_where_numbers_have_a_comma_cells_are_apart_by_semicolons() -> None:
    """On every line, whatever language the reader of another file has meanwhile."""
    rows: list[list[float | str]] = [[0.5, "0.5"]] * (2 * PART)
    text = "".join(parts(["a", "b"], rows, UTC, "de")).removeprefix(MARK)
    assert text.splitlines() == ["a;b", *["0,5;0.5"] * (2 * PART)]


def test_times_are_those_of_the_zone() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert shown(noon, ZoneInfo("Europe/Berlin")) == "2026-07-01 14:00"


def test_a_long_table_is_sent_in_parts() -> None:
    sent = list(parts(["n"], ([i] for i in range(2 * PART)), UTC))
    assert len(sent) == 3
    assert "".join(sent).count("\r\n") == 2 * PART + 1
