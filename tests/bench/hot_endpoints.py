"""Server CPU of the two hot endpoints, against the least that Django and PostgreSQL can do, side by side in one run.

Rounds are interleaved and the median is taken: the machine is shared. `python -m tests.bench hot_endpoints`.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg

from tutor.embedded import Postgres, Valkey, free_port

THREADS = 4
ROUNDS = 5
ROWS = 100

FLOOR_TABLES = """
CREATE TABLE bench_floor_state (id bigint PRIMARY KEY, body text NOT NULL);
INSERT INTO bench_floor_state SELECT i, repeat('x', 1000) FROM generate_series(1, 1000) i;
CREATE TABLE bench_floor_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id text, learner uuid, item text, correct real, ts timestamptz
);
CREATE INDEX ON bench_floor_log (learner, ts);
"""

Send = Callable[[http.client.HTTPConnection, int], None]


class Server(NamedTuple):
    port: int
    process: psutil.Process

    def cpu(self) -> float:
        family = [self.process, *self.process.children(recursive=True)]
        return sum(p.cpu_times().user + p.cpu_times().system for p in family)


def figures(options: Any = None) -> Iterator[dict[str, Any]]:
    requests = 150 if getattr(options, "quick", False) else 600
    with _stack() as (ours, floor, key, learners):
        reads = [str(learner) for learner in learners]
        yield from _compare(
            "get_next", ours, floor, requests, _get(lambda i: f"/api/v1/learners/{reads[i % len(reads)]}/next", key),
            _get(lambda i: f"/read/{i % 1000 + 1}", key),
        )  # fmt: skip
        yield from _compare(
            "post_interactions_100", ours, floor, requests // 3, _post("/api/v1/interactions:batch", key, reads),
            _post("/write", key, reads),
        )  # fmt: skip


def _compare(name: str, ours: Server, floor: Server, n: int, send: Send, send_floor: Send) -> Iterator[dict[str, Any]]:
    _load(ours, send, n // 4)
    _load(floor, send_floor, n // 4)
    costs, floors = [], []
    for _ in range(ROUNDS):
        costs.append(_load(ours, send, n))
        floors.append(_load(floor, send_floor, n))
    cost, least = statistics.median(costs), statistics.median(floors)
    yield {"name": f"{name}_server_cpu", "value": round(cost * 1e6), "unit": "us/request"}
    yield {"name": f"{name}_floor_cpu", "value": round(least * 1e6), "unit": "us/request"}
    yield {"name": f"{name}_ratio", "value": round(cost / least, 2), "unit": "x floor"}


def _load(server: Server, send: Send, n: int) -> float:
    """Server CPU seconds a request, of `n` requests over a few connections."""
    before = server.cpu()
    failures: list[BaseException] = []

    def work(thread: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        try:
            for i in range(thread, n, THREADS):
                send(connection, i)
        except BaseException as error:
            failures.append(error)
        connection.close()

    threads = [threading.Thread(target=work, args=(t,)) for t in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return (server.cpu() - before) / n


def _get(address: Callable[[int], str], key: str) -> Send:
    def send(connection: http.client.HTTPConnection, i: int) -> None:
        connection.request("GET", address(i), headers={"Authorization": f"Bearer {key}"})
        _expect(connection, 200)

    return send


def _post(address: str, key: str, learners: list[str]) -> Send:
    def send(connection: http.client.HTTPConnection, i: int) -> None:
        now = datetime.now(UTC).isoformat()
        rows = [
            {
                "id": uuid.uuid4().hex,
                "learner": learners[(i * 7 + k % 20) % len(learners)],
                "item": f"c{k % 30}-{k % 10}",
                "correct": k % 3 > 0,
                "occurred_at": now,
            }
            for k in range(ROWS)
        ]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", address, json.dumps({"interactions": rows}), headers)
        _expect(connection, 202)

    return send


def _expect(connection: http.client.HTTPConnection, status: int) -> None:
    response = connection.getresponse()
    body = response.read()
    if response.status != status:
        raise RuntimeError(f"{response.status} instead of {status}: {body[:500]!r}")


@contextmanager
def _stack() -> Iterator[tuple[Server, Server, str, list[str]]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres, valkey = Postgres(folder / "pg"), Valkey(folder / "valkey")
        for server in (postgres, valkey):
            server.start()
            stack.callback(server.stop)
        os.environ |= {
            "DATABASE_URL": postgres.url, "BROKER_URL": valkey.url, "SECRET_KEY": "bench",
            "DJANGO_SETTINGS_MODULE": "tutor.settings", "TRELLIS_MODEL_STORE": str(folder / "models"),
            "TRELLIS_RATE_LIMITS": "ingest=0,recommend=0",
        }  # fmt: skip
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True)
        key, learners = _people()
        with psycopg.connect(postgres.url) as connection:
            connection.execute(FLOOR_TABLES)
        ours = stack.enter_context(_serve("tutor.wsgi:application"))
        floor = stack.enter_context(_serve("tests.bench.floor_app:application"))
        yield ours, floor, key, learners


@contextmanager
def _serve(application: str) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
               "--workers", "1", "--blocking-threads", "4", "--no-access-log", application]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait(port)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _people() -> tuple[str, list[str]]:
    """A school of 200 learners with some history and plans, as workers would have left them; its key."""
    import django

    django.setup()
    from django.utils import timezone

    from curricula import services as curricula
    from tutor.accounts import services as accounts
    from tutor.accounts.access import Client
    from tutor.accounts.models import ApiClient, Learner
    from tutor.scheduling import intake, services
    from tutor.tracing import services as tracing

    now = timezone.now()
    school = accounts.create_school("Bench")
    document = {
        "format": "trellis-curriculum/1", "key": "bench", "title": "Bench", "language": "en",
        "concepts": [
            {"key": f"c{i}", "title": f"C{i}", "prerequisites": [f"c{i - 1}"] if i % 5 else []} for i in range(60)
        ],
        "items": [
            {"key": f"c{i}-{j}", "concepts": [f"c{i}"], "statement": "?", "difficulty": j / 3 - 1.5}
            for i in range(60)
            for j in range(10)
        ],
    }  # fmt: skip
    draft = curricula.create(document, owner=school.pk, now=now)
    curricula.publish(draft.curriculum, now=now)
    learners = Learner.objects.bulk_create([Learner(school=school) for _ in range(200)])
    key = accounts.create_key(school.pk, name="bench", scopes=ApiClient.Scope.values).key
    client = Client(id=uuid.uuid4(), school_id=school.pk, name="bench", scopes=frozenset())
    for learner in learners:
        ref = str(learner.pk)
        answers = [
            intake.AnswerIn(id=f"{ref}-{k}", learner=ref, item=f"c{k % 20}-{k % 7}", correct=k % 3 > 0, occurred_at=now)
            for k in range(60)
        ]
        intake.submit(client, answers, now=now)
    while advanced := tracing.advance(limit=256, now=now):
        services.plan(advanced, now=now)
    return key, [str(learner.pk) for learner in learners]


if __name__ == "__main__":
    for figure in figures():
        print(json.dumps(figure))
