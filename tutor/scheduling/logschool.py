"""What a log of answers needs before it can be taken in: its content, its learners, its months."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from curricula import queries
from curricula import services as curricula
from curricula.document import FORMAT, Document
from curricula.models import Curriculum
from tutor.accounts import services as accounts
from tutor.interactions import partitions
from tutor.scheduling.intake import CLOCK_SKEW_SECONDS
from tutor.scheduling.logfile import BadLog, Survey, key

#: Months are tables; a log over more of them rather has its times wrong.
MAX_MONTHS: Final = 240


def prepare(survey: Survey, *, school_id: UUID, source: str, curriculum: str, now: datetime) -> Curriculum:
    """Learners by the ids of the file, its concepts and items published under the key `curriculum`, its months.

    Raises:
        BadLog: if the times cannot be right.
        curricula.errors.CurriculumError: if the content breaks a rule, for instance by its size.
    """
    _make_months(survey, now)
    with transaction.atomic():
        accounts.add_learners(school_id, source, list(survey.learners))
        return _publish(survey, school_id, curriculum, now)


def _make_months(survey: Survey, now: datetime) -> None:
    first, last = (datetime.fromtimestamp(seconds, UTC) for seconds in (survey.first, survey.last))
    if last > now + timedelta(seconds=CLOCK_SKEW_SECONDS):
        raise BadLog(f"the last answer is at {last:%Y-%m-%d %H:%M}, in the future: say with --epoch when times begin")
    months = partitions.months_between(first, last)
    if len(months) > MAX_MONTHS:
        raise BadLog(
            f"the times run from {first:%Y-%m-%d} to {last:%Y-%m-%d}, {len(months)} months of at most {MAX_MONTHS}: "
            "say with --epoch when they begin, or mend the file"
        )
    partitions.make(months)


def _publish(survey: Survey, school_id: UUID, name: str, now: datetime) -> Curriculum:
    """What the school's curriculum of this key lacks is added to it; what it has stays as it is."""
    found = queries.editable(school_id).filter(key=name).first()
    published = queries.latest_published(found) if found else None
    document = _widened(queries.document(published) if published else _empty(name), survey)
    if document is None and found is not None:
        return found
    draft = curricula.import_document(document, owner=school_id, now=now)
    curricula.publish(draft.curriculum, now=now)
    return draft.curriculum


def _empty(name: str) -> Document:
    return Document(format=FORMAT, key=name, title=name, language="en", concepts=())  # type: ignore[arg-type]


def _widened(document: Document, survey: Survey) -> dict[str, Any] | None:
    """The document with the file's concepts and items; None if it has them all."""
    concepts, items = ({each.key for each in part} for part in (document.concepts, document.items))
    new_concepts = [_concept(each) for each in survey.concepts if key(each) not in concepts]
    new_items = [_item(each, survey) for each in survey.items if key(each) not in items]
    if not new_concepts and not new_items:
        return None
    plain = document.to_builtins()
    return {**plain, "concepts": plain["concepts"] + new_concepts, "items": plain["items"] + new_items}


def _concept(name: str) -> dict[str, Any]:
    return {"key": key(name), "title": name}


def _item(name: str, survey: Survey) -> dict[str, Any]:
    concepts = [key(each) for each in survey.items[name]]
    return {"key": key(name), "concepts": concepts, "statement": name, "difficulty": survey.difficulty[name]}
