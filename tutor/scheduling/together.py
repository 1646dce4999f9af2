"""What the courses of a class by several retentions come to, all at once, without telling what is done when. Pure.

A class's year has two million reviews, each of which tells when the next one is due: learner by learner and retention
by retention, most of the time goes by in calls. The figures are those of `outlook` (a property test).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from kt_models.recall import DELAYS, SECONDS_PER_DAY, Float, Int, logit, sigmoid
from tutor.scheduling.calendar import Bool
from tutor.scheduling.outlook import Prospect, session

#: Rows that are looked at together: what they take stays in the processor's cache.
_TOGETHER: Final = 4096
_AXIS: Final = np.log1p(DELAYS / DELAYS[1])
#: Logits that recall tables tell apart.
_LOWEST, _HIGHEST = logit((0.0, 1.0)).tolist()


class Outcomes(NamedTuple):
    """What courses come to.

    Attributes:
        minutes: (retentions, learners) a day on average, quiet days included.
        practices: (retentions, learners, concepts) answers until the end of the horizon.
        last: the same shape, Unix seconds of the last, -inf for none.
    """

    minutes: Float
    practices: Int
    last: Float


class _Rows(NamedTuple):
    """What is reviewed, (rows,): a learner's concept by a retention.

    Attributes:
        at: position among retentions, learners and concepts.     curve: of `_Curves`.
        due: Unix seconds of the first review.     practices: until then.
    """

    at: Int
    curve: Int
    review_at: Float
    retention: Float
    due: Float
    practices: Int

    def some(self, rows: Int | Bool | slice) -> _Rows:
        return _Rows(self.at[rows], self.curve[rows], self.review_at[rows], self.retention[rows], self.due[rows],
                     self.practices[rows])  # fmt: skip


class _Curves(NamedTuple):
    """(learners * concepts, delays) logits of recall without practice, and what each practice adds."""

    strength: Float
    gain: Float

    def after(self, curve: Int, practices: Int) -> Float:
        return np.asarray(self.strength[curve] + practices[:, None] * self.gain[curve])


def outcomes(prospects: Sequence[Prospect], retentions: Sequence[float]) -> Outcomes:
    """Of learners of one curriculum, if reviews come at each retention and are not moved."""
    k = prospects[0].content.n_concepts if prospects else 0
    shape = len(retentions), len(prospects), k
    out = Outcomes(np.zeros(shape[:2]), np.zeros(shape, np.int64), np.full(shape, -np.inf))
    for place, each in enumerate(prospects):
        begun = each.beginnings
        out.practices[:, place] = begun.practices
        last = np.full(k, -np.inf)
        np.maximum.at(last, begun.concept, session(each, begun.day))
        out.last[:, place] = last
    for places in _alike(prospects):
        _review(prospects, places, np.asarray(retentions, np.float64), out)
    for place, each in enumerate(prospects):
        out.minutes[:, place] = (out.practices[:, place] * each.minutes).sum(axis=1) / len(each.days)
    return out


def recall_then(prospects: Sequence[Prospect], found: Outcomes, alone: Float, at: Float) -> Float:
    """(retentions, learners, concepts) recall at a time of each learner after the horizon.

    Args:
        alone: (learners, concepts) then, of what is not practised.     at: (learners,) Unix seconds.
    """
    out = np.repeat(alone[None], len(found.minutes), axis=0)
    for place, each in enumerate(prospects):
        option, concept = np.nonzero(found.practices[:, place] > 0)
        curve = each.strength[concept] + found.practices[option, place, concept][:, None] * each.gain[concept]
        out[option, place, concept] = sigmoid(_at_delay(curve, at[place] - found.last[option, place, concept]))
    return out


def pause(curve: Float, review_at: Float, retention: Float) -> Float:
    """Seconds until curves (rows, delays) of logits fall below the level of a review, inf if never; shape (rows,).

    A day at the least. As `RecallTable.time_until`, but without a probability for every delay.
    """
    start = curve[:, 0]
    right_after = sigmoid(start)
    level = np.maximum(review_at, retention * right_after)
    with np.errstate(divide="ignore"):
        target = np.log(level) - np.log1p(-level)
    # What is as high as recall right after is not above it, however the two were rounded.
    target = np.where(level <= right_after, np.minimum(target, start), target)
    below = curve < target[:, None]
    first, row = below.argmax(axis=1), np.arange(len(curve))
    left = np.maximum(first - 1, 0)
    high, low = _told(curve[row, left]), _told(curve[row, first])
    weight = np.clip((high - _told(target)) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    crossing = DELAYS[1] * np.expm1(_AXIS[left] + weight * (_AXIS[first] - _AXIS[left]))
    crossing[~below[row, first]] = np.inf
    return np.asarray(np.maximum(crossing, SECONDS_PER_DAY))


def _alike(prospects: Sequence[Prospect]) -> Iterator[list[int]]:
    """Places of those with the same days: learners of one class, but for other time zones."""
    found: dict[Hashable, list[int]] = {}
    for place, each in enumerate(prospects):
        found.setdefault((each.now, each.days.starts.tobytes(), each.quiet.tobytes()), []).append(place)
    yield from found.values()


def _review(prospects: Sequence[Prospect], places: list[int], retentions: Float, out: Outcomes) -> None:
    """Adds the reviews of some learners, who have the same days."""
    some = [prospects[place] for place in places]
    curves = _Curves(np.concatenate([each.strength for each in some]), np.concatenate([each.gain for each in some]))
    rows = _rows(some, places, retentions, out, curves)
    practices, last = out.practices.reshape(-1), out.last.reshape(-1)
    for start in range(0, len(rows.at), _TOGETHER):
        for at, seconds in _rounds(some[0], rows.some(slice(start, start + _TOGETHER)), curves):
            practices[at] += 1
            last[at] = seconds


def _rounds(calendar: Prospect, of: _Rows, curves: _Curves) -> Iterator[tuple[Int, Float]]:
    """Positions and Unix seconds of the reviews within the horizon: of a row one at most in each round."""
    while True:
        is_ahead, seconds = _practised_at(calendar, of.due)
        of, seconds = of.some(is_ahead), seconds[is_ahead]
        if not len(of.at):
            return
        yield of.at, seconds
        practices = of.practices + 1
        due = seconds + pause(curves.after(of.curve, practices), of.review_at, of.retention)
        of = of._replace(practices=practices, due=due)


def _practised_at(calendar: Prospect, due: Float) -> tuple[Int, Float]:
    """Rows of what comes within the horizon, and when all would: at once if overdue, on the next open day."""
    starts, n = calendar.days.starts, len(calendar.days)
    seconds = np.maximum(due, calendar.now)
    day = np.minimum(calendar.days.index(seconds), n)
    later = calendar.open_days[day]
    return np.flatnonzero(later < n), np.where(later == day, seconds, starts[later])


def _rows(
    some: Sequence[Prospect], places: list[int], retentions: Float, out: Outcomes, curves: _Curves
) -> _Rows:  # fmt: skip
    """First reviews: as they fall due, and of what is learnt within the horizon, a pause after."""
    first = np.stack([_firsts(each, retentions) for each in some], axis=1)
    learnt = np.stack([each.beginnings.learnt for each in some])
    option, who, concept = np.nonzero(np.isfinite(first))
    practices = out.practices[option, np.array(places)[who], concept]
    at = np.ravel_multi_index((option, np.array(places)[who], concept), out.practices.shape)
    review_at = np.array([each.criteria.review_at for each in some])[who]
    rows = _Rows(at, who * learnt.shape[1] + concept, review_at, retentions[option], first[option, who, concept],
                 practices)  # fmt: skip
    is_new = learnt[who, concept] >= 0
    new = rows.some(is_new)
    rows.due[is_new] += pause(curves.after(new.curve, new.practices), new.review_at, new.retention)
    return rows


def _firsts(prospect: Prospect, retentions: Float) -> Float:
    """(retentions, concepts) Unix seconds of the first reviews, inf for none; of what is learnt, of when it is."""
    wanted = [replace(prospect.criteria, retention=retention) for retention in retentions.tolist()]
    due = np.stack([prospect.first_reviews(each) for each in wanted])
    learnt = prospect.beginnings.learnt
    if prospect.reviews:
        due[:, learnt >= 0] = session(prospect, learnt[learnt >= 0])
    return np.asarray(due)


def _at_delay(curve: Float, delay: Float) -> Float:
    """Of curves (rows, delays), the value of each at its own delay, shape (rows,); linear as `RecallTable` is."""
    x = np.minimum(np.log1p(np.maximum(delay, 0.0) / DELAYS[1]), _AXIS[-1])
    left = np.minimum(np.searchsorted(_AXIS, x, side="right") - 1, DELAYS.shape[0] - 2)
    weight, row = (x - _AXIS[left]) / (_AXIS[left + 1] - _AXIS[left]), np.arange(len(curve))
    return np.asarray((1 - weight) * curve[row, left] + weight * curve[row, left + 1])


def _told(logits: Float) -> Float:
    return np.asarray(np.minimum(np.maximum(logits, _LOWEST), _HIGHEST))
