"""Who may import whom, and what must never be loaded where."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What a process says it has loaded; torch adds two seconds and 180 MiB to each that does.
TELL = "; import sys; print([name for name in ('torch', 'pyro', 'pyarrow') if name in sys.modules])"
DJANGO = "import django; django.setup(); "

pytestmark = pytest.mark.xdist_group("architecture")


def loaded_by(statement: str) -> str:
    """In a new process with the environment of this one."""
    done = subprocess.run(
        [sys.executable, "-c", statement + TELL], capture_output=True, text=True, check=False, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_web_process_loads_no_torch() -> None:
    everything = "import tutor.wsgi; from django.urls import get_resolver; get_resolver().url_patterns"
    assert loaded_by(everything) == "[]"


def test_the_command_line_of_the_site_loads_no_torch() -> None:
    assert loaded_by(DJANGO + "from django.core.management import get_commands; get_commands()") == "[]"


@pytest.mark.parametrize(
    "module",
    ["kt_models", "kt_models.recall", "kt_models.state", "kt_models.base", "curricula.snapshot", "tutor.tracing.status",
     "tutor.scheduling.serving", "tutor.scheduling.intake", "tutor.scheduling.policies"],
)  # fmt: skip
def test_what_everybody_reads_loads_no_torch(module: str) -> None:
    django = "" if module.startswith("kt_models") else DJANGO
    assert loaded_by(f"{django}import {module}") == "[]"


def test_the_library_loads_without_django() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import kt_models.kinds, kt_models.artifact, sys; print('django' in sys.modules)"],
        capture_output=True, text=True, check=False, cwd=ROOT, env={"PATH": ""}, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "False", done.stderr


def test_layers_are_kept() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_every_table_has_its_migration() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
