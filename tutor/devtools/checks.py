"""Style, types, layers, migrations, the API's description: what `dev.py check` runs."""

import difflib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

from tutor.devtools.environment import ROOT, VENV, say

#: Nothing listens there: no check needs a database, only settings that name one.
NO_DATABASE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}
CHECKS: dict[str, list[str]] = {
    "ruff check": ["-m", "ruff", "check", "--output-format", "concise", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "--output-format", "concise", "."],
    "mypy": ["-m", "mypy"],
    "imports": [str(VENV / "bin" / "lint-imports")],
    "django": ["manage.py", "check"],
    "migrations": ["-W", "ignore", "manage.py", "makemigrations", "--check", "--dry-run"],
    "pip check": ["-m", "pip", "check"],
}
OPENAPI = ROOT / "docs" / "openapi.yaml"
WRITE_OPENAPI = ("manage.py", "write_openapi", "--file")


def run(env: dict[str, str]) -> list[str]:
    """All of them, one line each; the names of those that failed."""
    troubles: dict[str, Callable[[], str]] = {
        **{name: partial(trouble, arguments, env) for name, arguments in CHECKS.items()},
        "openapi": partial(openapi_difference, env),
    }
    return [name for name, find in troubles.items() if not passes(name, find)]


def passes(name: str, find: Callable[[], str]) -> bool:
    started = time.monotonic()
    found = find()
    say("FAILED" if found else "ok", f"{name}  {time.monotonic() - started:.1f} s")
    if found:
        print(found.rstrip(), flush=True)
    return not found


def trouble(arguments: list[str], env: dict[str, str]) -> str:
    status, said = python(arguments, env)
    return (said or f"exit status {status}") if status else ""


def python(arguments: list[str], env: dict[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**NO_DATABASE, **env},
        text=True,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout


def openapi_difference(env: dict[str, str]) -> str:
    with tempfile.NamedTemporaryFile("r", suffix=".yaml") as new:
        status, said = python([*WRITE_OPENAPI, new.name], env)
        if status:
            return said
        old = OPENAPI.read_text().splitlines() if OPENAPI.exists() else []
        name = str(OPENAPI.relative_to(ROOT))
        difference = "\n".join(difflib.unified_diff(old, new.read().splitlines(), name, "the code", lineterm="", n=2))
    return difference and f"{difference}\n\n{name} is not what the code says: python3 dev.py check --update-openapi"
