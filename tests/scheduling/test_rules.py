"""Rules of teachers and of a day hold for every policy alike."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.flow.sessions import (
    a_course,
    asked_in_a_row,
    codes,
    every_policy,
    in_a_session,
    ruled,
    set_to,
    spinning_on_the_first,
    unknown,
)
from tests.flow.situations import ORIGIN, items_of, situations
from tutor.scheduling.policies import (
    POLICIES,
    Barrier,
    History,
    Kind,
    Pace,
    Reason,
    Rules,
    Settings,
    Situation,
    Spinning,
)
from tutor.scheduling.policies.fill import probabilities
from tutor.tracing.evidence import Evidence

# Rules of a teacher


@given(situation=situations())
def test_what_is_excluded_or_known_is_offered_only_if_a_teacher_pins_it(situation: Situation) -> None:
    rules = situation.rules
    for policy in POLICIES.values():
        offered = {c.concept for entry in policy(situation).entries for c in entry.candidates}
        assert not offered & ((rules.excluded | rules.known) - set(rules.pinned))


@given(situation=situations())
def test_pins_come_first_and_nobody_drew_them(situation: Situation) -> None:
    assume(not share_an_item(situation))
    assume(not set(situation.rules.pinned) & asked_in_a_row(situation))
    for policy in POLICIES.values():
        entries = policy(situation).entries
        is_pinned = [Reason.PINNED in codes(entry) for entry in entries]
        assert is_pinned == sorted(is_pinned, reverse=True)
        pins = [entry for entry, pinned in zip(entries, is_pinned, strict=True) if pinned]
        assert [entry.concept for entry in pins] == usable_pins(situation)[: len(entries)]
        for entry in pins:
            assert entry.propensity == 0.0
            assert codes(entry)[0] == Reason.PINNED
            assert [(c.concept, c.item) for c in entry.candidates].count((entry.concept, entry.item)) == 1
            assert sum(c.probability for c in entry.candidates) == pytest.approx(1.0, abs=1e-5)


@given(situation=situations(ruled=False), wish=st.integers(0, 11))
def test_beside_a_pin_stands_what_the_policy_would_have_drawn_from(situation: Situation, wish: int) -> None:
    """In the first slot the pin changes nothing else: had it been a wish only, the policy would have drawn as told."""
    situation = ruled(set_to(situation, retry_after=0), pinned=(wish % situation.content.n_concepts,))
    for name in (name for name, policy in POLICIES.items() if not policy.draws):
        left = ruled(situation, pinned=())
        first, drawn = (POLICIES[name](each).entries[:1] for each in (situation, left))
        if not first or not drawn or Reason.PINNED not in codes(first[0]):
            continue
        told = {c.concept: c for c in first[0].candidates}
        wanted = {c.concept: c for c in drawn[0].candidates}
        pinned = told.pop(first[0].concept)
        own = wanted.pop(pinned.concept, None)
        # An item of two concepts is the pin's, so that the policy may be left without.
        if pinned.item not in {c.item for c in wanted.values()}:
            assert pinned.probability == (own.probability if own else 0.0)
            assert [(c, told[c].probability) for c in told] == [(c, wanted[c].probability) for c in wanted]


@given(situation=situations(ruled=False), wish=st.integers(0, 11))
def test_what_might_have_been_drawn_in_place_of_a_pin_still_may(situation: Situation, wish: int) -> None:
    """The slot after the pin is drawn from the same, less the pin and up by who comes next."""
    situation = ruled(set_to(situation, retry_after=0), pinned=(wish % situation.content.n_concepts,))
    for policy in POLICIES.values():
        entries = policy(situation).entries
        if len(entries) > 1 and Reason.PINNED in codes(entries[0]):
            pinned, after = entries[:2]
            wanted = [(c.concept, c.item) for c in pinned.candidates if c.concept != pinned.concept]
            assert [(c.concept, c.item) for c in after.candidates][: len(wanted)] == wanted


def usable_pins(situation: Situation) -> list[int]:
    """Pinned, in use, in scope, and with an item."""
    content, scope = situation.content, situation.scope
    return [
        concept
        for concept in situation.rules.pinned
        if content.concept_active[concept]
        and (scope is None or scope[concept])
        and set(items_of(content, concept)) - situation.exclude_items
    ]


def share_an_item(situation: Situation) -> bool:
    """Whether two pins ask for one item: then which of them has it hangs on what fits."""
    items = [set(items_of(situation.content, concept)) for concept in situation.rules.pinned]
    return any(one & other for one, other in itertools.combinations(items, 2))


@every_policy
def test_a_pin_may_be_something_locked_excluded_or_known(name: str) -> None:
    rules = Rules(pinned=(3,), excluded=frozenset({3}), known=frozenset({3}), new_left=0)
    assert [entry.concept for entry in POLICIES[name](a_beginner(rules)).entries][:1] == [3]


def test_a_pin_comes_although_a_placement_is_complete() -> None:
    """What is known of the learner is beyond doubt, so that no question tells anything more."""
    sure = dataclasses.replace(a_beginner(Rules()), table=dataclasses.replace(unknown(4), rest_sd=np.zeros(4)))
    assert POLICIES["placement"](sure).nothing is Barrier.PLACED
    assert [entry.concept for entry in POLICIES["placement"](ruled(sure, pinned=(3,))).entries] == [3]


@every_policy
def test_what_a_teacher_opens_may_come_although_it_is_locked(name: str) -> None:
    locked, opened = (POLICIES[name](a_beginner(Rules(opened=frozenset(of)))) for of in ((), (1,)))
    assert 1 in {entry.concept for entry in opened.entries}
    assert (1 in {entry.concept for entry in locked.entries}) == (not POLICIES[name].needs_prerequisites)


@every_policy
def test_what_a_teacher_says_is_known_opens_what_builds_on_it(name: str) -> None:
    entries = POLICIES[name](a_beginner(Rules(known=frozenset({0})))).entries
    assert 1 in {entry.concept for entry in entries}
    assert 0 not in {entry.concept for entry in entries}


# Rules of a day


@given(
    situation=situations(),
    rule=st.sampled_from(
        [
            ({"quiet": True}, Barrier.QUIET_DAY),
            ({"quiet": False, "answers_left": 0}, Barrier.ANSWERS_TODAY),
            ({"quiet": False, "answers_left": None, "minutes_left": 0.0}, Barrier.MINUTES_TODAY),
        ]
    ),
)
def test_a_day_that_is_full_or_quiet_offers_nothing_until_it_ends(
    situation: Situation, rule: tuple[dict[str, Any], Barrier]
) -> None:
    full = ruled(situation, day_ends=situation.now + 3_600.0, **rule[0])
    for policy in POLICIES.values():
        choice = policy(full)
        assert (choice.entries, choice.nothing) == ((), rule[1])
        assert choice.next_due == full.rules.day_ends


@given(situation=situations())
def test_no_more_answers_or_new_concepts_than_are_left(situation: Situation) -> None:
    rules = situation.rules
    for policy in POLICIES.values():
        entries = policy(situation).entries
        assert rules.answers_left is None or len(entries) <= rules.answers_left
        new = [entry for entry in entries if entry.kind is Kind.NEW]
        pinned = sum(Reason.PINNED in codes(entry) for entry in new)
        assert rules.new_left is None or len(new) <= max(rules.new_left, pinned)


@given(situation=situations())
def test_who_may_begin_nothing_new_today_looks_again_tomorrow(situation: Situation) -> None:
    full = ruled(situation, new_left=0, day_ends=situation.now + 3_600.0)
    for policy in POLICIES.values():
        assert policy(full).next_due <= full.rules.day_ends


@given(situation=situations())
def test_of_what_is_excluded_or_not_asked_for_nothing_is_awaited(situation: Situation) -> None:
    """Somebody looks again at another time only because of what may then be offered."""
    everything = frozenset(range(situation.content.n_concepts))
    excluded = ruled(situation, excluded=everything, pinned=(), quiet=False, answers_left=None, minutes_left=None,
                     new_left=None)  # fmt: skip
    out_of_scope = dataclasses.replace(excluded, scope=np.zeros(len(everything), bool))
    for policy in POLICIES.values():
        assert policy(excluded).next_due == np.inf
        assert policy(out_of_scope).next_due == np.inf


@every_policy
def test_who_rests_until_tomorrow_looks_again_tomorrow(name: str) -> None:
    resting = ruled(set_to(spinning_on_the_first(), spinning=Spinning.REST), excluded=frozenset(range(1, 6)))
    full = ruled(resting, day_ends=resting.now + 3_600.0)
    choice = POLICIES[name](full)
    assert (choice.entries, choice.next_due) == ((), full.rules.day_ends)


@given(situation=situations())
def test_there_is_something_or_a_reason_why_not(situation: Situation) -> None:
    for policy in POLICIES.values():
        choice = policy(situation)
        assert (choice.nothing is None) == bool(choice.entries)


@every_policy
def test_without_an_item_left_there_is_none_although_nothing_is_withdrawn(name: str) -> None:
    asked = dataclasses.replace(in_a_session([0], wrong=set()), exclude_items=frozenset(range(12)))
    choice = POLICIES[name](asked)
    assert choice.entries == ()
    assert choice.nothing in (Barrier.NO_ITEM, Barrier.NOT_DUE)


@every_policy
def test_a_session_of_so_many_minutes_takes_them_at_the_pace_of_the_school(name: str) -> None:
    """Items of two minutes, of which the first to a concept takes three times as long here."""
    asked = dataclasses.replace(in_a_session([], wrong=set()), minutes=10.0)
    assert len(POLICIES[name](asked).entries) == 5
    assert len(POLICIES[name](dataclasses.replace(asked, pace=Pace(first=3.0))).entries) == 2


@every_policy
def test_who_takes_twice_as_long_gets_half_as_much_for_the_same_minutes(name: str) -> None:
    """Whatever the school takes: what a first answer takes more is still its."""
    asked = dataclasses.replace(in_a_session([], wrong=set()), minutes=12.0, pace=Pace(usual=1.0))
    assert [len(POLICIES[name](dataclasses.replace(asked, own_pace=own)).entries) for own in (1.0, 2.0)] == [6, 3]
    slow_school = dataclasses.replace(asked, pace=Pace(first=1.5, usual=5.0), own_pace=1.0)
    assert len(POLICIES[name](slow_school).entries) == 4


# Chances


scores = st.lists(st.floats(0.001, 10.0), min_size=1, max_size=8).map(lambda found: sorted(found, reverse=True))


@given(scores=scores, exploration=st.floats(0.0, 1.0), gap=st.sampled_from([0.0, 5.0, 200.0]))
def test_chances_are_one_in_all_above_a_floor_and_greater_the_nearer(
    scores: list[float], exploration: float, gap: float
) -> None:
    chances = probabilities(scores, Settings(exploration=exploration, inverse_gap=gap))
    assert sum(chances) == pytest.approx(1.0, abs=1e-9)
    assert min(chances) >= exploration / len(scores) - 1e-5
    assert all(one >= other - 1e-5 for one, other in itertools.pairwise(chances))


@given(situation=situations())
def test_every_candidate_has_its_floor(situation: Situation) -> None:
    for policy in POLICIES.values():
        for entry in policy(situation).entries:
            # What is pinned may have none: the policy would not have drawn it.
            drawn = [c.probability for c in entry.candidates if entry.propensity or c.concept != entry.concept]
            assert min(drawn, default=1.0) >= situation.settings.exploration / len(entry.candidates) - 1e-5


# Situations


def a_beginner(rules: Rules) -> Situation:
    """Who knows nothing of a chain of four."""
    settings, content = Settings(exploration=0.0), a_course(4, in_a_chain=True)
    return Situation(ORIGIN, content, unknown(4), Evidence.none(), 1, settings=settings, rules=rules,
                     history=History.none())  # fmt: skip
