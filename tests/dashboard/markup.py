"""Pages as trees, as a browser reads them: with the ends of elements that HTML lets their authors leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

_VOID: Final = frozenset(("br", "hr", "img", "input", "link", "meta", "path", "circle", "rect", "use"))
_CELLS: Final = frozenset(("td", "th"))
_GROUPS: Final = frozenset(("thead", "tbody", "tfoot"))
#: What ends where another begins.
_ENDED_BY: Final = {
    "td": _CELLS,
    "th": _CELLS,
    "tr": _CELLS | {"tr"},
    "li": {"li"},
    "option": {"option"},
} | {group: _CELLS | {"tr"} | _GROUPS for group in _GROUPS}


@dataclass(eq=False)
class Element:
    tag: str
    attributes: dict[str, str]
    parent: Element | None
    inside: list[Element | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def ancestors(self) -> Iterator[Element]:
        if self.parent:
            yield self.parent
            yield from self.parent.ancestors

    @property
    def children(self) -> list[Element]:
        return [each for each in self.inside if isinstance(each, Element)]

    def every(self, *tags: str, of: str = "") -> Iterator[Element]:
        """Descendants of these tags, or of any, in the order of the page; `of` a class."""
        for each in self.children:
            if (not tags or each.tag in tags) and (not of or of in each.classes):
                yield each
            yield from each.every(*tags, of=of)

    def text(self, without: Callable[[Element], bool] = lambda _: False) -> str:
        """What is read, in one line."""
        parts = [each if isinstance(each, str) else each.text(without) for each in self.inside
                 if isinstance(each, str) or not without(each)]  # fmt: skip
        return " ".join(" ".join(parts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.at = Element("", {}, None)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self.at.parent and self.at.tag in _ENDED_BY.get(tag, ()):
            self.at = self.at.parent
        made = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.inside.append(made)
        if tag not in _VOID:
            self.at = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.inside.append(Element(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        ended = next((each for each in (self.at, *self.at.ancestors) if each.tag == tag), None)
        if ended and ended.parent:
            self.at = ended.parent

    def handle_data(self, data: str) -> None:
        self.at.inside.append(data)


def tree(html: str) -> Element:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.root
