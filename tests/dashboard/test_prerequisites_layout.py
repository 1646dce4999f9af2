"""The map of prerequisites as a drawing: what must hold of it for any graph."""

from __future__ import annotations

import random
import re
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.demo import mathematics
from tutor.dashboard import prerequisites_layout as layout
from tutor.dashboard.prerequisites_layout import BOX_HEIGHT, BOX_WIDTH, MOST, Drawing, Pair, drawing, increasing

N = 24
upward = st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda pair: pair[0] < pair[1])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[tuple[int, ...], frozenset[Pair]]:
    """Any acyclic graph, its concepts in any order."""
    turned = draw(st.permutations(range(N)))
    pairs = draw(st.sets(upward, max_size=50))
    return tuple(range(N)), frozenset((turned[a], turned[b]) for a, b in pairs)


def many(n: int, seed: int = 3) -> frozenset[Pair]:
    """Prerequisites as curricula have them: mostly of what was taught shortly before."""
    chance = random.Random(seed)
    return frozenset(
        (max(0, child - int(chance.expovariate(1 / 9)) - 1), child)
        for child in range(8, n)
        for _ in range(chance.choice((1, 1, 2, 2, 3)))
    )


def fresh(concepts: tuple[int, ...], pairs: frozenset[Pair]) -> Drawing:
    return drawing.__wrapped__(concepts, pairs)


@given(graph=graphs())
def test_every_concept_stands_below_all_that_it_builds_on(graph: tuple[tuple[int, ...], frozenset[Pair]]) -> None:
    found = fresh(*graph)
    assert found.places.keys() == set(graph[0])
    for parent, child in graph[1]:
        assert found.places[parent].y + BOX_HEIGHT < found.places[child].y


@given(graph=graphs())
def test_boxes_neither_touch_nor_leave_the_picture(graph: tuple[tuple[int, ...], frozenset[Pair]]) -> None:
    found = fresh(*graph)
    for a, b in combinations(found.places.values(), 2):
        assert abs(a.x - b.x) > BOX_WIDTH or abs(a.y - b.y) > BOX_HEIGHT
    for place in found.places.values():
        assert place.x > 0 and place.x + BOX_WIDTH < found.width
        assert place.y > 0 and place.y + BOX_HEIGHT < found.height


@given(graph=graphs())
def test_lines_leave_their_parent_reach_their_child_and_pass_between_the_other_boxes(
    graph: tuple[tuple[int, ...], frozenset[Pair]],
) -> None:
    found = fresh(*graph)
    assert found.lines.keys() == graph[1]
    for (parent, child), line in found.lines.items():
        points = ends(line.d)
        (x, y), (to, top) = points[0], points[-1]
        above, below = found.places[parent], found.places[child]
        assert above.x <= x <= above.x + BOX_WIDTH and y == round(above.y + BOX_HEIGHT)
        assert below.x <= to <= below.x + BOX_WIDTH and below.y - 6 <= top <= below.y
        for (x, y), (to, top) in pairwise(points):
            assert top > y, "a line goes down"
            if to == x and top - y == BOX_HEIGHT:
                passes = [p for p in found.places.values() if p.y == y and p.x - 1 <= x <= p.x + BOX_WIDTH + 1]
                assert not passes, "through a lane, not through a box"


@given(graph=graphs(), turned=st.randoms())
def test_the_same_graph_is_always_drawn_the_same(
    graph: tuple[tuple[int, ...], frozenset[Pair]], turned: random.Random
) -> None:
    pairs = list(graph[1])
    turned.shuffle(pairs)
    one, other = fresh(*graph), fresh(graph[0], frozenset(pairs))
    assert (one.places, one.lines, one.rows) == (other.places, other.lines, other.rows)


@pytest.mark.parametrize("n", [150, 300])
def test_a_large_curriculum_is_no_wider_than_a_few_screens(n: int) -> None:
    found = fresh(tuple(range(n)), many(n))
    assert max(len(row) for row in found.rows) <= MOST
    assert found.width < 2200
    assert sorted(found.order) == list(range(n))


def test_sweeps_undo_most_crossings() -> None:
    document = mathematics()["concepts"]
    place = {concept["key"]: i for i, concept in enumerate(document)}
    pairs = frozenset((place[p], i) for i, c in enumerate(document) for p in c.get("prerequisites", ()))
    rows = layout.rows_of(range(len(document)), pairs)
    levels = layout._Levels(rows, pairs)
    before = levels.crossings()
    levels.uncross()
    assert levels.crossings() < 0.7 * before


def test_crossings_are_counted() -> None:
    levels = layout._Levels([[0, 1], [2, 3]], {(0, 3), (1, 2)})
    levels.orders = [[0, 1], [2, 3]]
    assert levels.crossings() == 1
    levels.uncross()
    assert levels.crossings() == 0


def test_what_has_no_prerequisite_at_all_stands_apart() -> None:
    found = fresh((0, 1, 2), frozenset({(0, 2)}))
    assert (found.rows, found.apart) == (((0,), (2,)), (1,))
    assert found.places[1].y > found.apart_y > found.places[2].y


def test_an_empty_curriculum_is_an_empty_picture() -> None:
    found = fresh((), frozenset())
    assert (found.rows, found.apart, found.places) == ((), (), {})


@pytest.mark.parametrize("pair", [(0, 2), (2, 0), (1, 0), (0, 1)])
def test_an_edge_that_does_not_hold_can_be_drawn_all_the_same(pair: Pair) -> None:
    line = fresh((0, 1, 2, 3), frozenset({(0, 2), (1, 2), (1, 3)})).line(pair)
    assert line.d.startswith("M") and line.head.endswith("z")


@given(values=st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 10)), min_size=1, max_size=12))
def test_pooling_gives_the_nearest_increasing_sequence(values: list[tuple[float, float]]) -> None:
    wanted, weights = [v for v, _ in values], [w for _, w in values]
    found = increasing(wanted, weights)
    assert all(a <= b + 1e-9 for a, b in pairwise(found))

    def off(x: list[float]) -> float:
        return sum(w * (a - b) ** 2 for a, b, w in zip(x, wanted, weights, strict=True))

    mean = sum(v * w for v, w in values) / sum(weights)
    assert off(found) <= off([mean] * len(values)) + 1e-6
    assert off(found) <= off(sorted(wanted)) + 1e-6


def ends(d: str) -> list[tuple[float, float]]:
    """Ends of the segments of path data of M, C and V."""
    points: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MCV])([-\d. ]+)", d):
        last = [float(number) for number in numbers.split()][-2:]
        points.append((points[-1][0], last[0]) if command == "V" else (last[0], last[1]))
    return points
