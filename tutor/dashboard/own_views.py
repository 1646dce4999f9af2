"""The learner's own page, and the ways in and out. It only reads: opening it offers nothing and logs no decision."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tutor.accounts import learner_tokens
from tutor.accounts.access import NotFound
from tutor.accounts.models import Learner
from tutor.dashboard import own_session
from tutor.dashboard.guards import View, guarded
from tutor.dashboard.own_page import own_page, subjects_of
from tutor.scheduling.terms import known_zone

P = ParamSpec("P")


def for_learner(view: Callable[Concatenate[HttpRequest, Learner, P], HttpResponseBase]) -> View[P]:
    """For the learner whose link was opened, in the learner's time; others are told what this is.

    Who is signed in does not matter: a teacher's session opens no learner's page, nor a learner's a teacher's.
    """

    @wraps(view)
    def shown(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        learner = own_session.learner_of(request, timezone.now())
        if learner is None:
            return render(request, "dashboard/own_closed.html", {"ended": "ended" in request.GET}, status=403)
        try:
            with timezone.override(ZoneInfo(known_zone(learner.timezone or learner.school.timezone))):
                return view(request, learner, *args, **kwargs)
        except NotFound as absent:
            raise Http404(str(absent)) from absent

    return guarded(require_safe(never_cache(shown)))


@for_learner
def own(request: HttpRequest, learner: Learner, curriculum_id: UUID | None = None) -> HttpResponse:
    now = timezone.now()
    subjects = subjects_of(learner)
    if curriculum_id is None and not subjects:
        return render(request, "dashboard/own_nothing.html", {"learner": learner})
    subject = next((each for each in subjects if curriculum_id in (None, each.curriculum_id)), None)
    if subject is None:
        raise NotFound("subject of yours", curriculum_id)
    return render(request, "dashboard/own.html", {"page": own_page(learner, subject, subjects, now=now), "now": now})


@guarded
@require_safe
@never_cache
def enter(request: HttpRequest) -> HttpResponse:
    """Changes the token of a link into a cookie, and goes on without it. A link that has ended also ends what an
    earlier one began, or it would open somebody else's page."""
    token = learner_tokens.find(request.GET.get("token", ""), now=timezone.now())
    response = redirect("dashboard:own", permanent=False)
    response.status_code = 303
    if token is None:
        own_session.end(response)
        response["Location"] += "?ended"
    else:
        own_session.begin(request, response, token)
    # Of this answer alone: without a referrer, the page's own forms would be taken for foreign ones.
    response["Referrer-Policy"] = "no-referrer"
    return response


@guarded
@require_POST
@never_cache
def leave(request: HttpRequest) -> HttpResponse:
    """On a computer that others use too."""
    response = redirect("dashboard:own")
    response.status_code = 303
    own_session.end(response)
    return response
