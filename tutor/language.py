"""What depends on the reader's language: texts looked up when they are read, and figures as the language writes them.

Where nobody has chosen one, as in the API and in workers, it is English.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, final

from django.utils.formats import get_format
from django.utils.translation import gettext, gettext_noop, pgettext

K = TypeVar("K")

#: Of what workers try several times.
GIVEN_UP: Final = gettext_noop("given up after {n} attempts; the last: {last}")


@final
class Texts(Mapping[K, str]):
    """A mapping to texts that are marked for translation (`gettext_noop`), each translated when it is asked for."""

    def __init__(self, texts: Mapping[K, str]) -> None:
        self._texts = texts

    def __getitem__(self, key: K) -> str:
        return gettext(self._texts[key])

    def __iter__(self) -> Iterator[K]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


@final
class Figure(float):
    """A number that is formatted as the language writes it: `:.0%` of 0.63 is "63%", in German "63 %"."""

    def __format__(self, spec: str) -> str:
        return _as_written(super().__format__(spec))


@final
class Count(int):
    """The same of a whole number."""

    def __format__(self, spec: str) -> str:
        return _as_written(super().__format__(spec))


@final
class Sentence(str):
    """A sentence in the language of whoever it is told first, which can be kept and told to others in theirs.

    Args:
        text: marked for translation (`gettext_noop`), with names in braces.     values: numbers, words, sentences.
    """

    text: str
    values: dict[str, Any]

    def __new__(cls, text: str, /, **values: Any) -> Sentence:
        told = super().__new__(cls, gettext(text).format(**{name: _shown(value) for name, value in values.items()}))
        told.text, told.values = text, values
        return told

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.text,), self.values

    def kept(self) -> dict[str, Any]:
        """As JSON."""
        return {"text": self.text, "values": {name: _kept(value) for name, value in self.values.items()}}

    @classmethod
    def again(cls, kept: Mapping[str, Any]) -> Sentence:
        """In the reader's language."""
        return cls(kept["text"], **{name: _again(value) for name, value in kept["values"].items()})


def sentences(found: Any, path: str = "") -> dict[str, dict[str, Any]]:
    """All that are `Sentence` in something that is to become JSON, by their places, as `told_again` takes them."""
    if isinstance(found, Sentence):
        return {path: found.kept()}
    if isinstance(found, Mapping):
        parts: Any = found.items()
    else:
        parts = enumerate(found) if isinstance(found, list | tuple) else ()
    return {place: kept for name, part in parts for place, kept in sentences(part, f"{path}/{name}").items()}


def told_again(found: Any, kept: Mapping[str, Mapping[str, Any]], path: str = "") -> Any:
    """The same JSON with its sentences in the reader's language; those that were not kept stay as they are."""
    if path in kept:
        return Sentence.again(kept[path])
    if isinstance(found, dict):
        return {name: told_again(part, kept, f"{path}/{name}") for name, part in found.items()}
    if isinstance(found, list):
        return [told_again(part, kept, f"{path}/{place}") for place, part in enumerate(found)]
    return found


def _shown(value: Any) -> Any:
    """An undefined number is kept as null."""
    if value is None:
        return _UNDEFINED
    if isinstance(value, bool | str):
        return value
    return Count(value) if isinstance(value, int) else Figure(value)


def _kept(value: Any) -> Any:
    if isinstance(value, Sentence):
        return value.kept()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _again(value: Any) -> Any:
    return Sentence.again(value) if isinstance(value, Mapping) else value


def _as_written(text: str) -> str:
    if text.isdigit():
        return text
    marks = {",": get_format("THOUSAND_SEPARATOR"), ".": get_format("DECIMAL_SEPARATOR")}
    return text.translate(str.maketrans({**marks, "%": pgettext("after a number", "%")}))


_UNDEFINED: Final = Figure(math.nan)


def percent(share: float) -> str:
    """A whole number of percent."""
    return f"{Figure(share):.0%}"


def grouped(count: float) -> str:
    """A whole number, its thousands set apart."""
    return f"{Figure(count):,.0f}"
