"""The one door to people, groups and curricula on behalf of somebody.

"Absent" and "not yours" are the same `NotFound`, so that nobody learns what other schools have.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from curricula import queries as curricula
from curricula.models import Curriculum
from tutor import db
from tutor.accounts.models import ApiClient, Group, Learner, LearnerToken, Membership, User

Row = TypeVar("Row", Learner, Group)


@dataclass(frozen=True, slots=True)
class Client:
    """A machine with a valid key: what an `ApiClient` row says, held for some seconds. It sees its whole school.

    Or whoever holds the token of one learner (`learner_id`), and sees nobody else.
    """

    id: UUID
    school_id: UUID
    name: str
    scopes: frozenset[str]
    #: Unix time in seconds.
    expires_at: float = float("inf")
    learner_id: UUID | None = None


#: Who asks: a machine sees its school, an administrator likewise, a teacher the groups that they teach.
Principal = Client | User


class NotFound(LookupError):
    def __init__(self, kind: str, ref: object) -> None:
        super().__init__(f"there is no {kind} {str(ref)!r} that you may see: check the identifier and your school")
        self.kind, self.ref = kind, ref


class External(NamedTuple):
    """The name that a roster gives to a learner or group."""

    source: str
    id: str


def parse_ref(ref: str | UUID) -> UUID | External | None:
    """A UUID, or `external:{source}:{id}`, as people write it; None if it is neither."""
    if isinstance(ref, UUID):
        return ref
    if ref.startswith("external:"):
        source, _, external_id = ref.removeprefix("external:").partition(":")
        return External(source, external_id) if source and external_id and "\0" not in ref else None
    try:
        return UUID(ref) if len(ref) == 36 else None
    except ValueError:
        return None


def learners_visible(principal: Principal) -> QuerySet[Learner]:
    if principal.school_id is None:
        return Learner.objects.none()
    learners = Learner.objects.filter(school_id=principal.school_id)
    if isinstance(principal, Client) and principal.learner_id is not None:
        return learners.filter(pk=principal.learner_id)
    if _sees_school(principal):
        return learners
    return learners.filter(id__in=Membership.objects.filter(group__in=groups_visible(principal)).values("learner_id"))


def groups_visible(principal: Principal) -> QuerySet[Group]:
    if principal.school_id is None:
        return Group.objects.none()
    groups = Group.objects.filter(school_id=principal.school_id)
    if _sees_school(principal):
        return groups
    is_teacher = isinstance(principal, User) and principal.is_active
    return groups.filter(teachers__in=[principal.id]) if is_teacher else groups.none()


def access_learner(principal: Principal, ref: str | UUID) -> Learner:
    found = _filtered(learners_visible(principal), ref).first()
    if found is None:
        raise NotFound("learner", ref)
    return found


def access_group(principal: Principal, ref: str | UUID) -> Group:
    found = _filtered(groups_visible(principal), ref).first()
    if found is None:
        raise NotFound("class", ref)
    return found


def access_curriculum(principal: Principal, ref: str | UUID, *, edit: bool = False) -> Curriculum:
    """The school's own curriculum or a shared one; with `edit`, only its own."""
    visible = curricula.editable if edit else curricula.visible
    pk = parse_ref(ref)
    found = visible(principal.school_id).filter(pk=pk).first() if isinstance(pk, UUID) and principal.school_id else None
    if found is None:
        raise NotFound("curriculum that you may edit" if edit else "curriculum", ref)
    return found


def access_api_client(client: Client, pk: UUID) -> ApiClient:
    found = ApiClient.objects.filter(school_id=client.school_id, pk=pk).first()
    if found is None:
        raise NotFound("key", pk)
    return found


def access_learner_token(principal: Principal, pk: UUID) -> LearnerToken:
    found = LearnerToken.objects.filter(learner__in=learners_visible(principal), pk=pk).first()
    if found is None:
        raise NotFound("learner token", pk)
    return found


_BY_ID: Final = "SELECT id FROM accounts_learner WHERE id = ANY(%s::uuid[]) AND school_id = %s"
_BY_EXTERNAL_ID: Final = """
SELECT l.source, l.external_id, l.id
FROM unnest(%s::text[], %s::text[]) AS t(source, external_id)
JOIN accounts_learner l
    ON l.school_id = %s AND l.source = t.source AND l.external_id = t.external_id AND l.external_id <> ''
"""


def learner_ids(client: Client, refs: Collection[str | UUID]) -> dict[str | UUID, UUID]:
    """Ids of the learners that these references name, without those that name nobody. One statement a kind of ref.

    For requests about many learners, and for the few that must be quick: it builds no model.
    """
    parsed = {ref: parse_ref(ref) for ref in refs}
    ids = [key for key in parsed.values() if isinstance(key, UUID)]
    names = [key for key in parsed.values() if isinstance(key, External)]
    known: dict[UUID | External | None, UUID] = {}
    if ids:
        known |= {found: found for (found,) in db.rows(_BY_ID, [ids, client.school_id])}
    if names:
        known |= _ids_by_name(client, names)
    return {ref: known[key] for ref, key in parsed.items() if key in known and client.learner_id in (None, known[key])}


def learner_id(client: Client, ref: str | UUID) -> UUID:
    """The quick form of `access_learner(client, ref).id`."""
    found = learner_ids(client, [ref])
    if not found:
        raise NotFound("learner", ref)
    return found[ref]


def _ids_by_name(client: Client, names: Sequence[External]) -> dict[UUID | External | None, UUID]:
    sources, external_ids = zip(*names, strict=True)
    rows = db.rows(_BY_EXTERNAL_ID, [list(sources), list(external_ids), client.school_id])
    return {External(source, external_id): found for source, external_id, found in rows}


def _sees_school(principal: Principal) -> bool:
    if isinstance(principal, Client):
        return principal.learner_id is None
    return principal.is_active and principal.role == User.Role.ADMIN


def _filtered(rows: QuerySet[Row], ref: str | UUID) -> QuerySet[Row]:
    key = parse_ref(ref)
    if isinstance(key, UUID):
        return rows.filter(pk=key)
    # A learner without an external id has "" there, which no reference can say.
    return rows.filter(source=key.source, external_id=key.id) if key else rows.none()
