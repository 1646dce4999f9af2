"""Which item of a concept is offered: of the wanted success, and not one answered a moment ago. By any policy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curricula.snapshot import Snapshot
from kt_models.recall import DELAYS, RecallTable
from tests.flow.situations import ORIGIN, content_of, items_of
from tutor.scheduling.policies import POLICIES, Cohort, Entry, History, Reason, Settings, Situation
from tutor.scheduling.policies.items import BAND
from tutor.tracing.evidence import Evidence

#: Some of them is of any success that may be wanted, whatever is known of their concept.
ENOUGH = np.linspace(-4.0, 4.0, 40).tolist()
RECALLS = st.lists(st.floats(0.2, 0.8), min_size=1, max_size=3)
WANTED = st.floats(0.5, 0.9)
FEW = st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=5)


def course(difficulties: Sequence[Sequence[float]]) -> Snapshot:
    """Concepts that need nothing, with items of their own."""
    concepts = [{"key": f"c{c}", "title": f"C {c}", "prerequisites": []} for c in range(len(difficulties))]
    items = [
        {"key": f"i{c}-{place}", "concepts": [f"c{c}"], "statement": "?", "difficulty": difficulty}
        for c, own in enumerate(difficulties)
        for place, difficulty in enumerate(own)
    ]
    head = {"format": "trellis-curriculum/1", "key": "any", "title": "Any", "language": "en"}
    return content_of({**head, "concepts": concepts, "items": items})


def newcomer(
    recalls: Sequence[float], difficulties: Sequence[Sequence[float]], lately: Sequence[int] = (), **settings: float
) -> Situation:
    """Of what is to be practised nothing was, but for some items that were answered lately."""
    none, rest = np.empty((0, len(DELAYS))), np.array(recalls)
    return Situation(
        now=ORIGIN,
        content=course(difficulties),
        table=RecallTable(ORIGIN, np.empty(0, np.int64), none, none, none, rest, rest + 0.01, np.ones(len(rest))),
        evidence=Evidence(Evidence.none().rows, np.array(lately, np.int64)),
        seed=0,
        settings=Settings(exam_at=ORIGIN + 1e6, **settings),  # type: ignore[arg-type]
        history=History.none(),
        cohort=Cohort(np.full(len(rest), 0.5), np.full(len(rest), 10)),
    )


def offered(situation: Situation) -> Iterator[Entry]:
    """What each policy offers, first of all."""
    for name, policy in POLICIES.items():
        entries = policy(situation).entries
        # A placement ends where it is sure enough.
        assert entries or not policy.needs_prerequisites, name
        yield from entries


def success(situation: Situation, concept: int, item: int) -> float:
    """P(right answer) as documented: sigmoid(logit(recall) - difficulty)."""
    recall = float(situation.recall[concept])
    return 1.0 / (1.0 + (1.0 - recall) / recall * math.exp(situation.content.item_difficulty[item]))


@given(recalls=RECALLS, wanted=WANTED)
def test_with_enough_items_the_expected_success_is_in_the_wanted_band(recalls: list[float], wanted: float) -> None:
    situation = newcomer(recalls, [ENOUGH] * len(recalls), success=wanted)
    for entry in offered(situation):
        assert abs(entry.expected - wanted) <= BAND
        assert Reason.SUCCESS_BAND in dict(entry.reasons)
        assert abs(entry.expected - success(situation, entry.concept, entry.item)) < 1e-3


@given(recall=st.floats(0.02, 0.98), difficulties=FEW, wanted=WANTED)
def test_with_few_it_is_the_one_nearest_to_the_wanted_success(
    recall: float, difficulties: list[float], wanted: float
) -> None:
    situation = newcomer([recall], [difficulties], success=wanted)
    distance = [abs(success(situation, 0, item) - wanted) for item in items_of(situation.content, 0)]
    for entry in offered(situation):
        chosen = abs(success(situation, 0, entry.item) - wanted)
        assert chosen <= min(distance) + 1e-9
        if Reason.SUCCESS_BAND in dict(entry.reasons):
            assert chosen <= BAND


def test_an_item_in_the_band_comes_before_a_nearer_difficulty_outside() -> None:
    """Success is no straight line of difficulty: at 75 % an easier item changes it less than a harder one."""
    in_band, out_of_band = -1.7, -0.55
    situation = newcomer([0.5], [[out_of_band, in_band]], success=0.75)
    for entry in offered(situation):
        assert situation.content.item_difficulty[entry.item] == in_band


@given(
    recall=st.floats(0.02, 0.98), difficulties=FEW, wanted=WANTED,
    lately=st.lists(st.integers(0, 4), max_size=30), gap=st.integers(0, 24),
)  # fmt: skip
def test_what_was_answered_within_the_gap_waits_and_then_the_oldest_comes_first(
    recall: float, difficulties: list[float], wanted: float, lately: list[int], gap: int
) -> None:
    lately = [item % len(difficulties) for item in lately]
    situation = newcomer([recall], [difficulties], lately, success=wanted, item_gap=gap)
    barred = set(lately[len(lately) - min(gap, len(lately)) :])
    fresh = set(items_of(situation.content, 0)) - barred
    ago = {item: n for n, item in enumerate(reversed(lately)) if item not in lately[len(lately) - n :]}
    for entry in offered(situation):
        if fresh:
            assert entry.item in fresh
            nearest = min(abs(success(situation, 0, item) - wanted) for item in fresh)
            assert abs(success(situation, 0, entry.item) - wanted) <= nearest + 1e-9
        else:
            assert ago[entry.item] == max(ago.values())
