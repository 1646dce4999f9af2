"""What is known of the items of a class's curriculum: the school's figures as kept, the class's own beside them.

Figures of the school cross classes, so that they are shown only where they tell of ten learners or more, and where they
cannot be set against the class's own to tell of fewer than ten others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple, final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from curricula.snapshot import Bool, Snapshot
from kt_models import item_flags
from kt_models.item_flags import Band, Verdicts
from kt_models.items import share_interval
from kt_models.recall import Float, Int
from tutor import db
from tutor.accounts.models import Group, Learner
from tutor.dashboard import queries
from tutor.interactions import item_figures
from tutor.interactions.item_figures import RIGHT, ROW, Kept
from tutor.scheduling import agreements
from tutor.scheduling.policies.items import BAND

#: Figures of fewer learners are not shown where they cross classes, nor otherwise: they would say little.
LEAST: Final = 10
#: Discrimination is shown from this many learners with enough other answers.
RATED: Final = item_flags.JUDGED
#: Answers of the class that an item's page lists.
LAST: Final = 20
#: Classes whose figures are kept in this process, some 100 kB each.
KEPT_CLASSES: Final = 64

_OWN: Final = """
SELECT item, sum(answers)::int, count(*)::int, count(*) FILTER (WHERE is_first)::int,
       count(*) FILTER (WHERE is_first AND correct >= %(right)s)::int
FROM (
    SELECT DISTINCT ON (i.learner_id, i.item) i.item, i.correct, COALESCE(i.attempt, 1) = 1 AS is_first,
           count(*) OVER (PARTITION BY i.learner_id, i.item) AS answers
    FROM interactions_interaction i
    LEFT JOIN unnest(%(items)s::int[], %(since)s::float8[]) AS changed(item, at) ON changed.item = i.item
    WHERE i.learner_id = ANY(%(learners)s::uuid[]) AND i.curriculum_id = %(curriculum)s AND i.received_at <= %(until)s
        AND (changed.at IS NULL OR i.occurred_at >= to_timestamp(changed.at))
    ORDER BY i.learner_id, i.item, i.occurred_at, i.seq
) first GROUP BY item
"""

_LAST: Final = """
SELECT learner_id, occurred_at, correct::float8, response_seconds::float8, hints FROM interactions_interaction
WHERE learner_id = ANY(%s::uuid[]) AND curriculum_id = %s AND item = %s
ORDER BY occurred_at DESC, seq DESC LIMIT %s
"""


@final
@dataclass(frozen=True, eq=False)
class Own:
    """The class's, shapes (items,).

    Attributes: answers, learners: all.     n, right: first answers; those that are right.
    """

    answers: Int
    learners: Int
    n: Int
    right: Int


class Answered(NamedTuple):
    """`correct` is the credit, 0 to 1."""

    learner: Learner
    at: datetime
    correct: float
    seconds: float | None
    hints: int | None


@final
@dataclass(frozen=True, eq=False)
class State:
    """Attributes:
    kept: the school's figures, None before they are first measured.     rows: of `ROW`, without answers then.
    band: shares right between which items fit the class.
    """

    group: Group
    content: Snapshot
    learners: tuple[Learner, ...]
    kept: Kept | None
    rows: NDArray[np.void]
    own: Own
    band: Band

    @cached_property
    def verdicts(self) -> Verdicts:
        timed = item_figures.stated_minutes(self.content)
        spread = self.kept.spread if self.kept else 1.0
        return item_flags.judge(self.rows, timed=~np.isnan(timed), spread=spread, band=self.band)

    @cached_property
    def never(self) -> Bool:
        """(items,) those that nobody of the school has answered."""
        none = (self.rows["answers"] == 0) & (self.own.answers == 0)
        return none if self.kept else np.zeros_like(none)

    @cached_property
    def tells(self) -> Bool:
        """(items,) whether first answers of enough learners are known to say anything of the school."""
        return np.asarray((self.rows["n"] >= LEAST) & (self.rows["learners"] >= LEAST))

    @cached_property
    def counts(self) -> Bool:
        """(items,) whether that may be said in counts and shares, from which the class's own could be taken away."""
        others = np.stack([self.rows["learners"] - self.own.learners, self.rows["n"] - self.own.n])
        few = ((others > 0) & (others < LEAST)).any(axis=0)
        return np.asarray(self.tells & ~few)

    @cached_property
    def first(self) -> Float:
        """(3, items) share right of first answers, and its interval; NaN without any. `hints`, `own_first` alike."""
        return _shares(self.rows["right"], self.rows["n"])

    @cached_property
    def hints(self) -> Float:
        return _shares(self.rows["hinted"], self.rows["hints_known"])

    @cached_property
    def own_first(self) -> Float:
        return _shares(self.own.right, self.own.n)


def state(group: Group, *, now: datetime) -> State:
    """Five statements, however many items and learners.

    Raises: queries.NothingToLearn.
    """
    content, learners = queries.content_of(group), queries.members(group)
    kept = item_figures.kept(group.school_id, content.curriculum_id)
    rows = kept.over(content.n_items) if kept else np.zeros(content.n_items, ROW)
    ids = tuple(learner.pk for learner in learners)
    # As of the same time as the school's: else newer answers of the class would tell who the others are.
    own = _counted(ids, content, kept) if kept else _own(ids, content, rows, now)
    return State(group, content, tuple(learners), kept, rows, own, band_of(group))


def band_of(group: Group) -> Band:
    """About the success that is agreed for the class, as wide as policies take it."""
    success = agreements.knobs_of(agreements.of_group(group)).success
    return Band(max(success - BAND, 0.02), min(success + BAND, 0.98))


def last_answers(learners: Sequence[Learner], content: Snapshot, item: int) -> list[Answered]:
    """Of the class to an item, the newest first."""
    by_id = {learner.pk: learner for learner in learners}
    asked = [list(by_id), content.curriculum_id, item, LAST]
    return [Answered(by_id[who], *answer) for who, *answer in db.rows(_LAST, asked, prepare=True)]


# Until the school's are measured anew the class's are the same: a quarter of a second for 200,000 answers of a class.
_kept_own: Final[OrderedDict[Hashable, Own]] = OrderedDict()


def _counted(learners: tuple[UUID, ...], content: Snapshot, kept: Kept) -> Own:
    key = (learners, content.version_id, kept.measured_at)
    found = _kept_own.get(key)
    if found is None:
        found = _own(learners, content, kept.over(content.n_items), kept.measured_at)
        _kept_own[key] = found
        while len(_kept_own) > KEPT_CLASSES:
            _kept_own.popitem(last=False)
    return found


def _own(learners: Sequence[UUID], content: Snapshot, rows: NDArray[np.void], until: datetime) -> Own:
    changed = np.flatnonzero(rows["since"] > 0)
    asked = {
        "items": changed.tolist(), "since": rows["since"][changed].tolist(), "learners": list(learners),
        "curriculum": content.curriculum_id, "until": until, "right": RIGHT,
    }  # fmt: skip
    out = np.zeros((4, content.n_items), np.int64)
    for item, *figures in db.rows(_OWN, asked, prepare=True) if learners else []:
        if item < content.n_items:
            out[:, item] = figures
    return Own(*out)


def _shares(part: Int, of: Int) -> Float:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([part / of, *share_interval(part, of)])
