"""Schools as operators name them on the command line."""

from __future__ import annotations

from uuid import UUID

from django.core.management.base import CommandError

from tutor.accounts import services as accounts
from tutor.accounts.models import School

#: Schools that an error lists.
LISTED = 20


def find(ref: str, *, create: bool | None = None) -> School:
    """By name or id; with `create`, made if there is none. None: the command has no such option.

    Raises:
        CommandError: naming the schools that there are.
    """
    try:
        found = list(School.objects.filter(pk=UUID(ref)))
    except ValueError:
        found = list(School.objects.filter(name=ref))
    if len(found) == 1:
        return found[0]
    if create and not found:
        return accounts.create_school(ref)
    known = ", ".join(f"{school.name} ({school.pk})" for school in School.objects.order_by("name")[:LISTED]) or "none"
    or_create = ", or --create-school" if create is False and not found else ""
    problem = f"there are {len(found)} schools of that name" if found else f"there is no school {ref!r}"
    raise CommandError(f"{problem}: give the id of one of these ({known}){or_create}")
