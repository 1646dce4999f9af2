"""Places for inference workers on this machine: one a card, or some on the CPU. Found without torch."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import final


class NoDevices(ValueError):
    """What was asked for is not on this machine."""


@final
@dataclass(frozen=True)
class Slot:
    """A place for one worker: its name on this machine, and the environment that gives it its device."""

    name: str
    env: Mapping[str, str]


def slots(devices: str, processes: int | None, environment: Mapping[str, str]) -> list[Slot]:
    """What `--devices` and `--processes` ask for.

    Raises:
        NoDevices: if the cards are not there, or more than one process a card is asked for.
    """
    asked = _found(environment) if devices == "auto" else devices
    if asked == "cpu":
        cpu = {"TRELLIS_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        return [Slot(f"cpu-{i}", cpu) for i in range(processes or 1)]
    cards = _cards(asked, environment)
    if processes not in (None, len(cards)):
        raise NoDevices(f"--processes {processes} on {asked}: a card has one process; leave it out, or say cpu")
    return [Slot(f"cuda-{card}", {"TRELLIS_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": card}) for card in cards]


def _found(environment: Mapping[str, str]) -> str:
    """The cards, if there are any and torch was built for them."""
    return "cuda" if visible(environment) and not _torch_is_for_cpus() else "cpu"


def _cards(asked: str, environment: Mapping[str, str]) -> list[str]:
    """As CUDA_VISIBLE_DEVICES names them, whose own numbers count from 0 among those that this process may see."""
    seen = visible(environment)
    if not seen:
        raise NoDevices(f"--devices {asked}: this machine shows no card (nvidia-smi -L); say cpu, or auto")
    if asked == "cuda":
        return seen
    numbers = [part.strip().removeprefix("cuda:") for part in asked.split(",")]
    for number in numbers:
        if not number.isdecimal() or int(number) >= len(seen):
            known = ",".join(f"cuda:{i}" for i in range(len(seen)))
            raise NoDevices(f"--devices {asked}: there is no {number!r} among {known}; or say auto or cpu")
    if len(set(numbers)) < len(numbers):
        raise NoDevices(f"--devices {asked}: a card has one process; name each once")
    return [seen[int(number)] for number in numbers]


def visible(environment: Mapping[str, str]) -> list[str]:
    """Cards of this machine, less those that CUDA_VISIBLE_DEVICES hides. Without torch, which would open them."""
    if (named := environment.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [card.strip() for card in named.split(",") if card.strip() and card.strip() != "-1"]
    command = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if command is None:
        return []
    told = subprocess.run([command, "-L"], capture_output=True, text=True, check=False)  # noqa: S603
    return [str(i) for i, _ in enumerate(line for line in told.stdout.splitlines() if line.startswith("GPU "))]


def _torch_is_for_cpus() -> bool:
    try:
        return metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return True
