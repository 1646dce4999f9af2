"""Artifacts in Django's storage "models": any storage that keeps files will do."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.core.files import File
from django.core.files.storage import storages
from django.utils.translation import gettext as _


class Unsound(Exception):
    """What is stored is not what was registered."""


def put(version_id: UUID, folder: Path) -> None:
    """Keeps an artifact, in place of what may be there already."""
    store = storages["models"]
    for path in sorted(folder.iterdir()):
        name = f"{version_id}/{path.name}"
        store.delete(name)
        with path.open("rb") as stream:
            store.save(name, File(stream))


def delete(version_id: UUID) -> None:
    """Forgets an artifact; nothing if there is none."""
    store = storages["models"]
    try:
        names = store.listdir(str(version_id))[1]
    except FileNotFoundError:
        return
    for name in names:
        store.delete(f"{version_id}/{name}")
    # An empty folder is litter where there are folders, and nothing elsewhere.
    store.delete(str(version_id))


@contextmanager
def fetch(version_id: UUID) -> Iterator[Path]:
    """A local copy of an artifact, gone when the block ends."""
    store = storages["models"]
    with tempfile.TemporaryDirectory() as name:
        for file in store.listdir(str(version_id))[1]:
            with store.open(f"{version_id}/{file}") as source, (Path(name) / file).open("wb") as copy:
                shutil.copyfileobj(source, copy)
        yield Path(name)


def verify(version_id: UUID, files: Mapping[str, str]) -> None:
    """Reads an artifact once, in bounded memory; `files` are the SHA-256 (hex) that were registered, by name.

    Raises:
        Unsound: if a file is missing or another.
        OSError: if the store does not answer.
    """
    store = storages["models"]
    for name, expected in files.items():
        try:
            with store.open(f"{version_id}/{name}") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise Unsound(_("%(file)s is missing") % {"file": name}) from error
        if found != expected:
            raise Unsound(_("%(file)s is damaged, or another's") % {"file": name})
