"""Fits that survive a break: after every epoch, all that the next one needs is written, whole or not at all.

The file outlives the fit, whose last steps may be broken off too: whoever named it removes it, once the model is saved.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch

from kt_models import artifact, distributed
from kt_models.base import LearnerModel
from kt_models.data import Dataset
from kt_models.kinds import BadCheckpoint, FitFailed

#: Of what is written; another version is refused.
VERSION: Final = 3


@final
class Keeper:
    """Keeps one fit, known by data, config, seed and how it is run, in one file."""

    def __init__(self, path: Path, key: dict[str, Any]) -> None:
        self.path, self.key = path, key

    def load(self) -> dict[str, Any] | None:
        """What was saved last, None if nothing was.

        Raises:
            BadCheckpoint: if the file is of another fit or version, or none.
        """
        if not self.path.exists():
            return None
        try:
            saved = torch.load(self.path, weights_only=True, map_location="cpu")
        except Exception as error:
            raise BadCheckpoint(f"{self.path}: cannot be read ({error}): remove it to fit from the start") from error
        if not isinstance(saved, dict) or saved.get("key") != self.key:
            raise BadCheckpoint(
                f"{self.path}: is of a fit with other data, settings, seed, processes or model to start from: name "
                "another file, or remove it"
            )
        return dict(saved)

    def save(self, state: dict[str, Any]) -> None:
        part = self.path.with_name(f".{self.path.name}.part")
        torch.save({"key": self.key, **state}, part)
        part.replace(self.path)


def keeper(
    path: Path | None,
    answers: Dataset,
    config: Any,
    seed: int,
    validation: Dataset | None,
    start: LearnerModel | None,
) -> Keeper | None:
    """The keeper of a fit, None if it is not to be kept.

    Args:
        config: the dataclass of its settings.     validation: learners it chooses on.
        start: the model that it starts from.
    Raises:
        FitFailed: if the folder of the file does not exist.
    """
    if path is None:
        return None
    if not path.parent.is_dir():
        # Now, and not at the end of the first epoch.
        raise FitFailed(f"{path}: there is no folder {path.parent}: make it, or name another file")
    content = [_digest(part) for part in (answers, validation) if part is not None]
    start_content = None if start is None else _content(start)
    key = {"config": asdict(config), "seed": seed, "content": content, "start": start_content}
    return Keeper(path, {"version": VERSION, **key, "processes": distributed.size()})


def _content(model: LearnerModel) -> str:
    """Digest of all that an artifact of the model holds, wherever it was read from."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        return artifact.checksum(Path(folder) / "model")


def _digest(answers: Dataset) -> str:
    """Of all that a fit reads."""
    seen, found = answers.interactions, hashlib.sha256()
    columns = (
        seen.learner, seen.seconds, seen.item, seen.concepts.flat, seen.concepts.offset, seen.correct,
        seen.response_seconds, answers.concepts.ids, answers.items.ids,
    )  # fmt: skip
    for column in columns:
        found.update(np.ascontiguousarray(column).tobytes())
    return found.hexdigest()
