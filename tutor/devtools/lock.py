"""Makes requirements/*.txt from requirements/*.in: all that pip puts into an empty environment, pinned."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tutor.devtools.environment import REQUIREMENTS, SERVERS, STATE, make_venv, pip, say

#: In this order: each holds what it adds to those before.
LOCKS = ("core", "test", "e2e", SERVERS)
#: Where wheels of the servers exist; each has a hash of its own.
SERVER_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "macosx_15_0_arm64", "macosx_15_0_x86_64")


def run() -> int:
    folder = STATE / "lock"
    make_venv(folder)
    known = set(pins(folder))
    for name in LOCKS:
        say(name, "choosing versions")
        pip("install", f"--requirement={REQUIREMENTS}/{name}.in", python=folder / "bin" / "python")
        new = sorted(set(pins(folder)) - known, key=str.lower)
        known |= set(new)
        (REQUIREMENTS / f"{name}.txt").write_text(with_hashes(new) if name == SERVERS else without_hashes(name, new))
    shutil.rmtree(folder)
    return 0


def pins(venv: Path) -> list[str]:
    line = [f"{venv}/bin/python", "-m", "pip", "freeze", "--all", "--disable-pip-version-check"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    # Without local versions, so that torch's CPU and CUDA builds both satisfy the lock; the CUDA build pins its own.
    found = [re.sub(r"\+.*", "", pin) for pin in said.splitlines()]
    return [pin for pin in found if not re.match(r"pip==|nvidia-|triton==|cuda-", pin)]


def head(name: str) -> str:
    return f"# Made by `python3 dev.py lock` from {name}.in: change that instead.\n"


def without_hashes(name: str, chosen: list[str]) -> str:
    why = "# No hashes: torch's files differ between CPU and CUDA, and pip wants hashes for all packages or for none.\n"
    base = ["-r core.txt"] if name == "test" else []
    return head(name) + why + "\n".join([*base, *chosen]) + "\n"


def with_hashes(chosen: list[str]) -> str:
    why = "# Binaries, each from a single publisher: pinned to the file, for every platform that has one.\n"
    lines = [" \\\n    ".join([pin, *(f"--hash={each}" for each in hashes(pin))]) for pin in chosen]
    return head(SERVERS) + why + "\n".join(lines) + "\n"


def hashes(pin: str) -> list[str]:
    return sorted({found for platform in SERVER_PLATFORMS for found in hashes_for(pin, platform)})


def hashes_for(pin: str, platform: str) -> list[str]:
    options = ["--dry-run", "--no-deps", "--ignore-installed", "--only-binary=:all:", f"--platform={platform}"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip("install", *options, f"--target={folder}/none", f"--report={report}", pin)
        chosen = json.loads(report.read_text())["install"]
    return [f"sha256:{each['download_info']['archive_info']['hashes']['sha256']}" for each in chosen]
