"""The worlds by name, each with the course that it is meant for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from kt_models.simulate.coupled import CoupledNature, CoupledWorld
from kt_models.simulate.fsrs6 import FsrsNature, FsrsWorld
from kt_models.simulate.power import PowerNature, PowerWorld
from kt_models.simulate.space import SpaceNature, SpaceWorld
from kt_models.simulate.unruly import UnrulyNature, UnrulyWorld
from kt_models.simulate.world import Scene, World

#: How to make a world of each kind, with its default nature.
KINDS: Final[Mapping[str, Callable[[Scene, int], World[Any]]]] = MappingProxyType(
    {
        "psikt": lambda scene, seed: CoupledWorld(scene, CoupledNature(), seed),
        "power": lambda scene, seed: PowerWorld(scene, PowerNature(), seed),
        "fsrs": lambda scene, seed: FsrsWorld(scene, FsrsNature(), seed),
        "space": lambda scene, seed: SpaceWorld(scene, SpaceNature(), seed),
        "unruly": lambda scene, seed: UnrulyWorld(scene, UnrulyNature(), seed),
    }
)
#: Worlds that prerequisites mean nothing to: their courses have none, unless a scene is opened as it stands.
WITHOUT_GRAPH: Final = frozenset({"power", "fsrs"})


def open_world(kind: str, scene: Scene | None = None, *, seed: int, misleading: bool = False) -> World[Any]:
    """A fresh world of a kind, before any answer.

    Args:
        scene: learners, course, attendance; default sizes if None.
        misleading: leaves prerequisites in a course whose world knows none, as a wrong curriculum would.
    Raises:
        ValueError: if there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"world {kind!r} is unknown: choose one of {', '.join(KINDS)}")
    scene = scene or Scene()
    if kind in WITHOUT_GRAPH and not misleading:
        scene = replace(scene, shape=replace(scene.shape, parents_per_concept=0.0))
    return KINDS[kind](scene, seed)
