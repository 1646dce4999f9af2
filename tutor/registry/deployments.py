"""The pointers that say who serves, who is tried beside it, and who served before. Moved by one UPDATE each."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from tutor import db
from tutor.accounts.errors import StaleRow
from tutor.registry import card_words, store
from tutor.registry.models import Deployment, ModelVersion
from tutor.registry.moves import ITSELF, How, Order, note

State = ModelVersion.State

#: After a promotion the states of the version before are kept level for so long, so that the way back is short.
PREVIOUS_KEPT: Final = timedelta(days=7)


class NotUsable(ValueError):
    """A version may not serve here."""

    def __init__(self, version: ModelVersion, rule: str) -> None:
        text = _("model version %(version)s (%(id)s) %(rule)s")
        super().__init__(text % {"version": version, "id": version.pk, "rule": rule})


class NothingBefore(ValueError):
    """There is no way back."""

    def __init__(self, curriculum_id: UUID) -> None:
        text = _("no version served curriculum %(id)s here before the present one: promote the one that you want")
        super().__init__(text % {"id": curriculum_id})


class NotApart(ValueError):
    """A school has nothing of its own that could give way."""

    def __init__(self, curriculum_id: UUID, school_id: UUID) -> None:
        text = _("school %(school)s has no deployment of its own for curriculum %(id)s: it follows that of all already")
        super().__init__(text % {"school": school_id, "id": curriculum_id})


class Beside(NamedTuple):
    """A version whose states are kept beside the serving one's; answers received from `since` on are scored."""

    version_id: UUID
    since: datetime


def promote(
    version: ModelVersion, *, school_id: UUID | None = None, now: datetime | None = None, order: Order = ITSELF
) -> Deployment:
    """Makes a version the champion of its curriculum, for one school or for all that have no own champion.

    Whether its states are level is not asked here: `scheduling.rollout` is the door for people and tasks.

    Raises:
        NotUsable: if it failed, was rejected, or is another school's.
    """
    check(version, school_id)
    now = now or timezone.now()
    with transaction.atomic():
        curriculum_id = version.curriculum_version.curriculum_id
        current = _own(curriculum_id, school_id) or _first(version, school_id, now, order)
        if current.champion_id != version.pk:
            _point(current, version, now, How.PROMOTED, order)
        version.refresh_from_db(fields=["state", "idle_since"])
        return current


def roll_back(curriculum_id: UUID, school_id: UUID | None, *, now: datetime, order: Order = ITSELF) -> Deployment:
    """The champion and the one before change places; what a school had before it followed all others serves it again.

    Raises:
        NothingBefore: if nothing served before.
        NotUsable: if what served before can no longer be loaded.
    """
    with transaction.atomic():
        current = _locked(curriculum_id, school_id)
        current = current and reopened(current)
        if current is None or current.previous is None:
            raise NothingBefore(curriculum_id)
        check(current.previous, school_id)
        _point(current, current.previous, now, How.ROLLED_BACK, order)
        return current


def follow_site(curriculum_id: UUID, school_id: UUID, *, now: datetime, order: Order = ITSELF) -> Deployment:
    """A school's own deployment gives way to that of all schools, which is returned; its champion is the way back.

    What is in shadow for the school alone is withdrawn.

    Raises:
        NotApart: if it has none.
        NotUsable: if what serves all schools cannot be loaded.
    """
    with transaction.atomic():
        site_wide, current = _locked(curriculum_id, None), _locked(curriculum_id, school_id)
        if site_wide is None or current is None or current.follows_since is not None:
            raise NotApart(curriculum_id, school_id)
        check(site_wide.champion, school_id)
        withdrawn, current.challenger, current.challenger_since = current.challenger_id, None, None
        current.follows_since = now
        current.save(update_fields=["follows_since", "challenger", "challenger_since", "updated_at"])
        _settle([current.champion_id, withdrawn], now)
        note(current, How.FOLLOWED, current.champion, site_wide.champion, order=order, now=now)
        return site_wide


def challenge(
    version: ModelVersion, *, school_id: UUID | None = None, now: datetime, order: Order = ITSELF
) -> Deployment:
    """Puts a version in shadow beside the champion of its curriculum, in place of any other.

    A school that has followed the site-wide champion gets a deployment of its own, and keeps that champion in it.

    Raises:
        NotUsable: if it failed, was rejected, is another school's, serves here already, or nothing does.
    """
    check(version, school_id)
    curriculum_id = version.curriculum_version.curriculum_id
    with transaction.atomic():
        current = _own(curriculum_id, school_id)
        if current is None:
            raise NotUsable(version, _("finds no champion to challenge: promote it"))
        if current.champion_id == version.pk:
            raise NotUsable(version, _("serves here already: challenge it with another"))
        if current.challenger_id != version.pk:
            replaced, current.challenger, current.challenger_since = current.challenger, version, now
            current.save(update_fields=["challenger", "challenger_since", "updated_at"])
            _settle([version.pk, replaced.pk if replaced else None], now)
            note(current, How.CHALLENGED, replaced, version, order=order, now=now)
        version.refresh_from_db(fields=["state", "idle_since"])
        return current


def withdraw(curriculum_id: UUID, school_id: UUID | None, *, now: datetime, order: Order = ITSELF) -> Deployment | None:
    """Takes the challenger back, if there is one; its states are left to be pruned."""
    with transaction.atomic():
        current = _locked(curriculum_id, school_id)
        if current and (withdrawn := current.challenger):
            current.challenger = current.challenger_since = None
            current.save(update_fields=["challenger", "challenger_since", "updated_at"])
            _settle([withdrawn.pk], now)
            note(current, How.WITHDRAWN, withdrawn, None, order=order, now=now)
        return current


def check(version: ModelVersion, school_id: UUID | None) -> None:
    """Raises NotUsable unless the version may serve a school, or with None all schools."""
    if version.state in (State.FAILED, State.REJECTED):
        why = card_words.unnamed(card_words.reason(version)) or version.note or _("no reason was kept")
        text = _("is %(state)s (%(why)s): take another, or fit it anew")
        raise NotUsable(version, text % {"state": card_words.STATES[version.state], "why": why})
    if version.school_id not in (None, school_id):
        text = _("was fitted on answers of school %(school)s: it cannot serve all schools")
        if school_id:
            text = _("was fitted on answers of school %(school)s: it cannot serve school %(other)s")
        raise NotUsable(version, text % {"school": version.school_id, "other": school_id})


def check_files(version: ModelVersion) -> None:
    """Raises NotUsable unless the store has the version's files as they were registered. Reads them all."""
    try:
        # Versions of before files were noted have the manifest's checksum alone.
        store.verify(version.pk, version.files or {"manifest.json": version.checksum})
    except store.Unsound as error:
        text = _("has no sound artifact (%(why)s): put its files back, or take another")
        raise NotUsable(version, text % {"why": error}) from error
    except OSError as error:
        text = _("cannot be looked at, for the store of models does not answer (%(why)s): try again when it does")
        raise NotUsable(version, text % {"why": error}) from error


def deployed(curriculum_id: UUID, school_id: UUID | None) -> Deployment | None:
    """What serves one school, or with None all that have no deployment of their own; not the one fallen back on."""
    target = Q(school=school_id) if school_id else Q(school=None)
    return Deployment.objects.filter(target, curriculum_id=curriculum_id, follows_since=None).first()


def left(curriculum_id: UUID, school_id: UUID) -> Deployment | None:
    """What a school had of its own before it followed all others again, if it does."""
    own = Deployment.objects.filter(curriculum_id=curriculum_id, school=school_id)
    return own.filter(follows_since__isnull=False).first()


def reopened(deployment: Deployment) -> Deployment:
    """As it stands for its school: one that gave way has the champion of all schools, and its own is the way back.

    A copy that is not saved, where anything differs.
    """
    site_wide = deployed(deployment.curriculum_id, None)
    since, own = deployment.follows_since, deployment.champion
    if since is None or site_wide is None:
        return deployment
    found = copy.copy(deployment)
    found.follows_since = None
    if own != site_wide.champion:
        found.champion, found.champion_since, found.previous = site_wide.champion, since, own
    return found


def serving_school(curriculum_id: UUID, school_id: UUID) -> Deployment | None:
    """What serves a school: its own deployment, or that of all schools."""
    return deployed(curriculum_id, school_id) or deployed(curriculum_id, None)


def change(
    deployment: Deployment, school_id: UUID | None, changes: Mapping[str, Any], *,
    expected: datetime | None = None, now: datetime,
) -> Deployment:  # fmt: skip
    """Sets fields that are the operator's, of a school's own deployment; it gets one if it has followed another.

    Args:
        changes: of promotes_itself, shadow_answers, shadow_days, retrains, retrain_after.
        expected: `updated_at` of `deployment` as the caller has read it; None for whatever it is now.
    Raises:
        StaleRow: if the deployment is no longer as expected, or another serves the school.
    """
    with transaction.atomic():
        if expected is not None:
            _check_unchanged(deployment, school_id, expected)
        current = _own(deployment.curriculum_id, school_id) or deployment
        for name, value in changes.items():
            setattr(current, name, value)
        current.save(update_fields=[*changes, "updated_at"])
        return current


def schools_apart(deployment: Deployment) -> list[UUID]:
    """Schools that a deployment does not concern: of a site-wide one, those that have their own."""
    if deployment.school_id:
        return []
    own = Deployment.objects.filter(curriculum_id=deployment.curriculum_id, school__isnull=False, follows_since=None)
    return [school for school in own.values_list("school_id", flat=True) if school]


_BESIDE: Final = """
SELECT wanted.school_id, wanted.curriculum_id, b.version_id, b.since
FROM unnest(%s::uuid[], %s::uuid[]) AS wanted(school_id, curriculum_id)
CROSS JOIN LATERAL (
    SELECT * FROM registry_deployment d
    WHERE d.curriculum_id = wanted.curriculum_id AND (d.school_id = wanted.school_id OR d.school_id IS NULL)
        AND d.follows_since IS NULL
    ORDER BY d.school_id NULLS LAST LIMIT 1
) d
LEFT JOIN registry_deployment own ON own.curriculum_id = wanted.curriculum_id AND own.school_id = wanted.school_id
CROSS JOIN LATERAL (VALUES
    (d.challenger_id, d.challenger_since),
    (d.previous_id, CASE WHEN d.champion_since > %s THEN d.champion_since END),
    (own.champion_id, CASE WHEN own.follows_since > %s THEN own.follows_since END)
) AS b(version_id, since)
JOIN registry_modelversion m ON m.id = b.version_id AND m.state <> 'failed'
WHERE b.since IS NOT NULL AND b.version_id <> d.champion_id
ORDER BY 1, 2, 3, 4
"""


def beside(pairs: Iterable[tuple[UUID, UUID]], now: datetime) -> dict[tuple[UUID, UUID], list[Beside]]:
    """Challengers, and champions of before, of the (school, curriculum) pairs that have any; one query.

    Beside what serves all schools stands what a school has had of its own until it followed that.
    """
    wanted = sorted(set(pairs))
    schools, curricula = [school for school, _ in wanted], [curriculum for _, curriculum in wanted]
    found: dict[tuple[UUID, UUID], dict[UUID, Beside]] = {}
    kept = now - PREVIOUS_KEPT
    for school, curriculum, version, since in db.rows(_BESIDE, [schools, curricula, kept, kept]):
        # One that is both counts from the earlier of the two moments.
        found.setdefault((school, curriculum), {}).setdefault(version, Beside(version, since))
    return {pair: list(versions.values()) for pair, versions in found.items()}


def _check_unchanged(deployment: Deployment, school_id: UUID | None, expected: datetime) -> None:
    # The one followed first: nobody opens a school's own while it is locked.
    followed = _locked(deployment.curriculum_id, None)
    found = _locked(deployment.curriculum_id, school_id) or followed
    if found and found.follows_since:
        found = followed
    if found is None or (found.pk, found.updated_at) != (deployment.pk, expected):
        raise StaleRow("deployment of curriculum", deployment.curriculum_id)


def _locked(curriculum_id: UUID, school_id: UUID | None) -> Deployment | None:
    target = Q(school=school_id) if school_id else Q(school=None)
    return Deployment.objects.select_for_update().filter(target, curriculum_id=curriculum_id).first()


def _own(curriculum_id: UUID, school_id: UUID | None) -> Deployment | None:
    """The deployment that is to be moved, locked; a school's is opened, or comes back. None if nothing has served."""
    current = _locked(curriculum_id, school_id)
    if current is None:
        return _opened(curriculum_id, school_id)
    if current.follows_since is not None:
        current = reopened(current)
        current.save()
    return current


def _opened(curriculum_id: UUID, school_id: UUID | None) -> Deployment | None:
    """A deployment of a school's own, which begins with what has served it, and with its way back; None if nothing has.

    Somebody else may open it at the same moment: whoever comes second finds it.
    """
    followed = _locked(curriculum_id, None)
    if followed is None or school_id is None:
        return None
    begun = {"champion": followed.champion, "champion_since": followed.champion_since, "previous": followed.previous}
    Deployment.objects.get_or_create(curriculum_id=curriculum_id, school_id=school_id, defaults=begun)
    return _locked(curriculum_id, school_id)


def _first(version: ModelVersion, school_id: UUID | None, now: datetime, order: Order) -> Deployment:
    """The first of a curriculum; of two at once, the second finds the first's."""
    curriculum_id = version.curriculum_version.curriculum_id
    made = Deployment(curriculum_id=curriculum_id, school_id=school_id, champion=version, champion_since=now)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
            note(made, How.PROMOTED, None, version, order=order, now=now)
    except IntegrityError:
        return _locked(curriculum_id, school_id) or made
    _settle([version.pk], now)
    return made


def _point(current: Deployment, version: ModelVersion, now: datetime, how: How, order: Order) -> None:
    replaced, before = current.champion, current.previous
    # Past one that cannot be loaded, the way back leads to what stood in for it.
    skips = replaced.state == State.FAILED and before is not None and before not in (version, replaced)
    current.previous = before if skips else replaced
    current.champion, current.champion_since = version, now
    if current.challenger_id == version.pk:
        current.challenger = current.challenger_since = None
    current.save()
    _settle([version.pk, replaced.pk], now)
    note(current, how, replaced, version, order=order, now=now)


def _settle(version_ids: Iterable[UUID | None], now: datetime) -> None:
    """Makes states agree with the pointers; one that failed or was rejected says so for good."""
    for version in ModelVersion.objects.filter(pk__in=[each for each in version_ids if each]):
        before = version.state
        if Deployment.objects.filter(champion=version, follows_since=None).exists():
            state = State.CHAMPION
        elif Deployment.objects.filter(challenger=version).exists():
            state = State.SHADOW
        else:
            state = State.CANDIDATE if before == State.SHADOW else State.RETIRED
        in_use = state in (State.CHAMPION, State.SHADOW)
        version.idle_since = None if in_use else version.idle_since or now
        version.state = before if before in (State.FAILED, State.REJECTED) else state
        version.save(update_fields=["state", "idle_since"])
