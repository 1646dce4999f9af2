"""What depends on the reader's language: texts looked up when they are read, and figures as the language writes them.

Where nobody has chosen one, as in the API and in workers, it is English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar, final

from django.utils.formats import get_format
from django.utils.translation import gettext, pgettext

K = TypeVar("K")


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
        text = super().__format__(spec)
        if text.isdigit():
            return text
        marks = {",": get_format("THOUSAND_SEPARATOR"), ".": get_format("DECIMAL_SEPARATOR")}
        return text.translate(str.maketrans({**marks, "%": pgettext("after a number", "%")}))


def percent(share: float) -> str:
    """A whole number of percent."""
    return f"{Figure(share):.0%}"


def grouped(count: float) -> str:
    """A whole number, its thousands set apart."""
    return f"{Figure(count):,.0f}"
