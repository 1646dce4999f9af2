"""The mastery map as a browser reads it: its markup leaves out what a parser supplies."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from io import StringIO
from typing import Any, NamedTuple


class Shown(NamedTuple):
    """A cell: the class that draws it, and its lines."""

    kind: str
    lines: tuple[str, ...]

    @property
    def letter(self) -> str:
        return self.lines[0].split()[0] if self.lines else ""


class MapReader(HTMLParser):
    """`concepts` by column, `cells` by learner, in the order of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.concepts: list[str] = []
        self.cells: dict[str, list[Shown]] = {}
        self._learner = ""
        self._kind: str | None = None
        self._text = ""
        self._in_titles = False
        self.feed(html)
        self.close()

    def of(self, learner: object) -> dict[str, Shown]:
        """By key of the concept."""
        return dict(zip(self.concepts, self.cells[str(learner)], strict=True))

    @property
    def learners(self) -> list[str]:
        return list(self.cells)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "tr":
            self._learner = said.get("data-learner", "")
            self._in_titles = said.get("class") == "titles"
            if self._learner:
                self.cells[self._learner] = []
        elif tag == "a" and self._in_titles:
            self.concepts.append(said["href"].rstrip("/").rsplit("/", 1)[1])
        elif tag == "td" and self._learner:
            self._end()
            self._kind = said.get("class", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "tr"):
            self._end()

    def handle_data(self, data: str) -> None:
        if self._kind is not None:
            self._text += data

    def _end(self) -> None:
        if self._kind is not None:
            self.cells[self._learner].append(Shown(self._kind, tuple(self._text.splitlines())))
        self._kind, self._text = None, ""


def table(answer: Any) -> list[dict[str, str]]:
    """A CSV answer, a dictionary a row."""
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))
