"""Links by which a learner opens their own page: made and ended by their teachers."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from tutor.accounts import learner_tokens
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group, Learner, User
from tutor.dashboard import learner_links, own_session, queries
from tutor.dashboard.guards import action
from tutor.dashboard.learner_views import of_learner


@action
@of_learner
def make(request: HttpRequest, user: User, group: Group, learner: Learner) -> HttpResponse:
    """Shown once, on the answer itself: no message, cookie or address keeps it."""
    made = learner_tokens.create(user, learner, name=_("Link from the dashboard"), now=timezone.now())
    shown = {
        "group": group, "learner": learner, "name": queries.called(learner), "until": made.row.expires_at,
        "address": request.build_absolute_uri(own_session.address(made.token)),
    }  # fmt: skip
    return render(request, "dashboard/learner_link.html", shown, status=201)


@action
@of_learner
def end(request: HttpRequest, user: User, group: Group, learner: Learner, token_id: UUID) -> HttpResponse:
    now = timezone.now()
    found = learner_links.of(learner, now=now).filter(pk=token_id).first()
    if found is None:
        raise NotFound("link of this learner", token_id)
    learner_tokens.revoke(found, now=now)
    address = reverse("dashboard:learner_adjust", args=(group.pk, learner.pk))
    return HttpResponseRedirect(f"{address}#links")
