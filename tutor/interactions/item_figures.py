"""What a school's answers say about the items of a curriculum: measured by workers now and then, read by pages.

Answers of before an item was last changed say nothing of it as it is now; learners who are no longer in the accounts
(erased) count no more from the next measuring on, which their absence brings about.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from curricula import queries as curricula
from curricula.document import Document
from curricula.models import CurriculumVersion
from curricula.snapshot import Snapshot, latest
from kt_models.item_flags import SLOW
from kt_models.items import ITEM, FirstAnswers, figures
from kt_models.recall import Float
from tutor import db
from tutor.apart import apart
from tutor.interactions.models import ItemFigures

#: An answer counts as right from this credit on.
RIGHT: Final = 0.5
#: What was used since then was used lately.
LATELY: Final = timedelta(days=28)
#: At most so many answers are read, those of the learners who joined last: half a gigabyte, ten seconds.
MOST: Final = 1_000_000
#: Measured anew after so many new answers, or so large a part of those known, whichever is more; and every day.
NEW_ANSWERS: Final = 50
NEW_SHARE: Final = 0.02
KEPT: Final = timedelta(days=1)
#: Schools' curricula that one run measures, those that waited longest first; the next run takes the others.
AT_ONCE: Final = 20
#: Versions that are looked through for when an item was last changed.
_VERSIONS: Final = 50
#: Of the rows kept; a change of `ROW` makes it another, and all is measured anew.
FORMAT: Final = 1

#: One row an item, by position.
#:   since               Unix time of the change before which answers do not count, 0 for all
#:   answers, learners   how many answers, of how many learners
#:   lately              answers in the `LATELY` before measuring
#:   last                Unix time of the last answer, 0 for none
ROW: Final = np.dtype(
    [("since", "<f8"), ("answers", "<i4"), ("learners", "<i4"), ("lately", "<i4"), ("last", "<f8"), *ITEM.descr]
)

_DUE: Final = """
SELECT h.school_id, h.curriculum_id, count(*), sum(h.seq)::bigint
FROM interactions_loghead h
JOIN accounts_learner l ON l.id = h.learner_id AND l.school_id = h.school_id
LEFT JOIN interactions_itemfigures f ON f.school_id = h.school_id AND f.curriculum_id = h.curriculum_id
WHERE h.seq > 0
GROUP BY h.school_id, h.curriculum_id, f.id
HAVING f.id IS NULL OR f.format <> %(format)s OR f.measured_at < %(old)s OR count(*) < f.learners
    OR sum(h.seq) - f.seen >= greatest(%(new)s, %(share)s * f.seen)
ORDER BY f.measured_at NULLS FIRST LIMIT %(most)s
"""

_COUNTED: Final = """
WITH learner AS MATERIALIZED (
    SELECT learner_id FROM (
        SELECT h.learner_id, h.seq, sum(h.seq) OVER (ORDER BY h.learner_id DESC) AS so_far
        FROM interactions_loghead h
        JOIN accounts_learner l ON l.id = h.learner_id AND l.school_id = h.school_id
        WHERE h.school_id = %(school)s AND h.curriculum_id = %(curriculum)s
    ) each WHERE so_far - seq < %(most)s
), counted AS (
    SELECT i.* FROM interactions_interaction i JOIN learner ON learner.learner_id = i.learner_id
    LEFT JOIN unnest(%(items)s::int[], %(since)s::timestamptz[]) AS changed(item, at) ON changed.item = i.item
    WHERE i.curriculum_id = %(curriculum)s AND i.item < %(n_items)s
        AND (changed.at IS NULL OR i.occurred_at >= changed.at)
)
"""

# One row a learner: a tenth of the Python objects that a row an answer would make.
_FIRST: Final = f"""{_COUNTED}
SELECT array_agg(item), array_agg(correct >= %(right)s), array_agg(COALESCE(response_seconds, 'NaN')::float8),
       array_agg(COALESCE(hints, -1))
FROM (
    SELECT DISTINCT ON (learner_id, item) learner_id, item, correct, response_seconds, hints, attempt
    FROM counted ORDER BY learner_id, item, occurred_at, seq
) first WHERE COALESCE(attempt, 1) = 1
GROUP BY learner_id
"""  # noqa: S608

_USE: Final = f"""{_COUNTED}
SELECT item, count(*), count(DISTINCT learner_id), count(*) FILTER (WHERE occurred_at >= %(lately)s),
       extract(epoch FROM max(occurred_at))::float8
FROM counted GROUP BY item
"""  # noqa: S608


@final
@dataclass(frozen=True, eq=False)
class Kept:
    """Attributes: rows: of `ROW`, shape (items,).     spread: of learners' abilities, logits."""

    measured_at: datetime
    learners: int
    spread: float
    average: float
    rows: NDArray[np.void]

    def over(self, n_items: int) -> NDArray[np.void]:
        """The rows of a version that may have more items; those unknown here have no answers."""
        out = np.zeros(n_items, ROW)
        n = min(n_items, len(self.rows))
        out[:n] = self.rows[:n]
        return out


def kept(school_id: UUID, curriculum_id: UUID) -> Kept | None:
    """As last measured; None before that."""
    row = ItemFigures.objects.filter(school_id=school_id, curriculum_id=curriculum_id, format=FORMAT).first()
    if row is None:
        return None
    return Kept(row.measured_at, row.learners, row.spread, row.average, np.frombuffer(row.rows, ROW))


def measure(*, now: datetime) -> int:
    """Measures where many answers have come in, or some were erased; how many schools' curricula.

    Reads their logs: two seconds for 200,000 answers.
    """
    due = {"format": FORMAT, "old": now - KEPT, "new": NEW_ANSWERS, "share": NEW_SHARE, "most": AT_ONCE}
    return sum(
        _measured(school, curriculum, learners, seen, now) for school, curriculum, learners, seen in db.rows(_DUE, due)
    )


def _measured(school_id: UUID, curriculum_id: UUID, learners: int, seen: int, now: datetime) -> bool:
    with apart("items_not_measured", school=str(school_id), curriculum=str(curriculum_id)):
        rows, spread, average = _read(school_id, curriculum_id, now)
        ItemFigures.objects.update_or_create(
            school_id=school_id,
            curriculum_id=curriculum_id,
            defaults={
                "measured_at": now,
                "format": FORMAT,
                "learners": learners,
                "seen": seen,
                "spread": spread,
                "average": average,
                "rows": rows.tobytes(),
            },
        )
        return True
    return False


def _read(school_id: UUID, curriculum_id: UUID, now: datetime) -> tuple[NDArray[np.void], float, float]:
    content, since = latest(curriculum_id), changes(curriculum_id)
    asked: dict[str, Any] = {
        "school": school_id, "curriculum": curriculum_id, "n_items": content.n_items, "most": MOST, "right": RIGHT,
        "lately": now - LATELY, "items": list(since), "since": list(since.values()),
    }  # fmt: skip
    first = db.rows(_FIRST, asked)
    found, fit = figures(_answers(first), len(first), SLOW * 60.0 * stated_minutes(content))
    rows = np.zeros(content.n_items, ROW)
    for name in ITEM.names or ():
        rows[name] = found[name]
    for item, at in since.items():
        rows["since"][item] = at.timestamp()
    for item, answers, learners, lately, last in db.rows(_USE, asked):
        for name, value in zip(
            ("answers", "learners", "lately", "last"), (answers, learners, lately, last), strict=True
        ):
            rows[name][item] = value
    return rows, fit.spread, fit.average


def _answers(rows: list[tuple[Any, ...]]) -> FirstAnswers:
    items, right, seconds, hints = ([each for row in rows for each in row[k]] for k in range(4))
    return FirstAnswers(
        learner=np.repeat(np.arange(len(rows)), [len(row[0]) for row in rows]),
        item=np.array(items, np.int64),
        right=np.array(right, np.bool_),
        seconds=np.array(seconds, np.float64),
        hints=np.array(hints, np.int64),
    )


def stated_minutes(content: Snapshot) -> Float:
    """(items,) the author's; NaN where none are stated."""
    stated = [each.minutes if each else None for each in content.item_contents]
    return np.array([np.nan if minutes is None else minutes for minutes in stated], np.float64)


def changes(curriculum_id: UUID) -> dict[int, datetime]:
    """When what learners are asked, or what counts as right, was last changed, of the items of which it was.

    By position. Reads every version's document, at most `_VERSIONS` of them.
    """
    versions = CurriculumVersion.objects.filter(curriculum=curriculum_id, published_at__isnull=False)
    newest_first = list(versions.order_by("-number").defer("document")[:_VERSIONS])
    content, found = latest(curriculum_id), dict[str, datetime]()
    asked = _asked(curricula.document(newest_first[0]))
    for newer, older in pairwise(newest_first):
        before = _asked(curricula.document(older))
        for key in [key for key in asked if key in before and before[key] != asked[key]]:
            found[key] = newer.published_at or newer.created_at
            del asked[key]
    return {content.item_position[key]: at for key, at in found.items() if key in content.item_position}


def _asked(document: Document) -> dict[str, object]:
    return {item.key: (item.statement, item.answer, item.choices, item.url) for item in document.items}
