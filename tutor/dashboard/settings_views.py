"""The page of a class's settings: the form, what it would do, and saving it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from curricula.snapshot import Snapshot
from tutor.accounts.access import access_group
from tutor.accounts.models import Group, User
from tutor.dashboard import csv, queries, settings_preview
from tutor.dashboard.guards import action, page, user_of
from tutor.dashboard.settings_form import OF, Form, form_of
from tutor.dashboard.settings_preview import Preview
from tutor.dashboard.settings_words import definitions
from tutor.dashboard.words import Definition
from tutor.scheduling import agreements
from tutor.scheduling.models import Said

#: Sent by the script that asks for a part of a page.
_PARTIAL: Final = "HX-Request"


@final
@dataclass(frozen=True)
class SettingsPage:
    """Attributes: content: None if the class works on nothing.     preview: None before anybody has asked for it."""

    group: Group
    content: Snapshot | None
    form: Form
    preview: Preview | None
    query: str = ""

    @cached_property
    def definitions(self) -> Mapping[str, Definition]:
        return definitions()

    @property
    def changed_by(self) -> str:
        return who(self.form.settings)


@page
def settings(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """The whole page, or only the preview. Nothing is written."""
    group, now = access_group(user_of(request), group_id), timezone.now()
    shown = _shown(group, request.GET, now=now)
    is_part = _PARTIAL in request.headers
    return render(
        request, "dashboard/_settings_preview.html" if is_part else "dashboard/settings.html",
        {"page": shown, "now": now, "is_part": is_part},
    )  # fmt: skip


@page
def preview_file(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    group, now = access_group(user_of(request), group_id), timezone.now()
    content = _content(group)
    form = form_of(group, agreements.of_group(group), request.GET, content, now=now)
    told = settings_preview.preview(group, form, content, form.supposed, now=now)
    day = told.exam.day if told.effect and told.exam else None
    name = f"{slugify(group.name, allow_unicode=True) or 'class'}-settings-{timezone.localtime(now):%Y-%m-%d}.csv"
    return csv.download(name, settings_preview.head(day), settings_preview.cells(told) if told.effect else ())


@action
def save(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """What cannot be saved is shown again as it was typed, and so is what would overwrite a colleague's changes."""
    user, now = user_of(request), timezone.now()
    group = access_group(user, group_id)
    with transaction.atomic():
        agreements.lock_group(group)
        form = form_of(group, agreements.of_group(group), request.POST, _content(group), now=now)
        is_wrong, is_conflict = bool(form.errors), form.is_stale and bool(form.changed)
        if not is_wrong and not is_conflict:
            messages.success(request, _saved(form, user, now))
            return HttpResponseRedirect(reverse("dashboard:settings", args=(group.pk,)))
    form = form.against() if is_conflict else form
    shown = SettingsPage(group, _content(group), form, None)
    status = 409 if is_conflict else 422
    return render(request, "dashboard/settings.html", {"page": shown, "now": now, "is_refused": True}, status=status)


def who(said: Said) -> str:
    """A person's or a key's name, "" for nobody."""
    if said.updated_by:
        return said.updated_by.name or said.updated_by.email
    return said.updated_client.name if said.updated_client else ""


def _shown(group: Group, asked: QueryDict, *, now: datetime) -> SettingsPage:
    content = _content(group)
    form = form_of(group, agreements.of_group(group), asked, content, now=now)
    if form.is_stale:
        form = form.against()
    told = settings_preview.preview(group, form, content, form.supposed, now=now) if OF in asked else None
    return SettingsPage(group, content, form, told, asked.urlencode())


def _content(group: Group) -> Snapshot | None:
    try:
        return queries.content_of(group)
    except queries.NothingToLearn:
        return None


def _saved(form: Form, user: User, now: datetime) -> str:
    """Writes what was changed; what was done, in words."""
    if not form.changed:
        return _("Everything is as it was: there was nothing to save.")
    changes = "; ".join(f"{line.field.label}: {line.told_saved} → {line.told}" for line in form.changed)
    agreements.change_group(form.group, form.changes, by_whom=user, now=now)
    n = form.group.memberships.count()
    plans = ngettext(
        "The plan of %(n)s learner is made anew.", "The plans of %(n)s learners are made anew.", n
    ) % {"n": n}  # fmt: skip
    return _("Saved. %(changes)s.") % {"changes": changes} + " " + plans
