"""The pages of prerequisites: the map, one edge of it, and what a teacher says of that."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from tutor.accounts.access import NotFound, access_group
from tutor.accounts.models import Group, User
from tutor.dashboard import class_files, csv, queries
from tutor.dashboard import prerequisites_words as words
from tutor.dashboard.guards import action, page, user_of
from tutor.dashboard.prerequisites_edge import edge_page, pair_of
from tutor.dashboard.prerequisites_page import prerequisites_page
from tutor.dashboard.prerequisites_words import Choice
from tutor.registry import edges, reviews
from tutor.registry.prerequisites import Pair
from tutor.registry.reviews import ReviewRefused, Verb

#: Characters of a note, as in the API.
LONGEST_NOTE: Final = 2000


@page
def prerequisites(request: HttpRequest, group_id: UUID) -> HttpResponse:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        if {"parent", "child"} <= request.GET.keys():
            return _chosen(request, group)
        choice, search = _choice(request.GET.get("edges", "")), request.GET.get("q", "")
        shown = prerequisites_page(group, choice=choice, search=search, now=now)
    except queries.NothingToLearn as reason:
        return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
    return render(request, "dashboard/prerequisites.html", {"page": shown, "now": now})


@page
def file(request: HttpRequest, group_id: UUID) -> HttpResponseBase:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        choice, search = _choice(request.GET.get("edges", "")), request.GET.get("q", "")
        shown = prerequisites_page(group, choice=choice, search=search, now=now)
    except queries.NothingToLearn as reason:
        return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
    name = csv.named(group.name, "prerequisites", now=timezone.localtime(now))
    return csv.download(name, class_files.prerequisites_head(), class_files.prerequisites_rows(shown))


@page
def one_edge(request: HttpRequest, group_id: UUID, parent_id: UUID, child_id: UUID) -> HttpResponse:
    group, now = access_group(user_of(request), group_id), timezone.now()
    try:
        shown = edge_page(group, parent_id, child_id, now=now)
    except queries.NothingToLearn as reason:
        return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})
    return render(request, "dashboard/prerequisite.html", {"page": shown, "now": now, "longest": LONGEST_NOTE})


@action
def review(request: HttpRequest, group_id: UUID, parent_id: UUID, child_id: UUID) -> HttpResponse:
    """What came of it, or why it was refused, is told on the page of the edge."""
    user = user_of(request)
    try:
        group = access_group(user, group_id)
        content = queries.content_of(group)
        said = _say(request, user, group, content, pair_of(content, parent_id, child_id))
        messages.success(request, said)
    except queries.NothingToLearn as absent:
        raise Http404(str(absent)) from absent
    except ReviewRefused as refused:
        messages.error(request, _("Not saved: %(reason)s.") % {"reason": refused})
    return HttpResponseRedirect(reverse("dashboard:prerequisite", args=(group_id, parent_id, child_id)))


def _say(request: HttpRequest, user: User, group: Group, content: Snapshot, pair: Pair) -> str:
    """Raises: ReviewRefused, NotFound."""
    wanted, note = request.POST.get("verb", ""), request.POST.get("note", "").strip()
    if wanted not in set(Verb):
        known = ", ".join(Verb)
        raise ReviewRefused(
            _("%(verb)r is nothing to do with an edge: use %(known)s") % {"verb": wanted, "known": known}
        )
    if len(note) > LONGEST_NOTE:
        raise ReviewRefused(
            _("the note has %(n)s characters: %(most)s is the most") % {"n": len(note), "most": LONGEST_NOTE}
        )
    verb = Verb(wanted)
    reviews.review(user, content.curriculum_id, pair, verb, reason=note, now=timezone.now())
    removed = edges.removed(content)
    parent, child = (content.concept_titles[end] or removed.get(end, "") for end in pair)
    return words.done(verb, parent, child, group.school.name)


def _chosen(request: HttpRequest, group: Group) -> HttpResponse:
    """To the page of a pair that somebody put together; it need be no edge yet."""
    parent, child = request.GET["parent"], request.GET["child"]
    if not parent or not child or parent == child:
        messages.error(request, _("A prerequisite is between two concepts: choose two that differ."))
        return HttpResponseRedirect(reverse("dashboard:prerequisites", args=(group.pk,)))
    try:
        ids = UUID(parent), UUID(child)
    except ValueError as error:
        raise NotFound("concept", f"{parent} or {child}") from error
    return HttpResponseRedirect(reverse("dashboard:prerequisite", args=(group.pk, *ids)))


def _choice(name: str) -> Choice:
    return Choice(name) if name in set(Choice) else Choice.USUAL
