"""The pages of one learner. They only read, but for what a teacher says of the learner's concepts and settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, Final, ParamSpec
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tutor.accounts.access import access_group
from tutor.accounts.models import Group, Learner, User
from tutor.dashboard import csv, learner_files, learner_said, queries
from tutor.dashboard.guards import action, page, user_of
from tutor.dashboard.learner_adjust import adjust_page
from tutor.dashboard.learner_answers import answers_page, everything
from tutor.dashboard.learner_concept import concept_page
from tutor.dashboard.learner_decision import decision_page
from tutor.dashboard.learner_page import known, learner_page
from tutor.dashboard.learner_pictures import Future
from tutor.dashboard.learner_print import print_page
from tutor.dashboard.learner_said import Said
from tutor.scheduling.models import Override

P = ParamSpec("P")
_OfLearner = Callable[Concatenate[HttpRequest, User, Group, Learner, P], HttpResponseBase]
#: A form that cannot be accepted is shown again, filled in.
UNPROCESSABLE: Final = 422


def of_learner(view: _OfLearner[P]) -> Callable[..., HttpResponseBase]:
    """Of a learner of a class that whoever is signed in may see."""

    @wraps(view)
    def found(
        request: HttpRequest, group_id: UUID, learner_id: UUID, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        user = user_of(request)
        group = access_group(user, group_id)
        learner = queries.member(group, learner_id)
        try:
            return view(request, user, group, learner, *args, **kwargs)
        except queries.NothingToLearn as reason:
            if request.method == "POST":
                raise Http404(str(reason)) from reason
            return render(request, "dashboard/nothing.html", {"group": group, "reason": reason})

    return found


@page
@of_learner
def one_learner(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponse:
    now = timezone.now()
    shown = learner_page(user, group, learner, now=now)
    return render(request, "dashboard/learner.html", {"page": shown, "now": now})


@page
@of_learner
def one_concept(request: HttpRequest, user: User, group: Group, learner: Learner, key: str) -> HttpResponse:
    now = timezone.now()
    shown = concept_page(user, group, learner, key, now=now)
    return render(request, "dashboard/learner_concept.html", {"page": shown, "now": now})


@page
@of_learner
def weeks_file(request: HttpRequest, user: User, group: Group, learner: Learner, key: str) -> HttpResponseBase:
    now = timezone.now()
    shown = concept_page(user, group, learner, key, now=now)
    rows = learner_files.weeks(shown.weeks)
    return csv.download(_file(shown.known.name, f"recall-{key}", now), learner_files.weeks_head(), rows)


@page
@of_learner
def visits_file(request: HttpRequest, user: User, group: Group, learner: Learner, key: str) -> HttpResponseBase:
    now = timezone.now()
    shown = concept_page(user, group, learner, key, now=now)
    rows = learner_files.visits(shown.visits, has_enough=shown.row.has_enough)
    return csv.download(_file(shown.known.name, f"planned-{key}", now), learner_files.visits_head(), rows)


@page
@of_learner
def on_paper(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponse:
    now = timezone.now()
    return render(request, "dashboard/learner_print.html", {"page": print_page(group, learner, now=now), "now": now})


@page
@of_learner
def concepts_file(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponseBase:
    now = timezone.now()
    of = known(group, learner, now=now)
    rows = of.rows(Future.of(of.ahead()))
    return csv.download(_file(of.name, "concepts", now), learner_files.concepts_head(), learner_files.concepts(rows))


@page
@of_learner
def answers(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponse:
    now = timezone.now()
    shown = answers_page(group, learner, request.GET, now=now)
    return render(request, "dashboard/learner_answers.html", {"page": shown, "now": now})


@page
@of_learner
def answers_file(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponseBase:
    now = timezone.now()
    shown = everything(group, learner, request.GET, now=now)
    name = _file(shown.known.name, shown.asked.show, now)
    if shown.asked.show == "offers":
        return csv.download(name, learner_files.offers_head(), learner_files.offers(shown.part.offers))
    return csv.download(name, learner_files.answers_head(), learner_files.answers(shown.part.answers))


@page
@of_learner
def decision(request: HttpRequest, user: User, group: Group, learner: Learner, decision_id: UUID) -> HttpResponse:
    shown = decision_page(user, group, learner, decision_id)
    return render(request, "dashboard/learner_decision.html", {"page": shown, "now": timezone.now()})


@page
@of_learner
def decision_file(
    request: HttpRequest, user: User, group: Group, learner: Learner, decision_id: UUID
) -> HttpResponseBase:
    shown = decision_page(user, group, learner, decision_id)
    name = _file(shown.name, "candidates", timezone.now())
    return csv.download(name, learner_files.candidates_head(), learner_files.candidates(shown.candidates))


@page
@of_learner
def adjust(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponse:
    """`concept` and `kind` in the address are filled in."""
    now = timezone.now()
    form = learner_said.blank(now, request.GET.get("concept", ""), request.GET.get("kind", ""))
    return _adjust(request, user, group, learner, form, None, now)


@action
@of_learner
def say(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponse:
    now = timezone.now()
    of = known(group, learner, now=now)
    made = learner_said.say(user, learner, of.content, request.POST, now=now)
    if isinstance(made, Said):
        return _adjust(request, user, group, learner, made, None, now)
    said = {
        "label": learner_said.KINDS[Override.Kind(made.kind)][0],
        "concept": of.content.concept_titles[made.concept],
        "name": of.name,
    }
    messages.success(request, _("“%(label)s”: %(concept)s. What comes next for %(name)s is planned anew.") % said)
    return HttpResponseRedirect(reverse("dashboard:learner_adjust", args=(group.pk, learner.pk)))


@action
@of_learner
def take_back(request: HttpRequest, user: User, group: Group, learner: Learner, override_id: UUID) -> HttpResponse:
    now = timezone.now()
    ended = learner_said.take_back(user, learner, override_id, now=now)
    content = known(group, learner, now=now).content
    said = {"concept": content.concept_titles[ended.concept], "name": queries.called(learner)}
    messages.success(request, _("Taken back: %(concept)s. What comes next for %(name)s is planned anew.") % said)
    return HttpResponseRedirect(reverse("dashboard:learner_adjust", args=(group.pk, learner.pk)))


@action
@of_learner
def settle(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponse:
    now = timezone.now()
    refused = learner_said.settle(user, learner, request.POST, now=now)
    if refused:
        return _adjust(request, user, group, learner, learner_said.blank(now), refused, now)
    messages.success(request, _("Saved. It holds from the next question on."))
    return HttpResponseRedirect(reverse("dashboard:learner_adjust", args=(group.pk, learner.pk)))


def _adjust(
    request: HttpRequest,
    user: User,
    group: Group,
    learner: Learner,
    form: Said,
    settings: Said | None,
    now: datetime,
) -> HttpResponse:
    shown = adjust_page(user, group, learner, form, settings, now=now)
    wrong = bool(form.problems or (settings and settings.problems))
    status = UNPROCESSABLE if wrong else 200
    return render(request, "dashboard/learner_adjust.html", {"page": shown, "now": now}, status=status)


def _file(learner: str, what: str, now: datetime) -> str:
    return learner_files.name(learner, what, now=timezone.localtime(now))
