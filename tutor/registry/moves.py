"""Who moved which pointer of a deployment, when and why: written with the move itself, and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from tutor.language import sentences
from tutor.registry.models import Deployment, ModelVersion, Move

How = Move.How


@final
@dataclass(frozen=True)
class Order:
    """By whom a move is wanted, nobody where it comes about by itself; and why, for others to read too."""

    by: str = ""
    forced: bool = False
    reason: str = ""


ITSELF: Final = Order()


def note(
    deployment: Deployment, how: Move.How, before: ModelVersion | None, after: ModelVersion | None, *,
    order: Order = ITSELF, now: datetime,
) -> None:  # fmt: skip
    """Within the transaction of the move."""
    Move.objects.create(
        deployment=deployment, how=how, by=order.by[:200], forced=order.forced, at=now,
        from_version=before.pk if before else None, from_kind=before.kind if before else "",
        to_version=after.pk if after else None, to_kind=after.kind if after else "",
        reason=order.reason, said=sentences({"reason": order.reason}),
    )  # fmt: skip


def visible(curriculum_id: UUID, school_id: UUID | None) -> QuerySet[Move]:
    """A school sees its own and those of the deployment of all schools; the operator (None) only the latter."""
    concerned = Q(deployment__school=None)
    if school_id is not None:
        concerned |= Q(deployment__school=school_id)
    rows = Move.objects.filter(concerned, deployment__curriculum=curriculum_id)
    return rows.select_related("deployment").order_by("-id")


def by_whom(move: Move, school_id: UUID | None) -> str:
    """As it is told to a school: of those who look after all schools it knows no names."""
    is_others = school_id is not None and move.deployment.school_id is None
    return _("the operator") if move.by and is_others else move.by
