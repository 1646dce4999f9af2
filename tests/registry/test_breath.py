"""A fit stands still for most of the time while learners are at work, and goes on whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from curricula.models import Curriculum
from tests.flow import steps
from tutor.accounts.models import School
from tutor.children import wait_for
from tutor.registry.breath import AT_WORK, Breath, breath, standing_still, written

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="whether a process stands still is told by Linux")


class Site:
    """Time goes by as one waits; answers come in at a rate."""

    def __init__(self, a_second: float) -> None:
        self.now, self.answers, self.a_second = 0.0, 1000.0, a_second

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.answers += seconds * self.a_second

    def breath(self, share: float) -> Breath:
        return Breath(share, count=lambda: int(self.answers), clock=lambda: self.now, sleep=self.sleep)

    def stood_still(self, air: Breath, leader: int, seconds: float) -> float:
        """Of so many seconds, the share that the fit stood still."""
        begun, still = self.now, 0.0
        while self.now - begun < seconds:
            still += air.draw(leader, 0.2)
        return still / (self.now - begun)


@pytest.fixture
def fit() -> Iterator[int]:
    """A process that computes, at the head of its group."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) as process:
        yield process.pid
        process.kill()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_it_runs_its_share_while_learners_are_at_work(fit: int) -> None:
    site = Site(a_second=1.0)
    assert site.stood_still(site.breath(0.25), fit, 600) == pytest.approx(0.75, abs=0.01)


def test_one_answer_a_minute_is_enough_for_that(fit: int) -> None:
    site = Site(a_second=1.1 / AT_WORK)
    air = site.breath(0.25)
    site.stood_still(air, fit, 2 * AT_WORK)
    assert site.stood_still(air, fit, 600) == pytest.approx(0.75, abs=0.01)


def test_it_is_not_held_where_nobody_is_at_work_or_where_it_need_not_pause(fit: int) -> None:
    site = Site(a_second=0)
    assert site.stood_still(site.breath(0.25), fit, 60) == 0
    site = Site(a_second=10)
    assert site.stood_still(site.breath(1.0), fit, 60) == 0


def test_it_goes_on_soon_after_the_last_has_gone(fit: int) -> None:
    site = Site(a_second=1.0)
    air = site.breath(0.25)
    assert site.stood_still(air, fit, 60) > 0.7
    site.a_second = 0.0
    site.stood_still(air, fit, 1.1 * AT_WORK)
    assert site.stood_still(air, fit, 60) == 0


def test_a_process_that_stands_still_goes_on_even_if_whoever_waits_is_ended(fit: int) -> None:
    with pytest.raises(KeyboardInterrupt), standing_still(fit):
        assert wait_for(lambda: state(fit) == "T", 5)
        raise KeyboardInterrupt
    assert wait_for(lambda: state(fit) == "R", 5)


def test_a_fit_that_has_ended_meanwhile_is_no_trouble() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"], start_new_session=True) as ended:
        ended.wait()
    with standing_still(ended.pid):
        pass


@pytest.mark.django_db(transaction=True)
def test_answers_that_come_in_are_counted(school: School, fractions: Curriculum) -> None:
    def counted() -> int:
        with connection.cursor() as cursor:
            # What this session has written is told when it is idle, or when asked to.
            cursor.execute("SELECT pg_stat_force_next_flush()")
        return written()

    before = counted()
    steps.record(school, steps.right_and_wrong(steps.learners(school, 1)[0], fractions, "01"), now=steps.at(5))
    assert wait_for(lambda: counted() == before + 2, 10)


@pytest.mark.parametrize(("processes", "share"), [(1, 0.25), (2, 1.0)])
def test_only_a_fit_of_one_process_pauses(processes: int, share: float) -> None:
    assert breath(0.25, processes=processes).share == share


def test_a_fit_that_stands_still_can_be_killed(fit: int) -> None:
    with standing_still(fit):
        os.kill(fit, signal.SIGKILL)
        assert wait_for(lambda: state(fit) == "Z", 5)
