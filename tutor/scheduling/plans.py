"""Plans as they are kept and served: a choice, where it came from, and the identity of each of its entries."""

from __future__ import annotations

import math
import secrets
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from curricula.ids import uuid7
from tutor.scheduling.policies import Barrier, Choice, Kind


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


class Narrowed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What narrowed a choice, by position; written into the decision log, so that the choice can be made again.

    Attributes:
        n, minutes, concepts: as asked for.      exclude: items left out: as asked for, skipped or just answered.
        settings: knobs of the class that differ from the defaults.
        pinned, excluded, opened, known: by teachers' words.
        answers_left, new_left, minutes_left: of the learner's day, which ends at `day_ends`.
        barriers: concepts by why they were no candidates.
        applied_seq: how much of the log the belief knew.      pace: `Pace` of the school's learners, as figures.
        own_pace: of the learner, in place of its last figure where minutes are counted.
    """

    n: int | None = None
    minutes: float | None = None
    concepts: list[int] | None = None
    exclude: list[int] = []
    settings: dict[str, Any] = {}
    explores: bool = True
    pinned: list[int] = []
    excluded: list[int] = []
    opened: list[int] = []
    known: list[int] = []
    answers_left: int | None = None
    new_left: int | None = None
    minutes_left: float | None = None
    quiet: bool = False
    day_ends: float | None = None
    barriers: dict[str, int] = {}
    applied_seq: int | None = None
    pace: tuple[float, float, float] | None = None
    own_pace: float | None = None


#: An answer this many seconds after an offer, at most, is an answer to it; offers may be this much younger (clocks).
ANSWERS_WITHIN: Final = 7 * 86_400.0
CLOCK_SKEW: Final = 300.0


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
    #: `Terms.mark` of what was agreed.
    agreed: str = ""
    #: When it ends though nothing falls due: with the learner's day, where that has allowances.
    holds_until: float | None = None
    #: Answers lessen what may be offered, so that it is made anew after each.
    counts_answers: bool = False
    narrowed: Narrowed = Narrowed()
    #: `Barrier` that explains why there are no entries, "" if there are.
    nothing: str = ""
    #: Whether a placement was agreed on that is complete, so that the policy agreed on for after it goes on.
    placed: bool = False
    #: (concept, `Alert`) for teachers.
    alerts: list[tuple[int, str]] = []


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


def new_seed() -> int:
    """Fresh chance for one plan; kept with it, so that the choice can be made again."""
    return secrets.randbits(53)


def body(
    choice: Choice,
    basis: Provenance,
    policy: str,
    version: int,
    *,
    seed: int,
    now: float,
    size: int,
    agreed: str = "",
    holds_until: float | None = None,
    counts_answers: bool = False,
    narrowed: Narrowed | None = None,
    placed: bool = False,
) -> Body:
    return Body(
        policy=policy,
        policy_version=version,
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
        agreed=agreed,
        holds_until=holds_until,
        counts_answers=counts_answers,
        narrowed=narrowed or Narrowed(),
        nothing=_why_nothing(choice),
        placed=placed,
        alerts=list(choice.alerts),
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


def _why_nothing(choice: Choice) -> str:
    """The barrier that most concepts stand at. What was not asked for, or waits for the others, explains nothing by
    itself."""
    if choice.nothing is None or choice.nothing not in choice.barriers:
        return choice.nothing.value if choice.nothing else ""
    last = (Barrier.LOCKED, Barrier.OUT_OF_SCOPE, Barrier.WITHDRAWN)
    causes = {code: n for code, n in choice.barriers.items() if code not in last}
    if causes:
        return max(causes, key=lambda code: causes[code])
    return next(barrier.value for barrier in last if barrier in choice.barriers)


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
