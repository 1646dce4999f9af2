"""The pages on reteaching: the list of concepts, one of them, the groups, and their tables as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from curricula.snapshot import Snapshot
from tutor.accounts.access import access_group
from tutor.accounts.models import Group
from tutor.dashboard import csv, queries, reteach_files
from tutor.dashboard.guards import page, user_of
from tutor.dashboard.reteach_concept import reteach_concept_page
from tutor.dashboard.reteach_filters import SORTS, Filters, GroupFilters
from tutor.dashboard.reteach_groups_page import groups_page
from tutor.dashboard.reteach_page import reteach_page

P = ParamSpec("P")


def _of_class(
    view: Callable[Concatenate[HttpRequest, Group, Snapshot, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Of a class that whoever asks may see, and that works on something."""

    @wraps(view)
    def shown(request: HttpRequest, group_id: UUID, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        group = access_group(user_of(request), group_id)
        try:
            content = queries.content_of(group)
        except queries.NothingToLearn as reason:
            return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
        return view(request, group, content, *args, **kwargs)

    return shown


@page
@_of_class
def reteach(request: HttpRequest, group: Group, content: Snapshot) -> HttpResponse:
    now = timezone.now()
    shown = reteach_page(group, content, Filters.parse(request.GET, content), now=now)
    sorts = shown.filters.choices("sort", SORTS)
    return render(request, "dashboard/reteach.html", {"page": shown, "sorts": sorts, "now": now})


@page
@_of_class
def reteach_file(request: HttpRequest, group: Group, content: Snapshot) -> HttpResponseBase:
    now = timezone.now()
    shown = reteach_page(group, content, Filters.parse(request.GET, content), now=now)
    name = reteach_files.name(group, "reteach", now=timezone.localtime(now))
    return csv.download(name, reteach_files.concepts_head(), reteach_files.concepts(shown))


@page
@_of_class
def one_concept(request: HttpRequest, group: Group, content: Snapshot, key: str) -> HttpResponse:
    """From within the list, its details alone."""
    now = timezone.now()
    shown = reteach_concept_page(group, content, key, now=now)
    is_part = request.headers.get("HX-Request") == "true"
    template = "dashboard/reteach_detail.html" if is_part else "dashboard/reteach_concept.html"
    told = {"page": shown, "detail": shown.detail, "is_part": is_part, "level": 3 if is_part else 2, "now": now}
    return render(request, template, told)


@page
@_of_class
def expected_file(request: HttpRequest, group: Group, content: Snapshot, key: str) -> HttpResponseBase:
    now = timezone.now()
    shown = reteach_concept_page(group, content, key, now=now)
    name = reteach_files.name(group, f"expected-{key}", now=timezone.localtime(now))
    return csv.download(name, reteach_files.expected_head(), reteach_files.expected(shown.detail))


@page
@_of_class
def groups(request: HttpRequest, group: Group, content: Snapshot) -> HttpResponse:
    now = timezone.now()
    shown = groups_page(group, content, GroupFilters.parse(request.GET, content), now=now)
    is_board = shown.filters.view == "board"
    template = "dashboard/reteach_board.html" if is_board else "dashboard/reteach_groups.html"
    return render(request, template, {"page": shown, "now": now})


@page
@_of_class
def groups_file(request: HttpRequest, group: Group, content: Snapshot) -> HttpResponseBase:
    now = timezone.now()
    # However the page is shown, the file holds everything.
    filters = replace(GroupFilters.parse(request.GET, content), view="screen")
    shown = groups_page(group, content, filters, now=now)
    name = reteach_files.name(group, "groups", now=timezone.localtime(now))
    return csv.download(name, reteach_files.groups_head(), reteach_files.groups(shown))
