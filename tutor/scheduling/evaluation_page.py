"""The report of an evaluation as a page of Markdown: for people, notebooks and merge requests. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, final

_ESTIMATORS: Final = {
    "ips": "IPS, inverse propensity scoring",
    "snips": "SNIPS, the same self-normalised",
    "dr": "DR, doubly robust",
}
_REWARDS: Final = {
    "gain": "credit of the next answer to the concept a night or more later, less that of the answer to the offer",
    "retention": "credit of the next answer to the concept a night or more later",
    "success": "credit of the answer to the offer",
    "answered": "whether the offer was answered",
}


@final
@dataclass(frozen=True)
class Head:
    """What was asked."""

    school: str
    policy: str
    version: int
    of: str
    parameters: Mapping[str, Any]
    logged_policy: str
    since: datetime
    until: datetime


def page(head: Head, report: Mapping[str, Any]) -> str:
    """The page, from a report as `evaluations.Outcome.to_json` gives it."""
    return "\n".join([*_asked(head, report), *_told(report), *_rests_on(report), *_notes(report)]) + "\n"


def _asked(head: Head, report: Mapping[str, Any]) -> Iterator[str]:
    reward = report["reward"]
    yield f"# Policy {head.policy}, version {head.version}, judged by the log of {head.school}"
    yield ""
    yield f"- Policy: `{head.of}`{_parameters(head.parameters)}"
    yield f"- Choices: of {_named(head.logged_policy)}, {_day(head.since)} to {_day(head.until)}"
    yield f"- Reward: {reward['kind']}, {_REWARDS[reward['kind']]}"
    yield ""


def _told(report: Mapping[str, Any]) -> Iterator[str]:
    if report["refusal"]:
        yield f"**Nothing can be told:** {report['refusal']}."
        yield ""
        return
    yield "| a choice | value | 95 % | more than what was done | 95 % |"
    yield "|---|---|---|---|---|"
    yield f"| what was done | {_estimate(report['logged'])} | | |"
    for name, words in _ESTIMATORS.items():
        each = report["values"][name]
        yield f"| {words} | {_estimate(each['value'])} | {_estimate(each['gain'], signed=True)} |"
    yield ""
    yield from _bounds(report["if_unknown_were"])
    yield from _agreement(report["agreement"])


def _bounds(bounds: Sequence[float] | None) -> Iterator[str]:
    if bounds is not None:
        yield f"If every unknown reward were the worst, or the best: {_figure(bounds[0])} to {_figure(bounds[1])}."
        yield ""


def _agreement(agreement: Mapping[str, Any] | None) -> Iterator[str]:
    if agreement is not None:
        naive, adjusted = agreement["naive"], agreement["adjusted"]
        yield (
            f"Rewards by agreement with the policy, what teachers set included: {_interval(naive)}; with who chose, "
            f"prior mastery and difficulty taken out: {_interval(adjusted)}."
        )
        yield ""


def _rests_on(report: Mapping[str, Any]) -> Iterator[str]:
    overlap, replayed = report["overlap"], report["replayed"]
    rows = (
        ("choices on record", replayed["choices"]),
        ("of these told again", replayed["kept"]),
        ("in which the policy wants nothing of what was offered", replayed["unwanted"]),
        ("checked: logged scores come out again", f"{replayed['reproduced']} of {replayed['checked']}"),
        ("learners", overlap["learners"]),
        ("effective sample", _figure(overlap["effective"], digits=0)),
        ("of the policy's choices without support in the log", _share(overlap["unsupported"])),
        ("mean weight", _figure(overlap["mean_weight"], digits=2)),
        ("choices whose reward is known", _share(overlap["known"])),
        ("choices that somebody else set", overlap["not_drawn"]),
        ("choices that a teacher set aside", overlap.get("overridden", 0)),
    )
    yield "| it rests on | |"
    yield "|---|---|"
    yield from (f"| {name} | {value} |" for name, value in rows)
    yield ""


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    for title, notes in (("Mind", report["warnings"]), ("Taken for granted", report["assumptions"])):
        if notes:
            yield f"## {title}"
            yield from (f"- {note}" for note in notes)
            yield ""


def _parameters(parameters: Mapping[str, Any]) -> str:
    return f" with {', '.join(f'{name} = {value}' for name, value in parameters.items())}" if parameters else ""


def _named(policy: str) -> str:
    return f"policy `{policy}`" if policy else "every policy"


def _day(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")


def _estimate(estimate: Mapping[str, Any], *, signed: bool = False) -> str:
    low, high = (_figure(estimate[end], signed=signed) for end in ("low", "high"))
    return f"{_figure(estimate['value'], signed=signed)} | {low} to {high}"


def _interval(estimate: Mapping[str, Any]) -> str:
    low, high = (_figure(estimate[end], signed=True) for end in ("low", "high"))
    return f"{_figure(estimate['value'], signed=True)} ({low} to {high})"


def _figure(value: float | None, *, digits: int = 3, signed: bool = False) -> str:
    return "unknown" if value is None else f"{value:{'+' if signed else ''}.{digits}f}"


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"
