"""The pages of a class's forecast: the day, what it takes, whether to trust it, and all of their tables as files.

What takes longer has addresses of its own, from which the page fetches it; without scripts they are pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from tutor.accounts.access import access_group
from tutor.dashboard import csv, forecast_files, queries
from tutor.dashboard.forecast_effort import effort_page
from tutor.dashboard.forecast_page import Forecast, forecast_page
from tutor.dashboard.forecast_page import forecast as read
from tutor.dashboard.forecast_table import table
from tutor.dashboard.forecast_trust import TrustPage
from tutor.dashboard.guards import page, user_of

Shown = dict[str, Any]


@page
def forecast(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    def shown(found: Forecast) -> HttpResponse:
        said: Shown = {"page": forecast_page(found), "forecast": found, "table": table(found), "now": timezone.now()}
        return render(request, "dashboard/forecast.html", said)

    return _of(request, group_id, shown)


@page
def minutes(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    return _part(request, group_id, "minutes", effort_page)


@page
def trust(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    return _part(request, group_id, "trust", TrustPage.of)


@page
def file(request: HttpRequest, group_id: UUID, of: str) -> HttpResponseBase:
    def shown(found: Forecast) -> HttpResponseBase:
        name = forecast_files.name(found, of, now=timezone.localtime())
        return csv.download(name, *forecast_files.file(found, of))

    return _of(request, group_id, shown)


def _part(request: HttpRequest, group_id: UUID, name: str, of: Callable[[Forecast], object]) -> HttpResponseBase:
    """Alone if a page fetches it, else a page."""

    def shown(found: Forecast) -> HttpResponse:
        is_part = "HX-Request" in request.headers
        template = f"dashboard/_forecast_{name}.html" if is_part else f"dashboard/forecast_{name}.html"
        return render(request, template, {"page": of(found), "forecast": found, "is_part": is_part})

    return _of(request, group_id, shown)


def _of(
    request: HttpRequest, group_id: UUID, shown: Callable[[Forecast], HttpResponseBase]
) -> HttpResponseBase:  # fmt: skip
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        return shown(read(group, request.GET, now=now))
    except queries.NothingToLearn as reason:
        return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
