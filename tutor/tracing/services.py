"""Folds the log into states. `advance` is the only writer of states; it may run anywhere, any number of times."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from curricula import snapshot
from kt_models.base import LearnerModel
from kt_models.recall import RecallTable
from kt_models.state import BadState, LearnerState
from tutor import db
from tutor.registry import deployments, device, loader
from tutor.registry import queries as registry
from tutor.registry import services as registry_services
from tutor.registry.queries import Serving
from tutor.tracing import claims, fold
from tutor.tracing.beliefs import Belief
from tutor.tracing.claims import Advance, Claim, Pair, Unseen
from tutor.tracing.evidence import Answered, BadEvidence, Evidence
from tutor.tracing.pulse import PULSE
from tutor.tracing.status import DEFAULT

log = structlog.get_logger()

#: A learner whose update failed is marked to wait this long, and tried again after half of it: clocks differ.
PUT_OFF: Final = timedelta(minutes=10)


@final
@dataclass(frozen=True, eq=False)
class Advanced:
    """A belief that is new, and the answers that made it so, for whoever plans next."""

    belief: Belief
    answered: tuple[Unseen, ...]


@dataclass(frozen=True)
class _Work:
    """A claim with what it lacks; `replay` when that is everything, though answers were folded in before."""

    claim: Claim
    unseen: list[Unseen]
    replay: bool


# Heads in the order in which intake locks them.
_MARK: Final = """
UPDATE interactions_loghead h SET behind_since = COALESCE(h.behind_since, %s), behind_from = 'epoch'
FROM (
    SELECT h.learner_id, h.curriculum_id
    FROM interactions_loghead h JOIN tracing_learnerstate s USING (learner_id, curriculum_id)
    WHERE s.version_id = %s AND (%s::uuid[] IS NULL OR s.learner_id = ANY(%s::uuid[]))
    ORDER BY h.learner_id, h.curriculum_id
    FOR UPDATE OF h
) chosen
WHERE h.learner_id = chosen.learner_id AND h.curriculum_id = chosen.curriculum_id
RETURNING h.learner_id
"""

_FORGET: Final = """
UPDATE tracing_learnerstate s SET state = NULL
WHERE s.version_id = %s AND (%s::uuid[] IS NULL OR s.learner_id = ANY(%s::uuid[]))
"""


Then = Callable[[Sequence[Advanced]], None]


def _nothing(_: Sequence[Advanced]) -> None:
    """What follows from new beliefs for whoever only wants them."""


def advance(*, limit: int, now: datetime, then: Then = _nothing) -> list[Advanced]:
    """Brings at most `limit` learners level with their logs, those who have waited longest first.

    One transaction and, per model version, one batch. `then` is part of it, so that what follows from a belief is
    never missing. Learners claimed by another worker are left to it; a crash leaves everything as it was. Where a
    version cannot be read here and now, another transaction follows for those who wait for others.
    """
    advanced: list[Advanced] = []
    apart: set[Pair] = set()
    # Those put off stand in the future; half the time that they wait allows for clocks that differ.
    since = now + PUT_OFF / 2
    while len(advanced) < limit and (served := _serving(claims.behind(since, apart))):
        if not _unreadable(served, now):
            advanced += _advance_served(served, apart, since, limit - len(advanced), now, then)
        # Asked again: some are known to be unreadable only now.
        if not (unreadable := _unreadable(served, now)):
            break
        apart |= unreadable
    return advanced


def _unreadable(served: Mapping[Pair, Serving], now: datetime) -> set[Pair]:
    return {pair for pair, found in served.items() if PULSE.cannot_read(found.version_id, now)}


def _advance_served(
    served: Mapping[Pair, Serving], apart: Collection[Pair], since: datetime, limit: int, now: datetime, then: Then
) -> list[Advanced]:
    serving = [(school, curriculum, found.version_id) for (school, curriculum), found in served.items()]
    claims.open_states(serving, since, apart)
    with transaction.atomic():
        # States can be rebuilt, so their commit need not wait for the disk; the log's does.
        db.rows("SET LOCAL synchronous_commit = off")
        claimed = claims.claim(serving, since, limit)
        degraded = {pair for pair, found in served.items() if found.degraded}
        return _advance_claimed(claimed, degraded, now, then) if claimed else []


def rebuild(*, version_id: UUID, learner_ids: Iterable[UUID] | None = None, now: datetime) -> int:
    """Forgets states and queues their learners, so that workers fold the whole log again; how many.

    What was believed stays readable until then.
    """
    chosen = None if learner_ids is None else list(learner_ids)
    with transaction.atomic():
        marked = db.rows(_MARK, [now, version_id, chosen, chosen])
        db.rows(_FORGET, [version_id, chosen, chosen])
    return len(marked)


def _serving(pairs: Sequence[Pair]) -> dict[Pair, Serving]:
    served = registry.serving(pairs)
    if missing := {curriculum for school, curriculum in pairs if (school, curriculum) not in served}:
        for curriculum_id in missing:
            registry_services.ensure_served(curriculum_id)
        served = registry.serving(pairs)
    return served


def _advance_claimed(claimed: Sequence[Claim], degraded: set[Pair], now: datetime, then: Then) -> list[Advanced]:
    work = _work(sorted(claimed, key=_by_version))
    done = [
        (a, replace(b, belief=replace(b.belief, degraded=(a.claim.school_id, a.claim.curriculum_id) in degraded)))
        for a, b in _fold_all(work, now)
    ]
    advanced = [each for _, each in done]
    if done:
        claims.write([a for a, _ in done])
        then(advanced)
        _note_lag([a.claim for a, _ in done], now)
    # Last, for intake waits for heads that are marked until this transaction ends.
    level = [(a.claim, a.applied_seq) for a, _ in done]
    claims.level(level + [(w.claim, w.claim.applied_seq) for w in work if not w.unseen])
    return advanced


def fold_beside(claimed: Sequence[Claim], *, now: datetime) -> None:
    """Brings claimed states of versions that do not serve level with the log, in the caller's transaction."""
    if done := _fold_all(_work(sorted(claimed, key=_by_version)), now):
        claims.write([a for a, _ in done])


def _by_version(claim: Claim) -> tuple[UUID, UUID]:
    return claim.version_id, claim.learner_id


def _note_lag(claimed: Sequence[Claim], now: datetime) -> None:
    # Asked after the claim: a challenger that is not seen here looks at the log later than this did.
    found = deployments.beside({(c.school_id, c.curriculum_id) for c in claimed}, now)
    if lagging := [c for c in claimed if (c.school_id, c.curriculum_id) in found]:
        claims.lag(lagging, now)


def _fold_all(work: Sequence[_Work], now: datetime) -> list[tuple[Advance, Advanced]]:
    done: list[tuple[Advance, Advanced]] = []
    for version_id, group in groupby(work, key=lambda w: w.claim.version_id):
        if PULSE.cannot_read(version_id, now):
            continue
        begin = time.monotonic()
        try:
            model = loader.load(version_id)
        except loader.CannotLoadNow:
            PULSE.unreadable(version_id, time.monotonic() - begin, now)
            continue
        except loader.CannotLoad:
            # Marked failed, so that the next bell finds what stands in.
            continue
        done += _fold(model, [w for w in group if w.unseen], now)
    return done


def _work(claimed: Sequence[Claim]) -> list[_Work]:
    lacking: list[list[Unseen]] = [[] for _ in claimed]
    for u in claims.unseen(claimed):
        lacking[u.row].append(u)
    again = [i for i, c in enumerate(claimed) if c.applied_seq and (c.state is None or _is_late(c, lacking[i]))]
    whole: dict[int, list[Unseen]] = {i: [] for i in again}
    for u in claims.unseen([claimed[i] for i in again], from_start=True) if again else []:
        whole[again[u.row]].append(u)
    return [_Work(c, whole.get(i, lacking[i]), i in whole) for i, c in enumerate(claimed)]


def _is_late(claim: Claim, lacking: Sequence[Unseen]) -> bool:
    return bool(lacking) and claim.as_of is not None and lacking[0].seconds < claim.as_of


def _fold(model: LearnerModel, work: list[_Work], now: datetime) -> list[tuple[Advance, Advanced]]:
    """The batch; if it fails, its halves, so that one learner's trouble stays one learner's.

    Raises:
        device.Unusable: if the trouble is the device's.
    """
    if not work:
        return []
    version_id = work[0].claim.version_id
    if len(work) <= PULSE.room(version_id):
        begin = time.monotonic()
        try:
            # Its own savepoint: an error of the database must not spoil the transaction for the others.
            with transaction.atomic(), device.computing():
                done = _fold_batch(model, work, now)
            PULSE.drained(version_id, len(work), time.monotonic() - begin, now)
            return done
        except Exception as error:
            if not _is_the_devices(error, version_id, len(work)) and len(work) == 1:
                _put_off(work[0].claim, error, now)
                return []
    middle = len(work) // 2
    return _fold(model, work[:middle], now) + _fold(model, work[middle:], now)


def _is_the_devices(error: Exception, version_id: UUID, learners: int) -> bool:
    """Whether a smaller batch may fit; no learner is put off for what no learner did."""
    if device.broken(error):
        raise device.Unusable(f"{settings.DEVICE} failed: {error}") from error
    if not device.out_of_memory(error):
        return False
    PULSE.out_of_memory(version_id, learners, error)
    return True


def _put_off(claim: Claim, error: Exception, now: datetime) -> None:
    log.error("learner_update_failed", learner=str(claim.learner_id), version=str(claim.version_id), exc_info=error)
    claims.put_off(claim, f"{type(error).__name__}: {error}", now + PUT_OFF)


def _fold_batch(model: LearnerModel, work: list[_Work], now: datetime) -> list[tuple[Advance, Advanced]]:
    content = snapshot.latest(work[0].claim.curriculum_id)
    work, before = _beliefs(model, work, content.n_items)
    answers = [u._replace(row=row) for row, w in enumerate(work) for u in w.unseen]
    seen = claims.interactions(answers)
    after, expected, recall_after = fold.update(model, before, seen, PULSE.step)
    forecast = model.forecast(after, after.seconds, max(content.n_concepts, model.n_concepts))
    records, tables = after.to_bytes(), forecast.to_bytes()
    learnt = fold.answered(seen, recall_after, len(work))
    done = [
        _result(model.kind, w, learnt[i], float(after.seconds[i]), records[i], tables[i]) for i, w in enumerate(work)
    ]
    # A replayed answer was scored when it was new, or came too late to be foreseen.
    fresh = [(work[u.row].claim, u, p) for u, p in zip(answers, expected, strict=True) if not work[u.row].replay]
    claims.score(fresh, now)
    return done


def _beliefs(model: LearnerModel, work: list[_Work], n_items: int) -> tuple[list[_Work], LearnerState]:
    """The states to start from: the prior for those new, replayed, or unreadable (these are replayed too)."""
    work = [w if w.replay or _has_evidence(w.claim, n_items) else _replayed(w) for w in work]
    prior = model.prior(1)
    opening = prior.to_bytes()[0]
    records = [opening if w.replay or w.claim.state is None else bytes(w.claim.state) for w in work]
    try:
        return work, LearnerState.from_bytes(records, schema=prior.schema)
    except BadState as error:
        log.warning("unreadable_states_replayed", error=str(error))
        readable = [_readable(record, prior.schema) for record in records]
        work = [w if ok else _replayed(w) for w, ok in zip(work, readable, strict=True)]
        records = [r if ok else opening for r, ok in zip(records, readable, strict=True)]
        return work, LearnerState.from_bytes(records, schema=prior.schema)


def _has_evidence(claim: Claim, n_items: int) -> bool:
    try:
        Evidence.from_bytes(claim.evidence, n_items)
    except BadEvidence as error:
        log.warning("unreadable_evidence_replayed", learner=str(claim.learner_id), error=str(error))
        return False
    return True


def _readable(record: bytes, schema: str) -> bool:
    try:
        LearnerState.from_bytes([record], schema=schema)
    except BadState:
        return False
    return True


def _replayed(work: _Work) -> _Work:
    return replace(work, unseen=claims.unseen([work.claim], from_start=True), replay=True)


def _result(
    kind: str, work: _Work, answered: list[Answered], as_of: float, state: bytes, recall: bytes
) -> tuple[Advance, Advanced]:
    claim = work.claim
    known = Evidence.none() if work.replay else Evidence.from_bytes(claim.evidence)
    evidence = known.fold(answered, DEFAULT.mastery)
    applied = max(u.seq for u in work.unseen)
    written = Advance(claim, applied, as_of, state, recall, evidence.to_bytes())
    belief = Belief(
        school_id=claim.school_id,
        learner_id=claim.learner_id,
        curriculum_id=claim.curriculum_id,
        version_id=claim.version_id,
        model=kind,
        degraded=False,
        applied_seq=applied,
        as_of=as_of,
        # As everybody reads it, so that what is planned from it can be planned again.
        table=RecallTable.from_bytes(recall),
        evidence=evidence,
    )
    return written, Advanced(belief, tuple(u for u in work.unseen if u.seq > claim.applied_seq))
