"""Plans as they are kept and served: a choice, where it came from, and the identity of each of its entries."""

from __future__ import annotations

import math
import secrets
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from curricula.ids import uuid7
from tutor.scheduling.policies import POLICIES, Choice, Kind, Policy

#: The policy that serves until groups can choose their own.
POLICY: Final = "gain"


class PlannedEntry(msgspec.Struct, frozen=True):
    """An entry with the identity that its decision will have: asked twice, it is offered once."""

    decision_id: UUID
    slot: int
    concept: int
    item: int
    kind: Kind
    due_at: float
    score: float
    propensity: float
    expected: float
    reasons: list[tuple[str, float]]
    candidates: list[tuple[int, int, float, float]]


class Body(msgspec.Struct, frozen=True):
    """A plan but for its keys. Times are Unix seconds; `as_of` None before the first answer."""

    policy: str
    policy_version: int
    model_version_id: UUID
    model: str
    degraded: bool
    curriculum_version_id: UUID
    seed: int
    as_of: float | None
    computed_at: float
    next_due_at: float | None
    counts: dict[str, int]
    entries: list[PlannedEntry]
    #: How many entries were asked for: fewer are all that there are.
    size: int = 8
    #: `Snapshot.graph` of the prerequisites that it went by.
    graph: str = ""


class Provenance(msgspec.Struct, frozen=True):
    """What a choice rests on."""

    model_version_id: UUID
    model: str
    degraded: bool
    curriculum_version_id: UUID
    as_of: float | None
    graph: str


encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Body)


def decode(text: str) -> Body:
    return _decoder.decode(text)


def readable(text: str | None) -> Body | None:
    """None also for what another release wrote in another form: a plan can be made anew at any time."""
    try:
        return decode(text) if text else None
    except msgspec.DecodeError:
        return None


def policy() -> Policy:
    return POLICIES[POLICY]


def new_seed() -> int:
    """Fresh chance for one plan; kept with it, so that the choice can be made again."""
    return secrets.randbits(53)


def body(choice: Choice, basis: Provenance, *, seed: int, now: float, size: int) -> Body:
    chosen = policy()
    return Body(
        policy=chosen.name,
        policy_version=chosen.version,
        model_version_id=basis.model_version_id,
        model=basis.model,
        degraded=basis.degraded,
        curriculum_version_id=basis.curriculum_version_id,
        seed=seed,
        as_of=basis.as_of,
        computed_at=now,
        next_due_at=choice.next_due if math.isfinite(choice.next_due) else None,
        counts=choice.counts,
        size=size,
        graph=basis.graph,
        entries=[
            PlannedEntry(
                decision_id=uuid7(),
                slot=slot,
                concept=entry.concept,
                item=entry.item,
                kind=entry.kind,
                due_at=entry.due,
                score=entry.score,
                propensity=entry.propensity,
                expected=entry.expected,
                reasons=list(entry.reasons),
                candidates=[(c.concept, c.item, c.score, c.probability) for c in entry.candidates],
            )
            for slot, entry in enumerate(choice.entries)
        ],
    )


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
