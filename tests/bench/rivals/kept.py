"""Predictions on disk, so that a model fitted later is compared with rivals that were fitted once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from kt_models.recall import Float
from tests.bench import harness

Predictions = dict[str, Float]


@final
@dataclass(frozen=True)
class Kept:
    """A folder of predictions, or none. Models named in `again`, with any settings, are fitted anew whatever is there.

    Predictions outlive the code that made them: name a model in `again` once it was changed.
    """

    folder: Path | None = None
    again: tuple[str, ...] = ()

    def get(self, of: str, model: str, make: Callable[[], Mapping[str, Float]]) -> Predictions:
        """Predictions by part (plus `seconds`, the time it took) of a model for an experiment."""
        path = self._path(of, model)
        if path is not None and path.exists() and model.partition("[")[0] not in self.again:
            with np.load(path) as stored:
                return {name: stored[name] for name in stored.files}
        start = time.perf_counter()
        made: Predictions = dict(make())
        made["seconds"] = np.array(time.perf_counter() - start)
        harness.remark(f"{of} {model}: {float(made['seconds']):.1f} s")
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, **made)  # type: ignore[arg-type]
        return made

    def _path(self, of: str, model: str) -> Path | None:
        # Settings make long names with signs that file systems refuse.
        short = model if len(model) < 40 else hashlib.sha256(model.encode()).hexdigest()[:16]
        return None if self.folder is None else self.folder / of.replace("/", "-") / f"{short.replace('/', '-')}.npz"
