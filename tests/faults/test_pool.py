"""Workers under a supervisor: killed, silent or orphaned, they come back, and no answer is lost or counted twice."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.faults.rabbitmq import RabbitMQ, command
from tests.faults.site import Site
from tutor.children import birth

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]

KILLS = 30


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("pool"))
    try:
        site.valkey.start()
        site.install()
        yield site
    finally:
        site.stop()


@pytest.fixture(params=["valkey", "rabbitmq"])
def broker(request: pytest.FixtureRequest, site: Site, tmp_path: Path) -> Iterator[str]:
    """What the site talks over from now on."""
    if request.param == "valkey":
        yield site.valkey.url
        return
    if command() is None:
        pytest.skip("no rabbitmq-server on the PATH: install Debian's rabbitmq-server to run this")
    server = RabbitMQ(tmp_path)
    try:
        server.start()
        site.broker_url = server.url
        yield server.url
    finally:
        site.broker_url = None
        server.stop()


@contextmanager
def a_class_that_answers(site: Site, folder: Path) -> Iterator[None]:
    """While the block runs; afterwards every answer must be in a state, once."""
    pupils, enough = site.do("setup", "30"), folder / "enough"
    taken = f"SELECT sum(seq) FROM interactions_loghead WHERE school_id = '{pupils['school']}'"  # noqa: S608
    with site.doing("stream", pupils["school"], json.dumps(pupils["learners"]), "0", str(enough)):
        yield
        enough.touch()
    site.wait(lambda: site.behind() == 0, "the last answer in a state")
    found = site.do("check", json.dumps(pupils["learners"]))
    assert found["answers"] == found["different"] == site.number(taken)


def oldest(site: Site, name: str) -> int:
    """Of the processes that one has started."""
    owner = site.children[name].process
    assert owner is not None
    return min(psutil.Process(owner.pid).children(), key=lambda process: process.create_time()).pid


def test_thirty_killed_workers_lose_no_answer_and_count_none_twice(site: Site, broker: str, tmp_path: Path) -> None:
    """Two workers, killed in turn in the midst of their batches, while a class answers."""
    site.start("nursery")
    with a_class_that_answers(site, tmp_path):
        for _ in range(KILLS):
            folded = site.folded()
            site.wait(lambda: site.folded() > folded, "a state with some of the answers")  # noqa: B023
            os.kill(oldest(site, "nursery"), signal.SIGKILL)
    site.children["nursery"].kill()
    site.children["nursery"].process = None


@pytest.fixture
def pool(site: Site) -> Iterator[Site]:
    """With a supervisor of two workers, both at work."""
    site.start("beat")
    site.start("pool")
    site.wait(lambda: len(at_work(site)) == 2, "two workers")
    yield site
    site.children["pool"].stop()
    for name in ("pool", "beat"):
        site.children[name].kill()
        site.children[name].process = None


def at_work(site: Site) -> set[int]:
    """Workers that have told of themselves, by process, and live."""
    with psycopg.connect(site.postgres.url, autocommit=True) as connection:
        names = connection.execute("SELECT name FROM tracing_workerstatus").fetchall()
    return {pid for pid in (int(name.rpartition(":")[2]) for (name,) in names) if birth(pid)}


def answered(site: Site, pupils: Any, lesson: int) -> None:
    site.do("send", pupils["school"], json.dumps(pupils["learners"]), str(lesson), "20", "1", "1")


def test_who_dies_or_falls_silent_is_replaced_and_who_is_orphaned_is_found(pool: Site) -> None:
    site, pupils = pool, pool.do("setup", "5")
    killed, other = at_work(site)
    os.kill(killed, signal.SIGKILL)
    site.wait(lambda: len(at_work(site) - {killed}) == 2, "a worker in the place of the dead one")
    assert other in at_work(site)

    # They live, and do nothing, though learners wait.
    silent = at_work(site) - {killed}
    for pid in silent:
        os.kill(pid, signal.SIGSTOP)
    answered(site, pupils, 1)
    site.wait(lambda: site.behind() == 0, "the answers in a state, by others")
    assert not at_work(site) & silent
    assert "has done nothing for" in site.children["pool"].log.read_text()

    orphans = at_work(site)
    site.children["pool"].kill()
    answered(site, pupils, 2)
    site.wait(lambda: site.behind() == 0, "the answers in a state, by orphans or their heirs")
    site.wait(lambda: len(at_work(site) - orphans) == 2, "two workers of the new supervisor")
    assert not at_work(site) & orphans

    last = at_work(site)
    site.children["pool"].stop()
    assert not [pid for pid in last if birth(pid)]
    assert site.number("SELECT count(*) FROM tracing_workerstatus WHERE beat_at > now() - interval '2 s'") == 0
