"""Load balancing: reviews are moved a little, earlier or later, so that no day is crowded and quiet days stay quiet.

A review may move to the beginning of any day of the horizon that lies within a share of its interval, and not past a
time that the caller states. First all that can leave quiet days does. Then one after the other, those with the fewest
days to choose from first, moves to the day in reach with the least minutes, if that day then has less than the one it
leaves has now: so the busiest day never gets busier, whatever the order. What was practised today counts as today's
load; done work makes no room for more. Pure and deterministic.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from kt_models.recall import Float, Int, RecallTable
from tutor.scheduling.calendar import Days
from tutor.tracing.status import widen

Bool = NDArray[np.bool_]

#: By how much of its interval a review may move: about what Anki's fuzz and load balancer let through.
SHARE: Final = 0.10
#: Recall may be this much below a review's level when it is moved later.
FLOOR: Final = 0.05


def balanced(
    due: Float,
    last: Float,
    minutes: Float,
    days: Days,
    quiet: Bool,
    *,
    share: float = SHARE,
    latest: Float | None = None,
) -> Float:
    """When each review is to be offered, shape (concepts,), Unix seconds; with a share of 0, when it falls due.

    Reviews due after the horizon stay, those due before it count as today's and may only wait for a day in reach.

    Args:
        due: (concepts,) Unix seconds at which a review falls due, inf for none.
        last: (concepts,) Unix seconds of the last practice; the interval lasts from there until `due`.
        minutes: (concepts,) what a review takes.      quiet: (days,) on which none should fall.
        latest: (concepts,) Unix seconds past which none may be moved, whatever its interval; see `latest_at`.
    """
    moves = np.flatnonzero(due < days.starts[-1])
    if not moves.shape[0] or share <= 0.0:
        return due
    planned, slack = due[moves], share * np.maximum(due[moves] - last[moves], 0.0)
    until = planned + slack if latest is None else np.minimum(planned + slack, latest[moves])
    home = np.maximum(days.index(planned), 0)
    # Days that begin inside the reach; whoever is overdue begins today.
    from_ = np.searchsorted(days.starts[:-1], planned - slack, side="left")
    to = np.searchsorted(days.starts[:-1], until, side="right") - 1
    load = np.bincount(home, weights=minutes[moves], minlength=len(days)).astype(np.float64)
    load[0] += minutes[last >= days.starts[0]].sum()
    target = _targets(home, from_, to, minutes[moves], load, quiet)
    moved = target != home
    out = due.copy()
    out[moves[moved]] = days.starts[target[moved]]
    return out


def latest_at(table: RecallTable, level: Float, floor: float = FLOOR) -> Float:
    """(concepts,) Unix seconds at which recall falls to `floor` below the level at which a review is due."""
    known = table.time_until(np.maximum(level[: table.n_concepts] - floor, 0.0))
    return widen(table.origin + known, level.shape[0], np.inf)


def _targets(home: Int, from_: Int, to: Int, minutes: Float, load: Float, quiet: Bool) -> Int:
    """The day of each review, shape (reviews,)."""
    # A quiet day is as good as full: everything leaves it that can, and nothing goes there.
    full = np.where(quiet, np.inf, load).tolist()
    width = to - from_
    free = np.flatnonzero((width > 0) | ((width == 0) & (to != home)))
    order = free[np.lexsort((free, width[free], ~quiet[home[free]]))]
    target = home.copy()
    # Plain lists: a few days each, for which calls of numpy cost more than they do.
    columns = (column[order].tolist() for column in (home, from_, to, minutes))
    for place, at, first, last, own in zip(order.tolist(), *columns, strict=True):
        best, least = at, full[at] - own
        for day in range(first, last + 1):
            if full[day] < least or (full[day] == least and day != at and abs(day - at) < abs(best - at)):
                best, least = day, full[day]
        if best != at:
            full[at] -= own
            full[best] += own
            target[place] = best
    return target
