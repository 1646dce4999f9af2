"""What of a class is to be taught again, in which order, in groups of which size: all of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Protocol, Self, final
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from curricula.snapshot import Snapshot
from tutor.dashboard.matrix_page import Choice, area_of, area_title
from tutor.dashboard.pictures import Layout
from tutor.dashboard.reteach_groups import LEAST, MOST

Labels = Mapping[str, str | Promise]

#: Parameters that have a few values, the first of them the default, and what each value is called.
SORTS: Final[Labels] = {
    "struggling": gettext_lazy("most struggling first"),
    "blocked": gettext_lazy("what blocks most first"),
    "due": gettext_lazy("most due for review first"),
}
NEEDS: Final[Labels] = {
    "struggling": gettext_lazy("who struggle"),
    "unmastered": gettext_lazy("who struggle or are learning"),
    "due": gettext_lazy("who struggle, are learning or have a review due"),
}
VIEWS: Final[Labels] = {
    "screen": gettext_lazy("screen"),
    "print": gettext_lazy("print"),
    "board": gettext_lazy("noticeboard"),
}
#: No class is larger.
_MOST_LEARNERS: Final = 999


class Parameters(Protocol):
    """Those of an address, as Django's `QueryDict`."""

    def get(self, key: str, default: str) -> Any: ...


@dataclass(frozen=True)
class _Address:
    """`area` "" is any. `problems` are for the reader."""

    area: str = ""
    problems: tuple[str, ...] = ()

    def address(self, **changes: Any) -> str:
        """The parameters after a change, "?" if there are none."""
        to, defaults = replace(self, **changes), type(self)()
        names = [field.name for field in fields(self) if field.name != "problems"]
        said = {name: getattr(to, name) for name in names if getattr(to, name) != getattr(defaults, name)}
        return "?" + urlencode(said)

    def choices(self, name: str, labels: Labels) -> list[Choice]:
        chosen = getattr(self, name)
        return [Choice(v, label, v == chosen, self.address(**{name: v})) for v, label in labels.items()]

    def areas(self, content: Snapshot) -> list[Choice]:
        return [Choice(area, area_title(area), area == self.area) for area in _areas(content)]

    def but(self, problem: str, **changes: Any) -> Self:
        """With something that names nothing left out, and that said."""
        return replace(self, **changes, problems=(*self.problems, problem))


@final
@dataclass(frozen=True)
class Filters(_Address):
    """`least`: learners of whom enough must be known for a concept to be ranked. `page`: from 1.

    `concept`: key of the one whose details stand beside the list; "" for the first.
    """

    least: int = 1
    sort: str = "struggling"
    page: int = 1
    concept: str = ""

    @classmethod
    def parse(cls, asked: Parameters, content: Snapshot) -> Filters:
        """What cannot be read counts as not said, and is named."""
        read = _Reader(asked)
        least = read.whole("least", cls.least, 1, _MOST_LEARNERS)
        sort, page = read.one_of("sort", SORTS), read.whole("page", cls.page, 1, 10**6)
        area, concept = read.area(content), read.concept(content)
        return cls(area=area, least=least, sort=sort, page=page, concept=concept, problems=tuple(read.problems))

    def address(self, **changes: Any) -> str:
        """Another list starts at its first page."""
        return super().address(**({"page": 1, "concept": ""} | changes))


@final
@dataclass(frozen=True)
class GroupFilters(_Address):
    """`need`: who is put into groups. `smallest`, `largest`: learners of a group."""

    need: str = "struggling"
    smallest: int = LEAST
    largest: int = 5
    view: str = "screen"

    @classmethod
    def parse(cls, asked: Parameters, content: Snapshot) -> GroupFilters:
        read = _Reader(asked)
        smallest = read.whole("smallest", cls.smallest, LEAST, MOST)
        largest = read.whole("largest", max(cls.largest, smallest), LEAST, MOST)
        if largest < smallest:
            text = _("Groups of %(smallest)s to %(largest)s cannot be: the largest is taken as %(smallest)s.")
            read.problems.append(text % {"smallest": smallest, "largest": largest})
            largest = smallest
        need, view, area = read.one_of("need", NEEDS), read.one_of("view", VIEWS), read.area(content)
        problems = tuple(read.problems)
        return cls(area=area, need=need, smallest=smallest, largest=largest, view=view, problems=problems)

    @property
    def sizes(self) -> range:
        return range(LEAST, MOST + 1)


class _Reader:
    """Reads an address, and notes what in it means nothing."""

    def __init__(self, asked: Parameters) -> None:
        self._asked = asked
        self.problems: list[str] = []

    def one_of(self, name: str, known: Labels) -> str:
        default = next(iter(known))
        value = str(self._asked.get(name, "") or default)
        if value in known:
            return value
        text = _("“%(value)s” is no value of “%(name)s”, which may be %(known)s: it is left out.")
        self.problems.append(text % {"value": value, "name": name, "known": ", ".join(known)})
        return default

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        value = str(self._asked.get(name, "") or default)
        if value.isascii() and value.isdecimal() and low <= int(value[:9]) <= high:
            return int(value[:9])
        text = _("“%(value)s” is no value of “%(name)s”, a whole number from %(low)s to %(high)s: it is left out.")
        self.problems.append(text % {"value": value, "name": name, "low": low, "high": high})
        return default

    def area(self, content: Snapshot) -> str:
        area = str(self._asked.get("area", ""))
        if not area or area in _areas(content):
            return area
        text = _("“%(area)s” is no subject area of %(title)s: all are shown.")
        self.problems.append(text % {"area": area, "title": content.title})
        return ""

    def concept(self, content: Snapshot) -> str:
        key = str(self._asked.get("concept", ""))
        if not key or key in content.concept_position:
            return key
        text = _("“%(key)s” is no concept of %(title)s: the first one is shown.")
        self.problems.append(text % {"key": key, "title": content.title})
        return ""


def _areas(content: Snapshot) -> list[str]:
    """In the order of the curriculum."""
    return list(dict.fromkeys(area_of(content, c) for c in Layout.of(content).order.tolist()))
