"""Child processes that are found again after their owner was killed. Standard library only."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

#: Environment variable that marks a child and all it starts; its value is the child's pid file.
MARK = "TRELLIS_CHILD"
POLL_SECONDS = 0.02
MAX_POLL_SECONDS = 0.5
MAX_LOG_BYTES = 10_000_000


class ServerError(RuntimeError):
    """A child cannot be started or stopped; the message says what to do."""


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask less often as time passes: most waits are short, and asking a server that recovers fills its log."""
    started = time.monotonic()
    while not condition():
        waited = time.monotonic() - started
        if waited > seconds:
            return False
        time.sleep(min(POLL_SECONDS + waited / 10, MAX_POLL_SECONDS))
    return True


def write_private(path: Path, text: str) -> None:
    """All or nothing, and readable by the owner only."""
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)


def birth(pid: int) -> str | None:
    """What tells a process from a later one with the same number; None when it is dead or a zombie.

    A zombie counts as dead: under an init that reaps late, a killed server stays one for seconds.
    """
    if sys.platform != "linux":
        command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
        state, _, started = said.partition(" ")
        return None if state.startswith("Z") else "-".join(started.split()) or None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{fields[19]}@{boot}"


def marked(mark: str) -> Iterator[int]:
    """Processes that inherited this mark, such as the workers of a web server that was killed. Linux only."""
    wanted = f"\0{MARK}={mark}\0".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in b"\0" + (entry / "environ").read_bytes() + b"\0":
                yield int(entry.name)


def end_marked(mark: str) -> None:
    """Kill all that inherited this mark, and what they start meanwhile."""

    def nobody_left() -> bool:
        # Two looks, because a process that is just being started shows no mark for a moment.
        for _ in range(2):
            found = list(marked(mark))
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if found:
                return False
            time.sleep(POLL_SECONDS / 4)
        return True

    wait_for(nobody_left, 5.0)


class Child:
    """A process with a log, and a pid file by which the next owner finds it if this one is killed."""

    def __init__(
        self,
        name: str,
        pid_file: Path,
        log: Path,
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience_seconds: float = 20.0,
    ) -> None:
        self.name, self.pid_file, self.log = name, pid_file.absolute(), log
        self.stop_signal, self.patience_seconds = stop_signal, patience_seconds
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self, command: list[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        self.sweep()
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        with self.output() as log:
            # A session of its own: Ctrl-C reaches the owner only, which then stops its children in order.
            self.process = subprocess.Popen(  # noqa: S603
                command,
                env={**(os.environ if env is None else env), MARK: str(self.pid_file)},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        write_private(self.pid_file, f"{self.process.pid} {birth(self.process.pid)}")

    def output(self) -> IO[bytes]:
        """Where it writes."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
            self.log.replace(self.log.with_name(self.log.name + ".old"))
        return self.log.open("ab")

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Also of what a killed owner left running."""
        if self.process is None:
            if pid := self.leftover():
                self._send(pid, self.stop_signal)
        elif self.running():
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        self.ask_to_stop()
        wait_for(lambda: not self.running(), self.patience_seconds)
        self.kill()

    def kill(self) -> None:
        """As `kill -9` of the process and of everything that it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self._clear()

    def leftover(self) -> int | None:
        """What a killed owner left running, if that number still is the process that the owner started."""
        try:
            pid, born = self.pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if birth(int(pid)) == born else None

    def sweep(self) -> None:
        """End what a killed owner left running."""
        for sign, patience in ((self.stop_signal, self.patience_seconds), (signal.SIGKILL, 5.0)):
            if pid := self.leftover():
                self._send(pid, sign)
                wait_for(lambda: self.leftover() is None, patience)
        if self.pid_file.exists():
            self._clear()

    def _send(self, pid: int, sign: signal.Signals) -> None:
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        except PermissionError as error:
            message = f"{self.name} (process {pid}) belongs to another user: stop it as that user, then try again"
            raise ServerError(message) from error

    def _clear(self) -> None:
        end_marked(str(self.pid_file))
        self.pid_file.unlink(missing_ok=True)


class Kept:
    """A child or a server that is started again whenever it dies: later each time, while it keeps dying young."""

    FIRST_DELAY_SECONDS = 1.0
    LAST_DELAY_SECONDS = 30.0
    #: Having lived this long, it starts with the first delay again.
    GROWN_UP_SECONDS = 60.0

    def __init__(self, name: str, start: Callable[[], None], running: Callable[[], bool]) -> None:
        self.name, self.start, self.running = name, start, running
        self.delay = self.FIRST_DELAY_SECONDS
        self.started_at = float("-inf")
        self.retry_at: float | None = None

    def tend(self, now: float) -> str | None:
        """Called often, with a monotonic clock; what there is to tell, if anything."""
        if self.retry_at is not None:
            return self._retry(now) if now >= self.retry_at else None
        if self.running():
            return None
        if now - self.started_at > self.GROWN_UP_SECONDS:
            self.delay = self.FIRST_DELAY_SECONDS
        return self._put_off(now, f"{self.name} died")

    def _retry(self, now: float) -> str | None:
        self.started_at, self.retry_at = now, None
        try:
            self.start()
        except ServerError as error:
            return self._put_off(now, str(error))
        return None

    def _put_off(self, now: float, why: str) -> str:
        self.retry_at = now + self.delay
        told = f"{why}; starting it again in {self.delay:.0f} s"
        self.delay = min(2 * self.delay, self.LAST_DELAY_SECONDS)
        return told


def stop_together(children: list[Child]) -> None:
    """In reverse order, waiting for all at once: a busy worker may take long, but not one after the other."""
    try:
        for child in reversed(children):
            child.ask_to_stop()
        patience = max((child.patience_seconds for child in children), default=0.0)
        wait_for(lambda: not any(child.running() for child in children), patience)
    finally:
        for child in reversed(children):
            child.kill()
