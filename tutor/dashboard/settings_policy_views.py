"""The page of policies, its files, and what administrators may ask for: as the API lets them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from tutor.accounts.access import NotFound, access_curriculum, access_group
from tutor.accounts.models import Group, User
from tutor.dashboard import (
    csv,
    queries,
    settings_policy,
    settings_policy_files,
    settings_policy_trials,
    settings_values,
)
from tutor.dashboard.guards import action, page, user_of
from tutor.dashboard.settings_policy import label_of
from tutor.dashboard.settings_policy_trials import Wish
from tutor.dashboard.settings_policy_words import REWARDS, points
from tutor.dashboard.settings_values import Unreadable
from tutor.scheduling import configs, evaluations, jobs, rehearsals, trials
from tutor.scheduling.evaluations import CannotEvaluate
from tutor.scheduling.jobs import TooMany
from tutor.scheduling.ope.rewards import Kind, Reward
from tutor.scheduling.rehearsals import CannotRehearse
from tutor.scheduling.trials import CannotTry

#: The log is looked at this far back, unless something else is asked for.
_USUAL: Final = timedelta(days=90)
#: What an address keeps of a question that was refused.
_ASKED: Final = ("policy", "since", "logged_policy", "reward", "against")


class _Refused(ValueError):
    """What is asked cannot be; the message says what to do about it."""


@page
def policy(request: HttpRequest, group_id: UUID) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    group = access_group(user, group_id)
    shown = settings_policy.policy_page(user, group, _content(group))
    asked = {name: request.GET.get(name, "") for name in _ASKED}
    asked["since"] = asked["since"] or timezone.localtime(now - _USUAL).date().isoformat()
    may_ask = shown.is_admin and shown.content
    begin = settings_policy_trials.begin_form(shown, request.GET.dict(), now=now) if may_ask else None
    return render(
        request, "dashboard/settings_policy.html",
        {"page": shown, "now": now, "asked": asked, "rewards": [(kind, REWARDS[kind]) for kind in REWARDS],
         "begin": begin},
    )  # fmt: skip


@page
def policy_file(request: HttpRequest, group_id: UUID, table: str) -> HttpResponseBase:
    user = user_of(request)
    group = access_group(user, group_id)
    found = settings_policy_files.table(settings_policy.policy_page(user, group, _content(group)), table)
    if found is None:
        raise NotFound("table", table)
    # Drawn here: what it takes is read already, and the file is small.
    head, rows = found
    return csv.download(f"{slugify(group.name, allow_unicode=True) or 'class'}-{table}.csv", head, list(rows))


@action
def evaluate(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Has a policy judged by the log of the school."""
    user, now = user_of(request), timezone.now()
    group = _administered(user, group_id)
    content, asked = _needed(group), request.POST
    name, config = configs.named(group.school_id, asked.get("policy", ""))
    try:
        kind = asked.get("reward", "")
        if kind not in REWARDS:
            raise _Refused(_("“%(typed)s” cannot be: choose one of the list.") % {"typed": kind})
        day = settings_values.day(asked.get("since", "")) or timezone.localtime(now - _USUAL).date()
        job = evaluations.question(
            group.school_id, name, config, since=timezone.make_aware(datetime.combine(day, time())), until=now,
            reward=Reward(Kind(kind)), logged_policy=asked.get("logged_policy", ""),
            curriculum_id=content.curriculum_id, requested_by=user.name or user.email, now=now,
        )  # fmt: skip
        jobs.request(job)
    except (_Refused, Unreadable, CannotEvaluate, TooMany) as refused:
        messages.error(request, _("Not begun: %(why)s.") % {"why": str(refused).rstrip(".")})
        return _back(group, request)
    messages.success(request, _("“%(policy)s” will be judged by the log.") % {"policy": label_of(name, config)})
    return _back(group)


@action
def rehearse(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Has a policy tried on simulated learners."""
    user, now = user_of(request), timezone.now()
    group = _administered(user, group_id)
    content, asked = _needed(group), request.POST
    sides = [configs.named(group.school_id, asked.get(name, "")) for name in ("policy", "against")]
    try:
        job = rehearsals.question(
            group.school_id, content.curriculum_id, *sides, requested_by=user.name or user.email, now=now
        )
        jobs.request(job)
    except (CannotRehearse, TooMany) as refused:
        messages.error(request, _("Not begun: %(why)s.") % {"why": str(refused).rstrip(".")})
        return _back(group, request)
    messages.success(request, _("“%(policy)s” will be tried on simulated learners.") % {"policy": label_of(*sides[0])})
    return _back(group)


@action
def begin_trial(request: HttpRequest, group_id: UUID) -> HttpResponse:
    """Mixes a new policy in beside the approved one."""
    user, now = user_of(request), timezone.now()
    group = _administered(user, group_id)
    curriculum = access_curriculum(user, _needed(group).curriculum_id)
    try:
        wish = Wish.parse(group, request.POST.dict())
        trial = trials.begin(
            group.school_id, curriculum, wish.group, approved=wish.approved, new=wish.new, promise=wish.promise,
            reward=wish.reward, unrehearsed=wish.unrehearsed, by=user.name or user.email, now=now,
        )  # fmt: skip
    except (Unreadable, CannotTry) as refused:
        messages.error(request, _("Not begun: %(why)s.") % {"why": str(refused).rstrip(".")})
        return _back(group, request, settings_policy_trials.FIELDS)
    told = {"new": label_of(*wish.new), "approved": label_of(*wish.approved), "share": points(trial.mixing)}
    text = _("The trial has begun: “%(new)s” makes %(share)s of the plans, “%(approved)s” the rest.")
    messages.success(request, text % told)
    return _back(group)


@action
def stop_trial(request: HttpRequest, group_id: UUID, trial_id: UUID) -> HttpResponse:
    """Ends a trial of the class or of its school, or takes a promotion back."""
    user, now = user_of(request), timezone.now()
    group = _administered(user, group_id)
    trial = trials.access(group.school_id, trial_id)
    if trial.group_id not in (None, group.pk):
        raise NotFound("policy trial", trial_id)
    try:
        why = settings_policy_trials.reason(request.POST.get("reason", ""))
        trials.stop(trial, reason=why, by=user.name or user.email, now=now)
    except (Unreadable, CannotTry) as refused:
        messages.error(request, _("Not ended: %(why)s.") % {"why": str(refused).rstrip(".")})
        return _back(group)
    text = _("The trial of “%(new)s” has ended: what is agreed with each class holds again.")
    messages.success(request, text % {"new": label_of(trial.new_policy, trial.new_config)})
    return _back(group)


def _administered(user: User, group_id: UUID) -> Group:
    """Raises: NotFound: for a teacher too: policies of a school are its administrators' to judge."""
    group = access_group(user, group_id)
    if user.role != User.Role.ADMIN:
        raise NotFound("page", group_id)
    return group


def _content(group: Group) -> Snapshot | None:
    try:
        return queries.content_of(group)
    except queries.NothingToLearn:
        return None


def _needed(group: Group) -> Snapshot:
    """Raises: NotFound: if the class works on nothing."""
    content = _content(group)
    if content is None:
        raise NotFound("curriculum of class", group.pk)
    return content


def _back(group: Group, request: HttpRequest | None = None, fields: Sequence[str] = _ASKED) -> HttpResponse:
    """To the page; with a request, what was asked stays typed."""
    typed = {name: request.POST[name] for name in fields if name in request.POST} if request else {}
    to = reverse("dashboard:policy", args=(group.pk,))
    return HttpResponseRedirect(f"{to}?{urlencode(typed)}" if typed else to)
