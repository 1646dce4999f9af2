"""A nice fit stands still for most of the time that others compute on its machine, and goes on whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tutor.children import wait_for
from tutor.registry.breath import BUSY, WINDOW, Breath, breath, standing_still, used_by_others

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what others compute is told by Linux")


class Machine:
    """Its clock goes by what is waited; others compute a share of the time."""

    def __init__(self, share_of_others: float) -> None:
        self.now, self.used, self.share = 0.0, 100.0, share_of_others

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.used += seconds * self.share

    def breath(self, share: float) -> Breath:
        return Breath(share, used=lambda: self.used, clock=lambda: self.now, sleep=self.sleep)

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


def test_it_runs_its_share_while_others_compute(fit: int) -> None:
    machine = Machine(2 * BUSY)
    assert machine.stood_still(machine.breath(0.25), fit, 60) == pytest.approx(0.75, abs=0.01)


def test_it_is_not_held_where_nobody_else_computes_or_where_it_need_not_pause(fit: int) -> None:
    machine = Machine(BUSY / 2)
    assert machine.stood_still(machine.breath(0.25), fit, 60) == 0
    busy = Machine(1.0)
    assert busy.stood_still(busy.breath(1.0), fit, 60) == 0


def test_it_goes_on_soon_after_others_have_ended(fit: int) -> None:
    machine = Machine(1.0)
    air = machine.breath(0.25)
    assert machine.stood_still(air, fit, 60) > 0.7
    machine.share = 0.0
    machine.stood_still(air, fit, 2 * WINDOW)
    assert machine.stood_still(air, fit, 60) == 0


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


def test_what_nice_processes_compute_is_not_that_of_others(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  1200 99999 700 3300 10 0 15 5 0 0\ncpu0 600 50000 1 1 1 1 1 1 0 0\n")
    assert used_by_others(stat) == 1200 / os.sysconf("SC_CLK_TCK")
    assert used_by_others() > 0


@pytest.mark.parametrize(("niceness", "processes", "share"), [(19, 1, 0.25), (0, 1, 1.0), (19, 2, 1.0)])
def test_only_a_nice_fit_of_one_process_pauses(niceness: int, processes: int, share: float) -> None:
    assert breath(0.25, niceness=niceness, processes=processes).share == share


def test_a_fit_that_stands_still_can_be_killed(fit: int) -> None:
    with standing_still(fit):
        os.kill(fit, signal.SIGKILL)
        assert wait_for(lambda: state(fit) == "Z", 5)
