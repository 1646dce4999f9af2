"""Forgetting curves of one learner into the future, with the reviews that are planned on them, as SVG geometry.

All figures come out of the simulator of the agenda, `scheduling.outlook`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, final

import numpy as np
from django.utils import timezone

from kt_models.recall import SECONDS_PER_DAY, Float, interval
from tutor.dashboard.upcoming import kind_label
from tutor.scheduling import outlook
from tutor.scheduling.courses import KINDS, Course
from tutor.scheduling.forecasts import Ahead

#: Pictures look this far ahead, and at most so far back, in days.
AHEAD_DAYS: Final = 28
BACK_DAYS: Final = 28.0
_BACK, _COMING = 8, 32

WIDTH: Final = 132.0
HEIGHT: Final = 34.0


@final
@dataclass(frozen=True)
class Visit:
    """A day on which a concept is planned, and recall expected just before and right after; `kind` is a `Kind`."""

    at: datetime
    kind: str
    answers: int
    before: float
    after: float

    @property
    def label(self) -> str:
        return kind_label(self.kind)


@final
@dataclass(frozen=True, eq=False)
class Future:
    """Recall of every concept over time, shapes (times, concepts): left alone, with its 90 % range, and as planned.

    Times (times,) are Unix seconds from a while ago on. `planned` is what is left alone before `now`.
    """

    ahead: Ahead
    times: Float
    alone: Float
    low: Float
    high: Float
    planned: Float

    @classmethod
    def of(cls, ahead: Ahead, *, back_days: float = BACK_DAYS, also: Sequence[float] = ()) -> Future:
        """`also`: Unix seconds at which curves jump, so that pictures show it."""
        prospect, k = ahead.prospect, ahead.prospect.content.n_concepts
        times = _times(prospect.table.origin, prospect.now, back_days, also)
        found = [outlook.recall_alone(prospect.table, k, t) for t in times.tolist()]
        alone, sd = np.stack([recall for recall, _ in found]), np.stack([spread for _, spread in found])
        planned = [
            recall_planned(ahead, t) if t > prospect.now else row for t, row in zip(times.tolist(), alone, strict=True)
        ]
        return cls(ahead, times, alone, *interval(alone, sd), np.stack(planned))

    @property
    def now(self) -> float:
        return self.ahead.prospect.now

    def visits(self, concept: int) -> list[Visit]:
        """Of a concept, the earliest first; one expectation each, so meant for one concept."""
        course = self.ahead.agenda
        found = []
        for row in np.flatnonzero(course.concept == concept).tolist():
            at = float(course.seconds[row])
            before, after = (float(recall_planned(self.ahead, t)[concept]) for t in (at - 1.0, at))
            kind = KINDS[int(course.kind[row])].value
            found.append(Visit(datetime.fromtimestamp(at, UTC), kind, int(course.answers[row]), before, after))
        return found


def jumps(ahead: Ahead, concept: int) -> list[float]:
    """Unix seconds around each practice that is planned of a concept."""
    at = ahead.agenda.seconds[ahead.agenda.concept == concept]
    return [float(each) for each in np.sort(np.concatenate([at - 1.0, at]))]


def recall_planned(ahead: Ahead, at: float) -> Float:
    """(concepts,) at a time within the horizon, if what the agenda plans until then is done."""
    return outlook.recall_then(ahead.prospect, _until(ahead.agenda, at, ahead.prospect.content.n_concepts), at)[0]


def _until(course: Course, at: float, n_concepts: int) -> Course:
    done = course.seconds <= at
    concept, seconds, answers = course.concept[done], course.seconds[done], course.answers[done]
    practices = np.bincount(concept, weights=answers, minlength=n_concepts).astype(np.int64)
    last = np.full(n_concepts, -np.inf)
    np.maximum.at(last, concept, seconds)
    return Course(concept, course.day[done], seconds, course.kind[done], answers, practices, last)


def _times(origin: float, now: float, back_days: float, also: Sequence[float]) -> Float:
    start = max(min(origin, now), now - back_days * SECONDS_PER_DAY)
    # Denser after an answer, where forgetting is fast.
    past = start + (now - start) * np.linspace(0.0, 1.0, _BACK) ** 1.5
    end = now + AHEAD_DAYS * SECONDS_PER_DAY
    coming = now + (end - now) * np.linspace(0.0, 1.0, _COMING) ** 1.25
    within = [each for each in also if now < each <= end]
    return np.unique(np.concatenate([past, coming, within]))


@final
@dataclass(frozen=True)
class Frame:
    """Where times and shares stand in a picture; `top` and `left` are the inner corner."""

    left: float
    top: float
    width: float
    height: float
    start: float
    end: float

    def x(self, seconds: float) -> float:
        return self.left + (seconds - self.start) / (self.end - self.start) * self.width

    def y(self, share: float) -> float:
        return self.top + (1.0 - share) * self.height

    def line(self, times: Float, shares: Float) -> str:
        return "M" + "L".join(self._points(times, shares))

    def band(self, times: Float, low: Float, high: Float) -> str:
        return "M" + "L".join(self._points(times, high) + self._points(times[::-1], low[::-1])) + "z"

    def _points(self, times: Float, shares: Float) -> list[str]:
        x = self.left + (times - self.start) / (self.end - self.start) * self.width
        y = self.top + (1.0 - shares) * self.height
        return [f"{number(a)} {number(b)}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]


class Dot(NamedTuple):
    x: str
    y: str


@final
@dataclass(frozen=True)
class Drawn:
    """Paths of one concept. `line` and `band` are without practice; `plan`, from now on, "" if nothing is planned.

    `review_y` is "" if no review can fall due. `recall_then`, `planned_then`: at the end of the picture.
    """

    line: str
    band: str
    plan: str
    now: Dot
    review_y: str
    dots: tuple[Dot, ...]
    recall_then: float
    planned_then: float


def draw(future: Future, frame: Frame, concept: int, recall_now: float, review_at: float | None) -> Drawn:
    coming = future.times >= future.now
    at = visited(future.ahead.agenda, concept, frame.end)
    plan = frame.line(future.times[coming], future.planned[coming, concept]) if len(at) else ""
    heights = np.interp(at, future.times, future.planned[:, concept])
    return Drawn(
        line=frame.line(future.times, future.alone[:, concept]),
        band=frame.band(future.times, future.low[:, concept], future.high[:, concept]),
        plan=plan,
        now=Dot(number(frame.x(future.now)), number(frame.y(recall_now))),
        review_y="" if review_at is None else number(frame.y(review_at)),
        dots=tuple(
            Dot(number(frame.x(t)), number(frame.y(p))) for t, p in zip(at.tolist(), heights.tolist(), strict=True)
        ),
        recall_then=float(future.alone[-1, concept]),
        planned_then=float(future.planned[-1, concept]),
    )


def next_visits(course: Course) -> dict[int, float]:
    """Unix seconds at which each concept that is planned is practised next."""
    # Visits are in order of time, so the last one written is the first of its concept.
    return dict(zip(course.concept[::-1].tolist(), course.seconds[::-1].tolist(), strict=True))


def visited(course: Course, concept: int, end: float) -> Float:
    """(visits,) Unix seconds."""
    seconds: Float = course.seconds[course.concept == concept]
    return np.sort(seconds[seconds <= end])


def small(future: Future) -> Frame:
    return Frame(0.0, 0.0, WIDTH, HEIGHT, float(future.times[0]), float(future.times[-1]))


class Mark(NamedTuple):
    """An answer below the curve: `verdict` as of `queries.Answer`."""

    x: str
    verdict: str


class Tick(NamedTuple):
    x: str
    at: datetime
    is_now: bool


class Level(NamedTuple):
    y: str
    share: float


@final
@dataclass(frozen=True)
class Chart:
    """A large picture, in a box `width` wide and `height` high."""

    name: str
    width: int
    height: int
    frame: Frame
    drawn: Drawn
    levels: tuple[Level, ...]
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    #: Answers from before the picture.
    earlier: int

    @property
    def right(self) -> str:
        return number(self.frame.left + self.frame.width)

    @property
    def bottom(self) -> str:
        return number(self.frame.top + self.frame.height)

    @property
    def marks_y(self) -> str:
        return number(self.frame.top + self.frame.height + 17)

    @property
    def labels_y(self) -> str:
        return number(self.frame.top + self.frame.height + 44)


#: Box, and days between dates, of the pictures for a desk and for a phone.
_SIZES: Final = (("wide", 960, 340, 7), ("narrow", 348, 300, 14))


def charts(
    future: Future, concept: int, recall_now: float, review_at: float | None, answers: Sequence[tuple[datetime, str]]
) -> tuple[Chart, ...]:
    """The same at two sizes: text in a picture that is shrunk to a phone could not be read."""
    return tuple(_chart(future, concept, recall_now, review_at, answers, *size) for size in _SIZES)


def _chart(
    future: Future,
    concept: int,
    recall_now: float,
    review_at: float | None,
    answers: Sequence[tuple[datetime, str]],
    name: str,
    width: int,
    height: int,
    step: int,
) -> Chart:
    frame = Frame(44.0, 10.0, width - 74.0, height - 64.0, _start(future, answers), float(future.times[-1]))
    marks = [Mark(number(frame.x(at.timestamp())), said) for at, said in answers if at.timestamp() >= frame.start]
    return Chart(
        name, width, height, frame,
        draw(future, frame, concept, recall_now, review_at),
        tuple(Level(number(frame.y(share)), share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        tuple(_ticks(frame, future.now, step)),
        tuple(marks),
        len(answers) - len(marks),
    )  # fmt: skip


def _start(future: Future, answers: Sequence[tuple[datetime, str]]) -> float:
    """Before the first answer of the last weeks, and some days before now."""
    earliest = future.now - BACK_DAYS * SECONDS_PER_DAY
    shown = [at.timestamp() for at, _ in answers if at.timestamp() >= earliest]
    first = min((*shown, float(future.times[0]), future.now - 3.5 * SECONDS_PER_DAY))
    return max(first - 0.5 * SECONDS_PER_DAY, earliest)


def _ticks(frame: Frame, now: float, step: int) -> list[Tick]:
    """Now, and days so many apart from it: at the same hour, whatever the clocks do."""
    here = timezone.localtime(datetime.fromtimestamp(now, UTC))
    days = [here + timedelta(days=n * step) for n in range(-8, 9)]
    inside = [day for day in days if frame.start <= day.timestamp() <= frame.end]
    return [Tick(number(frame.x(day.timestamp())), day, day == here) for day in inside]


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


class Week(NamedTuple):
    """Recall at a time: left alone, with its 90 % range, and as planned."""

    at: datetime
    alone: float
    low: float
    high: float
    planned: float


def weeks(future: Future, concept: int) -> list[Week]:
    """From now on, one each until the picture ends."""
    found = []
    for n in range(AHEAD_DAYS // 7 + 1):
        at = future.now + n * 7 * SECONDS_PER_DAY
        columns = (future.alone, future.low, future.high, future.planned)
        figures = [float(np.interp(at, future.times, column[:, concept])) for column in columns]
        found.append(Week(datetime.fromtimestamp(at, UTC), *figures))
    return found
