"""What a learner model is measured beside: from the base rate to boosted trees and FSRS, under one interface (`tasks`).

Naming a rival loads nothing; `resolve` imports its module.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Final, cast

from kt_models import kinds
from tests.bench.rivals.tasks import Rival

#: Name, module and maker of each. Those that end in `-next` are fitted on the next answer alone.
RIVALS: Final[dict[str, tuple[str, str]]] = {
    "constant": ("simple", "Constant.fit"),
    "learner-mean": ("simple", "LearnerMean.fit"),
    "additive": ("additive", "Additive.with_concepts"),
    "additive-items": ("additive", "Additive.with_items"),
    "lstm": ("lstm", "Lstm.for_horizon"),
    "lstm-next": ("lstm", "Lstm.for_next"),
    "trees": ("trees", "Trees.for_horizon"),
    "trees-next": ("trees", "Trees.for_next"),
    "trees-next-timed": ("trees", "Trees.for_next_timed"),
    "fsrs-6": ("memory", "Memory.default"),
    "fsrs-6-calibrated": ("memory", "Memory.calibrated"),
}


def resolve(name: str, settings: Sequence[str] = ()) -> Rival:
    """A rival, or one of our kinds with settings `key=value`."""
    if name in kinds.KINDS:
        from tests.bench.rivals import ours

        return ours.rival(name, settings)
    if name not in RIVALS:
        raise ValueError(f"nobody is named {name!r}: give one of {', '.join((*kinds.KINDS, *RIVALS))}")
    module, maker = RIVALS[name]
    found = importlib.import_module(f"tests.bench.rivals.{module}")
    for part in maker.split("."):
        found = getattr(found, part)
    return cast(Rival, found)
