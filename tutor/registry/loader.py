"""Models in memory, one copy a process. Workers only: a model may bring torch with it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from kt_models import artifact
from kt_models.base import LearnerModel
from tutor.registry import device, moves, queries, store
from tutor.registry.models import Deployment, ModelVersion
from tutor.registry.moves import How, Order

log = structlog.get_logger()


class CannotLoad(Exception):
    """The artifact of a version is missing, damaged or foreign."""

    def __init__(self, version_id: UUID, reason: Exception, way_out: str) -> None:
        super().__init__(f"model version {version_id} cannot be loaded ({reason}): {way_out}")


class CannotLoadNow(CannotLoad):
    """What it takes to read it is missing here and now."""


@final
@dataclass(frozen=True, eq=False)
class _Held:
    model: LearnerModel
    #: Of its artifact: weights take in memory what they take there.
    size: int


_held: OrderedDict[UUID, _Held] = OrderedDict()
_lock = Lock()


def load(version_id: UUID) -> LearnerModel:
    """The model of a version, from memory after the first call; those not used for longest make room.

    Raises:
        CannotLoad: if its files are missing or damaged, and the version is marked failed, so that nothing tries again
            until an operator acts.
        CannotLoadNow: if the store does not answer, or this machine lacks torch: it is not marked, and the next call
            tries again.
        device.Unusable: if the device fails, or has no room for this model alone.
    """
    with _lock:
        if version_id not in _held:
            _held[version_id] = _read_with_room(version_id)
            _make_room()
        _held.move_to_end(version_id)
        return _held[version_id].model


def loaded() -> list[UUID]:
    """Versions in memory, those used last at the end."""
    # No lock: whoever reports must not wait for a load.
    return list(_held)


def forget() -> None:
    """All models: for tests that damage what a process has read already."""
    with _lock:
        _held.clear()
    device.release()


def _make_room() -> None:
    """Within the limits of the settings; what was asked for last always stays."""
    while len(_held) > 1 and (len(_held) > settings.MODELS_KEPT or _bytes() > settings.MODEL_MEMORY_BYTES):
        version_id, dropped = _held.popitem(last=False)
        log.info("model_unloaded", version=str(version_id), bytes=dropped.size)
        del dropped
        device.release()


def _bytes() -> int:
    return sum(held.size for held in _held.values())


def _read_with_room(version_id: UUID) -> _Held:
    """Where the device has no room, without all others."""
    try:
        return _read(version_id)
    except (MemoryError, RuntimeError) as error:
        if device.broken(error):
            raise device.Unusable(f"{settings.DEVICE} failed: {error}") from error
        if not device.out_of_memory(error):
            raise
        log.warning("model_needs_room", version=str(version_id), unloaded=len(_held))
        _held.clear()
        device.release(error)
    try:
        return _read(version_id)
    except (MemoryError, RuntimeError) as error:
        if not device.out_of_memory(error):
            raise
        raise device.Unusable(f"{settings.DEVICE} has no room for model version {version_id}: {error}") from error


def _read(version_id: UUID) -> _Held:
    try:
        with store.fetch(version_id) as folder:
            model = artifact.load_model(folder)
            _check_own(version_id, folder)
            return _Held(model.to(settings.DEVICE), _size(folder))
    except (artifact.BadArtifact, FileNotFoundError) as error:
        mark_failed(version_id, error)
        raise CannotLoad(version_id, error, "roll back, or register it again") from error
    except OSError as error:
        log.error("model_store_failed", version=str(version_id), error=str(error))
        raise CannotLoadNow(version_id, error, "it is tried again; see to the store of models") from error
    except ImportError as error:
        log.error("model_needs_a_library", version=str(version_id), error=str(error))
        raise CannotLoadNow(version_id, error, "it is tried again; install requirements/core.txt here") from error


def _check_own(version_id: UUID, folder: Path) -> None:
    """The manifest vouches for the other files, the registry for the manifest."""
    registered = ModelVersion.objects.filter(pk=version_id).values_list("checksum", flat=True).first()
    if artifact.checksum(folder) != registered:
        raise artifact.BadArtifact(
            folder, "is a sound model, but not the one that was registered", "put the version's own files back"
        )


def mark_failed(version_id: UUID, error: Exception) -> None:
    """Keeps a version whose artifact is missing or damaged out of service until an operator acts."""
    log.error("model_load_failed", version=str(version_id), error=str(error))
    failed = ModelVersion.State.FAILED
    with transaction.atomic():
        known = ModelVersion.objects.select_for_update().filter(pk=version_id).exclude(state=failed).first()
        ModelVersion.objects.filter(pk=version_id).update(state=failed, note=str(error)[:2000])
        if known is not None:
            _note_stand_ins(known, str(error))


def _note_stand_ins(lost: ModelVersion, why: str) -> None:
    for deployment in Deployment.objects.filter(champion=lost, follows_since=None).order_by("id"):
        serving = queries.serving_one(deployment.school_id, deployment.curriculum_id)
        stand_in = ModelVersion.objects.filter(pk=serving.version_id).first() if serving else None
        moves.note(deployment, How.STOOD_IN, lost, stand_in, order=Order(reason=why), now=timezone.now())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
