"""The pages of a class's mastery: the map, its file, and one concept of it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from tutor.accounts.access import NotFound, access_group
from tutor.accounts.models import Group
from tutor.dashboard import csv, matrix_file, queries
from tutor.dashboard.guards import page, user_of
from tutor.dashboard.matrix_concept import concept_page
from tutor.dashboard.matrix_filters import CHOICES, Filters
from tutor.dashboard.matrix_page import matrix_page

#: Orders that the map offers as links.
_LINKED: Final = ("sort", "order", "cells")


@page
def mastery(request: HttpRequest, group_id: UUID) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    group = access_group(user, group_id)
    try:
        shown = matrix_page(user, group, Filters.parse(request.GET), now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    choices = {name: shown.choices(name, CHOICES[name]) for name in _LINKED}
    return render(request, "dashboard/matrix.html", {"page": shown, "choices": choices, "now": now})


@page
def mastery_file(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    user, now = user_of(request), timezone.now()
    group = access_group(user, group_id)
    try:
        shown = matrix_page(user, group, Filters.parse(request.GET), now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    name = matrix_file.name(shown, now=timezone.localtime(now))
    return csv.download(name, matrix_file.head(), matrix_file.rows(shown))


@page
def one_concept(request: HttpRequest, group_id: UUID, key: str) -> HttpResponse:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        shown = concept_page(group, key, _learner(request.GET.get("learner", "")), now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    return render(request, "dashboard/matrix_concept.html", {"page": shown, "now": now})


def _learner(text: str) -> UUID | None:
    """Raises: NotFound: if it is no id."""
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound("learner in this class", text) from error


def _nothing(request: HttpRequest, group: Group, reason: queries.NothingToLearn) -> HttpResponse:
    return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
