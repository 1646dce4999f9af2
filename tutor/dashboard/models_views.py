"""The pages of models, for a school's administrators and for operators, and what they may do there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from tutor.accounts.access import NotFound
from tutor.dashboard import csv, guards, models_files
from tutor.dashboard import models_actions as actions
from tutor.dashboard.guards import page, user_of
from tutor.dashboard.models_page import models_page, run_line
from tutor.dashboard.models_pictures import learning_curve
from tutor.dashboard.models_queries import Manager, manager
from tutor.dashboard.version_page import version_page
from tutor.registry import queries, runs

P = ParamSpec("P")
Action = Callable[Concatenate[Manager, HttpRequest, P], actions.Done]


@page
def models(request: HttpRequest) -> HttpResponse:
    of = _manager(request)
    chosen, before = (_uuid(request.GET.get(name)) for name in ("curriculum", "before"))
    shown = models_page(of, chosen, before=before, now=timezone.now())
    if shown is None:
        return render(request, "dashboard/models_nothing.html", {"manager": of})
    return render(request, "dashboard/models.html", {"page": shown, "now": timezone.now()})


@page
def one_version(request: HttpRequest, version_id: UUID) -> HttpResponse:
    of = _manager(request)
    shown = version_page(of, queries.access_version(of.school_id, version_id))
    return render(request, "dashboard/version.html", {"page": shown, "now": timezone.now()})


@page
def one_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    run = runs.access(_manager(request).school_id, run_id)
    shown = {"line": run_line(run), "curve": learning_curve(run.log), "now": timezone.now()}
    return render(request, "dashboard/run.html", shown)


@page
def models_file(request: HttpRequest, table: str) -> HttpResponseBase:
    found = models_files.asked(_manager(request), _uuid(request.GET.get("curriculum")), now=timezone.now())
    return _download(found.curriculum.title, table, models_files.of_models(found, table))


@page
def version_file(request: HttpRequest, version_id: UUID, table: str) -> HttpResponseBase:
    of = _manager(request)
    shown = version_page(of, queries.access_version(of.school_id, version_id))
    return _download(shown.card.title, table, models_files.of_version(shown, table))


@page
def run_file(request: HttpRequest, run_id: UUID) -> HttpResponseBase:
    run = runs.access(_manager(request).school_id, run_id)
    return _download(f"{run.kind} {str(run.pk)[-6:]}", "learning-curve", models_files.of_run(run))


def action(act: Action[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """What came of it, or why it was refused, is told on the page that asked for it."""

    @guards.action
    @wraps(act)
    def done(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        told = act(_manager(request), request, *args, **kwargs)
        (messages.success if told.is_done else messages.error)(request, told.text)
        return HttpResponseRedirect(f"{reverse('dashboard:models')}?{urlencode({'curriculum': told.curriculum_id})}")

    return done


@action
def retrain(of: Manager, request: HttpRequest, curriculum_id: UUID) -> actions.Done:
    kind, full = request.POST.get("kind", ""), request.POST.get("full") == "on"
    return actions.retrain(of, curriculum_id, kind=kind, full=full, now=timezone.now())


@action
def cancel(of: Manager, request: HttpRequest, run_id: UUID) -> actions.Done:
    return actions.cancel(of, run_id, now=timezone.now())


@action
def challenge(of: Manager, request: HttpRequest, version_id: UUID) -> actions.Done:
    return actions.challenge(of, version_id, now=timezone.now())


@action
def withdraw(of: Manager, request: HttpRequest, curriculum_id: UUID) -> actions.Done:
    return actions.withdraw(of, curriculum_id, now=timezone.now())


@action
def promote(of: Manager, request: HttpRequest, version_id: UUID) -> actions.Done:
    return actions.promote(of, version_id, force=request.POST.get("force") == "on", now=timezone.now())


@action
def roll_back(of: Manager, request: HttpRequest, curriculum_id: UUID) -> actions.Done:
    return actions.roll_back(of, curriculum_id, now=timezone.now())


@action
def follow_site(of: Manager, request: HttpRequest, curriculum_id: UUID) -> actions.Done:
    return actions.follow_site(of, curriculum_id, force=request.POST.get("force") == "on", now=timezone.now())


def _manager(request: HttpRequest) -> Manager:
    return manager(user_of(request))


def _download(of: str, table: str, found: models_files.File) -> HttpResponseBase:
    return csv.download(csv.named(of, table, now=timezone.localtime()), *found)


def _uuid(text: str | None) -> UUID | None:
    """Raises: NotFound: if it is none."""
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound("curriculum or version", text) from error
