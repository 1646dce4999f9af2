"""A receiver of webhooks: a real HTTP server on the loopback interface that keeps what it is sent."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from standardwebhooks import Webhook

#: What to answer to the nth message, from 0 on.
Says = Callable[[int], int]


@dataclass
class Message:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]

    def verified(self, secret: str) -> dict[str, Any]:
        """As a receiver reads it, by the standard's own library.

        Raises:
            WebhookVerificationError: if it is not signed with this secret.
        """
        return Webhook(secret).verify(self.body, self.headers)  # type: ignore[no-any-return]


@dataclass
class Receiver:
    """`hangs`: it reads what it is sent and says nothing until `let_go` is set."""

    says: Says = lambda n: 200
    location: str = ""
    hangs: bool = False
    messages: list[Message] = field(default_factory=list)
    let_go: Event = field(default_factory=Event)
    came: Event = field(default_factory=Event)
    port: int = 0
    #: Most that it was busy with at once.
    busiest: int = 0
    _busy: int = 0
    _lock: Lock = field(default_factory=Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?from=trellis"

    @property
    def ids(self) -> list[str]:
        return [message.id for message in self.messages]

    def take(self, message: Message) -> int:
        with self._lock:
            self.messages.append(message)
            n = len(self.messages) - 1
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
        self.came.set()
        if self.hangs:
            self.let_go.wait(60)
        with self._lock:
            self._busy -= 1
        return self.says(n)


@contextmanager
def running(receiver: Receiver, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(Message(self.path, headers, body))
            self.send_response(status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.let_go.set()
        server.shutdown()
        server.server_close()
