"""What is agreed with classes and learners, for the tests of what follows from it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import answer, at, client_of, record
from tutor.accounts.models import Group, Learner, User
from tutor.scheduling import agreements, overrides
from tutor.scheduling.models import Override
from tutor.scheduling.overrides import Wish
from tutor.scheduling.serving import Served, next_for


def settle_on(group: Group, *, now: datetime | None = None, **knobs: Any) -> None:
    agreements.change_group(group, knobs, by_whom=group.teachers.get(), now=now or at())


def say(
    by: User, of: Learner | Group, curriculum: Curriculum, kind: str, concept: str,
    *, now: datetime | None = None, **options: Any,
) -> Override:  # fmt: skip
    wish = Wish(Override.Kind(kind), concept, "seen in class", **options)
    return overrides.make(by, of, curriculum.pk, wish, now=now or at(60))


def ask(learner: Learner, n: int = 1, *, now: datetime | None = None, **options: Any) -> Served:
    asked = {"curriculum": None, "n": n, "narrowing": None, "now": now or at(60), **options}
    return next_for(client_of(learner.school), str(learner.pk), **asked)


def do(learner: Learner, curriculum: Curriculum, *items: int, now: datetime, **fields: Any) -> None:
    """Right answers at a time, that no worker has seen yet."""
    given = [answer(learner, curriculum, item, seconds=now.timestamp(), **fields) for item in items]
    record(learner.school, given, now=now)


def concepts(served: Served) -> list[str]:
    return [served.content.concept_keys[entry.concept] for entry in served.entries]


def wide(owner: Any, n: int = 10, key: str = "wide") -> Curriculum:
    """Concepts c0, c1 ... that need nothing, two items each."""
    rows = [{"key": f"c{i}", "title": f"C {i}", "prerequisites": []} for i in range(n)]
    items = [{"key": f"c{i}-{j}", "concepts": [f"c{i}"], "statement": "?"} for i in range(n) for j in (1, 2)]
    return people.a_curriculum(owner, key, concepts=rows, items=items)
