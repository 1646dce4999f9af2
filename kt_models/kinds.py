"""The kinds of learner model, by name. Naming a kind loads nothing; resolving it imports its module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, Protocol, cast

from kt_models.base import Fitted, LearnerModel
from kt_models.data import Dataset

#: Name (command line, artifacts, registry) and module of each kind. A new model adds one line here.
KINDS: Final[dict[str, str]] = {
    "cakt": "kt_models.cakt",
    "half-life": "kt_models.baselines.half_life",
    "logistic": "kt_models.baselines.logistic",
    "psikt": "kt_models.psikt",
}

Progress = Callable[[dict[str, float]], None]


class UnknownKind(ValueError):
    """No kind of model has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no model is named {name!r}: give one of {', '.join(sorted(KINDS))}")


class FitFailed(ValueError):
    """A fit cannot go on as it was asked to; the message says what to change."""


class BadCheckpoint(FitFailed):
    """A file is no checkpoint of this fit; without it, the fit begins anew."""


class Fit(Protocol):
    """Fits a model; deterministic in its arguments on one machine.

    `progress` gets each record of the log; where one has `step` (done) and `steps` (in all), a bar moves by them. Kinds
    whose fits take long also take `checkpoint`, a file to go on from, and share the work of processes that torchrun
    began. The file stays when the fit is over: the caller removes it, once the model is saved.
    """

    def __call__(
        self,
        data: Dataset,
        config: Any,
        *,
        seed: int,
        device: str = "cpu",
        warm_start: Any = None,
        validation: Dataset | None = None,
        progress: Progress | None = None,
    ) -> Fitted[Any]: ...


class Kind(Protocol):
    """What the module of a kind exposes."""

    #: Frozen dataclass of numbers, strings and booleans, each with a default.
    Config: type[Any]
    Model: type[LearnerModel]
    fit: Fit


def resolve(name: str) -> Kind:
    """The module of a kind, imported now.

    Raises:
        UnknownKind: if no kind has this name.
    """
    if name not in KINDS:
        raise UnknownKind(name)
    module: ModuleType = importlib.import_module(KINDS[name])
    return cast(Kind, module)
