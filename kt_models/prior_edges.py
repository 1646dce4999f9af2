"""What is known of prerequisite edges before a fit: by the author of a curriculum, and by teachers who reviewed them.

A kind of model that learns a graph takes it as the argument `prior_edges` of its `fit`. As a file: a JSON list of
{"parent": 3, "child": 5, "probability": 0.6, "locked": false}, ids as in the data.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from kt_models.data import Vocabulary
from kt_models.recall import Float, Int

Bool = NDArray[np.bool_]


class BadEdges(ValueError):
    """Edges, or a file of them, that say nothing that can be; the message names the edge and the rule."""


@final
@dataclass(frozen=True, eq=False)
class PriorEdges:
    """Directed edges, (edges,), each named once. What is not named stands at the fit's own prior.

    Attributes:
        parent, child: positions of concepts; edges of positions outside the vocabulary are passed over.
        probability: P(parent -> child) before any answer, inside (0, 1) unless locked.
        locked: answers do not move it: it is there for certain if its probability is a half or more, else it is not.
    """

    parent: Int
    child: Int
    probability: Float
    locked: Bool

    def __post_init__(self) -> None:
        for row in np.flatnonzero(self.parent == self.child).tolist():
            raise BadEdges(f"concept {self.parent[row]} is named as its own prerequisite: leave that edge out")
        bad = ~((self.probability >= 0) & (self.probability <= 1))
        bad |= ~self.locked & ((self.probability == 0) | (self.probability == 1))
        for row in np.flatnonzero(bad).tolist():
            raise BadEdges(
                f"the probability of {self._name(row)} is {self.probability[row]:g}: give one between 0 and 1, or lock "
                "the edge at 0 or 1"
            )
        self._check_named_once()

    def _check_named_once(self) -> None:
        seen: set[tuple[int, int]] = set()
        certain = self.locked & (self.probability >= 0.5)
        for row, pair in enumerate(zip(self.parent.tolist(), self.child.tolist(), strict=True)):
            if pair in seen:
                raise BadEdges(f"edge {self._name(row)} is named twice: name it once")
            seen.add(pair)
        there = {(int(self.parent[row]), int(self.child[row])) for row in np.flatnonzero(certain)}
        for parent, child in sorted(there):
            if (child, parent) in there:
                raise BadEdges(f"edges {parent} -> {child} and back are both locked to be there: unlock one of them")

    def _name(self, row: int) -> str:
        return f"{self.parent[row]} -> {self.child[row]}"

    def __len__(self) -> int:
        return int(self.parent.shape[0])

    @classmethod
    def of(cls, rows: list[tuple[int, int, float, bool]]) -> PriorEdges:
        """From (parent, child, probability, locked)."""
        parent, child, probability, locked = zip(*rows, strict=True) if rows else ((), (), (), ())
        return cls(
            np.array(parent, np.int64), np.array(child, np.int64), np.array(probability, np.float64),
            np.array(locked, np.bool_),
        )  # fmt: skip

    def encode(self, concepts: Vocabulary) -> PriorEdges:
        """By position, of edges that name concepts by id."""
        both = concepts.encode(np.stack([self.parent, self.child]))
        return PriorEdges(both[0], both[1], self.probability, self.locked)

    def digest(self) -> str:
        """SHA-256 of what it says."""
        found = hashlib.sha256()
        for column in (self.parent, self.child, self.probability, self.locked):
            found.update(np.ascontiguousarray(column).tobytes())
        return found.hexdigest()


def read(path: Path) -> PriorEdges:
    """A file of edges, by ids.

    Raises:
        BadEdges: if it cannot be read or breaks a rule.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadEdges(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(rows, list):
        raise BadEdges(f"{path}: must be a list of edges, such as [{_EXAMPLE}]")
    try:
        return PriorEdges.of([_row(row) for row in rows])
    except BadEdges as error:
        raise BadEdges(f"{path}: {error}") from error


_EXAMPLE = '{"parent": 3, "child": 5, "probability": 0.6, "locked": false}'


def _row(row: Any) -> tuple[int, int, float, bool]:
    is_edge = (
        isinstance(row, dict)
        and {"parent", "child", "probability"} <= row.keys() <= {"parent", "child", "probability", "locked"}
        and all(type(row[name]) is int for name in ("parent", "child"))
        and type(row["probability"]) in (int, float)
        and type(row.get("locked", False)) is bool
    )
    if not is_edge:
        raise BadEdges(f"{json.dumps(row)} is no edge: write it as {_EXAMPLE}")
    return row["parent"], row["child"], float(row["probability"]), row.get("locked", False)
