"""What a serving model tells of learners beyond single concepts: traits with intervals, as everybody may read them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from kt_models import artifact
from kt_models.base import LearnerModel
from kt_models.state import BadState, LearnerState
from tutor import db
from tutor.registry import store

log = structlog.get_logger()

#: Kinds that have traits. They are numpy alone, so that the web may read what their states say without torch.
KINDS: Final = frozenset({"half-life", "psikt"})

_STATES: Final = """
SELECT learner_id, state FROM tracing_learnerstate
WHERE version_id = %s AND learner_id = ANY(%s::uuid[]) AND state IS NOT NULL AND as_of IS NOT NULL
"""


class Trait(NamedTuple):
    """Of one learner, with its 90 % interval. `usual` is the model's mean over learners.

    `told`: whether the learner's answers tell it; where not, it may not be shown.
    """

    name: str
    mean: float
    low: float
    high: float
    usual: float
    told: bool


def traits(version_id: UUID, kind: str, learner_ids: Sequence[UUID]) -> dict[UUID, tuple[Trait, ...]]:
    """By learner, of those whom the version knows; none if the model has no traits, or cannot be read here.

    One statement; the first call of a process reads the model.
    """
    if kind not in KINDS:
        return {}
    states = {learner: bytes(state) for learner, state in db.rows(_STATES, [version_id, list(learner_ids)])}
    if not states:
        return {}
    try:
        model = _model(version_id)
        found = LearnerState.from_bytes(list(states.values()), schema=model.prior(1).schema)
    except (artifact.BadArtifact, OSError, ImportError, BadState) as error:
        # Workers judge whether a version can serve: whoever only reads marks nothing.
        log.warning("traits_not_readable", version=str(version_id), error=str(error))
        return {}
    return dict(zip(states, _of(model, found), strict=True))


def _of(model: LearnerModel, state: LearnerState) -> list[tuple[Trait, ...]]:
    found = model.traits(state)
    if found is None:
        return [()] * len(state)
    columns = (found.mean, found.low, found.high, found.prior_mean, found.told)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [
        tuple(Trait(*trait) for trait in zip(found.names, *figures, strict=True)) for figures in rows
    ]  # fmt: skip


# A version never changes, and weighs little without a network.
@lru_cache(maxsize=16)
def _model(version_id: UUID) -> LearnerModel:
    with store.fetch(version_id) as folder:
        return artifact.load_model(folder)
