"""The pages of items: the list, its file, and one item."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from tutor.accounts.access import access_group
from tutor.accounts.models import Group
from tutor.dashboard import csv, items_file, queries
from tutor.dashboard.guards import page, user_of
from tutor.dashboard.items_item import item_page
from tutor.dashboard.items_page import items_page


@page
def items(request: HttpRequest, group_id: UUID) -> HttpResponse:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        shown = items_page(group, request.GET, now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    return render(request, "dashboard/items.html", {"page": shown, "now": now})


@page
def items_csv(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        shown = items_page(group, request.GET, now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    name = items_file.name(group, "items", now=timezone.localtime(now))
    return csv.download(name, items_file.head(), items_file.rows(shown))


@page
def one_item(request: HttpRequest, group_id: UUID, item: str) -> HttpResponse:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        shown = item_page(group, item, now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    return render(request, "dashboard/item.html", {"page": shown, "now": now})


@page
def curve_csv(request: HttpRequest, group_id: UUID, item: str) -> HttpResponseBase:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        shown = item_page(group, item, now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    name = items_file.name(group, f"item-{shown.line.key}", now=timezone.localtime(now))
    return csv.download(name, items_file.curve_head(), items_file.curve_rows(shown))


def _nothing(request: HttpRequest, group: Group, reason: queries.NothingToLearn) -> HttpResponse:
    return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
