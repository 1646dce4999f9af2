"""What dies is started again, and what keeps dying is not started all the time."""

from dataclasses import dataclass, field

from tutor.children import Kept, ServerError


@dataclass
class Fragile:
    alive: bool = True
    broken: bool = False
    starts: list[float] = field(default_factory=list)
    now: float = 0.0

    def start(self) -> None:
        self.starts.append(self.now)
        if self.broken:
            raise ServerError("it does not start")
        self.alive = True

    def kept(self) -> Kept:
        return Kept("web", self.start, lambda: self.alive)

    def tend(self, kept: Kept, until: float) -> list[str]:
        told = []
        while self.now < until:
            told.append(kept.tend(self.now))
            self.now += 0.5
        return [each for each in told if each]


def test_the_living_are_left_alone() -> None:
    web = Fragile()
    assert web.tend(web.kept(), 100) == []
    assert web.starts == []


def test_the_dead_are_started_again_and_it_is_said_once() -> None:
    web = Fragile(alive=False)
    assert web.tend(web.kept(), 100) == ["web died; starting it again in 1 s"]
    assert web.starts == [1.0]


def test_what_dies_young_waits_longer_each_time() -> None:
    web = Fragile(alive=False, broken=True)
    told = web.tend(web.kept(), 130)
    assert web.starts == [1, 3, 7, 15, 31, 61, 91, 121]
    assert told[1] == "it does not start; starting it again in 2 s"


def test_what_died_grown_up_waits_shortly() -> None:
    web, kept = Fragile(alive=False), None
    kept = web.kept()
    kept.delay = 16.0
    web.tend(kept, 20)
    web.tend(kept, 100)
    web.alive = False
    assert web.tend(kept, 110) == ["web died; starting it again in 1 s"]
