"""What pages say of a policy is what it does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.flow.situations import DAY, ORIGIN
from tests.scheduling.asked import known_to, order, situation
from tutor.dashboard.settings_words import policy_about, policy_for
from tutor.scheduling.policies import POLICIES, History


@pytest.mark.parametrize("name", POLICIES)
def test_who_says_that_nothing_comes_back_offers_no_review(name: str) -> None:
    evidence = known_to({0: "1111"}, mastered=[0], seconds=ORIGIN - 20 * DAY)
    days, none = np.array([24.0, 23.0, 22.0, 20.0]), np.zeros(4, np.int64)
    answers = History(none, none, ORIGIN - DAY * days, np.ones(4))
    faded = situation([[], []], [0.4, 0.4], evidence, history=answers)
    faded = dataclasses.replace(faded, settings=dataclasses.replace(faded.settings, exam_at=ORIGIN + 9 * DAY))
    comes_back = 0 in order(POLICIES[name](faded))
    says_not = "not come back" in policy_for(name) or "no reviews" in policy_about(name)
    assert not (comes_back and says_not)
    assert (name == "curriculum_order") == says_not
