"""What Django's processes need around them: servers, settings, a place for their files."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tutor.children import MARK, birth, end_marked, wait_for, write_private
from tutor.devtools.environment import ROOT, STATE, Problem
from tutor.embedded import Postgres, Server, Valkey

#: The variable that replaces a server by one that runs already.
VARIABLES: dict[str, type[Server]] = {"DATABASE_URL": Postgres, "BROKER_URL": Valkey}


class Terminated(BaseException):
    """SIGTERM or SIGHUP, so that what was started is stopped as after Ctrl-C."""


@contextlib.contextmanager
def servers(folder: Path, *, throwaway: bool, logs: Path | None = None) -> Iterator[list[Server]]:
    """Those that the environment does not name; they run until the end of the block."""
    with contextlib.ExitStack() as stack:
        started = []
        for variable, kind in VARIABLES.items():
            if variable not in os.environ:
                log = logs / f"{kind.name}.log" if logs else None
                server = kind(folder / kind.name, throwaway=throwaway, log=log)
                stack.callback(server.stop)
                server.start()
                started.append(server)
        yield started


def settings(started: list[Server], state: Path) -> dict[str, str]:
    """The environment of Django's processes; what the caller's environment says goes first."""
    (state / "static").mkdir(parents=True, exist_ok=True)
    urls = {variable: server.url for variable, kind in VARIABLES.items() for server in started if type(server) is kind}
    return {
        "SECRET_KEY": secret_key(state),
        "TRELLIS_MODEL_STORE": str(state / "models"),
        "TRELLIS_IMPORT_STORE": str(state / "imports"),
        "TRELLIS_TRAINING_DIR": str(state / "training"),
        "TRELLIS_STATIC_ROOT": str(state / "static"),
        "DJANGO_SETTINGS_MODULE": "tutor.settings",
        # Several processes share the cores: more threads in each only get into each other's way.
        "OMP_NUM_THREADS": "1",
        **os.environ,
        **urls,
        MARK: str(state),
    }


def secret_key(state: Path) -> str:
    file = state / "secret_key"
    if not file.exists():
        write_private(file, secrets.token_urlsafe(48))
    return file.read_text()


def manage_py(env: dict[str, str], *arguments: str) -> None:
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, check=False)
    if done.returncode:
        raise Problem(f"manage.py {' '.join(arguments)} failed with exit status {done.returncode}; its output is above")


def attend(arguments: list[str], env: dict[str, str]) -> int:
    """Run something that has the terminal, and so gets Ctrl-C itself."""
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env) as work:
        while True:
            try:
                return work.wait()
            except KeyboardInterrupt:
                continue
            except Terminated:
                work.send_signal(signal.SIGINT)
                wait_for(lambda: work.poll() is not None, 20)
                work.kill()
                raise


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards; so are those of runs that were killed, with all that they started."""
    parent = STATE / "scratch"
    for folder in parent.glob("*"):
        pid, _, born = folder.name.partition("-")
        if birth(int(pid)) != born:
            clear(folder)
    folder = parent / f"{os.getpid()}-{birth(os.getpid())}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear(folder: Path) -> None:
    end_marked(str(folder))
    for kind in VARIABLES.values():
        kind(folder / kind.name).sweep()
    shutil.rmtree(folder, ignore_errors=True)
