"""What artifacts have in common: a configuration, and the ids that positions stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from kt_models import artifact
from kt_models.data import Vocabulary

C = TypeVar("C")


def to_tensors(concepts: Vocabulary | None, items: Vocabulary | None) -> dict[str, NDArray[Any]]:
    """`concept_ids` and `item_ids`, those of the two that there are."""
    known = {"concept_ids": concepts, "item_ids": items}
    return {name: vocabulary.ids for name, vocabulary in known.items() if vocabulary is not None}


def from_tensors(tensors: Mapping[str, NDArray[Any]]) -> tuple[Vocabulary | None, Vocabulary | None]:
    """Reads what `to_tensors` gave: concepts and items."""
    ids = tensors.get("concept_ids"), tensors.get("item_ids")
    concepts, items = (None if x is None else Vocabulary(x) for x in ids)
    return concepts, items


def load(folder: Path, kind: str, version: int, needed: Sequence[str]) -> artifact.Artifact:
    """An artifact of this kind and version that holds the tensors needed.

    Raises:
        BadArtifact: if there is none.
    """
    stored = artifact.load(folder, kind)
    if stored.version != version:
        raise artifact.BadArtifact(
            folder, f"version {stored.version}, this code reads {version}", "fit the model again"
        )
    missing = [name for name in needed if name not in stored.tensors]
    if missing:
        raise artifact.BadArtifact(folder, f"lacks tensors {', '.join(missing)}", "fit the model again")
    return stored


def config(folder: Path, kind: type[C], values: Mapping[str, Any]) -> C:
    """A configuration from its JSON object.

    Raises:
        BadArtifact: if the object has other keys, or values out of bounds.
    """
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise artifact.BadArtifact(
            folder, f"its configuration does not fit ({error})", "fit the model again"
        ) from error
