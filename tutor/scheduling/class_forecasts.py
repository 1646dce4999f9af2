"""What a class will know on a day: each learner left alone, and if everybody follows their agenda; and what it takes.

The look ahead of `forecasts` for many learners: as many statements as for one, and the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple, TypeVar, cast, final
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from curricula.snapshot import Snapshot
from kt_models.recall import Float, Int, interval
from tutor.accounts.models import Learner, School
from tutor.kept import Kept
from tutor.registry.effective import content_for
from tutor.scheduling import outlook, together
from tutor.scheduling.calendar import Bool
from tutor.scheduling.forecasts import FURTHEST, Ahead, OutOfReach, Until, all_ahead, until, with_zones
from tutor.scheduling.mastery_coverage import Correction, correction
from tutor.scheduling.rules import Agreed
from tutor.tracing.beliefs import Belief, beliefs

V = TypeVar("V")

#: Whole days ahead that lie within reach in every time zone.
DAYS_AHEAD: Final = FURTHEST.days - 1
#: A teacher goes back and forth between views of the same figures: kept this long, of so many classes and days, some
#: 2 MB each for 40 learners and 300 concepts.
KEPT_SECONDS: Final = 300.0
MOST_KEPT: Final = 16


class Recall(NamedTuple):
    """Recall at a time with its 90 % range, and the chance that it is at the level of mastery then.

    Shapes (learners, concepts).
    """

    value: Float
    low: Float
    high: Float
    mastered: Float

    @classmethod
    def of(cls, recall: Float, logit_sd: Float, level: Float) -> Recall:
        """Of (learners, concepts) figures; `level` (learners,) is that of mastery."""
        rows = zip(recall, logit_sd, level.tolist(), strict=True)
        mastered = [outlook.chance_of_mastery(value, sd, each) for value, sd, each in rows]
        return cls(recall, *interval(recall, logit_sd), np.array(mastered).reshape(recall.shape))


class Score(NamedTuple):
    """Share of right answers that is expected, one answer of average difficulty a concept; shape (learners,).

    `low` and `high` are the means of the concepts' own ends: as if all of them were thought of too highly together, or
    too little, so that the range is never too narrow.
    """

    value: Float
    low: Float
    high: Float


def score(recall: Recall, concepts: Int) -> Score:
    """Over some concepts, at least one."""
    return Score(*(column[:, concepts].mean(axis=1) for column in recall[:3]))


class Option(NamedTuple):
    """A wanted retention, and what it comes to.

    Attributes: minutes: (learners,) a day on average, quiet days included.     recall: (learners, concepts) at the end.
    """

    retention: float
    minutes: Float
    recall: Float


@final
@dataclass(frozen=True, eq=False)
class ClassAhead:
    """A class until a day. Rows are learners, columns the positions of concepts.

    Attributes:
        until: when the day begins for each.
        aheads: of each; of a learner whose day it is already there is nothing to follow.
        corrections: by which the chances of each are told.
        known: what has been computed from the same states, agreements and days already.
    """

    day: date
    content: Snapshot
    learners: tuple[Learner, ...]
    beliefs: tuple[Belief, ...]
    until: tuple[Until, ...]
    aheads: tuple[Ahead, ...]
    corrections: tuple[Correction, ...]
    known: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def days(self) -> int:
        """The most that lie ahead of one."""
        return max((each.days for each in self.until), default=0)

    @property
    def degraded(self) -> bool:
        return any(belief.degraded for belief in self.beliefs)

    @property
    def is_corrected(self) -> bool:
        return any(each.is_made for each in self.corrections)

    @property
    def n(self) -> Int:
        """(learners, concepts) answers."""
        k = self.content.n_concepts
        return self._stacked(belief.evidence.column("n", k) for belief in self.beliefs).astype(np.int64)

    @property
    def has_enough(self) -> Bool:
        """(learners, concepts) that they are enough to tell something."""
        enough = [ahead.agreed.criteria.enough for ahead in self.aheads]
        return np.asarray(self.n >= np.array(enough, np.int64).reshape(-1, 1))

    @property
    def level(self) -> Float:
        """(learners,) recall from which a concept is mastered."""
        return np.array([ahead.agreed.criteria.mastered_at for ahead in self.aheads])

    @property
    def alone(self) -> Recall:
        """If nothing is practised until the day."""
        return self._once("alone", lambda: self._recall(self._alone(row) for row in range(len(self.learners))))

    @property
    def followed(self) -> Recall:
        """If the agenda is."""
        return self._once("followed", self._corrected)

    def option(self, retention: float) -> Option:
        """If reviews come at this retention: in order of retention, minutes never fall.

        Without load balancing, and the day's allowances do not bound it: it tells what a retention would take, for
        whoever is to choose it or the allowances. Under a cap, all that take more than it would show the same minutes.
        """
        return self.options([retention])[0]

    def options(self, retentions: Sequence[float]) -> list[Option]:
        """Of several, at less cost than one after the other."""
        new = [each for each in dict.fromkeys(retentions) if ("option", each) not in self.known]
        for option in self._options(new) if new else []:
            self.known["option", option.retention] = option
        return [self.known["option", each] for each in retentions]

    def _options(self, retentions: Sequence[float]) -> list[Option]:
        alone = self.alone.value
        minutes = np.zeros((len(retentions), len(self.learners)))
        recall = np.repeat(alone[None], len(retentions), axis=0)
        rows = [row for row, then in enumerate(self.until) if then.days]
        if rows:
            prospects = [self.aheads[row].prospect for row in rows]
            found, at = together.outcomes(prospects, retentions), np.array([self.until[row].at for row in rows])
            minutes[:, rows] = found.minutes
            recall[:, rows] = together.recall_then(prospects, found, alone[rows], at)
        return [Option(*each) for each in zip(retentions, minutes, recall, strict=True)]

    def minutes(self) -> Float:
        """(learners, days) that the agendas take; days before a learner's own today are NaN."""
        return self._once("minutes", self._minutes)

    def _minutes(self) -> Float:
        out = np.full((len(self.learners), self.days), np.nan)
        for row, (ahead, then) in enumerate(zip(self.aheads, self.until, strict=True)):
            if then.days:
                out[row, self.days - then.days :] = ahead.minutes()
        return out

    def quiet(self) -> Bool:
        """(days,) on which most practise nothing by agreement."""
        counts = np.zeros(self.days)
        for ahead, then in zip(self.aheads, self.until, strict=True):
            if then.days:
                counts[self.days - then.days :] += ahead.prospect.quiet
        return np.asarray(2 * counts > len(self.learners))

    def _alone(self, row: int) -> tuple[Float, Float]:
        return outlook.recall_alone(self.beliefs[row].table, self.content.n_concepts, self.until[row].at)

    def _followed(self, row: int) -> tuple[Float, Float]:
        ahead, then = self.aheads[row], self.until[row]
        return ahead.recall_then(then.at) if then.days else self._alone(row)

    def _corrected(self) -> Recall:
        """As it is told: chances of mastery corrected by what came of past ones."""
        found, alone = self._recall(self._followed(row) for row in range(len(self.learners))), self.alone.mastered
        for row, (correct, ahead, then) in enumerate(zip(self.corrections, self.aheads, self.until, strict=True)):
            if then.days and correct.is_made:
                found.mastered[row] = correct.told(alone[row], found.mastered[row], ahead.agenda.practices > 0)
        return found

    def _recall(self, rows: Iterable[tuple[Float, Float]]) -> Recall:
        recall, sd = zip(*rows, strict=True) if self.learners else ((), ())
        return Recall.of(self._stacked(recall), self._stacked(sd), self.level)

    def _once(self, name: Hashable, compute: Callable[[], V]) -> V:
        if name not in self.known:
            self.known[name] = compute()
        return cast(V, self.known[name])

    def _stacked(self, rows: Iterable[Float]) -> Float:
        return np.array(list(rows), np.float64).reshape(len(self.learners), self.content.n_concepts)


def class_ahead(
    school: School, content: Snapshot, learners: Sequence[Learner], day: date, *, now: datetime,
    held: Mapping[UUID, Agreed] | None = None,
) -> ClassAhead:  # fmt: skip
    """Of learners of a school on what it works on.

    Args:
        held: what is agreed, or supposed to be; looked up if not given.

    Raises:
        OutOfReach: if the day is past at the school, or further ahead than forecasts reach.
    """
    if not 0 <= (day - today(school, now)).days <= DAYS_AHEAD:
        raise OutOfReach(day)
    with_zones(learners)
    found = beliefs(school.pk, content.curriculum_id, [learner.pk for learner in learners], now.timestamp())
    gated = [content_for(content, school.pk, belief.version_id) for belief in found]
    then = [_until(day, learner, now) for learner in learners]
    # A day of no length cannot be looked at: whose day it is already looks at it, and follows nothing.
    aheads = all_ahead(learners, found, gated, now=now, days=[max(each.days, 1) for each in then], held=held)
    corrections = [correction(school.pk, content.curriculum_id, each.version_id) for each in found]
    keys = (_key(*row) for row in zip(found, then, aheads, corrections, strict=True))
    # The content too: two classes without learners are not alike.
    known = _known.get((content.version_id, *keys))
    return ClassAhead(
        day, content, tuple(learners), tuple(found), tuple(then), tuple(aheads), tuple(corrections), known
    )


def _empty(_: Hashable) -> dict[Hashable, Any]:
    return {}


_known: Final = Kept(_empty, seconds=KEPT_SECONDS, most=MOST_KEPT)


def _key(belief: Belief, then: Until, ahead: Ahead, correction: Correction) -> Hashable:
    """All that figures of a learner rest on, but for the minute of the day."""
    content, schedule = ahead.prospect.content, ahead.prospect.schedule
    state = (belief.learner_id, belief.version_id, belief.applied_seq, belief.as_of)
    policy = ahead.prospect.reviews, None if schedule is None else schedule.tobytes()
    told = ahead.days.first, ahead.agreed, ahead.pace, correction
    return (*state, *policy, content.version_id, content.graph, then, *told)


def today(school: School, now: datetime) -> date:
    return now.astimezone(ZoneInfo(school.timezone)).date()


def _until(day: date, learner: Learner, now: datetime) -> Until:
    try:
        return until(day, learner, now)
    except OutOfReach:
        # Today at the school, and over where the learner is.
        return Until(now.timestamp(), 0)
