"""What teachers have said of a learner's concepts, and what is agreed with the learner: read, said and taken back.

The rules are those of the API: `scheduling.overrides`, `scheduling.agreements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, final
from uuid import UUID
from zoneinfo import available_timezones

from django.db import transaction
from django.utils import dateparse, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from curricula.snapshot import Snapshot
from tutor.accounts import services as accounts
from tutor.accounts.access import NotFound
from tutor.accounts.errors import StaleRow
from tutor.accounts.models import ApiClient, Learner, User
from tutor.scheduling import agreements, overrides
from tutor.scheduling.knobs import WEEKDAYS, BadKnob
from tutor.scheduling.models import Override
from tutor.scheduling.overrides import MOST, MOST_ANSWERS, Contradicted, Refused, Wish

#: Characters of a reason, as in the API.
LONGEST_REASON: Final = 2000
#: Days that the form proposes: what is said for ever is forgotten, and then in the way.
PROPOSED_DAYS: Final = 28
LAST_HOUR: Final = 23
#: Names of the form's fields begin so, and end with a day of the week.
QUIET: Final = "quiet_"
_SPREAD: Final = {None: "", True: "on", False: "off"}

KINDS: Final = {
    Override.Kind.PIN: (
        gettext_lazy("Do it next"),
        gettext_lazy("Comes before all else, until it is mastered or was answered often enough."),
    ),
    Override.Kind.EXCLUDE: (gettext_lazy("Leave it out"), gettext_lazy("Is not offered. Its status stays as it is.")),
    Override.Kind.MASTERED: (
        gettext_lazy("It is known"),
        gettext_lazy("Counts as mastered: is not offered, and what builds on it opens."),
    ),
    Override.Kind.OPEN: (
        gettext_lazy("Do not wait"),
        gettext_lazy("May be begun though its prerequisites are not known yet."),
    ),
}


class Word(NamedTuple):
    """One override in force. `is_own`: said of this learner alone, not of a whole class."""

    id: UUID
    kind: str
    label: str
    concept: str
    key: str
    reason: str
    who: str
    made_at: datetime
    expires_at: datetime | None
    answers: int | None
    is_own: bool


def in_force(user: User, learner: Learner, content: Snapshot, *, now: datetime) -> list[Word]:
    """Of the learner and of the learner's classes, the newest first: one statement."""
    rows = overrides.concerning(overrides.visible(user), learner).filter(
        overrides.holding(now), curriculum=content.curriculum_id
    )
    return [_word(row, content) for row in rows.order_by("-made_at", "-id") if row.concept < content.n_concepts]


def _word(row: Override, content: Snapshot) -> Word:
    kind = Override.Kind(row.kind)
    return Word(
        id=row.pk,
        kind=row.kind,
        label=str(KINDS[kind][0]),
        concept=content.concept_titles[row.concept],
        key=content.concept_keys[row.concept],
        reason=row.reason,
        who=_name(row.made_by, row.made_client),
        made_at=row.made_at,
        expires_at=row.expires_at,
        answers=row.answers if kind is Override.Kind.PIN else None,
        is_own=row.learner_id is not None,
    )


def _name(person: User | None, client: ApiClient | None) -> str:
    if person:
        return person.name or person.email
    return client.name if client else _("somebody who has left")


@final
@dataclass(frozen=True)
class Said:
    """A form as it was filled in, and what is wrong with it by field; "general" is the form as a whole."""

    values: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)


def blank(now: datetime, concept: str = "", kind: str = "") -> Said:
    until = timezone.localtime(now).date() + timedelta(days=PROPOSED_DAYS)
    return Said({"concept": concept, "kind": kind, "until": until.isoformat(), "answers": "5", "reason": ""})


def say(user: User, learner: Learner, content: Snapshot, said: Mapping[str, Any], *, now: datetime) -> Override | Said:
    """What was made, or the form with what is wrong about it."""
    values = _values(said, "concept", "kind", "until", "answers", "reason")
    problems: dict[str, str] = {}
    if values["kind"] not in Override.Kind.values:
        problems["kind"] = _("Choose what is to be done with the concept.")
    if not values["concept"]:
        problems["concept"] = _("Choose a concept.")
    if not values["reason"]:
        problems["reason"] = _("Say why: whoever wonders about the learner's plan will read it.")
    elif len(values["reason"]) > LONGEST_REASON:
        problems["reason"] = _("The reason has %(n)s characters: %(most)s is the most.") % {
            "n": len(values["reason"]), "most": LONGEST_REASON,
        }  # fmt: skip
    expires_at = _end_of(values["until"], now, problems)
    answers = _answers(values, problems)
    if problems:
        return Said(values, problems)
    wish = Wish(Override.Kind(values["kind"]), values["concept"], values["reason"], expires_at, answers)
    try:
        return overrides.make(user, learner, content.curriculum_id, wish, now=now)
    except Contradicted as error:
        since = timezone.localtime(error.standing.made_at)
        text = _("That was said of this concept already, on %(day)s, and still holds: take it back first.")
        return Said(values, {"general": text % {"day": f"{since:%Y-%m-%d}"}})
    except Refused as error:
        return Said(values, {_FIELDS.get(error.field, "general"): _refusal(error, values)})


def take_back(user: User, learner: Learner, override_id: UUID, *, now: datetime) -> Override:
    """Of this learner alone: what is said of a class is taken back for the class.

    Raises: NotFound
    """
    found = overrides.access(user, override_id)
    if found.learner_id != learner.pk:
        raise NotFound("override of this learner", override_id)
    overrides.end(user, found, now=now)
    return found


_FIELDS: Final = {"concept": "concept", "reason": "reason", "expires_at": "until", "answers": "answers"}


def _refusal(error: Refused, values: Mapping[str, str]) -> str:
    """As the API says it, in the reader's language."""
    texts = {
        "blank": _("Say why: whoever wonders about the learner's plan will read it."),
        "past": _("%(until)s is past: choose a later day, or none for as long as nobody takes it back."),
        "unknown_concept": _("“%(concept)s” is no concept of this curriculum: choose one of the list."),
        "too_many": _("%(most)s such words hold for this learner already: take some back that have done their work."),
    }
    known = texts.get(error.code)
    return known % {**values, "most": MOST} if known else str(error)


def _end_of(until: str, now: datetime, problems: dict[str, str]) -> datetime | None:
    """The end of a day in the school's time, None for no day."""
    if not until:
        return None
    try:
        day = dateparse.parse_date(until)
    except ValueError:
        day = None
    if day is None:
        problems["until"] = _("“%(day)s” is no day: write it as 2026-12-31.") % {"day": until}
        return None
    if day < timezone.localtime(now).date():
        text = _("%(until)s is past: choose a later day, or none for as long as nobody takes it back.")
        problems["until"] = text % {"until": until}
        return None
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), timezone.get_current_timezone())
    return midnight - timedelta(seconds=1)


def _answers(values: Mapping[str, str], problems: dict[str, str]) -> int | None:
    """Of a pin; the other kinds do not end by answers."""
    if values["kind"] != Override.Kind.PIN or not values["answers"]:
        return None
    if not values["answers"].isdecimal() or not 1 <= int(values["answers"][:9]) <= MOST_ANSWERS:
        problems["answers"] = _("“%(n)s” answers: take a whole number from 1 to %(most)s.") % {
            "n": values["answers"], "most": MOST_ANSWERS,
        }  # fmt: skip
        return None
    return int(values["answers"])


def settings_form(learner: Learner) -> Said:
    own = agreements.of_learner(learner)
    minutes = own.minutes_a_day
    return Said(
        {
            "explores": "on" if own.explores else "",
            "minutes_a_day": "" if minutes is None else f"{minutes:g}",
            "spread_reviews": _SPREAD[own.spread_reviews],
            "own_quiet": "" if own.quiet_weekdays is None else "on",
            **{QUIET + day: "on" if day in (own.quiet_weekdays or ()) else "" for day in WEEKDAYS},
            "timezone": learner.timezone,
            "day_cutoff_hour": str(learner.day_cutoff_hour),
        }
    )


def settle(user: User, learner: Learner, said: Mapping[str, Any], *, now: datetime) -> Said | None:
    """None if what was asked for is agreed now, else the form with what is wrong about it."""
    days = [QUIET + day for day in WEEKDAYS]
    values = _values(
        said, "explores", "minutes_a_day", "spread_reviews", "own_quiet", *days, "timezone", "day_cutoff_hour"
    )
    problems: dict[str, str] = {}
    if values["timezone"] and values["timezone"] not in available_timezones():
        text = _("“%(zone)s” is no time zone: write one as “Europe/Berlin”, or leave it empty for the school's.")
        problems["timezone"] = text % {"zone": values["timezone"]}
    hour = values["day_cutoff_hour"]
    if not hour.isdecimal() or int(hour[:9]) > LAST_HOUR:
        problems["day_cutoff_hour"] = _("“%(hour)s” is no hour: take 0 to 23.") % {"hour": hour}
    minutes = _minutes(values["minutes_a_day"], problems)
    if problems:
        return Said(values, problems)
    try:
        with transaction.atomic():
            changes = {"explores": bool(values["explores"]), "minutes_a_day": minutes, **_own_days(values)}
            agreements.change_learner(learner, changes, by_whom=user, now=now)
            clock = {"timezone": values["timezone"], "day_cutoff_hour": int(hour)}
            if clock != {name: getattr(learner, name) for name in clock}:
                accounts.update_learner(learner, clock, now=now)
    except BadKnob as error:
        if error.name == "quiet_weekdays":
            return Said(values, {error.name: _("All seven days cannot be: leave at least one to learn on.")})
        return Said(values, {"minutes_a_day": _no_minutes(error.value)})
    except StaleRow:
        return Said(values, {"general": _("Somebody else has just changed this learner: look at it, and save again.")})
    return None


def _own_days(values: Mapping[str, str]) -> dict[str, Any]:
    """What is in place of the class's, None for as the class has it."""
    quiet = tuple(day for day in WEEKDAYS if values[QUIET + day])
    spread = next((said for said, text in _SPREAD.items() if text == values["spread_reviews"]), None)
    return {"spread_reviews": spread, "quiet_weekdays": quiet if values["own_quiet"] else None}


def _minutes(text: str, problems: dict[str, str]) -> float | None:
    if not text:
        return None
    try:
        return float(text.replace(",", "."))
    except ValueError:
        problems["minutes_a_day"] = _no_minutes(text)
        return None


def _no_minutes(said: object) -> str:
    return _("“%(n)s” minutes: take 1 to 600, or none.") % {"n": said}


def _values(said: Mapping[str, Any], *names: str) -> dict[str, str]:
    # The database keeps no NUL.
    return {name: str(said.get(name, "")).replace("\0", "").strip() for name in names}
