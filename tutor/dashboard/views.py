"""The pages. They only read: opening one offers nothing to a learner and logs no decision."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView, LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tutor.accounts.access import NotFound, access_group
from tutor.accounts.models import User
from tutor.dashboard import queries
from tutor.dashboard.class_page import class_page
from tutor.dashboard.forms import SignInForm
from tutor.dashboard.learner_page import learner_page

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

#: Pages need their own style sheet and nothing else: no script, and nothing from elsewhere.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def guarded(view: View[P]) -> View[P]:
    @wraps(view)
    def guard(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return guard


def page(view: View[P]) -> View[P]:
    """For people who are signed in, in their school's time; what they may not see is absent."""

    @guarded
    @require_safe
    @never_cache
    @login_required
    @wraps(view)
    def shown(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        school = _user(request).school
        try:
            with timezone.override(ZoneInfo(school.timezone) if school else None):
                return view(request, *args, **kwargs)
        except NotFound as absent:
            raise Http404(str(absent)) from absent

    return shown


sign_in = guarded(
    LoginView.as_view(
        template_name="dashboard/sign_in.html", authentication_form=SignInForm, redirect_authenticated_user=True
    )
)
#: By POST only, so that no link elsewhere signs anybody out.
sign_out = LogoutView.as_view()


@page
def home(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    if user.school is None:
        return render(request, "dashboard/operator.html")
    return render(request, "dashboard/classes.html", {"lines": queries.classes(user), "now": timezone.now()})


@page
def one_class(request: HttpRequest, group_id: UUID) -> HttpResponse:
    group, now = access_group(_user(request), group_id), timezone.now()
    by_name = request.GET.get("sort") == "name"
    try:
        shown = class_page(group, by_name=by_name, now=now)
    except queries.NothingToLearn as reason:
        return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
    return render(request, "dashboard/class.html", {"page": shown, "by_name": by_name, "now": now})


@page
def one_learner(request: HttpRequest, group_id: UUID, learner_id: UUID) -> HttpResponse:
    group, now = access_group(_user(request), group_id), timezone.now()
    learner = queries.member(group, learner_id)
    try:
        shown = learner_page(group, learner, now=now)
    except queries.NothingToLearn as reason:
        return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
    return render(request, "dashboard/learner.html", {"page": shown, "now": now})


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
