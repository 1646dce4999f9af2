"""A simulated world: learners who know, forget, answer and learn, all at once, and of whom the truth is known.

Shapes: L learners, K concepts, m items a concept. Days are counted from `attendance.START_SECONDS`; times are Unix
seconds. A world is changed by `answer` alone; its days go forward for all learners together, so whoever runs it goes
day by day. All chance is counted (`draws`): the n-th answer of a learner on a concept meets the same luck under every
policy, and so does each night.

An answer, of whichever world:

    ease = trace / (1 + trace) boost - difficulty of the item          (the trace of having met it, halving in time)
    knows ~ Bernoulli(P(knows | state, ease)),    right ~ Bernoulli(1 - slip if knows, else guess)
    seconds = pace e^(N(0, sd^2)), longer where wrong, and longer by the first explanation
    learns with weight 1 / (1 + wear trace):  the tenth look at one item teaches the item, hardly the concept

Slip and guess are those of Bayesian knowledge tracing (Corbett & Anderson 1995). That practice of one item transfers in
part only: Pan & Rickard 2018.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, Self, TypeVar, final

import numpy as np
from numpy.typing import ArrayLike

from kt_models.metrics import Bool
from kt_models.recall import SECONDS_PER_DAY, Float, Int
from kt_models.simulate.attendance import Attendance, Visits, day_of, day_start
from kt_models.simulate.checks import require
from kt_models.simulate.course import Course, Shape
from kt_models.simulate.draws import Draws

N = TypeVar("N")

#: Answers take this long at least and at most, seconds.
_FASTEST, _SLOWEST = 1.5, 600.0
SECONDS_PER_MINUTE: Final = 60.0


@final
@dataclass(frozen=True)
class Answering:
    """What stands between knowing and answering. Numbers are round ones of ours where no source is named.

    Attributes:
        guess, slip: chance of a right answer without knowing, of a wrong one in spite of it.
        familiar: logits that an item gains by being met often; `familiar_days`: time in which that halves.
        wear: a concept gains 1 / (1 + wear trace) as much from an item met before.
        seconds: median time of a right answer.     wrong_factor: how much longer a wrong one takes, feedback included.
        first_seconds: the explanation before a learner's first answer on a concept.
        pace_sd, learner_pace_sd: spread of the logarithm of times, within and between learners.
    """

    guess: float = 0.1
    slip: float = 0.05
    familiar: float = 1.0
    familiar_days: float = 14.0
    wear: float = 0.5
    seconds: float = 20.0
    wrong_factor: float = 1.6
    first_seconds: float = 40.0
    pace_sd: float = 0.4
    learner_pace_sd: float = 0.25

    def __post_init__(self) -> None:
        require(self, shares="guess slip", positive="familiar_days seconds wrong_factor")
        require(self, natural="familiar wear first_seconds pace_sd learner_pace_sd")
        if self.guess + self.slip >= 1:
            raise ValueError(f"guess {self.guess} and slip {self.slip} sum to 1 or more: answers would tell nothing")


@final
@dataclass(frozen=True)
class Scene:
    """What worlds of every kind share: how many learners, which course, when they come, how they answer.

    Prerequisites have an effect in some worlds only; in the others they stand in the curriculum and mean nothing.
    A `course` is learnt as it is; without one, each seed draws its own of the `shape`.
    """

    learners: int = 200
    shape: Shape = field(default_factory=Shape)
    attendance: Attendance = field(default_factory=Attendance)
    answering: Answering = field(default_factory=Answering)
    course: Course | None = None

    def __post_init__(self) -> None:
        require(self, counts="learners")


@final
@dataclass(frozen=True, eq=False)
class Outcome:
    """Answers of distinct learners, shapes (answers,). A tutor sees `correct` and `minutes`, never the rest.

    Attributes:
        correct: whether right.     minutes: time taken.
        knew: whether it was known, whatever was answered.     chance: P(right) before any luck was drawn.
    """

    correct: Bool
    minutes: Float
    knew: Bool
    chance: Float


@final
@dataclass(frozen=True, eq=False)
class Practice:
    """Answers as a world learns from them, shapes (answers,).

    Attributes:
        row, concept: who, on what.     seconds: when.     turn: answers of the learner on the concept before.
        knew, correct: as in `Outcome`.     weight: in [0, 1], how much there is to learn.
    """

    row: Int
    concept: Int
    seconds: Float
    turn: Int
    knew: Bool
    correct: Bool
    weight: Float


@final
@dataclass(frozen=True, eq=False)
class Manner:
    """How answers are given, shapes (answers,).

    Attributes:
        effort: whether the learner tries at all; else it is a guess.
        helped: takes help where stuck, and is then mostly right.
        ease: logits added for now.     pace: factor on the time taken.
    """

    effort: Bool
    helped: Bool
    ease: Float
    pace: Float


#: P(right) of who was shown the answer.
HELPED: Final = 0.95


class World(ABC, Generic[N]):
    """Learners of one course. Deterministic in (scene, nature, seed) and the answers asked for.

    Attributes:
        scene, nature, seed: what made it.     course: what is learnt.
        ability: (L,) standard normal; what sets learners apart at the start, for deciles.
        day: the day that the world has reached.
        practised: (L, K) answers so far.     last_practised: (L, K) Unix time of the last one, -inf for none.
    """

    #: Name in `worlds.KINDS`, in reports and on the command line.
    kind: ClassVar[str]
    #: Whether prerequisites of the course have an effect.
    uses_prerequisites: ClassVar[bool] = False

    def __init__(self, scene: Scene, nature: N, seed: int) -> None:
        self.scene, self.nature, self.seed = scene, nature, seed
        self.draws = Draws(seed)
        self.course = scene.course or Course.draw(scene.shape, self.draws)
        self.day = 0
        learner = np.arange(scene.learners)
        self.ability = self.draws.normal("ability", learner)
        self.practised = np.zeros((self.n_learners, self.n_concepts), dtype=np.int64)
        self.last_practised = np.full(self.practised.shape, -np.inf)
        self._last_seen = np.full(self.n_learners, day_start(0))
        self._trace = np.zeros((self.n_learners, self.course.n_items))
        self._traced = np.full(self._trace.shape, day_start(0))
        self._minutes_today = np.zeros(self.n_learners)
        self._pace = np.exp(scene.answering.learner_pace_sd * self.draws.normal("learner pace", learner))
        self._begin()

    @property
    def n_learners(self) -> int:
        return self.scene.learners

    @property
    def n_concepts(self) -> int:
        return self.course.n_concepts

    def copy(self) -> Self:
        """A world of its own, in the same state and with the same luck ahead."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(other, name, value.copy())
        return other

    def again(self, seed: int | None = None) -> Self:
        """A fresh world of the same scene and nature: with the same seed the very same, before any answer."""
        return type(self)(self.scene, self.nature, self.seed if seed is None else seed)

    def attendance(self, day: int) -> Visits:
        """Who comes on a day, when, and with how many minutes; the same under every policy."""
        return self.scene.attendance.visits(self.draws, self.n_learners, day)

    def knowledge(self, seconds: float) -> Float:
        """(L, K) true P(knows) at a time, of an average item never met, by a rested learner who tries.

        This is what policies are judged by. Within the day that the world has reached it is conditional on all that
        happened; later it is the expectation without further practice. Times before a last answer count as that time.
        """
        return self._knowledge(max(float(seconds), day_start(self.day)))

    def recall(self, seconds: float) -> Float:
        """(L, K) true P(right answer) of what `knowledge` describes: guess + (1 - guess - slip) knowledge."""
        answering = self.scene.answering
        return answering.guess + (1.0 - answering.guess - answering.slip) * self.knowledge(seconds)

    def answer(self, row: Int, item: Int, seconds: ArrayLike) -> Outcome:
        """Asks distinct learners one item each, and lets them learn from it.

        Args:
            row: (answers,) learners.     item: (answers,) items of `course`.
            seconds: (answers,) or one Unix time for all, when the item is shown. All on one day, not before `day`,
                none before the learner's last answer.
        Raises:
            ValueError: if arguments break these rules; the world is unchanged then.
        """
        row, item = np.asarray(row, dtype=np.int64), np.asarray(item, dtype=np.int64)
        at = np.broadcast_to(np.asarray(seconds, dtype=np.float64), row.shape)
        self._check(row, item, at)
        if not len(row):
            return Outcome(np.zeros(0, bool), np.zeros(0), np.zeros(0, bool), np.zeros(0))
        self.reach(day_of(float(at[0])))
        concept = self.course.concept_of(item)
        turn, trace = self.practised[row, concept], self._met(row, item, at)
        manner = self._manner(row, concept, turn)
        familiar = self.scene.answering.familiar * trace / (1.0 + trace)
        known = self._knowing(row, concept, at, familiar - self.course.difficulty[item] + manner.ease)
        outcome = self._draw(row, concept, turn, manner, known)
        weight = np.where(manner.effort & ~(manner.helped & ~outcome.knew), 1.0, 0.0)
        weight /= 1.0 + self.scene.answering.wear * trace
        self._learn(Practice(row, concept, at, turn, outcome.knew, outcome.correct, weight))
        self._note(row, concept, item, at, trace, outcome.minutes)
        return outcome

    def reach(self, day: int) -> None:
        """Lets all nights until a day pass; nothing if the world is there already."""
        while self.day < day:
            self.day += 1
            self._minutes_today[:] = 0.0
            self._night()

    @abstractmethod
    def _begin(self) -> None:
        """Draws learners and their state at the beginning of day 0."""

    @abstractmethod
    def _knowledge(self, seconds: float) -> Float:
        """(L, K) P(knows), `seconds` not before the beginning of `day`."""

    @abstractmethod
    def _knowing(self, row: Int, concept: Int, seconds: Float, ease: Float) -> Float:
        """(answers,) P(knows) on the present day, of items easier by `ease` logits than average."""

    @abstractmethod
    def _learn(self, practice: Practice) -> None:
        """Changes the state by what was practised."""

    def _night(self) -> None:
        """What happens at the beginning of `day`; worlds that forget by a formula of time have nothing to do."""

    def _manner(self, row: Int, concept: Int, turn: Int) -> Manner:
        """Everybody tries, nobody tires, unless the world says otherwise."""
        del concept, turn
        none, zero = np.zeros(len(row), bool), np.zeros(len(row))
        return Manner(~none, none, zero, zero + 1.0)

    def _draw(self, row: Int, concept: Int, turn: Int, manner: Manner, known: Float) -> Outcome:
        answering = self.scene.answering
        known = np.where(manner.effort, known, 0.0)
        knew = self.draws.uniform("knows", row, concept, turn) < known
        otherwise = np.where(manner.helped & manner.effort, HELPED, answering.guess)
        right = np.where(knew, 1.0 - answering.slip, otherwise)
        correct = self.draws.uniform("luck", row, concept, turn) < right
        noise = answering.pace_sd * self.draws.normal("pace", row, concept, turn)
        taken = answering.seconds * manner.pace * self._pace[row] * np.exp(noise)
        taken = taken * np.where(correct, 1.0, answering.wrong_factor)
        taken = np.clip(taken, _FASTEST, _SLOWEST) + answering.first_seconds * (turn == 0)
        chance = known * (1.0 - answering.slip) + (1.0 - known) * otherwise
        return Outcome(correct, taken / SECONDS_PER_MINUTE, knew, chance)

    def _met(self, row: Int, item: Int, at: Float) -> Float:
        """(answers,) traces of having met the items, as they stand now."""
        days = (at - self._traced[row, item]) / SECONDS_PER_DAY
        return np.asarray(self._trace[row, item] * np.exp2(-days / self.scene.answering.familiar_days))

    def _note(self, row: Int, concept: Int, item: Int, at: Float, trace: Float, minutes: Float) -> None:
        self.practised[row, concept] += 1
        self.last_practised[row, concept] = at
        self._last_seen[row] = at
        self._trace[row, item], self._traced[row, item] = trace + 1.0, at
        self._minutes_today[row] += minutes

    def _check(self, row: Int, item: Int, at: Float) -> None:
        if item.shape != row.shape or row.ndim != 1:
            raise ValueError(f"learners of shape {row.shape}, items of shape {item.shape}: give one item a learner")
        if not len(row):
            return
        if row.min() < 0 or row.max() >= self.n_learners or len(np.unique(row)) != len(row):
            raise ValueError(f"learners must be distinct and in 0 to {self.n_learners - 1}: ask each once a call")
        if item.min() < 0 or item.max() >= self.course.n_items:
            raise ValueError(
                f"items reach from {item.min()} to {item.max()}; the course has 0 to {self.course.n_items - 1}"
            )
        if not np.all(np.isfinite(at)):
            raise ValueError("a time is not finite: give Unix seconds")
        first, last = day_of(float(at.min())), day_of(float(at.max()))
        if first != last or first < self.day:
            raise ValueError(f"times on days {first} to {last}, the world is on {self.day}: ask day by day, never back")
        if np.any(at < self._last_seen[row]):
            who = int(row[np.argmax(at < self._last_seen[row])])
            raise ValueError(f"learner {who} has answered after the time given: ask in time order")
