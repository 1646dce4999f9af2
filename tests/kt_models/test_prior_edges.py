"""Edges that people name before a fit: as a file, and what of it is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kt_models import prior_edges
from kt_models.__main__ import main
from kt_models.artifact import load_model
from kt_models.data import Vocabulary
from kt_models.prior_edges import BadEdges


def written(folder: Path, rows: object) -> Path:
    path = folder / "edges.json"
    path.write_text(json.dumps(rows))
    return path


def edge(parent: int = 3, child: int = 5, probability: float = 0.6, **more: Any) -> dict[str, Any]:
    return {"parent": parent, "child": child, "probability": probability, **more}


def test_a_file_names_concepts_by_the_ids_of_the_data(tmp_path: Path) -> None:
    rows = [edge(), edge(5, 9, 0, locked=True), edge(7, 3, 0.5)]
    found = prior_edges.read(written(tmp_path, rows)).encode(Vocabulary(np.array([3, 5, 9])))
    assert (found.parent.tolist(), found.child.tolist()) == ([0, 1, 3], [1, 2, 0])
    assert (found.probability.tolist(), found.locked.tolist()) == ([0.6, 0.0, 0.5], [False, True, False])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"parent": 1}, "must be a list of edges"),
        ([{"parent": 1, "child": 2}], "is no edge: write it as"),
        ([edge(weight=1)], "is no edge: write it as"),
        ([edge(parent="a")], "is no edge: write it as"),  # type: ignore[arg-type]
        ([edge(locked=1)], "is no edge: write it as"),
        ([edge(3, 3)], "concept 3 is named as its own prerequisite"),
        ([edge(probability=1.2, locked=True)], "probability of 3 -> 5 is 1.2: give one between 0 and 1"),
        ([edge(probability=1)], "or lock the edge at 0 or 1"),
        ([edge(), edge(probability=0.7)], "edge 3 -> 5 is named twice"),
        ([edge(probability=1, locked=True), edge(5, 3, 1, locked=True)], "3 -> 5 and back are both locked to be there"),
    ],
)
def test_what_is_no_file_of_edges_is_refused(tmp_path: Path, rows: object, message: str) -> None:
    with pytest.raises(BadEdges, match=message):
        prior_edges.read(written(tmp_path, rows))


def test_a_fit_takes_the_file_if_its_kind_learns_a_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers.parquet"
    assert main(["simulate", "--learners", "30", "--concepts", "4", "--days", "6", "--out", str(answers)]) == 0
    told = written(tmp_path, [edge(0, 1, 1.0, locked=True), edge(2, 3, 0.0, locked=True)])
    common = ["--data", str(answers), "--edges", str(told), "--out", str(tmp_path / "model")]
    assert main(["fit", "--model", "half-life", *common]) == 2
    assert "--edges: half-life learns no graph of prerequisites: leave it out" in capsys.readouterr().err
    quick = [f"{name}=1" for name in ("epochs", "min_steps", "bootstraps")]
    assert main(["fit", "--model", "psikt", *common, *(part for each in quick for part in ("--set", each))]) == 0
    graph = load_model(tmp_path / "model").graph()
    assert graph is not None
    chance = dict(zip(zip(graph.parent, graph.child, strict=True), graph.existence * graph.direction, strict=True))
    assert chance[0, 1] > 0.999 and chance.get((2, 3), 0.0) < 1e-5


def test_a_file_that_is_not_there_gets_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers.parquet"
    main(["simulate", "--learners", "5", "--concepts", "2", "--days", "2", "--out", str(answers)])
    arguments = ["--data", str(answers), "--edges", str(tmp_path / "none.json"), "--out", str(tmp_path / "model")]
    assert main(["fit", "--model", "psikt", *arguments]) == 2
    assert "none.json: cannot be read as JSON" in capsys.readouterr().err
