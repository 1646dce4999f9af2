"""How to get into the demo: written to a file that git ignores, the only place where the clear key is kept."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Final
from uuid import UUID

from django.utils import timezone

from tutor.accounts import queries, services
from tutor.accounts.models import ApiClient, Group, User
from tutor.children import write_private
from tutor.scheduling.demo import people, school

PASSWORD_BYTES: Final = 9
KEY_NAME: Final = "demo"


def write(path: Path, group: Group) -> dict[str, str]:
    """What opens the demo. Passwords and key are those of the file as long as they work, else new ones."""
    known = _read(path)
    key = _key(group.school_id, known.get("api_key", ""))
    learner_id = school.learner(group).pk
    path_of_next = f"/api/v1/learners/{learner_id}/next?curriculum={group.curriculum_id}"
    found = {
        "teacher_email": people.TEACHER[0],
        "teacher_password": _password(people.TEACHER[0], known.get("teacher_password", "")),
        "admin_email": people.ADMIN[0],
        "admin_password": _password(people.ADMIN[0], known.get("admin_password", "")),
        "api_key": key,
        "learner_id": str(learner_id),
        "class_id": str(group.pk),
        # Whoever shows it puts the address of the server before the path.
        "curl": f"curl -H 'Authorization: Bearer {key}' '{path_of_next}'",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(found, indent=2) + "\n")
    return found


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _key(school_id: UUID, known: str) -> str:
    client = queries.client_by_digest(queries.key_sha256(known), timezone.now())
    if client is not None and client.school_id == school_id:
        return known
    return services.create_key(school_id, name=KEY_NAME, scopes=ApiClient.Scope.values).key


def _password(email: str, known: str) -> str:
    user = User.objects.get(email=email)
    if known and user.check_password(known):
        return known
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    user.set_password(password)
    user.save(update_fields=["password"])
    return password
