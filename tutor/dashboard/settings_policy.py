"""How policies compare for a class's school: what there is, what trials, rehearsals and the log say. Only what is kept.

Who teaches the class sees its own trials and its school's. No figure is told over fewer than ten learners of other
classes, but to administrators, who see each of them anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple, final

from django.db.models import Q
from django.utils.translation import gettext as _

from curricula.snapshot import Snapshot
from tutor.accounts.models import Group, User
from tutor.dashboard import settings_policy_words as words
from tutor.dashboard.settings_policy_words import LEAST_LEARNERS, percents, points
from tutor.dashboard.settings_words import policy_about, policy_for, policy_label
from tutor.dashboard.words import Definition
from tutor.language import told_again
from tutor.scheduling import agreements, configs, evaluations, rehearsals, trials
from tutor.scheduling.knobs import POLICY
from tutor.scheduling.models import Evaluation, PolicyConfig, PolicyTrial, Rehearsal
from tutor.scheduling.policies import POLICIES, Policy
from tutor.scheduling.policy_models import Job

#: Trials, evaluations and rehearsals that a page lists, the newest first.
LISTED: Final = 10


class Range(NamedTuple):
    """A share with its interval; None where it is unknown."""

    value: float | None
    low: float | None
    high: float | None
    signed: bool = False

    @classmethod
    def of(cls, found: Mapping[str, Any] | None, *, signed: bool = False) -> Range:
        found = found or {}
        return cls(found.get("value"), found.get("low"), found.get("high"), signed)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(points(each, signed=self.signed) for each in self[:3])

    @property
    def cells(self) -> tuple[float | None, ...]:
        """In percent, as files have them."""
        return tuple(percents(each) for each in self[:3])


class PolicyLine(NamedTuple):
    """`ref` as a form sends it."""

    ref: str
    label: str
    name: str
    version: int
    about: str
    serves: str
    needs: tuple[str, ...]
    parameters: str
    is_agreed: bool
    is_in_trial: bool

    @property
    def needs_told(self) -> list[str]:
        return [words.NEEDS[need] for need in self.needs]


class Estimated(NamedTuple):
    label: str
    value: Range
    more: Range | None


class World(NamedTuple):
    label: str
    new: Range
    approved: Range
    difference: Range


@final
@dataclass(frozen=True)
class TrialLine:
    """`figures` are None before the first look, or where they are not to be told."""

    trial: PolicyTrial
    approved: str
    new: str
    figures: Mapping[str, Any] | None
    is_hidden: bool

    @property
    def state(self) -> str:
        return words.STATES[self.trial.state]

    @property
    def reward(self) -> str:
        return words.REWARDS.get(self.trial.reward) or self.trial.reward

    @property
    def verdict(self) -> str:
        return words.VERDICTS[self.figures["verdict"]] if self.figures else ""

    @property
    def values(self) -> tuple[float, float] | None:
        """Of the approved and the new one."""
        if not self.figures or self.figures.get("new") is None:
            return None
        return self.figures["approved"], self.figures["new"]

    @property
    def told(self) -> tuple[str, ...]:
        return tuple(map(points, self.values or ()))

    @property
    def difference(self) -> Range | None:
        """None as long as nothing is said of it."""
        if self.values is None or not self.figures or self.figures["verdict"] == "warming up":
            return None
        told = {name: self.figures[name] for name in ("low", "high")}
        return Range.of({"value": self.figures["new"] - self.figures["approved"], **told}, signed=True)

    @property
    def rehearsal(self) -> RehearsalLine | None:
        return RehearsalLine(self.trial.rehearsal) if self.trial.rehearsal else None


@final
@dataclass(frozen=True)
class RehearsalLine:
    job: Rehearsal

    @property
    def new(self) -> str:
        return label_of(self.job.policy, self.job.config)

    @property
    def approved(self) -> str:
        return label_of(self.job.against, self.job.against_config)

    @property
    def status(self) -> str:
        return words.STATES[self.job.status]

    @property
    def message(self) -> str:
        """Why it failed."""
        return message_of(self.job)

    @property
    def passed(self) -> bool:
        return bool(self.job.report and self.job.report["passed"])

    @property
    def worlds(self) -> list[World]:
        found = self.job.report["worlds"] if self.job.report else {}
        return [
            World(
                words.WORLDS.get(kind) or kind,
                Range.of(each["new"]),
                Range.of(each["approved"]),
                Range.of(each["mean"], signed=True),
            )
            for kind, each in found.items()
        ]


@final
@dataclass(frozen=True)
class EvaluationLine:
    """`is_hidden`: over so few learners that nothing is told."""

    job: Evaluation
    is_hidden: bool

    @property
    def label(self) -> str:
        return label_of(self.job.policy, self.job.config)

    @property
    def logged(self) -> str:
        return policy_label(self.job.logged_policy) if self.job.logged_policy else _("every policy")

    @property
    def reward(self) -> str:
        return words.REWARDS.get(self.job.reward) or self.job.reward

    @property
    def status(self) -> str:
        return words.STATES[self.job.status]

    @property
    def message(self) -> str:
        """Why it failed."""
        return message_of(self.job)

    @cached_property
    def report(self) -> Mapping[str, Any]:
        """Its sentences in the reader's language."""
        found: Mapping[str, Any] = told_again(self.job.report or {}, self.job.said, "/report")
        return {} if self.is_hidden else found

    @property
    def assumptions(self) -> list[str]:
        return [_(each) for each in self.report.get("assumptions", ())]

    @property
    def refusal(self) -> str:
        return str(self.report.get("refusal", ""))

    @property
    def estimates(self) -> list[Estimated]:
        if not self.report or self.refusal:
            return []
        named = [(name, each) for name, each in words.ESTIMATORS.items() if name in self.report["values"]]
        done = Estimated(words.ESTIMATORS["logged"], Range.of(self.report["logged"]), None)
        told = self.report["values"]
        return [done] + [
            Estimated(label, Range.of(told[name]["value"]), Range.of(told[name]["gain"], signed=True))
            for name, label in named
        ]

    @property
    def effective(self) -> float | None:
        found = self.report.get("overlap", {}).get("effective")
        return None if found is None else round(found, 1)

    @property
    def known(self) -> str:
        return points(self.report.get("overlap", {}).get("known"))

    @property
    def unsupported(self) -> str:
        return points(self.report.get("overlap", {}).get("unsupported"))


@final
@dataclass(frozen=True)
class PolicyPage:
    """Attributes: is_admin: whether who looks may ask for something.     n: learners of the class."""

    group: Group
    content: Snapshot | None
    is_admin: bool
    n: int
    policies: tuple[PolicyLine, ...]
    trials: tuple[TrialLine, ...]
    evaluations: tuple[EvaluationLine, ...]
    rehearsals: tuple[RehearsalLine, ...]

    @cached_property
    def definitions(self) -> Mapping[str, Definition]:
        return words.definitions()

    @property
    def agreed(self) -> PolicyLine | None:
        return next((line for line in self.policies if line.is_agreed), None)

    @property
    def holds(self) -> TrialLine | None:
        """The trial or promotion by which plans are made: the class's own, else its school's."""
        agreed = self.agreed.name if self.agreed else POLICY
        open_ = [line for line in self.trials if line.trial.ended_at is None]
        own = next((line for line in open_ if line.trial.group_id == self.group.pk), None)
        wide = next((line for line in open_ if line.trial.group_id is None), None)
        return own or (wide if wide and agreed in (POLICY, wide.trial.approved_policy) else None)

    @property
    def judged(self) -> list[PolicyLine]:
        """Those that the log can tell of."""
        return [line for line in self.policies if "cohort" not in line.needs]


def policy_page(user: User, group: Group, content: Snapshot | None) -> PolicyPage:
    """As many statements for many learners, trials and evaluations as for one."""
    n, is_admin = group.memberships.count(), user.role == User.Role.ADMIN
    # What a class that works on nothing has: none.
    its = Q(curriculum_id=content.curriculum_id) if content else Q(pk=None)
    here = Q(group=group) | Q(group=None)
    tried = list(
        trials.visible(group.school_id)
        .filter(here, its)
        .select_related("approved_config", "new_config", "rehearsal__config", "rehearsal__against_config")
        .order_by("-created_at")[:LISTED]
    )
    judged = evaluations.visible(group.school_id).filter(Q(curriculum=None) | its)
    played = rehearsals.visible(group.school_id).filter(its)
    trying = {label_of(each.new_policy, each.new_config) for each in tried if each.ended_at is None}
    agreed = agreements.of_group(group).policy or POLICY
    own = configs.visible(group.school_id).filter(retired_at=None).order_by("name", "-version")
    return PolicyPage(
        group,
        content,
        is_admin,
        n,
        (*(_built_in(each, agreed, trying) for each in POLICIES.values()), *(_own(each, trying) for each in own)),
        tuple(_trial(each, n, is_admin) for each in tried),
        tuple(_evaluation(each, n, is_admin) for each in judged.order_by("-created_at")[:LISTED]),
        tuple(RehearsalLine(each) for each in played.order_by("-created_at")[:LISTED]),
    )


def label_of(policy: str, config: PolicyConfig | None) -> str:
    """A school's own by its name and version."""
    return policy_label(policy) if config is None else f"{config.name} {config.version}"


def message_of(job: Job) -> str:
    """Why it failed, in the reader's language."""
    return str(told_again(job.message, job.said, "/message"))


def is_told(learners: int, here: int) -> bool:
    """Whether enough of them must be of other classes, or none of them is."""
    return learners == 0 or learners - here >= LEAST_LEARNERS


def _built_in(policy: Policy, agreed: str, trying: set[str]) -> PolicyLine:
    name = policy.name
    return PolicyLine(
        name, policy_label(name), name, policy.version, policy_about(name), policy_for(name), _needs(policy), "",
        name == agreed, policy_label(name) in trying,
    )  # fmt: skip


def _own(config: PolicyConfig, trying: set[str]) -> PolicyLine:
    policy = POLICIES.get(config.policy)
    set_ = ", ".join(f"{name} = {value}" for name, value in config.parameters.items())
    about = _("“%(policy)s” with settings of the school's own.") % {"policy": policy_label(config.policy)}
    label = label_of(config.policy, config)
    return PolicyLine(
        str(config.pk), label, config.name, config.version, about, config.about,
        _needs(policy) if policy else (), set_, False, label in trying,
    )  # fmt: skip


def _needs(policy: Policy) -> tuple[str, ...]:
    needs = {"exam": policy.needs_exam, "history": policy.reads_history, "cohort": policy.reads_cohort}
    return tuple(name for name, is_needed in needs.items() if is_needed)


def _trial(trial: PolicyTrial, here: int, is_admin: bool) -> TrialLine:
    figures = trial.figures or None
    learners = int((figures or {}).get("learners") or 0)
    is_hidden = not is_admin and trial.group_id is None and not is_told(learners, here)
    approved, new = (label_of(side.policy, side.config) for side in trials.sides(trial))
    return TrialLine(trial, approved, new, None if is_hidden else figures, is_hidden)


def _evaluation(job: Evaluation, here: int, is_admin: bool) -> EvaluationLine:
    learners = int(((job.report or {}).get("overlap") or {}).get("learners") or 0)
    return EvaluationLine(job, not is_admin and not is_told(learners, here))
