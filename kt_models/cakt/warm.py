"""What a fit takes from another model, and keeps where its own answers say nothing."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch

from kt_models.cakt.config import Config
from kt_models.cakt.model import Model
from kt_models.cakt.network import Network
from kt_models.cakt.reference import Reference
from kt_models.data import Dataset, Vocabulary
from kt_models.levels import Levels
from kt_models.metrics import Bool
from kt_models.recall import Int

#: Weights whose columns are fields of events, of frames or of the head.
_OF_FIELDS: Final = ("event.", "frame.", "line.", "of_head.", "head_mean", "head_scale")


@torch.no_grad()
def take_over(net: Network, model: Model, data: Dataset) -> Bool:
    """Weights of another model: concepts by their ids, the rest where they mean the same and shapes agree.

    Returns which concepts (concepts,) it has learnt, none if it is of another width: theirs are other numbers then.
    """
    other, own = model.network.state_dict(), net.state_dict()
    theirs, mine = model.config, net.config
    if any(getattr(theirs, name) != getattr(mine, name) for name in ("items", "time", "counts", "transitions")):
        # Columns of other fields than these.
        other = {name: value for name, value in other.items() if not name.startswith(_OF_FIELDS)}
    if theirs.decay != mine.decay:
        other.pop("fade", None)
    position = _places(model.concepts, data.concepts, model.n_concepts)
    place = torch.as_tensor(np.append(position, model.n_concepts))
    other["out.weight"], other["bias.weight"] = other["out.weight"][place], other["bias.weight"][place]
    tokens = other["token.weight"].view(model.n_concepts + 1, 2, -1)[place]
    other["token.weight"] = tokens.reshape(2 * len(place), -1)
    agreeing = {name: value for name, value in other.items() if name in own and own[name].shape == value.shape}
    net.load_state_dict({**own, **agreeing})
    return np.append(model.learnt, False)[position] & (theirs.width == mine.width)


def remembered(own: Reference, model: Model, data: Dataset, config: Config) -> Reference:
    """References of `data`, with another model's bases and difficulties of what no answer here is on."""
    old = model.reference.levels.at(
        _places(model.concepts, data.concepts, model.n_concepts), _places(model.items, data.items, model.n_items)
    )
    seen, new = data.interactions, own.levels
    base = np.where(occurring(seen.concepts.flat, len(new.base)), new.base, old.base)
    difficulty = np.where(occurring(seen.item, len(new.difficulty)), new.difficulty, old.difficulty)
    return Reference(Levels(new.intercept, base, difficulty if config.items else new.difficulty), own.tables)


def occurring(position: Int, n: int) -> Bool:
    """Which of n (n,) are among positions, those beyond or below being none."""
    return np.isin(np.arange(n), position)


def _places(theirs: Vocabulary | None, mine: Vocabulary, n: int) -> Int:
    """Positions of my ids among their n, n where they lack one."""
    return np.minimum((theirs or mine).encode(mine.ids), n)
