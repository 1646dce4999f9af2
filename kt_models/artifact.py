"""Fitted models on disk: `model.safetensors` beside `manifest.json`, with checksums. Never pickle.

The only I/O of the library beside `kt_models.data`. An artifact appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from kt_models.base import LearnerModel

Tensors = Mapping[str, NDArray[Any]]

#: Layout of the folder and the manifest; `load` reads this one only.
FORMAT: Final = 1
#: Version of this library, for the reader of a manifest; nothing depends on it.
LIBRARY_VERSION: Final = "0.1.0"
MANIFEST: Final = "manifest.json"
WEIGHTS: Final = "model.safetensors"


class BadArtifact(ValueError):
    """A folder is no artifact that can be read, or cannot take one."""

    def __init__(self, path: Path, problem: str, way_out: str) -> None:
        super().__init__(f"{path}: {problem}: {way_out}")
        self.path = path


@final
@dataclass(frozen=True, eq=False)
class Artifact:
    """A model in parts: `config` and `extra` are JSON objects, `version` is the kind's own version of its tensors."""

    kind: str
    version: int
    config: Mapping[str, Any]
    tensors: Tensors
    extra: Mapping[str, Any] = field(default_factory=dict)


def save(
    folder: Path,
    kind: str,
    version: int,
    config: Mapping[str, Any],
    tensors: Tensors,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Writes an artifact into an empty or absent folder, whole or not at all. Equal arguments give equal bytes.

    Raises:
        BadArtifact: if the folder holds anything, or config or extra are no JSON.
    """
    folder = Path(folder)
    check_vacant(folder)
    weights = safetensors.save({name: np.array(value, order="C") for name, value in tensors.items()})
    manifest = {
        "format": FORMAT,
        "kind": kind,
        "version": version,
        "kt_models": LIBRARY_VERSION,
        "config": dict(config),
        "extra": dict(extra or {}),
        "files": {WEIGHTS: {"sha256": _sha256(weights), "bytes": len(weights)}},
    }
    _write_whole(folder, {WEIGHTS: weights, MANIFEST: _json(folder, manifest)})


def load(folder: Path, kind: str | None = None) -> Artifact:
    """Reads and verifies what `save` wrote; `kind` is the one expected, any if None.

    Raises:
        BadArtifact: if a file is missing or damaged, or the artifact is of another format or kind.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    if kind is not None and manifest["kind"] != kind:
        raise BadArtifact(
            folder, f"holds a model of kind {manifest['kind']!r}, not {kind!r}", f"give a {kind} artifact"
        )
    weights = _read(folder / WEIGHTS)
    expected = manifest["files"].get(WEIGHTS, {}).get("sha256")
    if _sha256(weights) != expected:
        raise BadArtifact(folder / WEIGHTS, "its checksum differs from the manifest's", "copy the artifact again")
    try:
        tensors = safetensors.load(weights)
    except SafetensorError as error:
        raise BadArtifact(folder / WEIGHTS, f"holds no tensors ({error})", "copy or fit the artifact again") from error
    return Artifact(manifest["kind"], manifest["version"], manifest["config"], tensors, manifest["extra"])


def load_model(folder: Path) -> LearnerModel:
    """The model in a folder, of whichever kind it is.

    Raises:
        BadArtifact: if the folder holds none that can be read.
    """
    # kinds imports data; here, so that reading tensors does not pay for pyarrow.
    from kt_models import kinds

    name = _read_manifest(Path(folder))["kind"]
    try:
        module = kinds.resolve(name)
    except kinds.UnknownKind as error:
        raise BadArtifact(Path(folder) / MANIFEST, f"is of an unknown kind ({error})", "update kt_models") from error
    return module.Model.load(Path(folder))


def checksum(folder: Path) -> str:
    """SHA-256 (hex) of the manifest, which holds those of all other files: names the artifact's whole content."""
    return _sha256(_read(Path(folder) / MANIFEST))


def check_vacant(folder: Path) -> None:
    """Raises BadArtifact unless `folder` is absent or an empty folder."""
    if folder.exists() and not folder.is_dir():
        raise BadArtifact(folder, "is a file", "name a folder that is empty or absent")
    if folder.is_dir() and any(folder.iterdir()):
        raise BadArtifact(folder, "the folder is not empty", "name another, or remove it first")


def _write_whole(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes into a sibling, then renames: a reader, or a crash, never meets half an artifact."""
    part = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.part"
    try:
        part.mkdir(parents=True)
        for name, content in files.items():
            with (part / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        part.replace(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise BadArtifact(folder, f"cannot be written ({error.strerror})", "name another folder") from error


def _json(folder: Path, manifest: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise BadArtifact(folder, f"config or extra is no JSON ({error})", "give finite numbers and strings") from error


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(_read(path))
        if manifest["format"] != FORMAT:
            raise BadArtifact(path, f"format {manifest['format']!r}, this code reads {FORMAT}", "fit the model again")
        fields = {"kind": str, "version": int, "config": dict, "extra": dict, "files": dict}
        wrong = [name for name, kind in fields.items() if not isinstance(manifest.get(name), kind)]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, BadArtifact):
            raise
        raise BadArtifact(path, "is no manifest of a model", "copy or fit the artifact again") from error
    if wrong:
        raise BadArtifact(path, f"lacks {', '.join(wrong)}", "copy or fit the artifact again")
    return dict(manifest)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadArtifact(path, f"cannot be read ({error.strerror})", "give the folder of a fitted model") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
