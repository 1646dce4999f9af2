"""What `agenda`, `workload` and `forecast` take and tell."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from api.v1.next import ConceptRef, ModelRef

Key = Annotated[str, Meta(min_length=1, max_length=255)]
CurriculumRef = Annotated[
    str, Meta(min_length=1, max_length=120, description="Key or id; may be left out by schools that have one")
]
DaysAhead = Annotated[int, Meta(ge=1, le=365, description="How far ahead; today is the first day")]
NewPerDay = Annotated[float, Meta(ge=0, le=50, description="Concepts taken up a day, 0 for none; as agreed if absent")]
Retention = Annotated[float, Meta(ge=0.5, le=0.99)]


class AgendaQuery(msgspec.Struct, forbid_unknown_fields=True):
    curriculum: CurriculumRef | None = None
    days: DaysAhead = 14
    new_per_day: NewPerDay | None = None


class WorkloadQuery(msgspec.Struct, forbid_unknown_fields=True):
    curriculum: CurriculumRef | None = None
    days: DaysAhead = 30
    retention: Annotated[
        list[Retention],
        Meta(min_length=1, max_length=10, description="Shares of the recall after practice at which reviews come"),
    ] = msgspec.field(default_factory=lambda: [0.7, 0.8, 0.9])
    new_per_day: NewPerDay | None = None


class ForecastQuery(msgspec.Struct, forbid_unknown_fields=True):
    date: Annotated[dt.date, Meta(description="The learner's own day, at its first hour; within a year")]
    curriculum: CurriculumRef | None = None
    concepts: Annotated[
        list[Key], Meta(max_length=1000, description="Keys of the concepts to tell, separated by commas; all if absent")
    ] = []
    new_per_day: NewPerDay | None = None


class RecallOut(msgspec.Struct):
    """Chance of a right answer to an item of average difficulty, with its 90 % interval.

    `n` counts the learner's answers on the concept, `as_of` is the time of the last answer known to the model.
    """

    value: float
    low: float
    high: float
    n: int
    status: str
    model: ModelRef
    as_of: dt.datetime | None


class AgendaOut(msgspec.Struct):
    """A mastered concept, or, by a policy that keeps a schedule of its own, any that was begun.

    `due_at` is when it falls due by the policy, `planned_at` when it is practised, so that no day is crowded.

    `day` is the learner's own day of `planned_at`, in their time zone and from their day's first hour. `is_due`: its
    review may be offered now. `waits`: its own day is quiet, or holds no more; `planned_at` is then of the next day
    that has room, null if there is none among those asked for.
    """

    concept: ConceptRef
    estimate: RecallOut
    due_at: dt.datetime
    planned_at: dt.datetime | None
    day: dt.date | None
    is_due: bool
    waits: bool
    minutes: float


class Visit(msgspec.Struct):
    """`kind` is review, practice or new; `answers` how many items, `minutes` what they take this learner."""

    concept: ConceptRef
    kind: str
    answers: int
    minutes: float


class AgendaDay(msgspec.Struct):
    """What is expected of a day, if everything before it is done: reviews of reviews and new concepts too.

    `is_full`: something has to wait for another day, because the day's allowance holds no more.
    """

    date: dt.date
    is_quiet: bool
    is_full: bool
    minutes: float
    visits: list[Visit]


class AllowanceOut(msgspec.Struct):
    """What is agreed for a day, null for no limit. An answer is begun as long as minutes are left."""

    answers_a_day: int | None
    new_a_day: int | None
    minutes_a_day: float | None


class AgendaList(msgspec.Struct):
    """`pace`: minutes that the learner takes for each that an author expects. `retention`, `new_per_day`: as agreed."""

    data: list[AgendaOut]
    days: list[AgendaDay]
    until: dt.datetime
    pace: float
    retention: float
    new_per_day: float
    allowance: AllowanceOut
    degraded: bool


class WorkloadOut(msgspec.Struct):
    """Minutes of practice, a day on average and day by day. They never fall as retention rises.

    Allowances do not bound them: they tell what a retention would take.
    """

    retention: float
    minutes_per_day: float
    days: list[float]


class DecileOut(msgspec.Struct):
    """A tenth of past forecasts: mean chance of a right answer as told, and mean credit given, with 90 % interval."""

    n: int
    forecast: float
    observed: float
    low: float
    high: float


class CoverageOut(msgspec.Struct):
    """How past forecasts of the model came true in the school, for answers given half a day or more after others.

    `error` is the mean distance between forecast and observed, null before there are answers.
    """

    answers: int
    learners: int
    error: float | None
    deciles: list[DecileOut]


class WorkloadList(msgspec.Struct):
    data: list[WorkloadOut]
    first_day: dt.date
    pace: float
    retention: float
    new_per_day: float
    coverage: CoverageOut
    degraded: bool


class ForecastOut(msgspec.Struct):
    """`estimate` is of the date if nothing is practised, its `status` and `n` of now; `with_agenda` if the agenda is
    followed; `after_practice` at the date after one practice now.

    `mastered` and `mastered_with_agenda` are the chances that the true recall is `mastered_at` or more on the date.
    """

    concept: ConceptRef
    estimate: RecallOut
    now: float
    after_practice: float
    with_agenda: float
    mastered: float
    mastered_with_agenda: float


class BandOut(msgspec.Struct):
    """Past forecasts alike: how many, what was told on average, and what came of them, with 90 % interval."""

    n: int
    forecast: float
    observed: float
    low: float
    high: float


class MasteryCoverageOut(msgspec.Struct):
    """How past forecasts by the model that serves came true in the school, of a sample drawn every night.

    `bands` are of `mastered_with_agenda` as it was told, for learners who answered as often as the agenda planned:
    `observed` is the mean chance of mastery by what was believed when the day had come. Without `is_checked`, fewer
    than `needed` of these are known, or of fewer than ten learners: there are no bands then, and the chances are the
    model's word alone. `first_answers` are of recall, as forecast with the practice that there was, all of the agenda's
    or none: `observed` is the share right of the first answers within three days since the day came. Bands of fewer
    than ten learners are left out. `waiting` forecasts are of days to come.
    """

    is_checked: bool
    checked: int
    needed: int
    waiting: int
    bands: list[BandOut]
    first_answers: list[BandOut]


class ForecastList(msgspec.Struct):
    """`calibrated`: `mastered_with_agenda` is corrected by how past chances came true."""

    data: list[ForecastOut]
    at: dt.datetime
    mastered_at: float
    coverage: MasteryCoverageOut
    calibrated: bool
    degraded: bool
