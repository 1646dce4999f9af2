"""The look ahead: one simulator, and the laws that its figures keep."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_models.recall import DELAYS, Float, RecallTable, interval, logit, sigmoid
from tests.flow import situations
from tests.flow.situations import DAY, ORIGIN, parents_of
from tutor.scheduling import outlook
from tutor.scheduling.calendar import Days
from tutor.scheduling.courses import KINDS, Course
from tutor.scheduling.outlook import AT_ONCE, TRIES, Prospect
from tutor.scheduling.policies import Kind
from tutor.tracing.evidence import ROW, Evidence
from tutor.tracing.status import due_at, likely_mastered


@st.composite
def prospects(draw: st.DrawFn, *, is_quiet: bool = True) -> Prospect:
    """Any learner on any small curriculum, with curves that may even rise."""
    content = draw(situations.contents())
    practised = sorted(draw(st.sets(st.integers(0, content.n_concepts - 1))))
    known = draw(st.integers(max(practised, default=0) + 1, content.n_concepts))
    now = ORIGIN + draw(st.sampled_from([0.0, 60.0, DAY, 20 * DAY]))
    days = Days.ahead(draw(st.sampled_from(["UTC", "Europe/Berlin"])), 4, now, draw(st.integers(1, 40)))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    table = draw(situations.tables(known, practised))
    if draw(st.booleans()):
        table = replace(table, recall=random.uniform(0.01, 0.99, table.recall.shape))
    some = st.lists(st.integers(0, content.n_concepts - 1), max_size=2, unique=True)
    schedule = np.full(content.n_concepts, np.inf)
    schedule[practised] = now + random.uniform(-5 * DAY, 30 * DAY, len(practised))
    return Prospect(
        now=now,
        content=content,
        table=table,
        evidence=draw(situations.evidences(practised, content.n_items)),
        pinned=tuple(draw(some)),
        goals=frozenset(draw(some)),
        schedule=draw(st.sampled_from([None, schedule])),
        reviews=draw(st.sampled_from([True, True, True, False])),
        days=days,
        quiet=random.random(len(days)) < draw(st.sampled_from([0.0, 0.3, 1.0])) * is_quiet,
        minutes=random.choice([0.5, 1.0, 5.0], content.n_concepts),
        new_per_day=draw(st.sampled_from([0.0, 0.3, 1.0, 4.0])),
    )


def visits(course: Course) -> list[tuple[int, int, Kind, int]]:
    columns = (course.concept, course.day, course.kind, course.answers)
    return [(c, d, KINDS[k], a) for c, d, k, a in zip(*(column.tolist() for column in columns), strict=True)]


@given(prospect=prospects(), wanted=st.lists(st.floats(0.5, 1.0), min_size=2, max_size=5))
def test_minutes_never_fall_as_retention_rises(prospect: Prospect, wanted: list[float]) -> None:
    """Not in all, and not up to any day."""
    spent = [load.cumsum() for load in outlook.workload(prospect, sorted(wanted))]
    for less, more in pairwise(spent):
        assert (more >= less - 1e-9).all()


@given(prospect=prospects())
def test_what_is_visited_lies_on_its_day_and_no_day_is_quiet(prospect: Prospect) -> None:
    course = outlook.follow(prospect)
    assert not prospect.quiet[course.day].any()
    assert (prospect.days.index(course.seconds) == course.day).all()
    assert (course.seconds >= prospect.now).all() and (np.diff(course.seconds) >= 0).all()


@given(prospect=prospects())
def test_only_what_can_be_practised_is_visited_once_a_day(prospect: Prospect) -> None:
    course = outlook.follow(prospect)
    allowed = prospect.content.concept_active & (prospect.content.concept_items.counts > 0)
    assert allowed[course.concept].all()
    pairs = list(zip(course.concept.tolist(), course.day.tolist(), strict=True))
    assert len(pairs) == len(set(pairs)) or prospect.days.starts[1] - prospect.now < DAY


@given(prospect=prospects())
def test_a_concept_is_begun_when_its_prerequisites_are_learnt(prospect: Prospect) -> None:
    course, content = outlook.follow(prospect), prospect.content
    known = likely_mastered(prospect.table, prospect.evidence, content, prospect.now)
    for concept, day, kind, _ in visits(course):
        if kind is Kind.NEW:
            for parent in parents_of(content, concept) if concept not in prospect.pinned else []:
                before = [d for c, d, k, _ in visits(course) if c == parent and k is not Kind.REVIEW]
                assert known[parent] or not content.concept_active[parent] or (before and max(before) < day)


@given(prospect=prospects())
def test_no_more_is_taken_up_than_the_rate_lets(prospect: Prospect) -> None:
    """What was practised within a week and not tried in vain goes on, and is not taken up; nor is what comes back by
    a schedule, or because a teacher wants it."""
    n, last = (prospect.evidence.column(name, prospect.content.n_concepts) for name in ("n", "seconds"))
    goes_on = (n > 0) & (n < TRIES) & (last >= prospect.now - outlook.GOES_ON_DAYS * DAY) | prospect.is_scheduled
    goes_on[list(prospect.pinned)] = True
    first: dict[int, int] = {}
    for concept, day, kind, answers in visits(outlook.follow(prospect)):
        if kind is not Kind.REVIEW:
            first.setdefault(concept, day)
            assert answers <= AT_ONCE
    taken_up = [day for concept, day in first.items() if not goes_on[concept]]
    for day in range(len(prospect.days)):
        opened = int((~prospect.quiet[: day + 1]).sum())
        assert sum(d <= day for d in taken_up) <= opened * prospect.new_per_day + 1e-9


def begun(prospect: Prospect, n: int, days_ago: float) -> Prospect:
    """Concept 0 has been answered so often, and is not mastered."""
    rows = prospect.evidence.rows.copy()
    rows["mastered"], rows["n"], rows["seconds"] = 0, n, ORIGIN - days_ago * DAY
    return replace(prospect, evidence=replace(prospect.evidence, rows=rows))


@pytest.mark.parametrize(("n", "days_ago", "today"), [(2, 1, {0, 1}), (2, 30, {0}), (TRIES, 1, {0})])
def test_what_is_under_way_goes_on_beside_what_is_new(n: int, days_ago: float, today: set[int]) -> None:
    """What was left lying, or tried in vain, has to wait until something can be taken up, before all that is new."""
    prospect = begun(a_learner([curve(0.7, 0.1)], [curve(0.75, 0.1)], new=1), n, days_ago)
    known = replace(prospect.table, recall=np.maximum(prospect.table.recall, 0.66))
    course = outlook.follow(replace(prospect, table=known))
    assert {c for c, day, _, _ in visits(course) if day == 0} == today


@given(prospect=prospects(is_quiet=False))
def test_first_reviews_come_as_the_scheduler_says(prospect: Prospect) -> None:
    by_belief = due_at(prospect.table, prospect.evidence, prospect.content)
    due = by_belief if prospect.schedule is None else np.where(prospect.mastered, prospect.schedule, np.inf)
    due = due if prospect.reviews else np.full(len(due), np.inf)
    pinned = [each for each in prospect.pinned if prospect.mastered[each]]
    due[pinned] = prospect.now
    course = outlook.follow(prospect)
    for concept in np.flatnonzero(prospect.mastered & prospect.offered):
        told = course.seconds[course.concept == concept]
        if due[concept] < prospect.days.starts[-1]:
            assert told[0] == max(due[concept], prospect.now)
        else:
            assert not told.shape[0]


@given(prospect=prospects(is_quiet=False))
def test_what_is_not_mastered_comes_back_on_the_day_that_a_schedule_says(prospect: Prospect) -> None:
    course, comes = outlook.follow(prospect), prospect.schedule
    begun = prospect.is_scheduled & prospect.offered & ~prospect.mastered
    for concept in np.flatnonzero(begun):
        wanted = prospect.now if concept in prospect.pinned or comes is None else max(comes[concept], prospect.now)
        days = course.day[course.concept == concept]
        assert days[:1].tolist() == ([prospect.days.index(wanted)] if wanted < prospect.days.starts[-1] else [])


@given(prospect=prospects())
def test_a_policy_without_reviews_has_none_in_the_outlook_but_what_is_pinned(prospect: Prospect) -> None:
    reviewed = {c for c, _, kind, _ in visits(outlook.follow(replace(prospect, reviews=False))) if kind is Kind.REVIEW}
    assert reviewed <= set(prospect.pinned)


def curve(start: float, per_step: float) -> Float:
    """Recall whose logit falls by so much from delay to delay."""
    return sigmoid(logit(start) - per_step * np.arange(len(DELAYS)))


def a_learner(recalls: list[Float], afters: list[Float], *, new: int = 0, days: int = 60, **changes: Any) -> Prospect:
    """Mastered the first concepts at `ORIGIN`; `new` ones come after them in a chain. All take a minute."""
    n = len(recalls)
    keys = [f"c{i}" for i in range(n + new)]
    content = situations.content_of({
        "format": "trellis-curriculum/1", "key": "any", "title": "Any", "language": "en",
        "concepts": [
            {"key": key, "title": key, "prerequisites": [keys[i - 1]] if i >= max(n, 1) else []}
            for i, key in enumerate(keys)
        ],
        "items": [{"key": f"i{key}", "concepts": [key], "statement": "?"} for key in keys],
    })  # fmt: skip
    shape = (n, len(DELAYS))
    table = RecallTable(
        origin=ORIGIN, concept=np.arange(n), recall=np.array(recalls).reshape(shape),
        after=np.array(afters).reshape(shape), logit_sd=np.full(shape, 0.5),
        rest_recall=np.full(n + new, 0.6), rest_after=np.full(n + new, 0.7), rest_sd=np.full(n + new, 0.8),
    )  # fmt: skip
    rows = np.zeros(n, ROW)
    rows["concept"], rows["n"], rows["mastered"], rows["seconds"] = np.arange(n), 5, 1, ORIGIN
    rows["recall"] = [recall[0] for recall in recalls]
    horizon = Days.ahead("UTC", 0, ORIGIN, days)
    defaults: dict[str, Any] = {
        "now": ORIGIN, "content": content, "table": table, "evidence": Evidence(rows, np.empty(0, np.int64)),
        "days": horizon, "quiet": np.zeros(days, np.bool_), "minutes": np.ones(n + new),
    }  # fmt: skip
    return Prospect(**{**defaults, **changes})


def test_intervals_grow_with_each_practice() -> None:
    course = outlook.follow(a_learner([curve(0.9, 0.12)], [curve(0.91, 0.11)]))
    gaps = np.diff(course.seconds)
    assert len(gaps) >= 2 and (np.diff(gaps) > 0).all()


def test_a_review_comes_when_recall_has_faded_to_its_level() -> None:
    """After the first one the curve is that of the table after one practice, whatever the simulator makes of it."""
    prospect = a_learner([curve(0.9, 0.12)], [curve(0.91, 0.11)])
    first, second = outlook.follow(prospect).seconds[:2]
    assert prospect.table.at(first)[0] == pytest.approx(0.9 * 0.9)
    once = prospect.table.after_at(ORIGIN, ORIGIN + (second - first))[0]
    assert once == pytest.approx(0.9 * 0.91)


def test_a_review_that_was_moved_comes_then() -> None:
    prospect = a_learner([curve(0.9, 0.12)], [curve(0.91, 0.11)])
    due = due_at(prospect.table, prospect.evidence, prospect.content) + DAY
    assert outlook.follow(prospect, due=due).seconds[0] == due[0]


def test_who_has_done_nothing_learns_in_order_and_forgets() -> None:
    """A chain of three, one a day: each is begun when the one before is learnt, and comes back for review."""
    course = outlook.follow(a_learner([], [], new=3, days=90))
    begun = {c: d for c, d, kind, _ in visits(course) if kind is Kind.NEW}
    assert list(begun) == [0, 1, 2] and sorted(begun.values()) == list(begun.values())
    assert {c for c, _, kind, _ in visits(course) if kind is Kind.REVIEW} == {0, 1, 2}


def test_what_practice_does_not_teach_is_left() -> None:
    prospect = a_learner([], [], new=2, days=30)
    hopeless = replace(prospect.table, rest_after=prospect.table.rest_recall + 1e-4)
    course = outlook.follow(replace(prospect, table=hopeless))
    assert course.practices.tolist() == [TRIES, 0], "nor is begun what rests on it"


def test_without_new_concepts_there_are_reviews_alone() -> None:
    prospect = a_learner([curve(0.9, 0.12)], [curve(0.91, 0.11)], new=2, new_per_day=0.0)
    assert {kind for _, _, kind, _ in visits(outlook.follow(prospect))} == {Kind.REVIEW}


def test_practice_is_expected_to_keep_what_would_be_forgotten() -> None:
    prospect = a_learner([curve(0.9, 0.12)], [curve(0.91, 0.11)])
    at = float(prospect.days.starts[-1])
    course = outlook.follow(prospect)
    recall, sd = outlook.recall_then(prospect, course, at)
    assert recall[0] > prospect.table.at(at)[0]
    assert sd[0] == pytest.approx(0.5)


def test_after_one_practice_recall_is_what_the_table_says() -> None:
    prospect = a_learner([curve(0.9, 0.12)], [curve(0.91, 0.11)], days=3)
    course = outlook.follow(prospect)
    assert course.practices.tolist() == [1]
    at = float(prospect.days.starts[-1])
    wanted = prospect.table.after_at(ORIGIN, ORIGIN + at - course.seconds[0])[0]
    assert outlook.recall_then(prospect, course, at)[0][0] == pytest.approx(wanted)


@given(p=st.floats(0.05, 0.95), sd=st.floats(0.05, 3.0), level=st.floats(0.5, 0.95))
def test_the_chance_of_mastery_is_the_share_of_learners_like_this(p: float, sd: float, level: float) -> None:
    random = np.random.default_rng(0)
    mean = logit(p) * np.sqrt(1 + np.pi * sd**2 / 8)
    share = (sigmoid(random.normal(mean, sd, 40_000)) >= level).mean()
    chance = outlook.chance_of_mastery(np.array([p]), np.array([sd]), level)[0]
    assert chance == pytest.approx(share, abs=0.012)


def test_who_is_surely_above_the_level_has_mastered_it() -> None:
    chances = outlook.chance_of_mastery(np.array([0.9, 0.7]), np.zeros(2), 0.8)
    assert chances.tolist() == [1.0, 0.0]
    low, _ = interval(0.9, 0.5)
    assert outlook.chance_of_mastery(np.array([0.9]), np.array([0.5]), float(low))[0] == pytest.approx(0.95)
