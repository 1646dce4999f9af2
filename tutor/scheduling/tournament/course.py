"""What policies see of a simulated course: content as it is published, and which item of the world each item is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final
from uuid import NAMESPACE_URL, uuid5

import numpy as np

from curricula.document import MAX_DIFFICULTY, ConceptContent, Document, ItemContent
from curricula.models import CurriculumVersion
from curricula.snapshot import Snapshot, build
from kt_models.recall import Int
from kt_models.simulate import Course, Scene

#: Names of simulated content, by what is in it.
_NAMES: Final = uuid5(NAMESPACE_URL, "trellis:simulated-course")


@final
@dataclass(frozen=True, eq=False)
class Ground:
    """Content and the world's course, position by position.

    Attributes: item: (items of the content,) item of the course that is asked, -1 for those not in it.
    """

    content: Snapshot
    course: Course
    item: Int


def ground(scene: Scene, course: Course) -> Ground:
    """The content of a whole course; its authors know how hard items are, and how long they take."""
    return Ground(_published(scene, course), course, np.arange(course.n_items))


def _published(scene: Scene, course: Course) -> Snapshot:
    minutes = round(scene.answering.seconds / 60.0, 2)
    parents, m = course.prerequisites, course.items_per_concept
    above = [parents.flat[a:b].tolist() for a, b in zip(parents.offset[:-1], parents.offset[1:], strict=True)]
    hard = np.clip(course.difficulty, -MAX_DIFFICULTY, MAX_DIFFICULTY).tolist()
    document = Document(
        format="trellis-curriculum/1",
        key="simulated",
        title="A simulated course",
        language="en",
        concepts=tuple(
            ConceptContent(key=f"c{c}", title=f"Concept {c}", prerequisites=tuple(f"c{p}" for p in above[c]))
            for c in range(course.n_concepts)
        ),
        items=tuple(
            ItemContent(
                key=f"i{i}", concepts=(f"c{i // m}",), statement=f"Item {i}", difficulty=hard[i], minutes=minutes
            )
            for i in range(course.n_items)
        ),
    )
    version = CurriculumVersion(id=uuid5(_NAMES, "version"), curriculum_id=uuid5(_NAMES, "curriculum"), number=1)
    return build(
        version,
        document,
        [(uuid5(_NAMES, each.key), each.key) for each in document.concepts],
        [(uuid5(_NAMES, each.key), each.key) for each in document.items],
    )
