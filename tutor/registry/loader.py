"""Models in memory, one copy a process. Workers only: a model may bring torch with it."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from kt_models import artifact
from kt_models.base import LearnerModel
from tutor.registry import store
from tutor.registry.models import ModelVersion

log = structlog.get_logger()

#: Champions of several curricula, and a challenger beside each.
KEPT: Final = 16

_models: OrderedDict[UUID, LearnerModel] = OrderedDict()
_lock = Lock()


class CannotLoad(Exception):
    """The artifact of a version is missing, damaged or foreign; or the store does not answer now."""

    def __init__(self, version_id: UUID, reason: Exception, way_out: str) -> None:
        super().__init__(f"model version {version_id} cannot be loaded ({reason}): {way_out}")


def load(version_id: UUID) -> LearnerModel:
    """The model of a version, from memory after the first call.

    Raises:
        CannotLoad: if its files are missing or damaged, and the version is marked failed, so that nothing tries again
            until an operator acts; if the store does not answer, it is not, and the next call tries again.
    """
    with _lock:
        if version_id in _models:
            _models.move_to_end(version_id)
            return _models[version_id]
        model = _read(version_id)
        _models[version_id] = model
        if len(_models) > KEPT:
            _models.popitem(last=False)
        return model


def forget() -> None:
    """For tests that damage what a process has read already."""
    with _lock:
        _models.clear()


def _read(version_id: UUID) -> LearnerModel:
    try:
        with store.fetch(version_id) as folder:
            return artifact.load_model(folder).to(settings.DEVICE)
    except (artifact.BadArtifact, FileNotFoundError) as error:
        log.error("model_load_failed", version=str(version_id), error=str(error))
        ModelVersion.objects.filter(pk=version_id).update(state=ModelVersion.State.FAILED, note=str(error)[:2000])
        raise CannotLoad(version_id, error, "roll back, or register it again") from error
    except OSError as error:
        log.error("model_store_failed", version=str(version_id), error=str(error))
        raise CannotLoad(version_id, error, "it is tried again; see to the store of models") from error
