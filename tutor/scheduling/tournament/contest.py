"""Policies, worlds and seeds against each other at equal minutes; what is played is kept, so that it can go on.

Each run and each fitted model is a file of the contest's folder, named by a digest of all that determines it: the
world with its learners, the policy with its version and settings, the model, how it is asked. Of code, only declared
versions are in there; a digest of the sources is kept beside, and told where runs are of several.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, final

import django
import numpy as np

import kt_models
from kt_models.recall import Float
from kt_models.simulate import KINDS, Attendance, Record, Scene, Shape, World, day_start, mean_knowledge, open_world
from tutor.scheduling import policies
from tutor.scheduling.policies import POLICIES, Pace, Settings
from tutor.scheduling.tournament import course, run
from tutor.scheduling.tournament.run import Rounds
from tutor.tracing import evidence, fold, pupils, status

#: Policies that end by themselves: nobody would practise under them.
NOT_PLAYED: Final = frozenset({"placement"})
#: Learners whose answers models are fitted on are those of this seed further on.
_OTHERS: Final = 1_000_003
#: Sizes that show within minutes that everything works, and nothing else.
QUICK: Final[dict[str, Any]] = {"learners": 30, "days": 10, "concepts": 30}


@final
@dataclass(frozen=True)
class Entrant:
    """A policy with settings of its own, written `name` or `name:setting=value,setting=value`."""

    label: str
    policy: str
    settings: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Entrant:
        """Raises:
        ValueError: if there is no such policy or setting.
        """
        name, _, told = text.partition(":")
        if name not in POLICIES:
            raise ValueError(f"policy {name!r} is unknown: choose from {', '.join(sorted(POLICIES))}")
        return cls(text, name, tuple(_setting(part) for part in told.split(",") if part))

    @property
    def version(self) -> int:
        return POLICIES[self.policy].version


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    known = {each.name: each.default for each in fields(Settings)}
    kind = type(known.get(name))
    if kind not in (int, float, bool):
        numbers = [key for key, default in known.items() if isinstance(default, int | float)]
        raise ValueError(f"setting {name!r} cannot be set here: choose one of {', '.join(numbers)}")
    try:
        return name, json.loads(value.lower()) if kind is bool else kind(value)
    except ValueError as error:
        raise ValueError(f"setting {name} is {value!r}: give a number, or true or false for a switch") from error


@final
@dataclass(frozen=True)
class Plan:
    """What is played: every entrant in every world with every seed, learners coming for `minutes` each time."""

    entrants: tuple[Entrant, ...]
    worlds: tuple[str, ...] = tuple(KINDS)
    seeds: tuple[int, ...] = (1,)
    learners: int = 200
    days: int = 60
    minutes: float = 5.0
    concepts: int = 200
    model: str = "half-life"
    replan_after: int = 4

    def __post_init__(self) -> None:
        if unfit := [name for name in ("learners", "days", "minutes", "concepts") if getattr(self, name) <= 0]:
            raise ValueError(f"{unfit[0]} is {getattr(self, unfit[0])}: must be above 0")
        pupils.require_kind(self.model)
        if unknown := [name for name in self.worlds if name not in KINDS]:
            raise ValueError(f"world {unknown[0]!r} is unknown: choose from {', '.join(KINDS)}")
        for name in ("entrants", "worlds", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise ValueError(f"{name} are {values}: give one or more, each once")

    def games(self) -> Iterator[Game]:
        for world in self.worlds:
            for seed in self.seeds:
                yield Game(
                    world, seed, Scene(self.learners, Shape(self.concepts), Attendance(minutes=self.minutes)),
                    self.model, Rounds(self.days, self.replan_after),
                )  # fmt: skip


@final
@dataclass(frozen=True)
class Game:
    """One world with one seed, and the belief that drives everybody in it."""

    kind: str
    seed: int
    scene: Scene
    model: str
    rounds: Rounds

    def world(self) -> World[Any]:
        return open_world(self.kind, self.scene, seed=self.seed)

    def model_name(self) -> str:
        return f"{self.kind}-{self.seed}-{self.model}-{_digest(self._about())}"

    def run_name(self, entrant: Entrant) -> str:
        about = self._about() | {
            "policy": entrant.policy, "version": entrant.version, "settings": entrant.settings,
            "rounds": asdict(self.rounds),
        }  # fmt: skip
        return f"{self.kind}-{self.seed}-{entrant.policy}-{_digest(about)}.npz"

    def _about(self) -> dict[str, Any]:
        world = self.world()
        return {
            "world": self.kind, "seed": self.seed, "scene": asdict(self.scene), "nature": asdict(world.nature),
            "model": self.model, "days": self.rounds.days, "run": run.VERSION, "library": pupils.MODELS,
        }  # fmt: skip


def _digest(about: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()[:12]


@final
@dataclass(frozen=True, eq=False)
class Result:
    """One run: its record, and per learner (L,) what was known before any answer, and what sets them apart."""

    record: Record
    start: Float
    ability: Float
    code: str = ""
    columns: tuple[str, ...] = field(default=("knowledge", "minutes", "answers"), repr=False)

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        part = path.with_name(f".{path.name}.part")
        with part.open("wb") as file:
            arrays = {name: getattr(self.record, name).astype(np.float32) for name in self.columns}
            np.savez_compressed(file, **arrays, start=self.start, ability=self.ability, code=np.array(self.code))
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> Result:
        with np.load(path, allow_pickle=False) as found:
            record = Record(*(found[name].astype(np.float64) for name in ("knowledge", "minutes", "answers")))
            return cls(record, found["start"], found["ability"], str(found["code"]))


Told = Callable[[str, int], None]


def hold(plan: Plan, folder: Path, *, jobs: int = 1, fresh: bool = False, tell: Told = lambda what, n: None) -> None:
    """Plays what is not there yet. `tell` hears what is done: "models" or "runs", and how many.

    Args: fresh: plays again what was played by other code.
    """
    for name in ("models", "runs"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    games = list(plan.games())
    wanted = [(game, entrant) for game in games for entrant in plan.entrants]
    missing = [(game, entrant) for game, entrant in wanted if not _is_there(folder, game, entrant, fresh=fresh)]
    tell("runs", len(wanted) - len(missing))
    needed = {name: game for game, _ in missing if not (folder / "models" / (name := game.model_name())).exists()}
    if needed:
        tell("models", 0)
    with _Pool(jobs) as pool:
        for _ in pool.each(_fit, [(game, folder) for game in needed.values()]):
            tell("models", 1)
        for _ in pool.each(_play, [(game, entrant, folder) for game, entrant in missing]):
            tell("runs", 1)


def results(plan: Plan, folder: Path) -> dict[str, dict[str, list[Result]]]:
    """By world and label, one a seed.

    Raises:
        FileNotFoundError: if a run is missing: `hold` the contest first.
    """
    found: dict[str, dict[str, list[Result]]] = {}
    for game in plan.games():
        for entrant in plan.entrants:
            of_world = found.setdefault(game.kind, {})
            of_world.setdefault(entrant.label, []).append(Result.read(folder / "runs" / game.run_name(entrant)))
    return found


def _is_there(folder: Path, game: Game, entrant: Entrant, *, fresh: bool) -> bool:
    path = folder / "runs" / game.run_name(entrant)
    return path.exists() and (not fresh or Result.read(path).code == code())


def _fit(game: Game, folder: Path) -> None:
    """On learners of their own, who learn the same course, on as many days."""
    world = game.world()
    scene = replace(game.scene, course=world.course)
    others = type(world)(scene, world.nature, game.seed + _OTHERS)
    ground = course.ground(scene, world.course)
    log = run.warm_up(others, ground, game.rounds.days)
    model = pupils.fit(game.model, log, ground.content, seed=game.seed)
    # Before the model, which tells that all is there.
    pace = asdict(run.pace_in(log, ground))
    _pace_file(folder, game).write_text(json.dumps(pace), encoding="utf-8")
    pupils.save(model, folder / "models" / game.model_name())


def _pace_file(folder: Path, game: Game) -> Path:
    return folder / "models" / f"{game.model_name()}.pace.json"


def _play(game: Game, entrant: Entrant, folder: Path) -> None:
    world = game.world()
    ground = course.ground(game.scene, world.course)
    start = mean_knowledge(world.knowledge(day_start(0)))
    model = pupils.load(folder / "models" / game.model_name())
    known = pupils.Pupils(model, world.n_learners, ground.content, day_start(0))
    rounds = replace(game.rounds, settings=replace(game.rounds.settings, **dict(entrant.settings)))
    policy = POLICIES[entrant.policy]
    pace = Pace(**json.loads(_pace_file(folder, game).read_text(encoding="utf-8")))
    record = run.play(world, ground, policy, known, rounds, with_cohort=policy.reads_cohort, pace=pace)
    Result(record, start, world.ability, code()).write(folder / "runs" / game.run_name(entrant))


@cache
def code() -> str:
    """Digest of the sources that decide what comes of a run."""
    digest = hashlib.sha256()
    paths = [Path(str(module.__file__)) for module in (course, run, evidence, fold, pupils, status)]
    for package in (kt_models, policies):
        paths += sorted(Path(str(package.__file__)).parent.rglob("*.py"))
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@final
class _Pool:
    """Processes of its own, or this one if there is one job only."""

    def __init__(self, jobs: int) -> None:
        self._pool: ProcessPoolExecutor | None = None
        if jobs > 1:
            # One thread each: they share the machine.
            for library in ("OMP", "MKL", "OPENBLAS"):
                os.environ.setdefault(f"{library}_NUM_THREADS", "1")
            # Before what is called is looked up there: it needs the apps.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=django.setup)

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def each(self, work: Callable[..., None], calls: Sequence[tuple[Any, ...]]) -> Iterator[None]:
        """One None for each that is done, in any order; raises what a call raises."""
        if self._pool is None:
            for call in calls:
                work(*call)
                yield
            return
        for done in as_completed([self._pool.submit(work, *call) for call in calls]):
            done.result()
            yield
