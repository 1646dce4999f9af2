"""What of a class's forecast is asked for: the day, what counts, what is wanted. All of it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Protocol, final
from urllib.parse import urlencode

from django.utils.dateformat import format as formatted
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from tutor.scheduling.class_forecasts import DAYS_AHEAD
from tutor.scheduling.knobs import RANGES, Knobs

#: Where there is no exam ahead, the forecast looks this far.
USUAL_DAYS: Final = 28
#: The expected score that learners are measured by unless another is wanted.
USUAL_SCORE: Final = 70
#: Retentions that are compared unless others are asked for, in percent; the class's own is always among them.
USUAL_RETENTIONS: Final = (70, 80, 90, 95)
MOST_RETENTIONS: Final = 6
#: Parameters that have a few values, the first of them the default, and what each value is called.
CHOICES: Final[Mapping[str, Mapping[str, str | Promise]]] = {
    "sort": {"need": gettext_lazy("most in need first"), "name": gettext_lazy("by name")},
    "show": {
        "agenda": gettext_lazy("recall, if the agenda is followed"),
        "alone": gettext_lazy("recall, if nothing is practised"),
        "mastery": gettext_lazy("chance of mastery"),
    },
    "counts": {"goals": gettext_lazy("the class's goals"), "all": gettext_lazy("all concepts")},
    "list": {"short": gettext_lazy("most in need"), "all": gettext_lazy("all")},
}


class Parameters(Protocol):
    """Those of an address, as Django's `QueryDict`."""

    def get(self, key: str, default: str) -> Any: ...


@final
@dataclass(frozen=True)
class Asked:
    """`exam_on` is the class's exam if it is ahead and within reach; `day_said` whether the address names the day.

    `wanted` is in percent, `retentions` too; `area` "" is none; `page` of its concepts, from 1. `problems`: for the
    reader.
    """

    day: date
    today: date
    exam_on: date | None = None
    own_retention: int = 90
    has_goals: bool = False
    day_said: bool = False
    wanted: int = USUAL_SCORE
    retentions: tuple[int, ...] = USUAL_RETENTIONS
    sort: str = "need"
    show: str = "agenda"
    counts: str = "goals"
    list: str = "short"
    area: str = ""
    page: int = 1
    problems: tuple[str, ...] = ()
    #: Of the retentions: told beside them.
    retention_problems: tuple[str, ...] = ()

    @classmethod
    def parse(cls, said: Parameters, knobs: Knobs, today: date) -> Asked:
        """What cannot be read or cannot be is left out, and named."""
        problems, of_retentions = list[str](), list[str]()
        exam_on = knobs.exam_on if knobs.exam_on and 0 <= (knobs.exam_on - today).days <= DAYS_AHEAD else None
        usual = exam_on or today + timedelta(days=USUAL_DAYS)
        day = _day(said.get("date", "").strip(), usual, today, problems)
        own = round(100 * knobs.retention)
        chosen = {name: _one_of(said.get(name, ""), name, list(of), problems) for name, of in CHOICES.items()}
        retentions = _retentions(said.get("retentions", ""), own, of_retentions)
        return cls(
            day=day or usual,
            today=today,
            exam_on=exam_on,
            own_retention=own,
            has_goals=bool(knobs.goals),
            day_said=day is not None,
            wanted=_whole(said.get("wanted", ""), _("wanted score"), 1, 99, USUAL_SCORE, problems),
            retentions=retentions,
            area=said.get("area", ""),
            page=_whole(said.get("page", ""), _("page"), 1, 9999, 1, problems),
            problems=tuple(problems),
            retention_problems=tuple(of_retentions),
            **chosen,
        )

    @property
    def share(self) -> float:
        """That is wanted."""
        return self.wanted / 100

    @property
    def by_goals(self) -> bool:
        return self.has_goals and self.counts == "goals"

    @property
    def days(self) -> int:
        return (self.day - self.today).days

    @property
    def furthest(self) -> date:
        return self.today + timedelta(days=DAYS_AHEAD)

    @property
    def is_exam(self) -> bool:
        return self.day == self.exam_on

    @property
    def retentions_said(self) -> str:
        """As the address and the form name them."""
        return ", ".join(str(each) for each in self.retentions)

    def said(self, **changes: Any) -> dict[str, str]:
        """The parameters after a change, without those that are as usual."""
        to = replace(self, **({"page": 1} | changes))
        named = {
            "date": to.day.isoformat() if to.day_said else "",
            "wanted": to.wanted if to.wanted != USUAL_SCORE else "",
            "retentions": "" if set(to.retentions) == {*USUAL_RETENTIONS, to.own_retention} else to.retentions_said,
            **{name: value for name in CHOICES if (value := getattr(to, name)) != next(iter(CHOICES[name]))},
            "area": to.area,
            "page": to.page if to.page > 1 else "",
        }
        return {name: str(value) for name, value in named.items() if value}

    def address(self, **changes: Any) -> str:
        return "?" + urlencode(self.said(**changes))

    def but(self, problem: str, **changes: Any) -> Asked:
        """With something that names nothing left out, and that said."""
        return replace(self, **changes, problems=(*self.problems, problem))


def told(day: date) -> str:
    """A day as the pages write it."""
    return formatted(day, pgettext("format of a date", "j F Y"))


def _day(text: str, usual: date, today: date, problems: list[str]) -> date | None:
    """None if none is said, or none that can be looked at."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        form = _("“%(value)s” is no date: write year, month and day, as in %(example)s. The forecast is for %(usual)s.")
        problems.append(form % {"value": text, "example": usual.isoformat(), "usual": told(usual)})
        return None
    if 0 <= (day - today).days <= DAYS_AHEAD:
        return day
    form = (
        _("%(day)s is past: choose a day from today to %(last)s. The forecast is for %(usual)s.")
        if day < today
        else _(
            "%(day)s is further ahead than forecasts reach: choose a day from today to %(last)s. The forecast is for "
            "%(usual)s."
        )
    )
    last = told(today + timedelta(days=DAYS_AHEAD))
    problems.append(form % {"day": told(day), "last": last, "usual": told(usual)})
    return None


def _whole(text: str, name: str, low: int, high: int, usual: int, problems: list[str]) -> int:
    text = text.strip()
    if not text:
        return usual
    if text.isdecimal() and low <= int(text[:9]) <= high:
        return int(text)
    form = _("“%(value)s” is no %(name)s: give a whole number from %(low)s to %(high)s. Taken instead: %(usual)s.")
    problems.append(form % {"value": text, "name": name, "low": low, "high": high, "usual": usual})
    return usual


def _retentions(text: str, own: int, problems: list[str]) -> tuple[int, ...]:
    """Ascending, the class's own among them."""
    low, high = (round(100 * end) for end in (RANGES["retention"].low, RANGES["retention"].high))
    parts = [part for part in text.replace("%", " ").replace(";", ",").replace(",", " ").split() if part]
    good = [int(part) for part in parts if part.isdecimal() and low <= int(part[:9]) <= high]
    if len(good) < len(parts) or len(set(good)) > MOST_RETENTIONS:
        form = _(
            "“%(value)s” are no retentions to compare: give %(most)s whole numbers at most, from %(low)s to %(high)s, "
            "as in %(example)s."
        )
        example = ", ".join(map(str, USUAL_RETENTIONS))
        problems.append(form % {"value": text, "most": MOST_RETENTIONS, "low": low, "high": high, "example": example})
        good = []
    return tuple(sorted({*(good or USUAL_RETENTIONS), own}))


def _one_of(value: str, name: str, known: Sequence[str], problems: list[str]) -> str:
    if value and value not in known:
        text = _("“%(value)s” is no value of “%(name)s”, which may be %(known)s: it is left out.")
        problems.append(text % {"value": value, "name": name, "known": ", ".join(known)})
    return value if value in known else known[0]
