"""One policy in one world: learners side by side, day by day, planned for as in service.

A learner's plan is made when the day's first item is wanted, and anew after every `replan_after` answers, from what is
believed by then. Nobody is asked anything once the day's minutes are used up; what the last answer took too much is
taken off the next visit, so that all policies spend the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

import numpy as np

from kt_models.metrics import Bool
from kt_models.recall import Float, Int
from kt_models.simulate import Record, Visits, World, day_start
from kt_models.simulate.draws import Draws
from tutor.scheduling.policies import Choice, Cohort, History, Pace, Settings, Situation, cohort_of, pace_of
from tutor.scheduling.tournament.course import Ground
from tutor.tracing.pupils import Log, Pupils

#: Of what is done here: results of another version are not these.
VERSION: Final = 2
#: Seconds between an answer and the next question.
PAUSE: Final = 5.0
#: Answers to a concept until who learns in the order of the course goes on, and how often practised ones come again.
_EACH: Final = 3
_AGAIN: Final = 0.5
_SEEDS: Final = 2.0**53

Choose = Callable[[Situation], Choice]


@final
@dataclass(frozen=True)
class Rounds:
    """How a policy is asked: for `days`, a plan for every `replan_after` answers, nothing by chance by default."""

    days: int = 60
    replan_after: int = 4
    settings: Settings = field(default_factory=lambda: Settings(exploration=0.0))

    def __post_init__(self) -> None:
        if self.days < 1 or self.replan_after < 1:
            raise ValueError(f"{self.days} days and {self.replan_after} answers a plan: both must be 1 or more")

    def asked(self) -> Settings:
        """With the exam at the end of the last day."""
        return replace(self.settings, size=self.replan_after, exam_at=day_start(self.days))


class NotOffered(ValueError):
    """A policy offered what is not in the course."""


def play(
    world: World[Any],
    ground: Ground,
    choose: Choose,
    pupils: Pupils,
    rounds: Rounds,
    *,
    with_cohort: bool = False,
    pace: Pace | None = None,
) -> Record:
    """What becomes of the learners of a fresh world; `pupils` know nothing of them yet.

    Args:
        with_cohort: whether the policy is told each morning where the whole cohort makes progress.
        pace: what is known of how long answers take.
    Raises:
        NotOffered: if the policy offers an item that is not in the course, or was withdrawn.
    """
    record = Record.empty(rounds.days, world.n_learners)
    game = _Game(world, ground, choose, pupils, rounds, pace or Pace())
    for day in range(rounds.days):
        world.reach(day)
        if with_cohort:
            game.look_at_cohort()
        minutes, answers = game.day(world.attendance(day))
        record.note(day, world.knowledge(day_start(day + 1) - 1.0), minutes, answers)
    return record


@final
class _Game:
    """What goes on from day to day. Arrays are of the learners."""

    def __init__(
        self, world: World[Any], ground: Ground, choose: Choose, pupils: Pupils, rounds: Rounds, pace: Pace
    ) -> None:
        self._world, self._ground, self._choose, self._pupils = world, ground, choose, pupils
        self._settings, self._pace = rounds.asked(), pace
        self._histories = Histories(world.n_learners)
        self._plans: list[deque[int]] = [deque() for _ in range(world.n_learners)]
        #: Minutes that the last visit took too long.
        self._over = np.zeros(world.n_learners)
        self._draws = Draws(world.seed)
        self._cohort: Cohort | None = None

    def look_at_cohort(self) -> None:
        everybody = [self._histories.of(row) for row in range(self._world.n_learners)]
        self._cohort = cohort_of(everybody, self._ground.content)

    def day(self, visits: Visits) -> tuple[Float, Float]:
        """(minutes, answers) of each learner on one day."""
        allowed = np.where(visits.present, np.maximum(visits.minutes - self._over, 0.0), 0.0)
        self._over = np.where(visits.present, np.maximum(self._over - visits.minutes, 0.0), self._over)
        minutes, answers = np.zeros(len(allowed)), np.zeros(len(allowed))
        now, going = visits.seconds.copy(), allowed > 0.0
        for plan in self._plans:
            plan.clear()
        while going.any():
            rows = np.flatnonzero(going)
            self._plan(rows, now, allowed - minutes)
            rows = rows[[bool(self._plans[row]) for row in rows.tolist()]]
            taken = self._ask(rows, now)
            minutes[rows] += taken
            answers[rows] += 1.0
            # Whom nothing is offered has done for today.
            going[:] = False
            going[rows] = minutes[rows] < allowed[rows]
        self._over += np.maximum(minutes - allowed, 0.0)
        return minutes, answers

    def _plan(self, rows: Int, now: Float, left: Float) -> None:
        """For those who have nothing planned any more."""
        bare = rows[[not self._plans[row] for row in rows.tolist()]]
        if not len(bare):
            return
        seeds = self._draws.uniform("plan", bare, self._histories.n[bare]) * _SEEDS
        tables = self._pupils.tables(bare, now[bare])
        for row, table, seed in zip(bare.tolist(), tables, seeds.tolist(), strict=True):
            choice = self._choose(
                Situation(
                    now=float(now[row]),
                    content=self._ground.content,
                    table=table,
                    evidence=self._pupils.evidence(row),
                    seed=int(seed),
                    settings=self._settings,
                    minutes=float(left[row]),
                    history=self._histories.of(row),
                    cohort=self._cohort,
                    pace=self._pace,
                )
            )
            self._plans[row].extend(entry.item for entry in choice.entries[: self._settings.size])

    def _ask(self, rows: Int, now: Float) -> Float:
        """Minutes that each took over the next item of the plan."""
        items = np.array([self._plans[row].popleft() for row in rows.tolist()], dtype=np.int64)
        self._check(items)
        outcome = self._world.answer(rows, self._ground.item[items], now[rows])
        now[rows] += 60.0 * outcome.minutes
        self._pupils.observe(rows, items, outcome.correct, now[rows], 60.0 * outcome.minutes)
        concepts = self._ground.content.item_concepts
        self._histories.add(rows, items, concepts.flat[concepts.offset[items]], now[rows], outcome.correct)
        now[rows] += PAUSE
        return outcome.minutes

    def _check(self, items: Int) -> None:
        bad = items[(self._ground.item[items] < 0) | ~self._ground.content.item_active[items]]
        if len(bad):
            key = self._ground.content.item_keys[bad[0]] or f"at position {bad[0]}"
            raise NotOffered(f"the policy offered item {key}, which is not in the course: offer active items only")


@final
class Histories:
    """Answers of each learner, kept so that a `History` of one is three views."""

    def __init__(self, n_learners: int, room: int = 256) -> None:
        self.n = np.zeros(n_learners, dtype=np.int64)
        self._item, self._concept = (np.zeros((n_learners, room), dtype=np.int64) for _ in range(2))
        self._seconds, self._correct = (np.zeros((n_learners, room)) for _ in range(2))

    def add(self, rows: Int, items: Int, concepts: Int, seconds: Float, correct: Bool) -> None:
        """One answer of each of some learners."""
        if len(rows) and int(self.n[rows].max()) >= self._item.shape[1]:
            self._item, self._concept = (np.hstack([x, np.zeros_like(x)]) for x in (self._item, self._concept))
            self._seconds, self._correct = (np.hstack([x, np.zeros_like(x)]) for x in (self._seconds, self._correct))
        cell = rows, self.n[rows]
        self._item[cell], self._concept[cell] = items, concepts
        self._seconds[cell], self._correct[cell] = seconds, correct
        self.n[rows] += 1

    def of(self, row: int) -> History:
        n = int(self.n[row])
        return History(self._item[row, :n], self._concept[row, :n], self._seconds[row, :n], self._correct[row, :n])


def warm_up(world: World[Any], ground: Ground, days: int) -> Log:
    """What learners do without a policy, to fit models on: on in the order of the course, half of the time back.

    What was practised comes again at random, so that pauses of all lengths occur. Learners of a world of its own.
    """
    draws, parts = Draws(world.seed), list[Sequence[Any]]()
    # Item of the content by that of the course.
    back = np.full(world.course.n_items, -1)
    back[ground.item[ground.item >= 0]] = np.flatnonzero(ground.item >= 0)
    for day in range(days):
        world.reach(day)
        visits = world.attendance(day)
        left, now = np.where(visits.present, visits.minutes, 0.0), visits.seconds.copy()
        while (rows := np.flatnonzero(left > 0.0)).size:
            concept = _wanted(draws, world, rows)
            item = world.course.item(concept, world.practised[rows, concept])
            outcome = world.answer(rows, item, now[rows])
            left[rows] -= outcome.minutes
            now[rows] += 60.0 * outcome.minutes
            parts.append((rows, back[item], outcome.correct, now[rows], 60.0 * outcome.minutes))
            now[rows] += PAUSE
    learner, item, correct, seconds, taken = (np.concatenate(column) for column in zip(*parts, strict=True))
    known = item >= 0
    return Log(learner[known], item[known], correct[known], seconds[known], taken[known].astype(np.float32))


def pace_in(log: Log, ground: Ground) -> Pace:
    """As workers measure it in a school's log."""
    order = np.lexsort((log.seconds, log.learner))
    item, learner = log.item[order], log.learner[order]
    concepts = ground.content.item_concepts
    pair = learner * ground.content.n_concepts + concepts.flat[concepts.offset[item]]
    is_first = np.zeros(len(item), bool)
    is_first[np.unique(pair, return_index=True)[1]] = True
    minutes = ground.content.item_minutes[item]
    return pace_of(log.response_seconds[order].astype(np.float64), minutes, is_first, log.correct[order])


def _wanted(draws: Draws, world: World[Any], rows: Int) -> Int:
    """(rows,) the concept that each takes next."""
    practised = world.practised[rows]
    n = practised.sum(1)
    forward = np.minimum((practised >= _EACH).cumprod(1).sum(1), world.n_concepts - 1)
    # Those begun are the first ones of the course.
    begun = np.maximum((practised > 0).sum(1), 1)
    again = np.minimum((draws.uniform("which", rows, n) * begun).astype(np.int64), begun - 1)
    return np.asarray(np.where(draws.uniform("again", rows, n) < _AGAIN, again, forward))
