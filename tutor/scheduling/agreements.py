"""Writes of what is agreed with classes and learners. Callers have been through `access`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction

from tutor.accounts.access import Principal
from tutor.accounts.models import Group, Learner, School
from tutor.scheduling import contents, knobs, outdated, placements
from tutor.scheduling.knobs import BadKnob, Knobs
from tutor.scheduling.models import GroupSettings, LearnerSettings
from tutor.scheduling.overrides import by
from tutor.scheduling.terms import Supposed

#: Knobs that a learner may have otherwise; null: as the class has it.
OWN: Final = frozenset({"minutes_a_day", "spread_reviews", "quiet_weekdays"})


def of_group(group: Group) -> GroupSettings:
    """As saved, or the defaults since the class was made."""
    saved = GroupSettings.objects.filter(group=group).select_related("updated_by", "updated_client").first()
    return saved or GroupSettings(group=group, updated_at=group.created_at)


def of_learner(learner: Learner) -> LearnerSettings:
    saved = LearnerSettings.objects.filter(learner=learner).select_related("updated_by", "updated_client").first()
    return saved or LearnerSettings(learner=learner, updated_at=learner.created_at)


def knobs_of(settings: GroupSettings) -> Knobs:
    return knobs.decoded(knobs.as_text(settings.chosen))


@transaction.atomic
def change_group(group: Group, changes: Mapping[str, Any], *, by_whom: Principal, now: datetime) -> GroupSettings:
    """Sets some knobs, and `policy`; None sets one back to its default. Plans follow.

    Raises:
        BadKnob: if a value cannot be.
    """
    lock_group(group)
    settings = of_group(group)
    after = supposed(group, settings, changes, now=now)
    if after.policy != settings.policy and knobs.policy_of(after.policy).ends:
        placements.begin_anew(group)
    settings.policy, settings.chosen = after.policy, knobs.encoded(after.knobs)
    _sign(settings, by_whom, now)
    outdated.of_group(group.pk, now=now)
    return settings


def supposed(group: Group, settings: GroupSettings, changes: Mapping[str, Any], *, now: datetime) -> Supposed:
    """What would be agreed after such changes; nothing is written.

    Raises:
        BadKnob: if a value cannot be.
    """
    rest = dict(changes)
    policy = rest.pop("policy", settings.policy or None) or knobs.POLICY
    after = knobs.changed(knobs_of(settings), rest)
    if "goals" in rest:
        _check_goals(group, after.goals)
    if {"policy", "exam_on", "after_placement"} & changes.keys():
        # Not at every change: an exam that is over must not keep teachers from turning other knobs.
        zone = School.objects.only("timezone").get(pk=group.school_id).timezone
        knobs.check_policy(policy, after, today=now.astimezone(ZoneInfo(zone)).date())
    return Supposed(group.pk, "" if policy == knobs.POLICY else policy, after)


@transaction.atomic
def change_learner(
    learner: Learner, changes: Mapping[str, Any], *, by_whom: Principal, now: datetime
) -> LearnerSettings:  # fmt: skip
    """Raises:
    BadKnob: if a value cannot be.
    """
    lock_learner(learner)
    settings = of_learner(learner)
    for name in OWN & changes.keys():
        value = changes[name]
        setattr(settings, name, None if value is None else getattr(knobs.changed(knobs.DEFAULTS, {name: value}), name))
    if "explores" in changes:
        settings.explores = changes["explores"] is not False
    _sign(settings, by_whom, now)
    outdated.of_learner(learner.pk, now=now)
    return settings


def lock_group(group: Group) -> None:
    """Until the transaction ends nobody else changes what is agreed for it."""
    Group.objects.select_for_update(no_key=True).only("id").get(pk=group.pk)


def lock_learner(learner: Learner) -> None:
    Learner.objects.select_for_update(no_key=True).only("id").get(pk=learner.pk)


def _sign(settings: GroupSettings | LearnerSettings, by_whom: Principal, now: datetime) -> None:
    settings.updated_at = now
    for column, value in by(by_whom, "updated").items():
        setattr(settings, column, value)
    settings.save()


def _check_goals(group: Group, keys: tuple[str, ...]) -> None:
    curriculum_id = group.curriculum_id or contents.only(group.school_id)
    if keys and curriculum_id is None:
        raise BadKnob("goals", list(keys), "the class works on no curriculum: say which, then its goals")
    for key in keys:
        content = contents.latest(curriculum_id) if curriculum_id else None
        if content and key not in content.concept_position:
            raise BadKnob("goals", key, f"it is no concept of {content.title!r}: name keys from its list of concepts")
