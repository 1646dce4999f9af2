"""The demo's curriculum as a snapshot, without a database."""

from __future__ import annotations

from functools import cache
from uuid import uuid4

from curricula import snapshot
from curricula.demo import mathematics
from curricula.models import CurriculumVersion
from curricula.snapshot import Snapshot
from curricula.validation import parse


@cache
def content() -> Snapshot:
    document = parse(mathematics())
    concepts = [(uuid4(), concept.key) for concept in document.concepts]
    items = [(uuid4(), item.key) for item in document.items]
    return snapshot.build(CurriculumVersion(curriculum_id=uuid4(), number=1), document, concepts, items)
