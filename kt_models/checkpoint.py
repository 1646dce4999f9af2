"""Fits that survive a break: after every epoch, all that the next one needs is written, whole or not at all."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, final

import torch

from kt_models import data
from kt_models.kinds import FitFailed

#: Of what is written; another version is refused.
VERSION: Final = 1


class BadCheckpoint(FitFailed):
    """A file is no checkpoint of this fit."""


@final
class Keeper:
    """Keeps one fit, known by data, config and seed, in one file."""

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
            saved = torch.load(self.path, weights_only=True)
        except Exception as error:
            raise BadCheckpoint(f"{self.path}: cannot be read ({error}): remove it to fit from the start") from error
        if saved.get("key") != self.key:
            raise BadCheckpoint(
                f"{self.path}: is of a fit with other data, settings or seed: name another file, or remove it"
            )
        return dict(saved)

    def save(self, state: dict[str, Any]) -> None:
        part = self.path.with_name(f".{self.path.name}.part")
        torch.save({"key": self.key, **state}, part)
        part.replace(self.path)

    def done(self) -> None:
        """The fit is over: there is nothing to go on from."""
        self.path.unlink(missing_ok=True)


def keeper(path: Path | None, answers: data.Dataset, config: Any, seed: int) -> Keeper | None:
    """The keeper of a fit, None if it is not to be kept; `config` is the dataclass of its settings.

    Raises:
        BadCheckpoint: if the folder of the file does not exist.
    """
    if path is None:
        return None
    if not path.parent.is_dir():
        # Now, and not at the end of the first epoch.
        raise BadCheckpoint(f"{path}: there is no folder {path.parent}: make it, or name another file")
    seen = answers.interactions
    content = [float(seen.seconds.sum()), float(seen.correct.sum()), int(seen.concepts.flat.sum())]
    size = [answers.n_learners, answers.n_answers, answers.concepts.size, answers.items.size]
    return Keeper(path, {"version": VERSION, "config": asdict(config), "seed": seed, "size": size, "content": content})
