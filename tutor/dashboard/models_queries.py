"""The rows behind the pages of models, each kind in one statement, however many versions, runs and learners."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, final
from uuid import UUID

from django.db.models import F, Func, JSONField, Q, QuerySet, Subquery, Value
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext as _

from curricula import queries as curricula
from curricula.models import Curriculum
from tutor.accounts.access import NotFound
from tutor.accounts.models import School, User
from tutor.registry import card, queries, runs
from tutor.registry.card_words import STATES
from tutor.registry.models import Deployment, ModelVersion, TrainingRun

#: Versions and runs that a page lists; older ones on demand.
VERSIONS: Final = 20
RUNS: Final = 8
#: Schools with a model of their own that an operator is shown.
SCHOOLS: Final = 50

_NEXT: Final = '$.gates[*] ? (@.name == "next answer against champion").figures.log_loss'
_PASSED: Final = "$.gates[*].passed"


@final
@dataclass(frozen=True)
class Manager:
    """Who looks after models: a school's administrator for the school, an operator (None) for all schools."""

    user: User
    school_id: UUID | None

    @property
    def is_operator(self) -> bool:
        return self.school_id is None

    @property
    def whose(self) -> str:
        return self.user.school.name if self.user.school else _("all schools")

    @property
    def name(self) -> str:
        return self.user.name or self.user.email


def manager(user: User) -> Manager:
    """Raises: NotFound: for everybody else, as if there were no such page."""
    if user.is_active and user.school_id is None and user.is_staff:
        return Manager(user, None)
    if user.is_active and user.school_id is not None and user.role == User.Role.ADMIN:
        return Manager(user, user.school_id)
    raise NotFound("page", "models")


@final
@dataclass(frozen=True)
class VersionLine:
    """A version in a list. `better`: its log loss less that of the champion it was judged beside."""

    id: UUID
    kind: str
    state: str
    is_baseline: bool
    school_id: UUID | None
    created_at: datetime
    note: str
    log_loss: card.Value | None
    auc: card.Value | None
    better: card.Value | None
    passed: int
    gates: int

    @property
    def title(self) -> str:
        return card.label(self.kind, self.id)

    @property
    def state_title(self) -> str:
        return STATES.get(self.state, self.state)

    @property
    def can_serve(self) -> bool:
        return self.state not in (ModelVersion.State.FAILED, ModelVersion.State.REJECTED)


class SchoolLine(NamedTuple):
    """A school with a champion of its own, and what that is called."""

    name: str
    version_id: UUID
    version: str


class Choice(NamedTuple):
    """A curriculum to look at; an operator's has the name of its school with it, if it is not everybody's."""

    curriculum: Curriculum
    owner: str

    @property
    def title(self) -> str:
        return f"{self.curriculum.title} ({self.owner})" if self.owner else self.curriculum.title


def choices(of: Manager) -> list[Choice]:
    """Curricula with something published, by title."""
    every = Curriculum.objects.all() if of.is_operator else curricula.visible(of.school_id)
    found = list(every.filter(versions__published_at__isnull=False).distinct().order_by("title", "id"))
    owners = {each.owner for each in found if each.owner and of.is_operator}
    names = dict(School.objects.filter(pk__in=owners).values_list("pk", "name")) if owners else {}
    return [Choice(each, names.get(each.owner, "") if each.owner else "") for each in found]


def deployments_of(of: Manager, curriculum_id: UUID) -> tuple[Deployment | None, Deployment | None]:
    """The manager's own, if it serves, and the one of all schools; of an operator they are the same."""
    target = Q(school=None) | Q(school=of.school_id)
    rows = Deployment.objects.filter(target, curriculum=curriculum_id, follows_since=None)
    found = {each.school_id: each for each in rows}
    return found.get(of.school_id), found.get(None)


def versions(of: Manager, curriculum_id: UUID, *, before: UUID | None, also: Collection[UUID]) -> list[VersionLine]:
    """A page and one more, newest first, and `also`, wherever they stand: headline figures without the rest."""
    rows = _of_manager(of, curriculum_id)
    listed = _page(rows, before).values("pk")
    found = rows.filter(Q(pk__in=Subquery(listed)) | Q(pk__in=list(also)))
    return [_line(row) for row in _headlines(found).order_by("-pk")]


def every_version(of: Manager, curriculum_id: UUID) -> list[VersionLine]:
    """Those of all pages."""
    return [_line(row) for row in _headlines(_of_manager(of, curriculum_id)).order_by("-pk")]


def training_runs(of: Manager, curriculum_id: UUID, *, most: int | None = RUNS) -> list[TrainingRun]:
    """Newest first, those under way before all; None for however many there are."""
    rows = runs.visible(of.school_id).filter(curriculum=curriculum_id).defer("log", "settings")
    rows = rows.filter(school=None) if of.is_operator else rows
    return list(rows.order_by(F("finished_at").desc(nulls_first=True), "-created_at")[:most])


def run_of(of: Manager, version_id: UUID) -> TrainingRun | None:
    """The run that a version came of, with its learning curve."""
    return runs.visible(of.school_id).filter(version=version_id).first()


def schools_apart(curriculum_id: UUID) -> list[SchoolLine]:
    """Schools with a deployment of their own, by name."""
    own = Deployment.objects.filter(curriculum=curriculum_id, school__isnull=False, follows_since=None)
    rows = own.order_by("school__name").values_list("school__name", "champion_id", "champion__kind")[:SCHOOLS]
    return [SchoolLine(name, version, card.label(kind, version)) for name, version, kind in rows]


def is_seen(of: Manager, version_id: UUID | None) -> bool:
    return version_id is not None and queries.versions(of.school_id).filter(pk=version_id).exists()


def titles(version_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """What versions are called, by id."""
    found = ModelVersion.objects.filter(pk__in=[each for each in version_ids if each])
    return {pk: card.label(kind, pk) for pk, kind in found.values_list("pk", "kind")}


def _of_manager(of: Manager, curriculum_id: UUID) -> QuerySet[ModelVersion]:
    rows = queries.versions(of.school_id).filter(curriculum_version__curriculum=curriculum_id)
    # Schools' own are theirs to look after; an operator's list would drown in them.
    return rows.filter(school=None) if of.is_operator else rows


def _page(rows: QuerySet[ModelVersion], before: UUID | None) -> QuerySet[ModelVersion]:
    older = rows.filter(pk__lt=before) if before else rows
    return older.order_by("-pk")[: VERSIONS + 1]


def _headlines(rows: QuerySet[ModelVersion]) -> QuerySet[Any, Any]:
    def first(path: str) -> Func:
        return Func(F("verdict"), Value(path), function="jsonb_path_query_first",
                    template="%(function)s(%(expressions)s::jsonpath)", output_field=JSONField())  # fmt: skip

    def every(path: str) -> Func:
        return Func(F("verdict"), Value(path), function="jsonb_path_query_array",
                    template="%(function)s(%(expressions)s::jsonpath)", output_field=JSONField())  # fmt: skip

    return rows.annotate(
        found_loss=KeyTransform("log_loss", "metrics"), found_auc=KeyTransform("auc", "metrics"),
        found_better=first(_NEXT), found_passed=every(_PASSED),
    ).values("pk", "kind", "state", "is_baseline", "school_id", "created_at", "note",
             "found_loss", "found_auc", "found_better", "found_passed")  # fmt: skip


def _line(row: dict[str, Any]) -> VersionLine:
    passed = row["found_passed"] or []
    return VersionLine(
        row["pk"], row["kind"], row["state"], row["is_baseline"], row["school_id"], row["created_at"], row["note"],
        card.value(row["found_loss"]), card.value(row["found_auc"]), card.value(row["found_better"]),
        sum(passed), len(passed),
    )  # fmt: skip
