from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.snapshot import Snapshot
from kt_models.recall import DELAYS, SECONDS_PER_DAY, RecallTable
from tests.dashboard.demo_content import content
from tutor.dashboard.pictures import CURVE_DAYS, CURVE_HEIGHT, CURVE_WIDTH, SPANS, Curves, Layout, strip
from tutor.dashboard.templatetags import figures
from tutor.dashboard.words import BY_NEED, LABELS, definitions
from tutor.tracing.status import BY_CODE, Criteria, Status

BOX = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z")


@pytest.fixture(scope="module")
def demo() -> Snapshot:
    return content()


def test_every_status_has_a_shape_of_its_own() -> None:
    assert len(set(SPANS.values())) == len(Status)
    assert SPANS.keys() == set(Status)


@given(codes=st.lists(st.integers(0, len(Status) - 1), min_size=89, max_size=89))
def test_a_strip_draws_each_concept_once(codes: list[int]) -> None:
    demo = content()
    drawn = strip(Layout.of(demo), np.array(codes), demo.concept_titles)
    width: defaultdict[Status, float] = defaultdict(float)
    for status, d in [*drawn.paths, *((bar.status, bar.d) for bar in drawn.named)]:
        width[status] += sum(float(w) for _, _, w, _ in BOX.findall(d)) / len(SPANS[status])
    wanted = {status: float(codes.count(code)) for code, status in enumerate(BY_CODE) if SPANS[status]}
    assert {status: width[status] for status in wanted} == wanted
    assert sum(float(w) for _, _, w, _ in BOX.findall(drawn.ground)) == len(codes)
    boxes = [box for _, d in drawn.paths for box in BOX.findall(d)]
    assert all(float(x) >= 0 and float(x) + float(w) <= float(drawn.width) + 0.05 for x, _, w, _ in boxes)


def test_subject_areas_stand_together_with_a_gap_between(demo: Snapshot) -> None:
    layout = Layout.of(demo)
    areas = [demo.concept_contents[i].domain for i in layout.order]  # type: ignore[union-attr]
    changes = [i for i in range(1, len(areas)) if areas[i] != areas[i - 1]]
    assert len(changes) == len(set(areas)) - 1
    assert [i for i in range(1, len(areas)) if layout.x[i] - layout.x[i - 1] > 1] == changes


def test_what_asks_for_attention_can_be_pointed_at(demo: Snapshot) -> None:
    codes = np.full(demo.n_concepts, BY_CODE.index(Status.MASTERED))
    codes[3], codes[4] = BY_CODE.index(Status.STRUGGLING), BY_CODE.index(Status.DUE_FOR_REVIEW)
    named = strip(Layout.of(demo), codes, demo.concept_titles).named
    assert [(bar.status, bar.title) for bar in named] == [
        (Status.STRUGGLING, demo.concept_titles[3]),
        (Status.DUE_FOR_REVIEW, demo.concept_titles[4]),
    ]


def test_a_curve_falls_from_the_last_answer_and_crosses_the_line_when_it_is_due() -> None:
    recall = 0.9 * np.exp(-DELAYS / (20 * SECONDS_PER_DAY)).clip(0.05)[None]
    level = np.array([0.5, 0.5])
    table = RecallTable(0.0, np.array([1]), recall, recall, np.full_like(recall, 0.4), level, level, level)
    now = 2 * SECONDS_PER_DAY
    curve = Curves.of(table, 2, now).curve(1, float(table.at(now)[1]), 0.7)
    points = [(float(x), float(y)) for x, y in (pair.split() for pair in curve.line[1:].split("L"))]
    assert points[0] == (0, pytest.approx(0.1 * CURVE_HEIGHT, abs=0.1))
    assert points[-1][0] == pytest.approx(CURVE_WIDTH, abs=0.1)
    assert [y for _, y in points] == sorted(y for _, y in points)
    assert float(curve.now_x) == pytest.approx(CURVE_WIDTH * 2 / (2 + CURVE_DAYS), abs=0.1)
    crossing = next(x for x, y in points if y > float(curve.review_y))
    due_days = float(table.time_until(0.7)[1]) / SECONDS_PER_DAY
    assert crossing / CURVE_WIDTH * (2 + CURVE_DAYS) == pytest.approx(due_days, abs=2)


def test_each_status_has_a_name_a_place_and_a_definition() -> None:
    assert set(BY_NEED) == LABELS.keys() == set(Status)
    assert {status.value for status in Status} <= definitions().keys()


def test_definitions_quote_the_criteria_in_force() -> None:
    strict = definitions(Criteria(mastered_at=0.95, mastered_after=7, review_at=0.85))
    assert "95%" in strict["mastered"].text
    assert "7 answers" in strict["mastered"].text
    assert "85%" in strict["due_for_review"].text


@pytest.mark.parametrize(("minutes", "said"), [(0.4, "24\xa0s"), (1, "1\xa0min"), (2.6, "3\xa0min")])
def test_durations_in_words(minutes: float, said: str) -> None:
    assert figures.duration(minutes) == said
