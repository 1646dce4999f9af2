"""Whatever is killed: the log holds each answer once, and every state becomes the fold of its log."""

from __future__ import annotations

import http.client
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.inside import calls, homework, insist
from tests.faults.rabbitmq import RabbitMQ, command
from tests.faults.site import Site

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]


@dataclass
class Class:
    """A school's learners, new in each test, on the site of all."""

    site: Site
    school: str
    learners: list[str]
    key: str

    def send(self, answers: int, *, lesson: int = 0, times: int = 1, clients: int = 4) -> Any:
        numbers = (str(number) for number in (lesson, answers, times, clients))
        return self.site.doing("send", self.school, json.dumps(self.learners), *numbers)

    def assert_all_is_well(self, answers: int) -> None:
        found = self.site.do("check", json.dumps(self.learners))
        assert found == {"learners": len(self.learners), "answers": answers, "different": answers}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.valkey.start()
        site.install()
        site.start("worker")
        site.start("beat")
        yield site
    finally:
        site.stop()


@pytest.fixture
def pupils(site: Site) -> Class:
    for server in (site.postgres, site.valkey):
        server.start()
    site.tend()
    return Class(site, **site.do("setup", "40"))


def test_workers_may_be_killed_at_any_moment(site: Site, pupils: Class) -> None:
    for lesson in range(4):
        before = site.folded()
        with pupils.send(1_000, lesson=lesson):
            site.wait(lambda: site.folded() > before, "a state with some of the answers")  # noqa: B023
            site.children["worker"].kill()
            site.start("worker")
    site.wait(lambda: site.behind() == 0, "the last answer in a state")
    pupils.assert_all_is_well(4_000)


def test_bells_that_a_broker_lost_are_rung_again(site: Site, pupils: Class) -> None:
    before = site.logged()
    with pupils.send(1_000, clients=2):
        site.valkey.kill()
        site.wait(lambda: site.logged() > before, "answers, though there is no broker")
        for kept in site.valkey.folder.glob("appendonlydir"):
            shutil.rmtree(kept)
    assert site.behind() > 0
    site.valkey.start()
    site.wait(lambda: site.behind() == 0, "the sweeper's bell")
    pupils.assert_all_is_well(1_000)


def test_clients_and_workers_outlive_the_database(site: Site, pupils: Class) -> None:
    site.start("web")
    site.wait(lambda: _status(site, "GET", "/readyz") == 200, "the web server")
    hands = calls(homework(pupils.learners, 4_000), 1, 4)
    with ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(_post_all, pupils, hand) for hand in hands]
        for floor in (site.logged() + 500, site.logged() + 2_000):
            site.wait(lambda: site.logged() >= floor, f"{floor} answers")  # noqa: B023
            site.postgres.kill()
            site.postgres.start()
        assert sum((future.result() for future in sent), Counter())["rejected"] == 0
    site.wait(lambda: site.behind() == 0, "the last answer in a state")
    pupils.assert_all_is_well(4_000)
    site.children["web"].kill()
    site.children["web"].process = None


def _post_all(pupils: Class, hand: list[list[dict[str, Any]]]) -> Counter[str]:
    failures = (OSError, http.client.HTTPException, AssertionError)
    return sum((insist(lambda rows=rows: _post(pupils, rows), failures) for rows in hand), Counter())  # type: ignore[misc]


def _post(pupils: Class, rows: list[dict[str, Any]]) -> Counter[str]:
    connection = http.client.HTTPConnection("127.0.0.1", pupils.site.port, timeout=10)
    try:
        headers = {"Authorization": f"Bearer {pupils.key}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/interactions:batch", json.dumps({"interactions": rows}), headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 202, said
        return Counter(result["status"] for result in json.loads(said)["results"])
    finally:
        connection.close()


def _status(site: Site, method: str, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    try:
        connection.request(method, path, headers={"Host": "localhost"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def test_ten_thousand_answers_twice_from_eight_clients_count_once(site: Site, pupils: Class) -> None:
    with pupils.send(10_000, times=2, clients=8):
        pass
    site.wait(lambda: site.behind() == 0, "the last answer in a state")
    pupils.assert_all_is_well(10_000)


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[RabbitMQ]:
    if command() is None:
        pytest.skip("no rabbitmq-server on the PATH: install Debian's rabbitmq-server to run this")
    server = RabbitMQ(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_over_rabbitmq_no_bell_is_lost_with_its_worker(rabbitmq: RabbitMQ, tmp_path: Path) -> None:
    """Nobody sweeps here: what a killed worker held is delivered again at once."""
    site = Site(tmp_path / "site", broker_url=rabbitmq.url)
    try:
        site.install()
        pupils = Class(site, **site.do("setup", "20"))
        site.start("worker")
        for lesson in range(2):
            before = site.folded()
            with pupils.send(500, lesson=lesson):
                site.wait(lambda: site.folded() > before, "a state with some of the answers")  # noqa: B023
                site.children["worker"].kill()
                site.start("worker")
        site.wait(lambda: site.behind() == 0, "the last answer in a state")
        rabbitmq.kill()
        with pupils.send(500, lesson=2):
            pass
        rabbitmq.start()
        site.do("ring")
        site.wait(lambda: site.behind() == 0, "the last answer in a state, once the broker is back")
        pupils.assert_all_is_well(1_500)
    finally:
        site.stop()
