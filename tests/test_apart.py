"""What goes wrong with one holds up no other, but a task without time left ends."""

from __future__ import annotations

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from tutor.apart import apart


def test_others_go_on_after_one_that_fails() -> None:
    done = []
    for divisor in (1, 0, 2):
        with apart("not_divided", divisor=str(divisor)):
            done.append(2 // divisor)
    assert done == [2, 1]


def test_a_task_whose_time_is_up_ends() -> None:
    with pytest.raises(SoftTimeLimitExceeded), apart("not_done"):
        raise SoftTimeLimitExceeded
