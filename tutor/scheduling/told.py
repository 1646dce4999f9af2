"""Keeps a small sample of forecasts as they were told, and what came of them when their day has come.

By night, of each school and curriculum: some learners who practised lately, of each a few concepts, those first that
the agenda plans practice of, and one day within `HORIZONS`. On that day the belief of the version that serves then is
asked for the same chance, that true recall is at the level of mastery; and in the days after it, whether the first
answer to the concept was right.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import Int
from tutor import db
from tutor.accounts.models import Learner
from tutor.apart import apart
from tutor.scheduling import contents, forecasts, mastery_coverage
from tutor.scheduling.forecasts import Ahead
from tutor.scheduling.outlook import chance_of_mastery, recall_alone
from tutor.scheduling.told_models import ToldForecast
from tutor.tracing.beliefs import Belief, beliefs

#: Drawn a night of a school and curriculum: these bound what is kept, 60 rows a night and 7,200 in all.
LEARNERS: Final = 20
PLANNED: Final = 2
LEFT_ALONE: Final = 1
#: Days ahead; each learner drawn is told of one of them.
HORIZONS: Final = (7, 14, 28)
#: Who has not practised for so long follows no agenda.
ACTIVE_WITHIN: Final = timedelta(days=28)
KEPT: Final = timedelta(days=120)
#: What is believed so long after the day is no belief of that day any more.
READ_WITHIN: Final = timedelta(days=1)
#: An answer after this tells of later forgetting, not of the day.
HEARD_WITHIN: Final = timedelta(days=3)
#: Rows closed together: bounds the statement.
BATCH: Final = 500

_PAIRS: Final = """
SELECT DISTINCT s.school_id, s.curriculum_id FROM tracing_learnerstate s
WHERE s.as_of > %s AND NOT EXISTS (
    SELECT FROM scheduling_toldforecast t
    WHERE t.school_id = s.school_id AND t.curriculum_id = s.curriculum_id AND t.told_on = %s AND t.told_at > %s
)
"""

# Drawn by a hash of learner and day: everybody comes up now and then, and a night that is told twice draws the same.
_DRAWN: Final = """
SELECT l.id FROM accounts_learner l
WHERE l.school_id = %s AND EXISTS (
    SELECT FROM tracing_learnerstate s WHERE s.learner_id = l.id AND s.curriculum_id = %s AND s.as_of > %s
)
ORDER BY hashtextextended(l.id::text || %s, 0), l.id LIMIT %s
"""

_FIRST: Final = """
SELECT DISTINCT ON (t.id) t.id, i.correct FROM unnest(%s::bigint[], %s::int[]) AS w(id, concept)
JOIN scheduling_toldforecast t ON t.id = w.id
JOIN interactions_interaction i ON i.learner_id = t.learner_id AND i.curriculum_id = t.curriculum_id
    AND i.concepts @> ARRAY[w.concept] AND i.occurred_at >= t.at AND i.occurred_at < t.at + %s::interval
WHERE i.occurred_at >= %s AND i.occurred_at < %s
ORDER BY t.id, i.occurred_at, i.seq
"""


class Day(NamedTuple):
    """The first hour of a learner's own day, Unix seconds, and how many days lie before it."""

    at: float
    days: int


def keep(*, now: datetime) -> int:
    """Draws and keeps tonight's forecasts, where that was not done yet; how many."""
    today = now.astimezone(UTC).date()
    pairs = db.rows(_PAIRS, [now - ACTIVE_WITHIN, today, now - timedelta(days=1)])
    return sum(_kept(school, curriculum, today, now) for school, curriculum in pairs)


def check(*, now: datetime) -> int:
    """Tells what came of the forecasts whose day has come; how many were looked at."""
    return _believe(now) + _hear(now)


def prune(*, now: datetime) -> int:
    return ToldForecast.objects.filter(told_at__lt=now - KEPT).delete()[0]


def _kept(school_id: UUID, curriculum_id: UUID, today: date, now: datetime) -> int:
    with apart("forecasts_not_kept", school=str(school_id), curriculum=str(curriculum_id)):
        rows = _rows(school_id, curriculum_id, today, now)
        ToldForecast.objects.bulk_create(rows, ignore_conflicts=True)
        return len(rows)
    return 0


def _rows(school_id: UUID, curriculum_id: UUID, today: date, now: datetime) -> list[ToldForecast]:
    drawn = db.rows(_DRAWN, [school_id, curriculum_id, now - ACTIVE_WITHIN, today.isoformat(), LEARNERS])
    ids = [row[0] for row in drawn]
    by_id = Learner.objects.select_related("school").in_bulk(ids)
    found = [each for each in beliefs(school_id, curriculum_id, ids, now.timestamp()) if not each.degraded]
    learners = [by_id[each.learner_id] for each in found]
    content = [contents.gated(school_id, curriculum_id, each.version_id) for each in found]
    days = [_day(learner, today, now) for learner in learners]
    aheads = forecasts.all_ahead(learners, found, content, now=now, days=[each.days for each in days])
    told = zip(found, content, days, aheads, strict=True)
    return [row for each in told for row in _of_learner(*each, today, now)]


def _day(learner: Learner, today: date, now: datetime) -> Day:
    days = int(_random(learner.pk, today).choice(HORIZONS))
    first = forecasts.calendar(learner, now.timestamp(), 1).first
    return Day(forecasts.beginning_of(first + timedelta(days=days), learner), days)


def _of_learner(
    belief: Belief, content: Snapshot, day: Day, ahead: Ahead, today: date, now: datetime
) -> list[ToldForecast]:
    k, level = content.n_concepts, ahead.agreed.criteria.mastered_at
    n, planned = belief.evidence.column("n", k).astype(np.int64), ahead.agenda.practices
    alone, followed = recall_alone(belief.table, k, day.at), ahead.recall_then(day.at)
    mastered, believed = chance_of_mastery(*alone, level), chance_of_mastery(*followed, level)
    correction = mastery_coverage.correction(belief.school_id, belief.curriculum_id, belief.version_id)
    told = correction.told(mastered, believed, planned > 0)
    common = {
        "learner_id": belief.learner_id, "school_id": belief.school_id, "curriculum_id": belief.curriculum_id,
        "version_id": belief.version_id, "told_at": now, "told_on": today, "at": datetime.fromtimestamp(day.at, UTC),
        "mastered_at": level,
    }  # fmt: skip
    return [
        ToldForecast(
            **common, concept=c, n=int(n[c]), planned=int(planned[c]), alone=float(alone[0][c]),
            followed=float(followed[0][c]), believed_mastered=float(believed[c]), told_mastered=float(told[c]),
        )
        for c in _drawn(ahead, planned, n, _random(belief.learner_id, today))
    ]  # fmt: skip


def _drawn(ahead: Ahead, planned: Int, n: Int, random: np.random.Generator) -> list[int]:
    """Positions of concepts: of those that are to be practised, and of those begun that are not."""
    offered = ahead.prospect.offered
    left_alone = np.flatnonzero(offered & (planned == 0) & (n >= ahead.agreed.criteria.enough))
    pools = ((np.flatnonzero(offered & (planned > 0)), PLANNED), (left_alone, LEFT_ALONE))
    return [int(c) for pool, most in pools for c in random.permutation(pool)[:most]]


def _random(learner_id: UUID, today: date) -> np.random.Generator:
    return np.random.default_rng([learner_id.int % 2**63, today.toordinal()])


def _believe(now: datetime) -> int:
    """Of those whose day has come, what is believed now; where that cannot be read in time, nothing."""
    come = ToldForecast.objects.filter(closed_at=None, checked_at=None, at__lte=now)
    rows = sorted(come, key=_pair)
    seen = 0
    for (school_id, curriculum_id), group in groupby(rows, _pair):
        with apart("forecasts_not_checked", school=str(school_id), curriculum=str(curriculum_id)):
            seen += _believed(school_id, curriculum_id, list(group), now)
    return seen


def _believed(school_id: UUID, curriculum_id: UUID, rows: Sequence[ToldForecast], now: datetime) -> int:
    ids = list({row.learner_id for row in rows})
    known = {each.learner_id: each for each in beliefs(school_id, curriculum_id, ids, now.timestamp())}
    late = [row for row in rows if now - row.at > READ_WITHIN]
    read = [row for row in rows if now - row.at <= READ_WITHIN and not known[row.learner_id].degraded]
    for row in read:
        _compare(row, known[row.learner_id])
    for row in (*read, *late):
        row.checked_at = now
    ToldForecast.objects.bulk_update([*read, *late], ["checked_at", "answers", "mastered"])
    return len(read) + len(late)


def _compare(row: ToldForecast, belief: Belief) -> None:
    k = max(row.concept + 1, belief.table.n_concepts)
    # A table begins at the last answer: there where that came after the day began.
    recall, sd = recall_alone(belief.table, k, max(row.at.timestamp(), belief.as_of or 0.0))
    [row.mastered] = chance_of_mastery(recall[[row.concept]], sd[[row.concept]], row.mastered_at).tolist()
    row.answers = max(int(belief.evidence.column("n", k)[row.concept]) - row.n, 0)


def _hear(now: datetime) -> int:
    """Closes those of which nothing more is to be heard, with the first answer since their day came."""
    over = ToldForecast.objects.filter(closed_at=None, checked_at__isnull=False, at__lte=now - HEARD_WITHIN)
    heard = 0
    while rows := list(over.order_by("at")[:BATCH]):
        _closed(rows, now)
        heard += len(rows)
    return heard


def _closed(rows: Sequence[ToldForecast], now: datetime) -> None:
    # The span is that of all of them: it names the partitions of the log to look into.
    span = (rows[0].at, rows[-1].at + HEARD_WITHIN)
    found = db.rows(_FIRST, [[row.id for row in rows], [row.concept for row in rows], HEARD_WITHIN, *span])
    first: dict[int, float] = dict(found)
    for row in rows:
        row.right, row.closed_at = first.get(row.id), now
    ToldForecast.objects.bulk_update(rows, ["right", "closed_at"])


def _pair(row: ToldForecast) -> tuple[UUID, UUID]:
    return row.school_id, row.curriculum_id
