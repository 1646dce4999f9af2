"""Files of answers: sent in one request, taken in by workers, each row by itself."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from curricula.models import Curriculum
from tests.api.test_errors import problem
from tests.people import Caller
from tutor.accounts.access import Client
from tutor.accounts.models import Learner, School
from tutor.interactions.models import Interaction
from tutor.scheduling import importfile, imports, intake
from tutor.scheduling.models import ImportJob

NDJSON = "application/x-ndjson"
CSV = "text/csv"


@pytest.fixture(autouse=True)
def store(settings: Any, tmp_path: Path) -> Path:
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "imports": backend}
    return tmp_path


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of two rows, so that a small file has several."""
    monkeypatch.setattr(imports, "PART", 2)


def row(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"a{number}", "learner": "external:lms:bo", "item": "halves-1", "correct": True, **fields}


def ndjson(*rows: dict[str, Any] | bytes) -> bytes:
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in rows)


def send(caller: Caller, body: bytes, media_type: str = NDJSON, query: str = "") -> str:
    """The address of the job."""
    response = caller.post(f"/api/v1/imports{query}", body, content_type=media_type)
    assert response.status_code == 202, response.content
    assert response.json()["status"] == "queued"
    return str(response["Location"])


def work() -> None:
    while imports.run_next(now=timezone.now()):
        pass


def counts(caller: Caller, address: str) -> tuple[str, int, int, int]:
    job = caller.get(address).json()
    return job["status"], job["accepted"], job["duplicate"], job["rejected"]


def errors(caller: Caller, address: str) -> list[dict[str, Any]]:
    response = caller.get(f"{address}/errors", accept=NDJSON)
    assert response.status_code == 200
    assert response["Content-Type"] == NDJSON
    return [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]


def test_every_row_of_a_file_gets_into_the_log(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    address = send(client, ndjson(row(1), row(2, correct=0.5, hints=2), row(3, learner=str(bo.pk))))
    work()
    assert counts(client, address) == ("done", 3, 0, 0)
    assert errors(client, address) == []
    assert sorted(Interaction.objects.values_list("correct", "hints")) == [(0.5, 2), (1.0, None), (1.0, None)]


def test_csv_says_the_same(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    body = (
        "\ufeffid,learner,item,correct,occurred_at,concepts,hints\r\n"
        'a1,external:lms:bo,halves-1,0.5,2026-01-01T10:00:00Z,"halves;adding",2\r\n'
        "a2,external:lms:bo,halves-2,true,,,\r\n"
    ).encode()
    address = send(client, body, CSV, "?source=lms&curriculum=fractions")
    work()
    assert counts(client, address) == ("done", 2, 0, 0), errors(client, address)
    first = Interaction.objects.get(client_id="a1")
    assert (first.source, first.concepts, first.hints, first.correct) == ("lms", [0, 2], 2, 0.5)


def test_the_same_file_again_adds_nothing(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    body = ndjson(row(1, occurred_at="2026-01-01T10:00:00Z"), row(2, occurred_at="2026-01-01T10:01:00Z"))
    send(client, body)
    again = send(client, body)
    work()
    assert counts(client, again) == ("done", 0, 2, 0)


def test_each_faulty_row_is_named_and_harms_no_other(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    body = ndjson(
        row(1),
        b'{"id": "a2", "learner": "\xff"}',
        b"{oops",
        b"",
        row(5, learner="external:lms:nobody"),
        row(6, correct=7),
        row(7, surprise=1),
        b"[" * 70_000,
        row(9, item="halves-9"),
        row(10),
    )
    address = send(client, body)
    work()
    assert counts(client, address) == ("done", 2, 0, 7)
    told = {each["line"]: each for each in errors(client, address)}
    assert {line: each["code"] for line, each in told.items()} == {
        2: "invalid_utf8", 3: "malformed_json", 5: "unknown_learner", 6: "invalid_value", 7: "unknown_field",
        8: "line_too_long", 9: "unknown_item",
    }  # fmt: skip
    assert told[5]["id"] == "a5"
    assert told[6]["pointer"] == "/correct"
    assert json.loads(told[9]["row"]) == row(9, item="halves-9")


def test_each_faulty_line_of_a_csv_file_too(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    head = b"id,learner,item,correct\n"
    lines = [b"a2,external:lms:bo,halves-1,1", b"a3,external:lms:bo", b"a4,external:lms:bo,halves-1,maybe", b"\xff,,,"]
    address = send(client, head + b"\n".join([*lines, b'a6,"x"y,halves-1,1', b"a7,external:lms:bo,halves-1,0"]), CSV)
    work()
    assert counts(client, address) == ("done", 2, 0, 4)
    told = {each["line"]: each["code"] for each in errors(client, address)}
    assert told == {3: "wrong_width", 4: "invalid_value", 5: "invalid_utf8", 6: "malformed_csv"}


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"id,learner,item\n1,2,3\n", "names no column 'correct'"),
        (b"id,learner,item,correct,mood\n", "names a column 'mood'"),
        (b"id,id,learner,item,correct\n", "names a column twice"),
        (b"\n", "names no column"),
    ],
)
def test_a_file_without_sense_fails_with_the_way_out(client: Caller, body: bytes, wanted: str) -> None:
    address = send(client, body, CSV)
    work()
    job = client.get(address).json()
    assert job["status"] == "failed"
    assert wanted in job["message"]


def test_a_dry_run_tells_all_and_writes_nothing(client: Caller, bo: Learner, fractions: Curriculum) -> None:
    address = send(client, ndjson(row(1), row(2, item="halves-9")), query="?dry_run=true")
    work()
    assert counts(client, address) == ("done", 1, 0, 1)
    assert not Interaction.objects.exists()


def test_what_a_dead_worker_began_is_finished_and_counted_once(
    client: Caller, bo: Learner, fractions: Curriculum, few_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(1), row(2, item="halves-9"), row(3), row(4), row(5)]
    address = send(client, ndjson(*rows))
    with monkeypatch.context() as dying:
        fail_at(dying, call=2)
        imports.run_next(now=timezone.now())
    assert counts(client, address) == ("running", 1, 0, 1)
    assert not imports.run_next(now=timezone.now()), "the lease holds it"
    ImportJob.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    work()
    assert counts(client, address) == ("done", 4, 0, 1)
    assert [each["line"] for each in errors(client, address)] == [2]
    assert Interaction.objects.count() == 4


def test_a_worker_that_lost_its_lease_writes_no_more(
    client: Caller, bo: Learner, fractions: Curriculum, few_rows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = send(client, ndjson(*(row(n) for n in range(4))))
    submit, calls = intake.submit, []

    def slow(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:  # meanwhile somebody else has taken it up
            ImportJob.objects.update(lease_until=timezone.now() + timedelta(hours=1))
        return submit(*arguments, **options)

    monkeypatch.setattr(imports.intake, "submit", slow)
    imports.run_next(now=timezone.now())
    assert counts(client, address) == ("running", 2, 0, 0)
    assert Interaction.objects.count() == 2


def test_a_job_that_gets_nowhere_is_given_up(
    client: Caller, bo: Learner, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = send(client, ndjson(row(1)))
    with monkeypatch.context() as dying:
        fail_at(dying, call=1)
        for _ in range(imports.MAX_ATTEMPTS + 1):
            imports.run_next(now=timezone.now())
            ImportJob.objects.filter(finished_at=None).update(lease_until=timezone.now() - timedelta(seconds=1))
    job = client.get(address).json()
    assert job["status"] == "failed"
    assert "given up after 5 attempts; the last: RuntimeError: the machine dies" in job["message"]


def test_the_file_is_gone_when_the_job_is_done(client: Caller, store: Path, bo: Learner, fractions: Curriculum) -> None:
    address = send(client, ndjson(row(1), b"{"))
    assert len(list(store.iterdir())) == 1
    work()
    assert [path.name for path in store.iterdir()] == [f"{address.rsplit('/', 1)[1]}.errors.ndjson"]


def test_other_schools_see_nothing_of_it(client: Caller, outsider: Caller, fractions: Curriculum) -> None:
    address = send(client, ndjson(row(1)))
    problem(outsider.get(address), 404, "not-found")
    problem(outsider.get(f"{address}/errors", accept=NDJSON), 404, "not-found")
    assert outsider.get("/api/v1/imports").json()["data"] == []
    assert [job["id"] for job in client.get("/api/v1/imports").json()["data"]] == [address.rsplit("/", 1)[1]]


def test_a_learner_of_another_school_cannot_be_written_to(client: Caller, dee: Learner, fractions: Curriculum) -> None:
    address = send(client, ndjson(row(1, learner=str(dee.pk))))
    work()
    assert counts(client, address) == ("done", 0, 0, 1)
    assert errors(client, address)[0]["code"] == "unknown_learner"


def test_a_file_may_be_larger_than_other_bodies(client: Caller, settings: Any, school: School) -> None:
    settings.MAX_BODY_BYTES = 100
    send(client, ndjson(*(row(n) for n in range(50))))
    problem(client.post("/api/v1/interactions:batch", b" " * 101), 413, "body-too-large")


def test_what_is_refused_at_once(client: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    problem(client.post("/api/v1/imports", b"x", content_type="application/zip"), 415, "unsupported-media-type")
    problem(client.post("/api/v1/imports?speed=9", b"", content_type=NDJSON), 400, "bad-parameter")
    monkeypatch.setattr("api.v1.imports.Imports.max_body_bytes", 10)
    problem(client.post("/api/v1/imports", b"x" * 11, content_type=NDJSON), 413, "body-too-large")
    assert not ImportJob.objects.exists()


def test_a_file_that_ends_early_is_refused_and_not_kept(school: School, store: Path) -> None:
    client = Client(uuid4(), school.pk, "LMS", frozenset())
    with pytest.raises(imports.Truncated, match="3 of 5 bytes"):
        imports.create(
            client, io.BytesIO(b"abc"), length=5, format="csv", source="", curriculum="", dry_run=False,
            now=timezone.now(),
        )  # fmt: skip
    assert list(store.iterdir()) == []
    assert storages["imports"].listdir("")[1] == []


@pytest.mark.parametrize("format", ["ndjson", "csv"])
def test_reading_takes_little_memory_however_long_the_file(format: str) -> None:
    lines: Sequence[bytes] = [b'{"id": "a", "learner": "b", "item": "c", "correct": 1}\n', b"{" * 10_000]
    if format == "csv":
        lines = [b"a,b,c,1\n", b'"' + b"x" * 10_000]  # a quote that never ends
    stream = io.BytesIO(b"id,learner,item,correct\n" + lines[0] * 20_000 + lines[1] * 500)
    tracemalloc.start()
    n = sum(1 for _ in importfile.rows(stream, format))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n >= 20_000
    assert peak < 2_000_000


def fail_at(monkeypatch: pytest.MonkeyPatch, *, call: int) -> None:
    """From this call of intake on, the worker dies."""
    submit, calls = intake.submit, []

    def dying(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) >= call:
            raise RuntimeError("the machine dies")
        return submit(*arguments, **options)

    monkeypatch.setattr(imports.intake, "submit", dying)


def test_rejected_rows_are_forgotten_after_a_month(
    client: Caller, bo: Learner, fractions: Curriculum, store: Path
) -> None:
    address = send(client, ndjson(row(1), row(2, item="nowhere")))
    work()
    assert imports.prune(now=timezone.now() + timedelta(days=29)) == 0
    assert imports.prune(now=timezone.now() + timedelta(days=31)) == 1
    assert errors(client, address) == []
    assert counts(client, address) == ("done", 1, 0, 1)
    assert not [path for path in store.rglob("*") if path.is_file()]
