"""Who takes part in a benchmark, and how that is said on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kt_models import kinds, metrics
from tests.bench import rivals
from tests.bench.rivals.kept import Kept
from tests.bench.rivals.tasks import Rival

#: The model that the issue is about leads where it exists; the others follow by name.
KINDS = tuple(sorted(kinds.KINDS, key=lambda name: (name != "psikt", name)))


@dataclass(frozen=True)
class Contest:
    """Data sets, our kinds, of which the first is compared with everybody, and rivals.

    Attributes:
        settings: key=value, of the first kind.     learners: at most; 0 takes all.
    """

    sets: tuple[str, ...]
    rivals: tuple[str, ...]
    kinds: tuple[str, ...] = KINDS
    settings: tuple[str, ...] = ()
    learners: int = 0
    replicates: int = metrics.REPLICATES
    kept: Kept = field(default_factory=Kept)

    @property
    def lead(self) -> str:
        """The first kind, with its settings; empty if there is none."""
        first = self.kinds[0] if self.kinds else ""
        return f"{first}[{','.join(self.settings)}]" if self.settings else first

    def models(self) -> dict[str, Rival]:
        """Everybody by name, the lead first."""
        lead = {self.lead: rivals.resolve(self.kinds[0], self.settings)} if self.kinds else {}
        return lead | {name: rivals.resolve(name) for name in (*self.kinds[1:], *self.rivals)}


def parser(description: str, default: Contest, sets: Sequence[str]) -> argparse.ArgumentParser:
    """Arguments that all of these benchmarks share."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--sets", nargs="+", choices=sets, default=default.sets)
    made.add_argument("--kinds", nargs="*", choices=kinds.KINDS, default=default.kinds, help="the first is compared")
    made.add_argument("--rivals", nargs="*", choices=rivals.RIVALS, default=default.rivals)
    made.add_argument("--set", nargs="+", default=[], metavar="key=value", help="settings of the first kind")
    made.add_argument("--learners", type=int, default=default.learners, help="at most; 0 takes all")
    made.add_argument("--replicates", type=int, default=default.replicates, help="draws of the bootstrap")
    made.add_argument("--keep", type=Path, help="folder of predictions, which are taken from there if they are there")
    made.add_argument("--again", nargs="+", default=[], metavar="model", help="fit these anew although they are kept")
    made.add_argument("--quick", action="store_true", help="a smoke run: small, and its figures mean little")
    return made


def fields(given: argparse.Namespace) -> dict[str, Any]:
    """What a contest is made of, from the arguments."""
    return {
        "sets": tuple(given.sets), "kinds": tuple(given.kinds), "rivals": tuple(given.rivals),
        "settings": tuple(given.set), "learners": given.learners, "replicates": given.replicates,
        "kept": Kept(given.keep, tuple(given.again)),
    }  # fmt: skip
