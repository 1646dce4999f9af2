"""What next: the question that everything else is there to answer."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from msgspec import Meta

from api.errors import BAD_PARAMETER, NOT_FOUND, TRANSLATIONS, Problem, bad_parameter
from api.fast import Client, endpoint, query, respond, timed
from curricula.snapshot import Snapshot
from tutor.scheduling import contents, serving
from tutor.scheduling.explanations import alert, nothing, placed
from tutor.scheduling.plans import Body, PlannedEntry, moment
from tutor.scheduling.policies import Barrier
from tutor.scheduling.reasons import sentence
from tutor.scheduling.services import Narrowing
from tutor.scheduling.serving import Served

Keys = Annotated[list[Annotated[str, Meta(min_length=1, max_length=255)]], Meta(max_length=200)]

TRANSLATIONS[contents.UnknownCurriculum] = lambda error: Problem(NOT_FOUND, str(error))
TRANSLATIONS[contents.AmbiguousCurriculum] = lambda error: Problem(BAD_PARAMETER, str(error))


class NextQuery(msgspec.Struct, forbid_unknown_fields=True):
    """`n` items at most, of about `minutes` in all; `concepts` narrows to some, `exclude` leaves items out."""

    n: Annotated[int, Meta(ge=1, le=50)] = 1
    minutes: Annotated[float, Meta(gt=0, le=600)] | None = None
    exclude: Keys = []
    concepts: Keys = []
    curriculum: Annotated[str, Meta(min_length=1, max_length=120)] | None = None


class ConceptRef(msgspec.Struct):
    id: UUID
    key: str
    title: str


class ItemOut(msgspec.Struct):
    """What to present: `statement`, and `choices` or `url` where the author gives them."""

    id: UUID
    key: str
    statement: str
    choices: list[str] | None
    url: str | None
    difficulty: float
    minutes: float


class ReasonOut(msgspec.Struct):
    """`code` for machines, `text` for people, `figure` the number in it."""

    code: str
    text: str
    figure: float


class Recommendation(msgspec.Struct):
    """One thing to do. `decision_id` goes back with the answer, as its `recommendation`.

    `expected` is the chance of a right answer; `propensity` the chance that the policy chose this of `candidates_n`, 0
    where a teacher pinned it: the others are then what the policy would have drawn from.
    """

    decision_id: UUID
    kind: str
    item: ItemOut
    concept: ConceptRef
    due_at: datetime
    expected: float
    score: float
    propensity: float
    candidates_n: int
    reasons: list[ReasonOut]


class ModelRef(msgspec.Struct):
    name: str
    version: UUID


class ConceptAlert(msgspec.Struct):
    """Something that a teacher should look at; `text` says what."""

    code: str
    concept: ConceptRef
    text: str


class NextOut(msgspec.Struct):
    """`data` is empty when there is nothing to do now: `explanation` says why, with the code `nothing`, and
    `next_due_at` when there will be something.

    `placed`: the class has a placement that is complete for this learner, so that `policy`, agreed on for after it,
    goes on; `explanation` says so too.

    `as_of` is the time of the last answer known to the model. `degraded` says that this is not the best there could be:
    the best version cannot be loaded, answers have waited for five minutes since no worker takes them in, or the
    learner's belief could not be read and is being rebuilt.
    """

    data: list[Recommendation]
    explanation: str
    nothing: Barrier | None
    alerts: list[ConceptAlert]
    next_due_at: datetime | None
    policy: str
    policy_version: int
    placed: bool
    model: ModelRef
    degraded: bool
    as_of: datetime | None


@endpoint(
    "GET",
    scope="recommend:read",
    bucket="recommend",
    summary="What a learner should do next, when, and why",
    tags=["Recommendations"],
    query=NextQuery,
    responses={200: NextOut},
    errors={404: "there is no such learner or curriculum"},
    path={"learner": "id of the learner, or `external:{source}:{id}`"},
)
def get_next(request: HttpRequest, client: Client, learner: str) -> HttpResponse:
    """Each recommendation is written to the decision log. Asked again before an answer, it is the same one."""
    started = time.perf_counter()
    asked = query(request, NextQuery)
    narrowing = _narrowing(client, asked)
    now = timezone.now()
    served = serving.next_for(client, learner, curriculum=asked.curriculum, n=asked.n, narrowing=narrowing, now=now)
    return timed(respond(_out(served)), choose=time.perf_counter() - started)


def _narrowing(client: Client, asked: NextQuery) -> Narrowing | None:
    if asked.minutes is None and not asked.exclude and not asked.concepts:
        return None
    content = contents.latest(contents.resolve(client.school_id, asked.curriculum))
    items = _positions(content.item_position, asked.exclude, "exclude", "item")
    concepts = _positions(content.concept_position, asked.concepts, "concepts", "concept")
    return Narrowing(asked.n, asked.minutes, frozenset(concepts) if asked.concepts else None, frozenset(items))


def _positions(known: dict[str, int], keys: list[str], parameter: str, kind: str) -> list[int]:
    for key in keys:
        if key not in known:
            raise bad_parameter(parameter, f"unknown_{kind}", f"{kind} {key!r} is not in the published curriculum")
    return [known[key] for key in keys]


def _out(served: Served) -> NextOut:
    body = served.body
    return NextOut(
        data=[_recommendation(served.content, entry) for entry in served.entries],
        explanation=_explanation(body, is_empty=not served.entries),
        nothing=None if served.entries or not body.nothing else Barrier(body.nothing),
        alerts=[ConceptAlert(code, concept_ref(served.content, concept), alert(code)) for concept, code in body.alerts],
        next_due_at=moment(body.next_due_at),
        policy=body.policy,
        policy_version=body.policy_version,
        placed=body.placed,
        model=ModelRef(body.model, body.model_version_id),
        degraded=served.degraded,
        as_of=moment(body.as_of),
    )


def _recommendation(content: Snapshot, entry: PlannedEntry) -> Recommendation:
    return Recommendation(
        decision_id=entry.decision_id,
        kind=entry.kind,
        item=item_out(content, entry.item),
        concept=concept_ref(content, entry.concept),
        due_at=datetime.fromtimestamp(entry.due_at, UTC),
        expected=entry.expected,
        score=entry.score,
        propensity=entry.propensity,
        candidates_n=len(entry.candidates),
        reasons=[ReasonOut(code, sentence(code, figure), figure) for code, figure in entry.reasons],
    )


def item_out(content: Snapshot, position: int) -> ItemOut:
    authored = content.item_contents[position]
    return ItemOut(
        id=content.item_ids[position],
        key=content.item_keys[position],
        statement=content.item_statement(position),
        choices=list(authored.choices) if authored and authored.choices else None,
        url=authored.url if authored else None,
        difficulty=float(content.item_difficulty[position]),
        minutes=float(content.item_minutes[position]),
    )


def concept_ref(content: Snapshot, position: int) -> ConceptRef:
    return ConceptRef(content.concept_ids[position], content.concept_keys[position], content.concept_titles[position])


def _explanation(body: Body, *, is_empty: bool) -> str:
    told = [placed(body.policy)] if body.placed else []
    return " ".join([*told, _why_empty(body)] if is_empty else told)


def _why_empty(body: Body) -> str:
    at = moment(body.next_due_at)
    return nothing(body) + (f" There will be something at {at:%Y-%m-%d %H:%M} UTC." if at else "")


urlpatterns = [path("learners/<str:learner>/next", get_next)]
