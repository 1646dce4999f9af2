"""One message to one receiver, whatever it does."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.lms.receiver import Receiver, running
from tutor.lms.webhooks import post as module
from tutor.lms.webhooks.post import post

Receivers = Callable[..., Receiver]


def test_what_is_sent_arrives_as_it_was(receiver: Receiver) -> None:
    answer = post(receiver.url, b'{"a": 1}', {"webhook-id": "1", "Content-Type": "application/json"})
    (message,) = receiver.messages
    assert (answer.is_taken, answer.status, answer.error) == (True, 200, "")
    assert (message.path, message.body, message.id) == ("/hooks?from=trellis", b'{"a": 1}', "1")
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int, receivers: Receivers) -> None:
    elsewhere = receivers()
    leading = receivers(says=lambda n: status, location=elsewhere.url)
    answer = post(leading.url, b"{}", {})
    assert (answer.is_taken, answer.status, elsewhere.messages) == (False, status, [])
    assert "redirects are not followed" in answer.error


def test_nobody_listening_is_an_answer_too(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert answer.status is None
    assert "ConnectionRefusedError" in answer.error


def test_a_receiver_that_says_nothing_is_given_up(receivers: Receivers) -> None:
    silent = receivers(hangs=True)
    answer = post(silent.url, b"{}", {}, timeout=0.3)
    assert answer.error == "TimeoutError: no answer within 0.3 s"
    assert answer.seconds < 5


def test_a_receiver_that_drips_is_given_up_as_soon() -> None:
    with dripping() as port:
        started = time.monotonic()
        answer = post(f"http://127.0.0.1:{port}/", b"{}", {}, timeout=0.5)
    assert answer.error == "TimeoutError: no answer within 0.5 s"
    assert time.monotonic() - started < 5


def test_what_is_told_of_an_answer_that_is_none_can_be_kept_and_read() -> None:
    with babbling() as port:
        answer = post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert answer.status is None
    assert answer.error == "BadStatusLine: HT?TP nonsense"


@contextmanager
def babbling() -> Iterator[int]:
    """A server that speaks no HTTP, in characters that no database keeps; to one caller."""

    def babble(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HT\x00TP nonsense\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=babble, args=[server])
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@contextmanager
def dripping() -> Iterator[int]:
    """A server whose head never ends, a byte every 50 ms: no single read waits for long."""
    over = Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            try:
                while not over.wait(0.05):
                    connection.sendall(b"a")
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=drip, args=[server])
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def test_a_name_is_resolved_once_and_the_connection_goes_there(receiver: Receiver) -> None:
    """DNS that answers differently the second time is not asked a second time."""
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    answer = post(f"http://rebinding.example:{receiver.port}/", b"{}", {}, resolve=lambda target: next(answers))
    assert answer.is_taken
    assert receiver.messages[0].headers["host"] == f"rebinding.example:{receiver.port}"
    assert next(answers) == ["169.254.169.254"]


def test_an_address_that_does_not_answer_gives_way_to_the_next(receiver: Receiver) -> None:
    # Nobody listens at ::1 on the port that the receiver has at 127.0.0.1.
    answer = post(f"http://two.example:{receiver.port}/", b"{}", {}, resolve=lambda target: ["::1", "127.0.0.1"])
    assert answer.is_taken


def test_a_name_that_has_become_private_is_refused_at_connection(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = []
    answer = post(receiver.url, b"{}", {})
    assert (answer.status, receiver.messages) == (None, [])
    assert "not public" in answer.error


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of hooks.example, which signs itself; with its key."""
    file = tmp_path / "hooks.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=hooks.example"
    )
    names = [
        "-addext",
        "subjectAltName=DNS:hooks.example",
        "-keyout",
        str(tmp_path / "key"),
        "-out",
        str(tmp_path / "crt"),
    ]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    file.write_text((tmp_path / "key").read_text() + (tmp_path / "crt").read_text())
    return file


@pytest.fixture
def secured(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Speaks TLS as hooks.example, and its certificate is trusted as those of the system are."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    module._tls.cache_clear()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    with running(Receiver(), server) as receiver:
        yield receiver
    module._tls.cache_clear()


def test_tls_is_spoken_to_the_name_at_the_address_that_was_judged(secured: Receiver) -> None:
    answer = post(f"https://hooks.example:{secured.port}/", b"{}", {}, resolve=lambda target: ["127.0.0.1"])
    assert answer.is_taken, answer.error
    assert secured.messages[0].headers["host"] == f"hooks.example:{secured.port}"


def test_a_certificate_of_another_name_is_not_taken(secured: Receiver) -> None:
    answer = post(f"https://other.example:{secured.port}/", b"{}", {}, resolve=lambda target: ["127.0.0.1"])
    assert (answer.status, secured.messages) == (None, [])
    assert "certificate" in answer.error.lower()


def test_a_server_that_never_shakes_hands_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://127.0.0.1:{mute.getsockname()[1]}/"
        assert post(url, b"{}", {}, timeout=0.3).error == "TimeoutError: no answer within 0.3 s"
