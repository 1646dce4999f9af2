"""Which items are listed, and in which order: all of it stands in the page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, final
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from tutor.dashboard.items_words import FLAG_CHOICES, SORTS
from tutor.dashboard.matrix_page import Choice, area_of

#: Of a search; longer texts are cut.
_LONGEST: Final = 200


class Parameters(Protocol):
    """Those of an address, as Django's `QueryDict`."""

    def get(self, key: str, default: str) -> Any: ...


@final
@dataclass(frozen=True)
class Filters:
    """`concept` is a key; "" is any. `flag` is a flag's name, "any" or "none". `q` stands in the statement or the key.

    `page`: from 1. `problems` are for the reader.
    """

    area: str = ""
    concept: str = ""
    flag: str = ""
    q: str = ""
    sort: str = "flags"
    page: int = 1
    problems: tuple[str, ...] = ()

    @classmethod
    def parse(cls, asked: Parameters, content: Snapshot) -> Filters:
        """What cannot be read counts as not said, and is named."""
        found = cls(q=str(asked.get("q", "")).replace("\0", "").strip()[:_LONGEST])
        sort, flag = str(asked.get("sort", "")), str(asked.get("flag", ""))
        found = replace(found, sort=sort) if sort in SORTS else found._unknown("sort", sort, SORTS)
        found = replace(found, flag=flag) if flag in FLAG_CHOICES else found._unknown("flag", flag, FLAG_CHOICES)
        area, concept, page = (str(asked.get(name, "")) for name in ("area", "concept", "page"))
        if area in areas_of(content):
            found = replace(found, area=area)
        elif area:
            text = _("“%(area)s” is no subject area of %(title)s: all are shown.")
            found = found.but(text % {"area": area, "title": content.title})
        if concept in content.concept_position:
            found = replace(found, concept=concept)
        elif concept:
            text = _("“%(key)s” is no concept of %(title)s: all are shown.")
            found = found.but(text % {"key": concept, "title": content.title})
        if page.isascii() and page.isdecimal() and int(page[:9]) >= 1:
            return replace(found, page=int(page[:9]))
        return found.but(_("“%(value)s” is no page: the first one is shown.") % {"value": page}) if page else found

    @property
    def narrows(self) -> bool:
        return bool(self.area or self.concept or self.flag or self.q)

    def address(self, **changes: Any) -> str:
        """The parameters after a change, "?" if there are none; other filters and orders start at the first page."""
        to, none = replace(self, **({"page": 1} | changes)), Filters()
        names = ("area", "concept", "flag", "q", "sort", "page")
        return "?" + urlencode({name: getattr(to, name) for name in names if getattr(to, name) != getattr(none, name)})

    def choices(self, name: str, labels: Mapping[str, str | Promise]) -> list[Choice]:
        chosen = getattr(self, name)
        return [Choice(v, label, v == chosen, self.address(**{name: v})) for v, label in labels.items()]

    def but(self, problem: str, **changes: Any) -> Filters:
        """With something that names nothing left out, and that said."""
        return replace(self, **changes, problems=(*self.problems, problem))

    def _unknown(self, name: str, value: str, known: Mapping[str, str | Promise]) -> Filters:
        if not value:
            return self
        text = _("“%(value)s” is no value of “%(name)s”, which may be %(known)s: it is left out.")
        names = ", ".join(each for each in known if each)
        return self.but(text % {"value": value, "name": name, "known": names})


def areas_of(content: Snapshot) -> list[str]:
    """In the order of the curriculum."""
    active = [c for c, each in enumerate(content.concept_contents) if each]
    return list(dict.fromkeys(area_of(content, c) for c in active))
