"""The domain's people, for every test: two schools, their teachers and learners, and machines that speak for a school.

Ms Diaz teaches Bo and Ana in class 7b of Elm School. Mr Chen teaches Dee at Oak School, and may see none of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.test import Client as DjangoClient
from django.utils import timezone

from curricula import services as curricula
from curricula.models import Curriculum
from tutor.accounts import services
from tutor.accounts.models import ApiClient, Group, Learner, School, User

#: pytest-django's `django_assert_num_queries`.
Counter = Callable[[int], AbstractContextManager[Any]]

PASSWORD = "correct horse battery"
ALL_SCOPES = tuple(ApiClient.Scope.values)


@cache
def _password() -> str:
    # Hashed once: hashing is slow on purpose.
    return make_password(PASSWORD)


class Caller:
    """An API client with a key: speaks JSON, and returns Django's test responses."""

    def __init__(self, key: str = "", *, raise_errors: bool = True) -> None:
        self.key = key
        self._http = DjangoClient(raise_request_exception=raise_errors)

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: object = None, **headers: str) -> Any:
        return self.send("POST", path, body, **headers)

    def put(self, path: str, body: object = None, **headers: str) -> Any:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: object = None, **headers: str) -> Any:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, **headers)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """`headers` by name, with underscores: `idempotency_key="1"`. A body of bytes is sent as it is."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.key:
            named.setdefault("authorization", f"Bearer {self.key}")
        content_type = named.pop("content-type", "application/json")
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self._http.generic(method, path, data, content_type=content_type, headers=named)


def a_school(name: str = "Elm School", timezone: str = "Europe/Berlin") -> School:
    return services.create_school(name, timezone=timezone)


def a_teacher(school: School, name: str, *, role: str = User.Role.TEACHER) -> User:
    """Signs in with `PASSWORD`."""
    email = f"{name.lower().replace(' ', '.')}@example.org"
    return User.objects.create(email=email, password=_password(), name=name, school=school, role=role)


def a_learner(school: School, name: str, **fields: Any) -> Learner:
    return services.create_learner(school.pk, name=name, **fields)


def a_group(
    school: School,
    name: str,
    *,
    teachers: tuple[User, ...] = (),
    learners: tuple[Learner, ...] = (),
    curriculum: Curriculum | None = None,
) -> Group:
    group = services.create_group(school.pk, name=name, curriculum=curriculum)
    group.teachers.set(teachers)
    services.set_members(group, [learner.pk for learner in learners])
    return group


def a_client(school: School, *scopes: str, name: str = "LMS") -> Caller:
    """With all scopes if none is named."""
    return Caller(services.create_key(school.pk, name=name, scopes=scopes or ALL_SCOPES).key)


def a_document(key: str = "fractions", **changes: Any) -> dict[str, Any]:
    """Three concepts in a chain, two items each."""
    keys = ("halves", "equal-parts", "adding")
    concepts = [
        {"key": each, "title": each.title(), "prerequisites": [before] if before else []}
        for each, before in zip(keys, (None, *keys), strict=False)
    ]
    items = [
        {"key": f"{each}-{n}", "concepts": [each], "statement": f"{each} {n}?", "difficulty": 0.5 * n, "minutes": 2}
        for each in keys
        for n in (1, 2)
    ]
    return {
        "format": "trellis-curriculum/1",
        "key": key,
        "title": "Fractions",
        "language": "en",
        "concepts": concepts,
        "items": items,
        **changes,
    }


def a_curriculum(owner: UUID | None, key: str = "fractions", **changes: Any) -> Curriculum:
    """Published as version 1."""
    draft = curricula.create(a_document(key, **changes), owner=owner, now=timezone.now())
    curricula.publish(draft.curriculum, now=timezone.now())
    return draft.curriculum
