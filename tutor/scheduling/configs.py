"""Policies as a school sets them: one of `POLICIES`, with some settings of its own in place of those of the class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet

from tutor.accounts.access import NotFound
from tutor.scheduling.knobs import RANGES, Range
from tutor.scheduling.policies import POLICIES, Policy, Settings, Spinning
from tutor.scheduling.policy_models import PolicyConfig
from tutor.tracing.status import DEFAULT, Criteria

_NAME: Final = 40
_KNOWN: Final = (*Settings.__match_args__, *Criteria.__match_args__)
_RANGES: Final[Mapping[str, Range]] = {
    name: bounds
    for name, bounds in {
        **RANGES,
        "inverse_gap": Range(0.0, 1e6, "0 draws among the best alike"),
        "explored": Range(1, 20, "each candidate is kept in the log"),
        "size": Range(1, 50, "a plan is made anew at every answer"),
        "recharged": Range(0.0, 1.0, "1 is as if practice were worth the same at once"),
        "recharge_days": Range(0.01, 60.0, "half of what a practice is worth comes back in it"),
        "review_at": Range(0.5, 0.99, "less lets most be forgotten, more makes reviews of every minute"),
        "enough": Range(1, 100, "a first answer says something"),
    }.items()
    if name in _KNOWN
}
_INTEGERS: Final = frozenset(
    {
        "explored", "size", "item_gap", "in_a_row", "retry_after", "look_ahead", "spinning_after", "enough",
        "struggling_after",
    }
)  # fmt: skip
_OF_CRITERIA: Final = frozenset({"retention", "review_at", "enough", "struggling_after", "ready_at"})
#: What may be set, and nothing else.
PARAMETERS: Final = (*_RANGES, "spinning", "exam_at")
#: What may not, and why.
ELSEWHERE: Final[Mapping[str, str]] = {
    "goals": "goals are concepts of one curriculum: agree them with each class",
    "spread_reviews": "whether reviews are spread is agreed with each class",
    "draws": "whether anything is left to chance is agreed with each class, and learners may opt out of it",
    "known": "what is known is a teacher's word on one learner",
    "opened": "what is opened is a teacher's word on one learner",
    **dict.fromkeys(
        ("mastered_at", "mastered_after", "lost_at"), "mastery is judged at every answer, by one rule for everybody"
    ),
}


class BadConfig(ValueError):
    """A policy that cannot be set so; `pointer` is the field, as a path in the body."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


@final
@dataclass(frozen=True, eq=False)
class Chosen:
    """A policy as it runs: `label` and `version` stand in the decision log."""

    label: str
    version: int
    policy: Policy
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def settings(self, agreed: Settings | None = None) -> Settings:
        """Those agreed for a class with what the policy sets; who is never to be explored on, stays so."""
        agreed = agreed or Settings()
        own = {name: value for name, value in self.parameters.items() if name not in _OF_CRITERIA}
        if agreed.exploration <= 0:
            own.pop("exploration", None)
        return replace(agreed, **own) if own else agreed

    def criteria(self, agreed: Criteria = DEFAULT) -> Criteria:
        own = {name: value for name, value in self.parameters.items() if name in _OF_CRITERIA}
        return replace(agreed, **own) if own else agreed


def create(
    school_id: UUID, *, name: str, policy: str, parameters: Mapping[str, Any], about: str = "", by: str = "",
    now: datetime,
) -> PolicyConfig:  # fmt: skip
    """The next version of a name, or its first; what is there is never changed.

    Raises:
        BadConfig: if the name is taken by a policy, there is no such policy, or it cannot be set so.
    """
    _check_name(name)
    if policy not in POLICIES:
        raise BadConfig("/policy", f"no policy is named {policy!r}: give one of {', '.join(POLICIES)}")
    read = parse(parameters)
    if POLICIES[policy].needs_exam and "exam_at" not in read:
        raise BadConfig("/parameters", f"policy {policy!r} needs exam_at: give a time, such as 2027-06-14T08:00:00Z")
    if read.get("exam_at", now.timestamp() + 1.0) <= now.timestamp():
        said = f"exam_at {parameters['exam_at']} is past: give a time ahead, such as that of the next exam"
        raise BadConfig("/parameters/exam_at", said)
    for _ in range(3):
        newest = PolicyConfig.objects.filter(school_id=school_id, name=name).aggregate(newest=Max("version"))["newest"]
        config = PolicyConfig(
            school_id=school_id, name=name, version=(newest or 0) + 1, policy=policy, parameters=dict(parameters),
            about=about, created_by=by, created_at=now,
        )  # fmt: skip
        try:
            with transaction.atomic():
                config.save(force_insert=True)
            return config
        except IntegrityError:  # somebody else made that version meanwhile
            continue
    raise BadConfig("/name", f"versions of {name!r} are being made by somebody else: try again")


def retire(config: PolicyConfig, *, now: datetime) -> PolicyConfig:
    """Offers it no longer; what runs by it goes on."""
    PolicyConfig.objects.filter(pk=config.pk, retired_at=None).update(retired_at=now)
    config.refresh_from_db()
    return config


def visible(school_id: UUID) -> QuerySet[PolicyConfig]:
    return PolicyConfig.objects.filter(school_id=school_id)


def access(school_id: UUID, ref: str) -> PolicyConfig:
    """Raises:
    NotFound: alike for what is absent and what is another school's.
    """
    try:
        found = visible(school_id).filter(pk=UUID(ref)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("policy", ref)
    return found


def named(school_id: UUID, ref: str) -> tuple[str, PolicyConfig | None]:
    """A policy by name, or a school's own by id: the name, and what is set if it is one of these.

    Raises:
        NotFound: if there is neither.
    """
    if ref in POLICIES:
        return ref, None
    config = access(school_id, ref)
    return config.policy, config


def chosen(policy: str, config: PolicyConfig | None) -> Chosen:
    """What a policy is to be run as."""
    if config is None:
        return Chosen(policy, POLICIES[policy].version, POLICIES[policy])
    return Chosen(config.name, config.version, POLICIES[config.policy], parse(config.parameters))


def labelled(school_id: UUID, label: str, version: int) -> Chosen | None:
    """What the decision log means by a policy and a version; None if that is no more."""
    if label in POLICIES:
        return chosen(label, None) if POLICIES[label].version == version else None
    config = visible(school_id).filter(name=label, version=version).first()
    try:
        return chosen(config.policy, config) if config and config.policy in POLICIES else None
    except BadConfig:  # set when a release allowed more
        return None


def parse(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Values as `Settings` and `Criteria` take them.

    Raises:
        BadConfig: naming the parameter, the rule and the way out.
    """
    return {name: _value(name, value) for name, value in parameters.items()}


def _check_name(name: str) -> None:
    if not (0 < len(name) <= _NAME and name[0].isalpha() and name.isascii() and _is_slug(name)):
        raise BadConfig(
            "/name", f"name {name!r}: give 1 to {_NAME} of a-z, 0-9 and -, a letter first, such as gentle-start"
        )
    if name in POLICIES:
        raise BadConfig("/name", f"{name!r} is a policy itself, and the log must tell the two apart: give another name")


def _is_slug(name: str) -> bool:
    return all(each.islower() or each.isdigit() or each == "-" for each in name)


def _value(name: str, value: Any) -> Any:
    pointer = "/parameters/" + name.replace("~", "~0").replace("/", "~1")
    if name in ELSEWHERE:
        raise BadConfig(pointer, f"{name} is not a policy's to set: {ELSEWHERE[name]}")
    if name == "spinning":
        return _spinning(pointer, value)
    if name == "exam_at":
        return _moment(pointer, value)
    if name not in _RANGES:
        raise BadConfig(pointer, f"there is no parameter {name!r}: use {', '.join(PARAMETERS)}")
    return _number(pointer, name, value)


def _number(pointer: str, name: str, value: Any) -> float | int:
    low, high, otherwise = _RANGES[name]
    wanted = "a whole number" if name in _INTEGERS else "a number"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (name in _INTEGERS and value != int(value)):
        raise BadConfig(pointer, f"{name} is {value!r}: give {wanted} from {low:g} to {high:g} ({otherwise})")
    return int(value) if name in _INTEGERS else float(value)


def _spinning(pointer: str, value: Any) -> Spinning:
    try:
        return Spinning(value)
    except ValueError:
        raise BadConfig(pointer, f"spinning is {value!r}: give one of {', '.join(Spinning)}") from None


def _moment(pointer: str, value: Any) -> float:
    """Unix seconds."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadConfig(pointer, f"exam_at is {value!r}: give a time with its zone, such as 2027-06-14T08:00:00Z")
    return moment.timestamp()
