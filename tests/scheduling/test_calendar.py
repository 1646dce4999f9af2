"""A learner's days, right across changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutor.scheduling.calendar import Days

HOUR = 3600.0
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe",
    "Antarctica/Troll", "Pacific/Apia", "Asia/Kathmandu", "America/Sao_Paulo",
]  # fmt: skip

zones, hours = st.sampled_from(ZONES), st.integers(0, 23)
moments = st.integers(1_262_304_000, 1_893_456_000).map(float)  # 2010 to 2030


def seconds(text: str, zone: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(("day", "length"), [("2026-03-28", 23), ("2026-03-27", 24), ("2026-10-24", 25)])
def test_a_day_has_an_hour_less_or_more_where_clocks_change(day: str, length: int) -> None:
    """From 4 h on the Saturday to 4 h on the Sunday, in Berlin."""
    days = Days.ahead("Europe/Berlin", 4, seconds(f"{day}T20:00", "Europe/Berlin"))
    assert days.first == date.fromisoformat(day)
    assert days.starts[1] - days.starts[0] == length * HOUR
    assert np.diff(days.starts[2:]).tolist() == [24 * HOUR] * 12


def test_after_midnight_it_is_still_the_evening_before() -> None:
    before, after = (Days.ahead("Asia/Tokyo", 4, seconds(f"2026-05-02T{t}", "Asia/Tokyo")) for t in ("03:59", "04:00"))
    assert (before.first, after.first) == (date(2026, 5, 1), date(2026, 5, 2))


@given(zone=zones, hour=hours, now=moments, n=st.integers(1, 30))
def test_now_lies_in_the_first_of_days_without_gaps(zone: str, hour: int, now: float, n: int) -> None:
    days = Days.ahead(zone, hour, now, n)
    assert len(days) == n and days.starts[0] <= now < days.starts[1]
    assert (np.diff(days.starts) >= 0).all()


@given(zone=zones, hour=hours, now=moments, later=st.floats(0, 20 * 86_400.0))
def test_a_time_lies_in_the_day_that_is_today_then(zone: str, hour: int, now: float, later: float) -> None:
    days = Days.ahead(zone, hour, now, 30)
    index = int(days.index(now + later))
    assert days.starts[index] <= now + later < days.starts[index + 1]
    assert days.day(index) == Days.ahead(zone, hour, now + later).first


@given(zone=zones, hour=hours, now=moments)
def test_a_day_begins_when_its_hour_strikes_or_is_skipped(zone: str, hour: int, now: float) -> None:
    days = Days.ahead(zone, hour, now)
    for i in range(len(days)):
        moment = datetime.fromtimestamp(days.starts[i], UTC)
        local, before = (t.astimezone(ZoneInfo(zone)) for t in (moment, moment - timedelta(seconds=1)))
        strikes = (local.date(), local.hour, local.minute) == (days.day(i), hour, 0)
        wanted = datetime.combine(days.day(i), datetime.min.time()).replace(hour=hour)
        assert strikes or before.replace(tzinfo=None) < wanted <= local.replace(tzinfo=None)


def test_times_outside_are_told_apart() -> None:
    days = Days.ahead("UTC", 0, 86_400.0 * 20_000, 3)
    first, end = days.starts[0], days.starts[-1]
    assert days.index([first - 1, first, end - 1, end, np.inf]).tolist() == [-1, 0, 2, 3, 3]


def test_quiet_days_come_every_week_or_once() -> None:
    friday = seconds("2026-05-01T12:00", "UTC")
    quiet = Days.ahead("UTC", 4, friday, 10).quiet(weekdays={5, 6}, dates={date(2026, 5, 5), date(2027, 1, 1)})
    assert np.flatnonzero(quiet).tolist() == [1, 2, 4, 8, 9]


def test_what_is_no_calendar_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError, match="Mars"):
        Days.ahead("Mars/Olympus", 4, 0.0)
    with pytest.raises(ValueError, match="hour 24"):
        Days.ahead("UTC", 24, 0.0)
    with pytest.raises(ValueError, match="0 days"):
        Days.ahead("UTC", 4, 0.0, 0)
