"""What of a class's mastery map is shown, and in which order: all of it stands in the page's address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, final
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tutor.tracing.status import Status

#: Named so in an address: concepts without a subject area.
NO_AREA: Final = "-"
#: What asks for attention: one click away.
IN_NEED: Final = (Status.STRUGGLING, Status.DUE_FOR_REVIEW)
#: Parameters that have a few values, the first of them the default, and what each value is called.
CHOICES: Final[Mapping[str, Mapping[str, str | Promise]]] = {
    "sort": {"need": gettext_lazy("most in need first"), "name": gettext_lazy("by name")},
    "order": {"curriculum": gettext_lazy("as in the curriculum"), "need": gettext_lazy("most in need first")},
    "cells": {"figures": gettext_lazy("figures"), "shapes": gettext_lazy("shapes")},
    "view": {"screen": gettext_lazy("screen"), "print": gettext_lazy("print")},
}


class Parameters(Protocol):
    """Those of an address, as Django's `QueryDict`."""

    def get(self, key: str, default: str) -> Any: ...
    def getlist(self, key: str) -> Sequence[Any]: ...


@final
@dataclass(frozen=True)
class Filters:
    """`area` "" is any, `statuses` empty are all, `group` "" is the whole class. `problems` are for the reader."""

    area: str = ""
    statuses: tuple[Status, ...] = ()
    group: str = ""
    sort: str = "need"
    order: str = "curriculum"
    cells: str = "figures"
    view: str = "screen"
    #: Of the pages that very many concepts are spread over, from 1.
    page: int = 1
    problems: tuple[str, ...] = ()

    @classmethod
    def parse(cls, asked: Parameters) -> Filters:
        """What cannot be read counts as not said, and is named."""
        problems: list[str] = []
        statuses = [_one_of(name, list(Status), "status", problems) for name in asked.getlist("status") if name]
        chosen = {
            name: _one_of(asked.get(name, "") or next(iter(values)), list(values), name, problems)
            for name, values in CHOICES.items()
        }
        page = asked.get("page", "") or "1"
        if not (page.isdecimal() and int(page[:9]) >= 1):
            problems.append(_("“%(value)s” is no page: the first one is shown.") % {"value": page})
            page = "1"
        return cls(
            area=asked.get("area", ""),
            statuses=tuple(dict.fromkeys(Status(name) for name in statuses if name)),
            group=asked.get("group", ""),
            page=int(page[:9]),
            problems=tuple(problems),
            **{name: value for name, value in chosen.items() if value},
        )

    @property
    def narrows(self) -> bool:
        """Whether less than the whole class and curriculum is asked for."""
        return bool(self.area or self.statuses or self.group)

    @property
    def shows_figures(self) -> bool:
        return self.cells == "figures"

    @property
    def is_print(self) -> bool:
        return self.view == "print"

    @property
    def order_parameters(self) -> list[tuple[str, str]]:
        """What a new filter leaves as it is."""
        return [(name, value) for name in CHOICES if (value := getattr(self, name)) != getattr(_DEFAULT, name)]

    def address(self, **changes: Any) -> str:
        """The parameters after a change, "?" if there are none; other filters and orders start at the first page."""
        to = replace(self, **({"page": 1} | changes))
        said: dict[str, Any] = {"area": to.area, "status": [status.value for status in to.statuses], "group": to.group}
        said |= dict(to.order_parameters) | ({"page": to.page} if to.page > 1 else {})
        return "?" + urlencode({name: value for name, value in said.items() if value}, doseq=True)

    def but(self, problem: str, **changes: Any) -> Filters:
        """With something that names nothing left out, and that said."""
        return replace(self, **changes, problems=(*self.problems, problem))


def _one_of(value: str, known: Sequence[str], name: str, problems: list[str]) -> str:
    if value in known:
        return value
    text = _("“%(value)s” is no value of “%(name)s”, which may be %(known)s: it is left out.")
    problems.append(text % {"value": value, "name": name, "known": ", ".join(known)})
    return ""


_DEFAULT: Final = Filters()
