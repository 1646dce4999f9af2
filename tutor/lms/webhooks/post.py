"""One HTTP POST to a receiver that nobody vouches for: bounded in time, to a judged address, following nowhere."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from threading import Timer
from typing import Final

from tutor.lms.webhooks import addresses
from tutor.lms.webhooks.addresses import Refused, Target

#: From the first byte of a connection to the last of the answer's head; resolving the name comes before.
TIMEOUT_SECONDS: Final = 10.0

Resolve = Callable[[Target], Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """What came back: a status, or None and an error."""

    status: int | None
    error: str
    seconds: float

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    timeout: float = TIMEOUT_SECONDS,
    resolve: Resolve = addresses.resolve,
) -> Answer:
    """Never raises: whatever goes wrong is the receiver's answer."""
    started = time.monotonic()
    try:
        target = addresses.parse(url)
        status = _exchange(target, resolve(target), body, headers, timeout)
    except Refused as error:
        return Answer(None, _readable(str(error)), time.monotonic() - started)
    except Exception as error:
        return Answer(None, _readable(f"{type(error).__name__}: {error}"), time.monotonic() - started)
    return Answer(status, _fault(status), time.monotonic() - started)


def _readable(said: str) -> str:
    """What receivers say may be quoted in it: without what no database keeps."""
    return "".join(each if each.isprintable() else "?" for each in said.strip())[:300]


def _fault(status: int) -> str:
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed, register the address that it leads to"
    return "" if 200 <= status < 300 else f"answered {status}"


def _exchange(target: Target, at: Sequence[str], body: bytes, headers: Mapping[str, str], timeout: float) -> int:
    deadline = time.monotonic() + timeout
    connection = _Connection(target, at, deadline)
    # A socket's own timeout is for each read: a receiver that drips one byte a second would hold it for ever.
    timer = Timer(timeout, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", target.path, body=body, headers={**headers, "Connection": "close"})
        status = connection.getresponse().status
        # A head that was cut off reads like one that ended.
        connection.require_time()
        return status
    except Exception as error:
        if time.monotonic() >= deadline - 0.05:
            raise TimeoutError(f"no answer within {timeout:g} s") from error
        raise
    finally:
        timer.cancel()
        connection.close()


class _Connection(http.client.HTTPConnection):
    """To given addresses, under the name that the URL has: in the Host header, and to TLS."""

    def __init__(self, target: Target, at: Sequence[str], deadline: float) -> None:
        super().__init__(target.host, target.port)
        self.default_port = 443 if target.scheme == "https" else 80
        self._target, self._at, self._deadline = target, at, deadline

    def connect(self) -> None:
        self.sock = self._reach()
        self.require_time()
        if self._target.scheme == "https":
            # The handshake afterwards, so that `cut` finds the socket meanwhile.
            secured = _tls().wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
            self.sock = secured
            self.require_time()
            secured.do_handshake()

    def cut(self) -> None:
        """From another thread: whatever waits for this connection waits no longer."""
        with suppress(OSError, TypeError):
            # Past TLS, which would say goodbye first.
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def require_time(self) -> None:
        # `cut` may have come before there was a socket to find.
        if time.monotonic() >= self._deadline:
            raise TimeoutError

    def _reach(self) -> socket.socket:
        last: Exception = OSError(f"{self.host!r} has no address")
        for n, address in enumerate(self._at):
            # Each of several gets an even share of the time that is left.
            seconds = (self._deadline - time.monotonic()) / (len(self._at) - n)
            try:
                sock = socket.create_connection((address, self.port), timeout=max(seconds, 0.1))
            except OSError as error:
                last = error
            else:
                sock.settimeout(max(self._deadline - time.monotonic(), 0.1))
                return sock
        raise last


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
