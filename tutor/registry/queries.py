"""Which model serves whom. No torch in here: web processes ask as well."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import F, Q, QuerySet

from curricula import queries as curricula
from tutor import db
from tutor.accounts.access import NotFound
from tutor.registry.models import ModelVersion


class Serving(NamedTuple):
    """The version that serves a curriculum in a school."""

    version_id: UUID
    #: The champion cannot be loaded: the one before stands in, or where that cannot either, the curriculum's baseline.
    degraded: bool


# A school's own deployment before the site-wide one; a champion that failed gives way to the one before it, and that
# to the baseline. Of the one before, because the states of all learners are level under it, or nearly.
_SERVING: Final = """
SELECT wanted.school_id, wanted.curriculum_id,
       CASE WHEN champion.state = 'failed' THEN COALESCE(previous.id, baseline.id) ELSE champion.id END,
       champion.state = 'failed'
FROM unnest(%s::uuid[], %s::uuid[]) AS wanted(school_id, curriculum_id)
CROSS JOIN LATERAL (
    SELECT champion_id, previous_id FROM registry_deployment d
    WHERE d.curriculum_id = wanted.curriculum_id AND (d.school_id = wanted.school_id OR d.school_id IS NULL)
        AND d.follows_since IS NULL
    ORDER BY d.school_id NULLS LAST LIMIT 1
) d
JOIN registry_modelversion champion ON champion.id = d.champion_id
LEFT JOIN registry_modelversion previous ON previous.id = d.previous_id AND previous.state NOT IN ('failed', 'rejected')
LEFT JOIN LATERAL (
    SELECT m.id FROM registry_modelversion m
    JOIN curricula_curriculumversion v ON v.id = m.curriculum_version_id
    WHERE v.curriculum_id = wanted.curriculum_id AND m.is_baseline AND m.state <> 'failed' ORDER BY m.id DESC LIMIT 1
) baseline ON true
WHERE champion.state <> 'failed' OR previous.id IS NOT NULL OR baseline.id IS NOT NULL
"""


def serving(pairs: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Serving]:
    """The serving version of each (school, curriculum) pair that has one; one query."""
    wanted = sorted(set(pairs))
    found = db.rows(_SERVING, [[school for school, _ in wanted], [curriculum for _, curriculum in wanted]])
    return {(school, curriculum): Serving(version, degraded) for school, curriculum, version, degraded in found}


def serving_one(school_id: UUID | None, curriculum_id: UUID) -> Serving | None:
    """Of one school, or with None of all that have no deployment of their own."""
    found = db.rows(_SERVING, [[school_id], [curriculum_id]])
    return Serving(*found[0][2:]) if found else None


def versions(school_id: UUID | None) -> QuerySet[ModelVersion]:
    """Those that a school may know of, its own and those for all schools on curricula that it sees; None sees all."""
    every = ModelVersion.objects.select_related("curriculum_version__curriculum").defer(
        "prior_recall", "curriculum_version__document"
    )
    if school_id is None:
        return every
    return every.filter(
        Q(school=school_id) | Q(school=None), curriculum_version__curriculum__in=curricula.visible(school_id)
    )


def access_version(school_id: UUID | None, version_id: UUID) -> ModelVersion:
    """Raises:
    NotFound: alike for what is absent and what a school may not know of.
    """
    found = versions(school_id).filter(pk=version_id).first()
    if found is None:
        raise NotFound("model version", version_id)
    return found


def newest_baseline(curriculum_id: UUID, *, failed: bool = False) -> ModelVersion | None:
    """Of those that can be loaded, or of those that could not."""
    of_curriculum = ModelVersion.objects.filter(curriculum_version__curriculum=curriculum_id, is_baseline=True)
    by_state = of_curriculum.filter if failed else of_curriculum.exclude
    return by_state(state=ModelVersion.State.FAILED).order_by(F("id").desc()).first()
