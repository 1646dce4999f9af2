"""The pages. They only read: opening one offers nothing to a learner and logs no decision."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from tutor.accounts.access import access_group
from tutor.dashboard import class_files, csv, queries
from tutor.dashboard.class_page import class_page
from tutor.dashboard.forms import SignInForm
from tutor.dashboard.guards import guarded, page, user_of

sign_in = guarded(
    LoginView.as_view(
        template_name="dashboard/sign_in.html", authentication_form=SignInForm, redirect_authenticated_user=True
    )
)
#: By POST only, so that no link elsewhere signs anybody out.
sign_out = LogoutView.as_view()


@page
def home(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if user.school is None:
        return render(request, "dashboard/operator.html")
    return render(request, "dashboard/classes.html", {"lines": queries.classes(user), "now": timezone.now()})


@page
def one_class(request: HttpRequest, group_id: UUID) -> HttpResponse:
    group, now = access_group(user_of(request), group_id), timezone.now()
    by_name = request.GET.get("sort") == "name"
    try:
        shown = class_page(group, by_name=by_name, now=now)
    except queries.NothingToLearn as reason:
        return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
    return render(request, "dashboard/class.html", {"page": shown, "by_name": by_name, "now": now})


@page
def class_file(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        shown = class_page(group, by_name=request.GET.get("sort") == "name", now=now)
    except queries.NothingToLearn as reason:
        return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
    name = csv.named(group.name, "overview", now=timezone.localtime(now))
    return csv.download(name, class_files.overview_head(), class_files.overview_rows(shown))
