"""Artifacts: whole or not at all, verified on reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kt_models import artifact
from kt_models.artifact import BadArtifact

TENSORS: dict[str, Any] = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "scalar": np.array(1.5),
    "ids": np.array([4, 9]),
    "none": np.empty((0, 3), np.float32),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    artifact.save(tmp_path / "m", "toy", 3, {"rate": 0.5, "deep": [1, 2]}, TENSORS, {"note": "x"})
    return tmp_path / "m"


def test_what_was_saved_is_loaded_exactly(folder: Path) -> None:
    loaded = artifact.load(folder, "toy")
    assert (loaded.kind, loaded.version, loaded.config) == ("toy", 3, {"rate": 0.5, "deep": [1, 2]})
    assert loaded.extra == {"note": "x"}
    for name, value in TENSORS.items():
        assert loaded.tensors[name].dtype == value.dtype
        assert loaded.tensors[name].shape == value.shape
        assert np.array_equal(loaded.tensors[name], value)


def test_equal_models_have_equal_checksums(folder: Path, tmp_path: Path) -> None:
    artifact.save(tmp_path / "n", "toy", 3, {"deep": [1, 2], "rate": 0.5}, TENSORS, {"note": "x"})
    artifact.save(tmp_path / "o", "toy", 3, {"deep": [1, 2], "rate": 0.6}, TENSORS, {"note": "x"})
    sums = [artifact.checksum(path) for path in (folder, tmp_path / "n", tmp_path / "o")]
    assert sums[0] == sums[1] != sums[2]


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    artifact.save(tmp_path / "m", "toy", 1, {}, TENSORS)
    with pytest.raises(BadArtifact, match="not empty"):
        artifact.save(tmp_path / "m", "toy", 1, {}, TENSORS)
    (tmp_path / "file").touch()
    with pytest.raises(BadArtifact, match="is a file"):
        artifact.save(tmp_path / "file", "toy", 1, {}, TENSORS)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadArtifact, match="cannot be written"):
        artifact.save(tmp_path / "file" / "m", "toy", 1, {}, TENSORS)


@pytest.mark.parametrize("config", [{"x": object()}, {"x": float("nan")}])
def test_nothing_is_left_of_an_artifact_that_cannot_be_written(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(BadArtifact, match="no JSON"):
        artifact.save(tmp_path / "m", "toy", 1, config, TENSORS)
    assert list(tmp_path.iterdir()) == []


def test_every_damaged_byte_of_the_weights_is_found(folder: Path) -> None:
    weights = (folder / artifact.WEIGHTS).read_bytes()
    for at in range(0, len(weights), 37):
        (folder / artifact.WEIGHTS).write_bytes(weights[:at] + bytes([weights[at] ^ 255]) + weights[at + 1 :])
        with pytest.raises(BadArtifact, match="checksum"):
            artifact.load(folder)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "no manifest"),
        ("[]", "no manifest"),
        ('{"format": 99}', "format 99"),
        ('{"format": 1, "kind": "toy", "version": "3"}', "lacks version, config, extra, files"),
    ],
)
def test_a_foreign_manifest_is_refused(folder: Path, content: str, complaint: str) -> None:
    (folder / artifact.MANIFEST).write_text(content)
    with pytest.raises(BadArtifact, match=complaint):
        artifact.load(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / artifact.WEIGHTS).unlink()
    with pytest.raises(BadArtifact, match=r"model\.safetensors: cannot be read"):
        artifact.load(folder)
    with pytest.raises(BadArtifact, match=r"manifest\.json: cannot be read"):
        artifact.load(folder.parent / "absent")


def test_weights_that_are_no_tensors_are_refused_though_their_checksum_holds(folder: Path) -> None:
    manifest = json.loads((folder / artifact.MANIFEST).read_text())
    (folder / artifact.WEIGHTS).write_bytes(b"no tensors")
    manifest["files"][artifact.WEIGHTS]["sha256"] = artifact._sha256(b"no tensors")
    (folder / artifact.MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BadArtifact, match="holds no tensors"):
        artifact.load(folder)


def test_another_kind_is_refused(folder: Path) -> None:
    with pytest.raises(BadArtifact, match="holds a model of kind 'toy', not 'half-life'"):
        artifact.load(folder, "half-life")
    with pytest.raises(BadArtifact, match="unknown kind"):
        artifact.load_model(folder)
