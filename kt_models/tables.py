"""Parquet and CSV files of answers, by pyarrow: `kt_models.data.read` and `write`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv, parquet

from kt_models import data
from kt_models.base import ConceptLists
from kt_models.data import BadDataset, Columns, Dataset, Vocabulary
from kt_models.recall import Float, Int

#: Separates the concepts of an answer in a CSV cell.
LIST_SEPARATOR: Final = ";"


def read(
    path: Path, *, columns: Columns, concepts: Vocabulary | None, items: Vocabulary | None, where: Mapping[str, Any]
) -> Dataset:
    """See `kt_models.data.read`."""
    table = _filter(_open(path), where, path)
    if table.num_rows == 0:
        raise BadDataset(f"{path}: holds no rows{_filtered(where)}: give a file with at least one answer")
    cells = _Cells(path, table)
    lists = cells.concept_lists(columns.concept)
    optional: dict[str, Any] = {
        "seconds": cells.seconds(columns.timestamp),
        "item": cells.items(columns.item),
        "response_seconds": cells.optional_floats(columns.response_seconds),
        "hints": cells.optional_integers(columns.hints),
        "attempt": cells.optional_integers(columns.attempt),
    }
    return data.of_columns(
        learner=cells.integers(columns.learner, "is needed"),
        concepts=lists,
        correct=cells.correct(columns.correct),
        concept_vocabulary=concepts,
        item_vocabulary=items,
        **{name: column for name, column in optional.items() if column is not None},
    )


def write(answers: Dataset, path: Path) -> None:
    """See `kt_models.data.write`."""
    seen = answers.interactions
    lists = ConceptLists(answers.concepts.decode(seen.concepts.flat), seen.concepts.offset)
    table: dict[str, Any] = {"learner": answers.learner_ids[seen.learner]}
    if answers.items.size:
        table["item"] = _decode_items(answers.items, seen.item)
    table["concept"] = _concept_column(lists)
    table["correct"] = seen.correct.astype(np.int8) if np.all(seen.correct % 1 == 0) else seen.correct
    if answers.has_time:
        table["timestamp"] = seen.seconds
    if not np.all(np.isnan(seen.response_seconds)):
        table["response_seconds"] = pa.array(seen.response_seconds, mask=np.isnan(seen.response_seconds))
    table.update({name: column for name, column in (("hints", seen.hints), ("attempt", seen.attempt)) if column.any()})
    if path.suffix == ".csv":
        csv.write_csv(_flat_lists(pa.table(table)), path)
    else:
        parquet.write_table(pa.table(table), path, compression="zstd")


class _Cells:
    """The columns of one file, checked: every complaint names file, row, column, value, rule and way out."""

    def __init__(self, path: Path, table: pa.Table) -> None:
        self.path, self.table = path, table

    def integers(self, name: str, rule: str) -> Int:
        column = self._column(name, rule)
        self._refuse_nulls(name, column)
        return self._whole(name, column)

    def optional_integers(self, name: str) -> Int | None:
        """Whole numbers, 0 where empty."""
        if name not in self.table.column_names:
            return None
        return self._whole(name, pc.fill_null(self._column(name, ""), 0))

    def optional_floats(self, name: str) -> NDArray[np.float32] | None:
        """Non-negative numbers, NaN where empty."""
        if name not in self.table.column_names:
            return None
        values = self._numbers(name, self._column(name, ""))
        self._refuse(name, values < 0, values, "must not be negative: leave the cell empty where it is unknown")
        return values.astype(np.float32)

    def items(self, name: str) -> Int | None:
        """Ids, -1 where empty."""
        if name not in self.table.column_names:
            return None
        column = self._column(name, "")
        ids = self._whole(name, column.drop_null())
        out = np.full(len(column), -1, dtype=np.int64)
        out[~_nulls(column)] = ids
        return out

    def seconds(self, name: str) -> Float | None:
        if name not in self.table.column_names:
            return None
        column = self._column(name, "")
        self._refuse_nulls(name, column)
        if pa.types.is_timestamp(column.type):
            return np.asarray(column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64()).to_numpy() / 1e6)
        values = self._numbers(name, column)
        self._refuse(name, ~np.isfinite(values), values, "must be finite: give seconds since any fixed epoch")
        return values

    def correct(self, name: str) -> NDArray[np.float32]:
        column = self._column(name, "is needed")
        self._refuse_nulls(name, column)
        values = self._numbers(name, column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column)
        outside = ~((values >= 0) & (values <= 1))
        self._refuse(name, outside, values, "must lie in [0, 1]: scale partial credit to it")
        return values.astype(np.float32)

    def concept_lists(self, name: str) -> ConceptLists:
        column = self._column(name, "is needed")
        self._refuse_nulls(name, column)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = pa.chunked_array([pc.split_pattern(column, LIST_SEPARATOR).combine_chunks()])
        if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
            return ConceptLists.single(self._whole(name, column))
        counts = np.asarray(pc.list_value_length(column).to_numpy(), dtype=np.int64)
        self._refuse(name, counts < 1, counts, "concepts in the list: give every answer at least one")
        owner = np.repeat(np.arange(len(counts)), counts)
        flat = self._whole(name, pc.list_flatten(column), owner)
        return ConceptLists(flat, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))

    def _column(self, name: str, rule: str) -> pa.ChunkedArray:
        if name not in self.table.column_names:
            found = ", ".join(self.table.column_names)
            raise BadDataset(f"{self.path}: column {name!r} {rule}, found {found}: rename yours or name it in Columns")
        return self.table.column(name)

    def _whole(self, name: str, column: pa.ChunkedArray, owner: Int | None = None) -> Int:
        """Non-negative whole numbers; `owner` gives the row of each value where it is not its position."""
        # Not by way of float64, which would confuse ids above 2^53.
        exact = pa.types.is_integer(column.type) and not column.null_count
        values: NDArray[Any] = column.to_numpy() if exact else self._numbers(name, column, owner)
        bad = ~(values >= 0) | (values % 1 != 0)
        self._refuse(name, bad, values, "must be a whole number, 0 or more: number the ids first", owner)
        return values.astype(np.int64)

    def _numbers(self, name: str, column: pa.ChunkedArray, owner: Int | None = None) -> NDArray[np.float64]:
        """As float64, NaN where empty."""
        try:
            numbers = column.cast(pa.float64())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # "nan" is how a cell without a value reads as a number.
            texts = ["nan" if value is None else str(value) for value in column.to_pylist()]
            bad = np.array([not _is_number(text) for text in texts])
            self._refuse(name, bad, np.array(texts), "must be a number", owner)
            return np.array([float(text) for text in texts])
        return np.asarray(numbers.to_numpy(), dtype=np.float64)

    def _refuse_nulls(self, name: str, column: pa.ChunkedArray) -> None:
        if column.null_count:
            empty = _nulls(column)
            self._refuse(name, empty, np.full(len(empty), ""), "must not be empty: fill it or drop the row")

    def _refuse(
        self, name: str, bad: NDArray[np.bool_], values: NDArray[Any], rule: str, owner: Int | None = None
    ) -> None:
        if not bad.any():
            return
        at = int(np.argmax(bad))
        row = at if owner is None else int(owner[at])
        more = int(bad.sum()) - 1
        others = f" (and {more} more)" if more else ""
        value = values[at].item()
        raise BadDataset(f"{self.path}: row {row + 1}, column {name!r}: {value!r} {rule}{others}")


def _open(path: Path) -> pa.Table:
    if not path.is_file():
        raise BadDataset(f"{path}: no such file: give a Parquet or CSV file of answers")
    try:
        return csv.read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        kind = "CSV" if path.suffix == ".csv" else "Parquet"
        reason = str(error).splitlines()[0]
        raise BadDataset(f"{path}: is no {kind} file ({reason}): give Parquet, or CSV with the ending .csv") from error


def _filter(table: pa.Table, where: Mapping[str, Any], path: Path) -> pa.Table:
    for name, wanted in where.items():
        if name not in table.column_names:
            raise BadDataset(f"{path}: has no column {name!r} to filter by, found {', '.join(table.column_names)}")
        values = {str(value) for value in (wanted if isinstance(wanted, tuple | list | set) else (wanted,))}
        table = table.filter(pc.is_in(table.column(name).cast(pa.string()), pa.array(sorted(values))))
    return table


def _filtered(where: Mapping[str, Any]) -> str:
    return f" where {dict(where)}" if where else ""


def _nulls(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(), dtype=np.bool_)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _decode_items(items: Vocabulary, positions: Int) -> pa.Array:
    unknown = positions < 0
    return pa.array(items.decode(np.where(unknown, 0, positions)), mask=unknown)


def _concept_column(lists: ConceptLists) -> pa.Array | Int:
    if np.all(lists.counts == 1):
        return lists.flat
    return pa.ListArray.from_arrays(pa.array(lists.offset, pa.int32()), pa.array(lists.flat))


def _flat_lists(table: pa.Table) -> pa.Table:
    """CSV has no lists: concepts joined by the separator."""
    column = table.column("concept")
    if not pa.types.is_list(column.type):
        return table
    texts = [LIST_SEPARATOR.join(map(str, values)) for values in column.to_pylist()]
    return table.set_column(table.column_names.index("concept"), "concept", pa.array(texts))
