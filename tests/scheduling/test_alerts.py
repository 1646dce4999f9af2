"""The rules of alerts hold for whatever a learner answered, and by whatever thresholds a class agrees on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kt_models.recall import DELAYS, RecallTable
from tests.flow.situations import DAY, ORIGIN, content_of, situations
from tutor.scheduling import alerts
from tutor.scheduling.alerts import (
    NEW_ANSWERS,
    OF_CONCEPTS,
    QUIET_ANSWERS,
    TREND_ANSWERS,
    TREND_DAYS,
    Absence,
    Activity,
    Alert,
    Kind,
    Limits,
    Practice,
    Presence,
    Standing,
    Trend,
)
from tutor.scheduling.policies import Situation
from tutor.scheduling.policies.filters import spinning
from tutor.tracing.evidence import Answered, Evidence
from tutor.tracing.status import BY_CODE, Criteria, Status, statuses

NOTHING_LATELY = Activity()
LIMITS = Limits(in_need_from=1, inactive_days=14, trend_drop=0.2)


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    n, before = (draw(st.integers(0, 60)) for _ in range(2))
    right, right_before = draw(st.integers(0, n)), draw(st.integers(0, before))
    return Activity(n, right, min(n, 5), before, right_before, min(before, 5))


@st.composite
def limits(draw: st.DrawFn) -> Limits:
    return Limits(draw(st.integers(1, 4)), draw(st.integers(1, 30)), draw(st.floats(0.05, 0.9)))


def stand(situation: Situation, activity: Activity = NOTHING_LATELY, by: Limits = LIMITS) -> Standing:
    return alerts.standing(uuid4(), situation, activity, by)


def concepts(standing: Standing, *kinds: Kind) -> set[int | None]:
    return {alert.concept for alert in standing.alerts if alert.kind in kinds}


@given(situation=situations(ruled=False), activity=activities(), by=limits())
def test_an_alert_of_a_concept_says_what_every_page_says(
    situation: Situation, activity: Activity, by: Limits
) -> None:  # fmt: skip
    found = stand(situation, activity, by)
    codes = statuses(
        situation.table, situation.evidence, situation.content, situation.now, situation.criteria
    )  # fmt: skip
    active = situation.content.concept_active
    struggling = {c for c in np.flatnonzero(active).tolist() if BY_CODE[codes[c]] is Status.STRUGGLING}
    spun = set(np.flatnonzero(spinning(situation) & active).tolist())
    assert set(found.struggling) == struggling
    if found.presence is Presence.ACTIVE:
        assert concepts(found, Kind.SPINNING) == spun
        assert concepts(found, Kind.STRUGGLING) == struggling - spun
        assert len(concepts(found, *OF_CONCEPTS)) == sum(alert.concept is not None for alert in found.alerts)
    else:
        assert not concepts(found, *OF_CONCEPTS, Kind.FALLING_BEHIND)


@given(situation=situations(ruled=False), activity=activities(), by=limits(), after=st.integers(2, 12))
def test_no_concept_is_flagged_under_its_evidence_limit(
    situation: Situation, activity: Activity, by: Limits, after: int
) -> None:
    situation = replace(situation, criteria=replace(situation.criteria, struggling_after=after))
    for alert in stand(situation, activity, by).alerts:
        if isinstance(alert.evidence, Practice):
            least = situation.settings.spinning_after if alert.kind is Kind.SPINNING else after
            assert alert.evidence.n >= least >= 2
            assert alert.evidence.lately == min(alert.evidence.n, 8) == len(alert.evidence.recent)
            assert alert.evidence.right == sum(alert.evidence.recent)
            assert alert.evidence.low <= alert.evidence.recall <= alert.evidence.high


@given(data=st.data(), by=limits(), n=st.integers(0, 1), days=st.sampled_from([0.0, 20.0, 400.0]))
def test_one_wrong_answer_or_none_flags_nobody_whatever_the_model_expects(
    data: st.DataObject, by: Limits, n: int, days: float
) -> None:
    situation = data.draw(situations(ruled=False))
    rows = situation.evidence.rows[:n].copy()
    for name, value in (("n", 1), ("correct", 0.0), ("recent", 0), ("mastered", 0)):
        rows[name] = value
    situation = replace(
        situation,
        evidence=Evidence(rows, np.zeros(len(rows), np.int64)),
        criteria=Criteria(struggling_after=2),
        now=situation.now + days * DAY,
    )
    found = stand(situation, Activity(n=n, days=n), by)
    assert found.alerts == ()
    assert not alerts.is_in_need(found.alerts, by)
    assert (found.presence is Presence.SILENT) == (len(rows) == 0)


@given(situation=situations(ruled=False), days=st.integers(1, 400), by=limits())
def test_who_is_away_is_told_of_as_away_alone(situation: Situation, days: int, by: Limits) -> None:
    assume(len(situation.evidence.rows))
    last = float(situation.evidence.rows["seconds"].max())
    found = stand(replace(situation, now=last + days * DAY), by=by)
    assert (found.presence is Presence.INACTIVE) == (days > by.inactive_days)
    if found.presence is Presence.INACTIVE:
        used_to_answer = len(situation.evidence.items) >= QUIET_ANSWERS
        assert [alert.kind for alert in found.alerts] == [Kind.GONE_QUIET] * used_to_answer
        assert not alerts.is_in_need(found.alerts, by)


@given(activity=activities(), by=limits())
def test_a_trend_is_told_from_enough_answers_on_and_behind_falls_who_surely_falls(
    activity: Activity, by: Limits
) -> None:
    found = stand(_practised(), activity, by)
    enough = min(activity.n, activity.n_before) >= TREND_ANSWERS
    assert (found.trend is not None) == enough
    if found.trend is not None:
        assert found.trend.low < found.trend.high
        flagged = Kind.FALLING_BEHIND in [alert.kind for alert in found.alerts]
        assert flagged == (found.trend.change <= -by.trend_drop and found.trend.high < 0)


@pytest.mark.parametrize(
    ("share", "before", "n"), [(0.5, 0.8, 12), (0.3, 0.5, 30), (0.9, 0.95, 20), (0.6, 0.6, 15), (0.05, 0.3, 12)]
)
def test_the_interval_of_a_trend_holds_the_true_difference_nine_times_in_ten(
    share: float, before: float, n: int
) -> None:
    random = np.random.default_rng(5)
    drawn = zip(random.binomial(n, share, 4000).tolist(), random.binomial(n, before, 4000).tolist(), strict=True)
    trends = [Trend.of(n, right, n, right_before) for right, right_before in drawn]
    held = np.mean([each.low <= share - before <= each.high for each in trends])
    assert 0.885 <= held <= 0.97


@given(situation=situations(ruled=False), activity=activities(), by=limits(), stricter=limits())
def test_a_stricter_threshold_never_adds_anybody(
    situation: Situation, activity: Activity, by: Limits, stricter: Limits
) -> None:
    harder = Limits(
        max(by.in_need_from, stricter.in_need_from),
        max(by.inactive_days, stricter.inactive_days),
        max(by.trend_drop, stricter.trend_drop),
    )
    before, after = stand(situation, activity, by), stand(situation, activity, harder)
    if before.presence is after.presence:
        assert set(after.alerts) <= set(before.alerts)
        assert alerts.is_in_need(before.alerts, by) >= alerts.is_in_need(after.alerts, harder)
    else:
        assert (before.presence, after.presence) == (Presence.INACTIVE, Presence.ACTIVE)


@given(situation=situations(ruled=False), fewer=st.integers(2, 10), more=st.integers(0, 10))
def test_the_more_answers_are_asked_for_the_fewer_struggle(situation: Situation, fewer: int, more: int) -> None:
    found = [
        set(stand(replace(situation, criteria=Criteria(struggling_after=after))).struggling)
        for after in (fewer, fewer + more)
    ]
    assert found[1] <= found[0]


@given(situation=situations(ruled=False), seed=st.integers(0, 2**32))
def test_what_is_expected_of_the_future_does_not_order_learners(situation: Situation, seed: int) -> None:
    found = stand(situation).alerts
    random = np.random.default_rng(seed)
    other = tuple(
        alert._replace(evidence=_with_recall(alert.evidence, random.uniform(0, 1, 3))) for alert in found
    )  # fmt: skip
    assert alerts.need(found) == alerts.need(other)


def test_more_concepts_come_first_then_spinning_then_falling_behind_then_fewer_right() -> None:
    one, worse, spun = _alert(Kind.STRUGGLING, right=2), _alert(Kind.STRUGGLING, right=0), _alert(Kind.SPINNING)
    behind = Alert(Kind.FALLING_BEHIND, None, Trend.of(20, 5, 20, 15))
    in_order: list[tuple[Alert, ...]] = [(one, one), (spun,), (one, behind), (worse,), (one,), (behind,), ()]
    needs = [alerts.need(each) for each in in_order]
    assert needs == sorted(set(needs))


def test_a_teacher_s_word_that_it_is_mastered_ends_the_alert() -> None:
    situation = _practised("0" * 14)
    assert [alert.kind for alert in stand(situation).alerts] == [Kind.SPINNING]
    known = replace(situation, criteria=Criteria(known=frozenset({0})))
    assert stand(known).alerts == ()


@given(was=st.integers(2, 60), more=st.integers(-3, 12), days=st.floats(0, 90), recall=st.floats(0, 1))
def test_what_was_said_of_a_concept_holds_for_so_many_answers_whatever_a_model_makes_of_them(
    was: int, more: int, days: float, recall: float
) -> None:
    assume(was + more > 0)
    before, after = _practice(was), msgspec.structs.replace(_practice(was + more), recall=recall)
    changed = alerts.has_changed(Kind.STRUGGLING, before, 0.0, after, days * DAY)
    assert changed == (not 0 <= more < NEW_ANSWERS)


def test_what_was_said_of_an_absence_holds_until_the_learner_has_been_there_again() -> None:
    was = Absence(last_at=1000.0, struggling=2, due=3)
    still = Absence(last_at=1000.0, struggling=1, due=30)
    assert not alerts.has_changed(Kind.GONE_QUIET, was, 0.0, still, 300 * DAY)
    assert alerts.has_changed(Kind.GONE_QUIET, was, 0.0, Absence(2000.0, 2, 3), DAY)


@given(days=st.floats(0, 40))
def test_what_was_said_of_a_trend_holds_until_all_recent_answers_are_new(days: float) -> None:
    trend = Trend.of(20, 5, 20, 15)
    assert alerts.has_changed(Kind.FALLING_BEHIND, trend, 0.0, trend, days * DAY) == (days >= TREND_DAYS)


@given(situation=situations(ruled=False), activity=activities(), by=limits())
def test_evidence_is_kept_as_it_was(situation: Situation, activity: Activity, by: Limits) -> None:
    for alert in stand(situation, activity, by).alerts:
        kept = alerts.plain(alert.evidence) | {"model": "half-life", "thresholds": {}}
        assert alerts.evidence_of(alert.kind, kept) == alert.evidence


def _with_recall(evidence: alerts.Evidence, drawn: Any) -> alerts.Evidence:
    low, recall, high = sorted(drawn.tolist())
    if not isinstance(evidence, Practice):
        return evidence
    return msgspec.structs.replace(evidence, low=low, recall=recall, high=high)


def _practice(n: int, right: int = 0) -> Practice:
    lately = min(n, 8)
    recent = tuple(place < right for place in range(lately))
    return Practice(n, sum(recent), lately, 0.3, 0.2, 0.4, 1000.0, recent)


def _alert(kind: Kind, right: int = 1) -> Alert:
    return Alert(kind, 0, _practice(12, right))


def _practised(outcomes: str = "0000") -> Situation:
    """One concept, answered so a moment ago."""
    head = {"format": "trellis-curriculum/1", "key": "any", "title": "Any", "language": "en"}
    content = content_of({**head, "concepts": [{"key": "c", "title": "C", "prerequisites": []}], "items": []})
    given = [Answered(0, [0], float(outcome), ORIGIN - 60.0, [0.2]) for outcome in outcomes]
    flat = np.full((1, len(DELAYS)), 0.2)
    alone = np.array([0.2])
    table = RecallTable(ORIGIN, np.array([0]), flat, flat, flat, alone, alone, alone)
    return Situation(ORIGIN, content, table, Evidence.none().fold(given, Criteria().mastery), seed=0)
