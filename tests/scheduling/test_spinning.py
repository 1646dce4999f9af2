"""Who spins the wheels, and who does well: many answers without mastery, at most half of the last ones right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling.asked import known_to, situation
from tutor.scheduling.policies import POLICIES, Alert, Barrier, Settings, Spinning

outcomes = st.text("01", min_size=1, max_size=16)


def alerts(given: str, after: int, policy: str = "gain") -> tuple[tuple[int, str], ...]:
    settings = Settings(exploration=0.0, spinning_after=after)
    return POLICIES[policy](situation([[], []], [0.5, 0.5], known_to({0: given}), settings=settings)).alerts


@given(given=outcomes, after=st.integers(4, 16))
def test_who_had_more_than_half_of_the_last_right_does_not_spin(given: str, after: int) -> None:
    last = given[-8:]
    spins = len(given) >= after and 2 * last.count("1") <= len(last)
    assert bool(alerts(given, after)) == spins


@pytest.mark.parametrize(("given", "spins"), [("1111", False), ("1110", False), ("1100", True), ("0000", True)])
def test_four_answers_are_judged_as_four(given: str, spins: bool) -> None:
    """A class may want to be told after four answers: four right ones of four are no reason to."""
    assert alerts(given, 4) == (((0, Alert.WHEEL_SPINNING),) if spins else ())


@pytest.mark.parametrize(("given", "rests"), [("1111", False), ("0000", True)])
def test_nothing_is_withheld_from_who_does_well(given: str, rests: bool) -> None:
    settings = Settings(exploration=0.0, spinning_after=4, spinning=Spinning.REST)
    answered = known_to({0: given}, seconds=situation([[]], [0.5]).now - 600.0)
    choice = POLICIES["gain"](situation([[]], [0.5], answered, settings=settings))
    assert bool(choice.entries) != rests
    assert (choice.nothing is Barrier.RESTING) == rests
