"""Load balancing: what may be moved, how far, and that it never makes a day worse."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kt_models.recall import DELAYS, Float, RecallTable
from tutor.scheduling.balance import Bool, balanced, latest_at
from tutor.scheduling.calendar import Days

DAY = 86_400.0
NOW = 1_772_000_000.0


class Load(NamedTuple):
    due: Float
    last: Float
    minutes: Float
    days: Days
    quiet: Bool

    def by_day(self, due: Float) -> Float:
        """Minutes of each day of the horizon; what is overdue is today's, and so is what was practised today."""
        at = np.maximum(self.days.index(due), 0)
        inside = at < len(self.days)
        load = np.bincount(at[inside], weights=self.minutes[inside], minlength=len(self.days))
        load[0] += self.minutes[self.last >= self.days.starts[0]].sum()
        return np.asarray(load)

    def balanced(self, share: float = 0.1, latest: Float | None = None) -> Float:
        return balanced(self.due, self.last, self.minutes, self.days, self.quiet, share=share, latest=latest)


def calendar(zone: str = "Europe/Berlin") -> Days:
    return Days.ahead(zone, 4, NOW)


@st.composite
def loads(draw: st.DrawFn, *, is_quiet: bool = True) -> Load:
    """Many on the same day, as after a day on which much was begun."""
    days = calendar(draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])))
    random, n = np.random.default_rng(draw(st.integers(0, 2**32))), draw(st.integers(0, 60))
    at = draw(st.sampled_from([0.2, 3.4, 12.9])) + random.normal(0, draw(st.sampled_from([0.1, 2.0, 8.0])), n)
    due = np.where(random.random(n) < 0.2, np.inf, NOW + at * DAY)
    last = np.minimum(NOW - random.exponential(draw(st.sampled_from([0.5, 10, 60])), n) * DAY, due)
    quiet = random.random(len(days)) < draw(st.sampled_from([0.1, 0.3, 1.0])) if is_quiet else np.zeros(14, np.bool_)
    return Load(due, last, random.choice([0.5, 1, 2, 5], n), days, quiet)


shares = st.sampled_from([0.05, 0.1, 0.5])


@given(load=loads(), share=shares)
def test_nothing_is_moved_further_than_a_share_of_its_interval(load: Load, share: float) -> None:
    new = load.balanced(share)
    moved = new != load.due
    assert (np.abs(new[moved] - load.due[moved]) <= share * (load.due[moved] - load.last[moved]) + 1e-3).all()


@given(load=loads(is_quiet=False), share=shares)
def test_the_busiest_day_never_gets_busier(load: Load, share: float) -> None:
    assert load.by_day(load.balanced(share)).max() <= load.by_day(load.due).max() + 1e-9


@given(load=loads(), share=shares)
def test_every_review_is_kept_within_the_horizon_or_without(load: Load, share: float) -> None:
    new = load.balanced(share)
    end = load.days.starts[-1]
    assert ((new < end) == (load.due < end)).all()
    assert load.by_day(new).sum() == np.float64(load.by_day(load.due).sum())


@given(load=loads(), share=shares)
def test_quiet_days_get_nothing_more(load: Load, share: float) -> None:
    before, after = load.by_day(load.due), load.by_day(load.balanced(share))
    assert (after[load.quiet] <= before[load.quiet]).all()


@given(load=loads())
def test_who_wants_spikes_gets_them(load: Load) -> None:
    assert np.array_equal(load.balanced(share=0.0), load.due)


@given(load=loads())
def test_without_an_interval_to_move_in_nothing_moves(load: Load) -> None:
    new = load._replace(last=load.due - 1.0).balanced()
    assert np.array_equal(new, load.due)


@given(load=loads(), share=shares)
def test_nothing_waits_past_the_time_stated(load: Load, share: float) -> None:
    latest = load.due + 0.3 * DAY
    assert (load.balanced(share, latest) <= latest).all()


@given(load=loads(), share=shares)
def test_the_same_is_said_twice(load: Load, share: float) -> None:
    assert np.array_equal(load.balanced(share), load.balanced(share))


def spike(n: int = 40, at: float = 5.0, interval: float = 30.0) -> Load:
    days = calendar("UTC")
    due = np.full(n, days.starts[0] + at * DAY + 6 * 3600)
    return Load(due, due - interval * DAY, np.ones(n), days, np.zeros(14, np.bool_))


def test_a_spike_is_spread_over_the_days_in_reach() -> None:
    """Intervals of 30 days: three days either way, six of which begin in reach."""
    load = spike()
    assert sorted(load.by_day(load.balanced())[3:9].tolist()) == [6, 6, 7, 7, 7, 7]


def test_a_quiet_weekend_goes_to_the_days_around_it() -> None:
    load = spike(20)
    load.quiet[5:7] = True
    assert load.by_day(load.balanced())[3:9].tolist() == [5, 5, 0, 0, 5, 5]


def test_done_work_makes_no_room_for_more() -> None:
    """Twelve of tomorrow's reviews could come today; but today as many have been practised already."""
    days = calendar("UTC")
    due = np.concatenate([np.full(12, days.starts[1] + 3600), np.full(12, np.inf)])
    last = np.concatenate([np.full(12, days.starts[0] - 40 * DAY), np.full(12, days.starts[0] - DAY)])
    load = Load(due, last, np.ones(24), days, np.ones(14, np.bool_))
    load.quiet[:2] = False
    assert load.by_day(load.balanced())[:2].tolist() == [6, 6]
    load.last[12:] = days.starts[0] + 60
    assert np.array_equal(load.balanced(), load.due)


def test_a_review_may_wait_until_recall_has_fallen_to_the_floor() -> None:
    falling = np.linspace(0.95, 0.3, len(DELAYS))[None]
    table = RecallTable(
        origin=NOW, concept=np.array([1]), recall=falling, after=falling, logit_sd=0 * falling,
        rest_recall=np.array([0.9, 0.5]), rest_after=np.array([0.9, 0.5]), rest_sd=np.zeros(2),
    )  # fmt: skip
    latest = latest_at(table, np.array([0.8, 0.8, 0.7]), floor=0.05)
    assert abs(table.at(latest[1])[1] - 0.75) < 1e-9
    assert np.isinf(latest[[0, 2]]).all(), "what is not forgotten, or not known, has no such time"
