"""The card of a model version: what it was made of, how well it foretells, for whom, and where it fails. Plain data.

Everything is of the registry's row, so that a card can be shown for as long as the row is there. A school sees figures
of its own classes only, by name; the operator sees those of all, without names. Where fewer than `LEAST_LEARNERS`
people stand behind a figure it is left out. No torch in here: web processes show cards.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, final
from uuid import UUID

from django.utils.translation import gettext as _

from kt_models.metrics import Estimate
from tutor.accounts.access import Principal, groups_visible
from tutor.language import told_again
from tutor.registry import card_faults, card_words
from tutor.registry.models import ModelVersion

#: A figure of fewer learners may tell of one of them.
LEAST_LEARNERS: Final = 5
#: A figure of fewer answers tells nothing.
LEAST_ANSWERS: Final = 30


@final
@dataclass(frozen=True)
class Value:
    """A figure and its 95 % interval, null where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


class Figure(NamedTuple):
    key: str
    title: str
    more_is_better: bool
    value: Value


@final
@dataclass(frozen=True)
class Slice:
    """Part of the answers judged.

    Attributes:
        learners: None where it was not counted.     correct, predicted: shares right, and expected to be.
        worse: log loss less that of the champion, if there was one.     hidden: why there are no figures, else "".
    """

    name: str
    title: str
    n: int
    learners: int | None
    correct: float | None
    predicted: float | None
    log_loss: Value | None
    auc: Value | None
    worse: Value | None
    hidden: str = ""


@final
@dataclass(frozen=True)
class Bin:
    """Answers whose expected share lay between `low` and `high`: how many, what was expected, what came."""

    low: float
    high: float
    n: int
    predicted: float
    correct: float


@final
@dataclass(frozen=True)
class Rival:
    name: str
    title: str
    figures: tuple[Figure, ...]


@final
@dataclass(frozen=True)
class Gate:
    block: str
    name: str
    title: str
    asks: str
    passed: bool
    reason: str


@final
@dataclass(frozen=True)
class Data:
    """What a version was fitted on. `before`: none of the answers from then on was."""

    answers: int
    learners: int
    first: datetime | None
    last: datetime | None
    before: datetime | None
    digest: str


@final
@dataclass(frozen=True)
class Judged:
    """What it was judged on. `base_log_loss`: of guessing the mean share for every answer."""

    answers: int
    learners: int
    since: datetime | None
    correct: float
    base_log_loss: float


@final
@dataclass(frozen=True)
class Card:
    """`others`: classes of other schools, which are not shown. `against`: the champion that its gates compared with."""

    id: UUID
    kind: str
    title: str
    state: str
    state_title: str
    is_baseline: bool
    created_at: datetime
    note: str
    reason: str
    curriculum_id: UUID
    curriculum: str
    curriculum_version: int
    school_id: UUID | None
    parent_id: UUID | None
    parent: str
    code_version: str
    checksum: str
    settings: tuple[tuple[str, Any], ...]
    data: Data | None
    judged: Judged | None
    figures: tuple[Figure, ...]
    rivals: tuple[Rival, ...]
    by_gap: tuple[Slice, ...]
    by_attempt: tuple[Slice, ...]
    by_ahead: tuple[Slice, ...]
    groups: tuple[Slice, ...]
    others: int
    deciles: tuple[Slice, ...]
    reliability: tuple[Bin, ...]
    gates: tuple[Gate, ...]
    passed: bool | None
    against: UUID | None
    faults: tuple[card_faults.Fault, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values; ids and times are left to the encoder."""
        return asdict(self)


def card(version: ModelVersion, principal: Principal) -> Card:
    """Two queries at most, for names of classes and of the parent. The version comes from `queries.access_version`."""
    metrics, verdict = version.metrics, version.verdict
    names = _Names.of(version, principal, _known(map(_id, _groups(version)), principal))
    worse = _against_champion(verdict)
    parts = [_part(found, worse, names) for found in metrics.get("by_part", [])]
    groups = tuple(part for part in parts if part.name.startswith("group "))
    shown = tuple(part for part in groups if names.shows(part.name))
    made = Card(
        **_head(version, names),
        data=_data(version.data),
        judged=_judged(metrics),
        figures=_figures(metrics),
        rivals=tuple(
            Rival(name, card_words.rival(name), _figures(found))
            for name, found in metrics.get("rivals", {}).items()
        ),
        by_gap=_slices(metrics.get("by_gap", []), card_words.GAPS),
        by_attempt=_slices(metrics.get("by_attempt", []), card_words.ATTEMPTS),
        by_ahead=_slices(metrics.get("ahead", {}).get("by_ahead", []), {}),
        groups=shown,
        others=len(groups) - len(shown),
        deciles=tuple(part for part in parts if part.name.startswith("decile ")),
        reliability=tuple(
            Bin(each["low"], each["high"], each["n"], each["p"], each["y"]) for each in metrics.get("reliability", [])
        ),
        gates=tuple(_gates(verdict, names)),
        passed=verdict.get("passed"),
        against=UUID(verdict["champion"]) if verdict.get("champion") else None,
    )  # fmt: skip
    return replace(made, faults=tuple(card_faults.of(made)))


def reasons(versions: Sequence[ModelVersion], principal: Principal) -> dict[UUID, str]:
    """Why each was rejected or failed, as far as somebody may know; one query at most."""
    known = _known({name for version in versions for name in card_words.GROUP.findall(version.reason)}, principal)
    return {version.pk: _Names.of(version, principal, known).within(version.reason) for version in versions}


def label(kind: str, version_id: UUID) -> str:
    """A version's name for people."""
    return f"{card_words.kind(kind)} {str(version_id)[-6:]}"


def _parent(version: ModelVersion) -> str:
    kinds = ModelVersion.objects.filter(pk=version.parent_id).values_list("kind", "pk") if version.parent_id else ()
    return next((label(*parent) for parent in kinds), "")


def value(found: Mapping[str, Any] | None) -> Value | None:
    return Value(found.get("value"), found.get("low"), found.get("high")) if found else None


def of_estimate(found: Estimate) -> Value:
    """Null where the estimate is undefined."""
    return Value(*(end if math.isfinite(end) else None for end in (found.value, found.low, found.high)))


def _head(version: ModelVersion, names: _Names) -> dict[str, Any]:
    of = version.curriculum_version
    return {
        "id": version.pk,
        "kind": version.kind,
        "title": label(version.kind, version.pk),
        "state": version.state,
        "state_title": card_words.STATES.get(version.state, version.state),
        "is_baseline": version.is_baseline,
        "created_at": version.created_at,
        "note": version.note,
        "reason": names.within(card_words.reason(version)),
        "curriculum_id": of.curriculum_id,
        "curriculum": of.curriculum.title,
        "curriculum_version": of.number,
        "school_id": version.school_id,
        "parent_id": version.parent_id,
        "parent": _parent(version),
        "code_version": version.code_version,
        "checksum": version.checksum,
        "settings": tuple(sorted(version.config.items())),
    }


@final
@dataclass(frozen=True)
class _Names:
    """Names of the classes that the viewer may know. `all_shown`: to the operator, and of a school's own version."""

    known: Mapping[str, str]
    all_shown: bool
    small: frozenset[str]

    @classmethod
    def of(cls, version: ModelVersion, principal: Principal, known: Mapping[str, str]) -> _Names:
        own = principal.school_id is None or version.school_id == principal.school_id
        small = frozenset(part["name"] for part in _groups(version) if part["learners"] < LEAST_LEARNERS)
        return cls(known, own, small)

    def shows(self, name: str) -> bool:
        return self.all_shown or name in self.known

    def title(self, name: str) -> str:
        return self.known.get(name) or _("class %(code)s") % {"code": name[-6:]}

    def within(self, text: str) -> str:
        """Sentences of gates, with names in place of ids; of classes that are not to be told apart, less."""
        return "; ".join(self._sentence(each) for each in text.split("; "))

    def _sentence(self, text: str) -> str:
        for match in list(card_words.GROUP.finditer(text)):
            name = match.group()
            if name in self.small or not self.shows(name):
                if name in self.small:
                    return _("a class of few learners is told clearly worse than by the champion")
                return _("a class of another school is told clearly worse than by the champion")
            text = text.replace(name, self.title(name))
        return text


def _groups(version: ModelVersion) -> list[Mapping[str, Any]]:
    return [part for part in version.metrics.get("by_part", []) if part["name"].startswith("group ")]


def _id(part: Mapping[str, Any]) -> str:
    return str(part["name"]).removeprefix("group ")


def _known(ids: Iterable[str], principal: Principal) -> dict[str, str]:
    """Names of the classes of these ids that somebody may know."""
    wanted = list(ids)
    found = groups_visible(principal).filter(pk__in=wanted).values_list("pk", "name") if wanted else ()
    return {f"group {pk}": name for pk, name in found}


def _against_champion(verdict: Mapping[str, Any]) -> dict[str, Value]:
    """Log loss less the champion's, by part."""
    people = [gate for gate in verdict.get("gates", []) if gate["block"] == "people"]
    found = {name: value(part.get("log_loss")) for gate in people for name, part in gate["figures"].items()}
    return {name: difference for name, difference in found.items() if difference}


def _part(found: Mapping[str, Any], worse: Mapping[str, Value], names: _Names) -> Slice:
    name, learners = found["name"], found["learners"]
    number = re.fullmatch(r"decile (\d+)(?: to (\d+))? by success", name)
    title = card_words.deciles(int(number[1]), int(number[2] or number[1])) if number else names.title(name)
    if learners < LEAST_LEARNERS:
        return _hidden(name, title, found["n"], None, _("fewer than %(n)s learners") % {"n": LEAST_LEARNERS})
    return _slice(found, title, learners, worse.get(name))


def _slices(parts: Sequence[Mapping[str, Any]], titles: Mapping[str, str]) -> tuple[Slice, ...]:
    """In the order of their names, with those that no answer fell in."""
    by_name = {part["name"]: part for part in parts}
    if not by_name:
        return ()
    return tuple(
        _slice(by_name[name], titles.get(name, name))
        if name in by_name
        else _hidden(name, titles[name], 0, 0, _("none"))
        for name in titles or by_name
    )


def _slice(found: Mapping[str, Any], title: str, learners: int | None = None, worse: Value | None = None) -> Slice:
    if found["n"] < LEAST_ANSWERS:
        return _hidden(found["name"], title, found["n"], learners, _("fewer than %(n)s answers") % {"n": LEAST_ANSWERS})
    return Slice(
        found["name"], title, found["n"], learners, found["correct"], found["predicted"],
        value(found.get("log_loss")), value(found.get("auc")), worse,
    )  # fmt: skip


def _hidden(name: str, title: str, n: int, learners: int | None, why: str) -> Slice:
    return Slice(name, title, n, learners, None, None, None, None, None, why)


def _figures(found: Mapping[str, Any]) -> tuple[Figure, ...]:
    return tuple(
        Figure(key, title, key in card_words.MORE_IS_BETTER, told)
        for key, title in card_words.FIGURES.items()
        if isinstance(found.get(key), dict) and (told := value(found[key]))
    )


def _gates(verdict: Mapping[str, Any], names: _Names) -> Iterator[Gate]:
    for gate in told_again(verdict.get("gates", []), verdict.get("said", {}), "/gates"):
        yield Gate(
            gate["block"], gate["name"], card_words.gate_title(gate["name"]), card_words.gate_asks(gate["name"]),
            gate["passed"], names.within(gate["reason"]),
        )  # fmt: skip


def _data(data: Mapping[str, Any]) -> Data | None:
    if "answers" not in data:
        return None
    first, last, before = (_moment(data.get(name)) for name in ("first", "last", "before"))
    return Data(data["answers"], data["learners"], first, last, before, data.get("digest", ""))


def _judged(metrics: Mapping[str, Any]) -> Judged | None:
    if "n" not in metrics:
        return None
    since = _moment(metrics.get("judged_from"))
    return Judged(metrics["n"], metrics["learners"], since, metrics["correct"], metrics["base_log_loss"])


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
