"""What happens inside a session holds for every policy alike: second tries, rows of one concept, wheel-spinning."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.sessions import (
    asked_in_a_row,
    codes,
    every_policy,
    in_a_session,
    ruled,
    set_to,
    spinning_on_the_first,
    teaching,
)
from tests.flow.situations import DAY, ORIGIN, concepts_of, situations
from tutor.scheduling.policies import POLICIES, Alert, Barrier, Choice, Reason, Situation, Spinning


@teaching
@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("others", [0, 1, 2, 3])
def test_what_was_missed_is_asked_again_after_so_many_other_items(name: str, after: int, others: int) -> None:
    situation = set_to(in_a_session([0, *range(1, others + 1)], wrong={0}), retry_after=after)
    first = POLICIES[name](situation).entries[0]
    assert (first.concept == 0 and Reason.RETRY in codes(first)) == (others >= after)


@teaching
def test_without_second_tries_what_was_missed_waits_for_its_turn(name: str) -> None:
    situation = set_to(in_a_session([0, 1, 2, 3], wrong={0}), retry_after=0)
    assert not any(Reason.RETRY in codes(entry) for entry in POLICIES[name](situation).entries)


@every_policy
def test_a_placement_alone_does_not_ask_again_what_was_missed(name: str) -> None:
    entries = POLICIES[name](set_to(in_a_session([0, 1, 2, 3], wrong={0}), retry_after=1)).entries
    assert any(Reason.RETRY in codes(entry) for entry in entries) == (name != "placement")


@every_policy
@pytest.mark.parametrize("times", [2, 3, 4])
def test_a_concept_asked_so_often_in_a_row_comes_after_all_others(name: str, times: int) -> None:
    situation = set_to(in_a_session([0] * times, wrong=set()), in_a_row=3, retry_after=0)
    places = [entry.concept for entry in POLICIES[name](situation).entries]
    if times >= 3 and 0 in places:
        assert places.index(0) == len(places) - 1


@every_policy
@pytest.mark.parametrize("times", [2, 3, 4])
@pytest.mark.parametrize("pinned", [(0,), (0, 4), (4, 0)])
def test_something_else_comes_before_a_pin_that_was_asked_so_often_in_a_row(
    name: str, times: int, pinned: tuple[int, ...]
) -> None:
    situation = ruled(set_to(in_a_session([0] * times, wrong=set()), in_a_row=3), pinned=pinned)
    concepts = [entry.concept for entry in POLICIES[name](situation).entries]
    if times < 3:
        assert concepts[: len(pinned)] == list(pinned)
    else:
        assert concepts[0] == 4 if 4 in pinned else concepts[0] != 0
        assert concepts[1] == 0
    assert sorted(concepts) == sorted(set(concepts))


@every_policy
def test_a_pin_comes_in_any_case_where_there_is_nothing_else(name: str) -> None:
    asked = set_to(in_a_session([0] * 3, wrong=set()), in_a_row=3)
    only = ruled(asked, pinned=(0,), excluded=frozenset(range(1, 6)))
    assert [entry.concept for entry in POLICIES[name](only).entries] == [0]


@given(situation=situations(), wish=st.integers(0, 11))
def test_a_pin_goes_on_with_a_row_only_where_all_else_would_too(situation: Situation, wish: int) -> None:
    """Whatever is offered for another concept may ask for this one beside."""
    rows = sorted(asked_in_a_row(situation))
    situation = ruled(situation, pinned=(rows[wish % len(rows)],)) if rows else situation
    for policy in POLICIES.values():
        entries = policy(situation).entries
        held = set(situation.rules.pinned) & asked_in_a_row(situation)
        if entries and entries[0].concept in held and Reason.PINNED in codes(entries[0]):
            assert all(held & set(concepts_of(situation.content, entry.item)) for entry in entries)


# Wheel-spinning


@every_policy
@pytest.mark.parametrize("action", Spinning)
def test_a_teacher_is_told_of_spinning_whatever_is_done(name: str, action: Spinning) -> None:
    choice = POLICIES[name](set_to(spinning_on_the_first(), spinning=action))
    assert choice.alerts == ((0, Alert.WHEEL_SPINNING),)


@every_policy
def test_who_spins_rests_for_the_day(name: str) -> None:
    """Which is the last 24 hours where nobody says when the day ends."""
    resting = set_to(spinning_on_the_first(), spinning=Spinning.REST)
    assert 0 not in offered(POLICIES[name](ruled(resting, day_ends=resting.now + 3_600.0)))
    choice = POLICIES[name](resting)
    assert 0 not in offered(choice)
    assert choice.barriers[Barrier.RESTING] == 1
    tomorrow = POLICIES[name](dataclasses.replace(resting, now=resting.now + 2 * DAY))
    assert Barrier.RESTING not in tomorrow.barriers


@teaching
@pytest.mark.parametrize("action", [Spinning.OTHER_MATERIAL, Spinning.ALERT])
def test_who_spins_gets_other_material_or_the_same_as_the_group_wants(name: str, action: Spinning) -> None:
    """Items of even place are chosen from a list, and the last answer was to one of those."""
    situation = dataclasses.replace(
        set_to(spinning_on_the_first(), spinning=action, item_gap=0), now=ORIGIN + 400 * DAY
    )  # fmt: skip
    [entry] = [entry for entry in POLICIES[name](situation).entries if entry.concept == 0]
    is_other = action is Spinning.OTHER_MATERIAL
    assert situation.content.item_keys[entry.item] == ("i0-1" if is_other else "i0-0")
    assert (Reason.OTHER_MATERIAL in codes(entry)) == is_other


def offered(choice: Choice) -> set[int]:
    return {candidate.concept for entry in choice.entries for candidate in entry.candidates}
