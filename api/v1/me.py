"""Who the key is: the first thing an integrator asks."""

from __future__ import annotations

from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import path

from api.fast import Client, endpoint, respond
from tutor.accounts.models import School


class SchoolOut(msgspec.Struct):
    id: UUID
    name: str
    timezone: str


class MeOut(msgspec.Struct):
    """The key's own name and scopes, and the school it speaks for; of a learner's token, whose it is."""

    id: UUID
    name: str
    scopes: list[str]
    school: SchoolOut
    learner: UUID | None


@endpoint("GET", scope=None, summary="Who this key is", tags=["Keys"], responses={200: MeOut}, for_learners=True)
def get_me(request: HttpRequest, client: Client) -> HttpResponse:
    school = School.objects.get(pk=client.school_id)
    told = SchoolOut(school.pk, school.name, school.timezone)
    return respond(MeOut(client.id, client.name, sorted(client.scopes), told, client.learner_id))


urlpatterns = [path("me", get_me)]
