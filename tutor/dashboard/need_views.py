"""The pages of learners in need: the list, marks on its alerts, and the thresholds behind it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tutor.accounts.access import NotFound, access_group
from tutor.accounts.models import Group, User
from tutor.dashboard import csv, need_file, queries
from tutor.dashboard.guards import action, page, user_of
from tutor.dashboard.need_page import EVERYBODY, AlertLine, NeedPage, alert_line, need_page
from tutor.dashboard.need_thresholds import Asked, preview
from tutor.scheduling import agreements, alert_marks, alerting
from tutor.scheduling.alert_marks import TooLong
from tutor.scheduling.alerting import Name
from tutor.scheduling.knobs import ALERTS

#: What a mark may be, as the buttons send it.
_USEFUL = {"yes": True, "no": False}


@page
def need(request: HttpRequest, group_id: UUID) -> HttpResponse:
    return _shown(request, access_group(user_of(request), group_id), "dashboard/need.html")


@page
def previewed(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """The form of thresholds and what they would change, alone: it takes the place of the one that was on the page."""
    return _shown(request, access_group(user_of(request), group_id), "dashboard/_need_preview.html")


@page
def table(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        shown = need_page(group, now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    return csv.download(need_file.name(group, "need", timezone.localtime(now)), need_file.head(), need_file.rows(shown))


@page
def marks_table(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    group, now = access_group(user_of(request), group_id), timezone.now()
    name = need_file.name(group, "alert-marks", timezone.localtime(now))
    return csv.download(name, need_file.marks_head(), need_file.marks_rows(group))


@action
def thresholds(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """What cannot be is told beside the field that it was written into."""
    user, now = user_of(request), timezone.now()
    group = access_group(user, group_id)
    asked = Asked.parse(request.POST, agreements.knobs_of(agreements.of_group(group)))
    to = reverse("dashboard:need", args=[group.pk])
    if asked.chosen is None:
        messages.error(request, _("Not saved: see the thresholds below."))
        return HttpResponseRedirect(f"{to}{asked.address}#thresholds")
    if asked.changes:
        agreements.change_group(group, asked.changes, by_whom=user, now=now)
    messages.success(request, _("The thresholds are saved: the lists below follow them."))
    return HttpResponseRedirect(to)


@action
def mark(request: HttpRequest, group_id: UUID, alert: str) -> HttpResponse:
    """Answers a script with the alert as it now stands, and a browser without one with the page."""
    user = user_of(request)
    group = access_group(user, group_id)
    name = Name.parse(alert)
    try:
        line, problem = _marked(request, user, group, name), ""
    except queries.NothingToLearn as absent:
        raise Http404(str(absent)) from absent
    except (_Refused, TooLong) as refused:
        problem = _("Not saved: %(reason)s.") % {"reason": refused}
    if problem:
        messages.error(request, problem)
    elif request.headers.get("HX-Request"):
        return render(request, "dashboard/_need_alert.html", {"page": {"group": group}, "line": line, "is_new": True})
    else:
        messages.success(request, _("Marked: %(alert)s.") % {"alert": line.title})
    to = reverse("dashboard:need", args=[group.pk])
    if request.headers.get("HX-Request"):
        # What is wrong is told by the page, which is loaded anew.
        return HttpResponse(status=204, headers={"HX-Redirect": to})
    return HttpResponseRedirect(f"{to}#{name}")


class _Refused(ValueError):
    """The message says what to do."""


def _marked(request: HttpRequest, user: User, group: Group, name: Name) -> AlertLine:
    """Raises: _Refused, TooLong, queries.NothingToLearn, NotFound."""
    said, now = request.POST.get("useful", ""), timezone.now()
    if said not in _USEFUL:
        raise _Refused(_("“%(value)s” is no mark: use yes or no") % {"value": said})
    learner = queries.member(group, name.learner_id)
    observed = alerting.observe(group, queries.content_of(group), [learner.pk], now=now)
    try:
        seen = observed.find(name)
    except NotFound:
        raise _Refused(_("the alert has ended meanwhile: the learner has answered since")) from None
    row = alert_marks.mark(
        user, observed, seen, useful=_USEFUL[said], note=request.POST.get("note", ""), now=now
    )  # fmt: skip
    return alert_line(observed, learner, observed.after(row).find(name))


def _shown(request: HttpRequest, group: Group, template: str) -> HttpResponse:
    now, is_print = timezone.now(), request.GET.get("view") == "print"
    try:
        shown = need_page(group, whole=EVERYBODY if is_print else request.GET.get("all", ""), now=now)
    except queries.NothingToLearn as reason:
        return _nothing(request, group, reason)
    asked = Asked.parse(request.GET, shown.observed.knobs)
    context = {
        "page": shown, "now": now, "asked": asked, "is_asked": not request.GET.keys().isdisjoint(ALERTS),
        "preview": preview(shown, asked), "changed_by": _changed_by(shown),
        "is_print": is_print,
    }  # fmt: skip
    return render(request, template, context)


def _changed_by(shown: NeedPage) -> str:
    by = shown.observed.settings
    if by.updated_by:
        return by.updated_by.name or by.updated_by.email
    return by.updated_client.name if by.updated_client else ""


def _nothing(request: HttpRequest, group: Group, reason: queries.NothingToLearn) -> HttpResponse:
    return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
