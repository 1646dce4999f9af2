"""The form that begins a trial: what is typed, what would happen, and what to hand to `trials.begin`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, final

from django.utils.formats import date_format
from django.utils.functional import Promise as Lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tutor.accounts.access import NotFound
from tutor.accounts.models import Group
from tutor.dashboard.settings_policy import PolicyPage, label_of
from tutor.dashboard.settings_policy_words import REWARDS, points
from tutor.dashboard.settings_values import Unreadable
from tutor.language import percent
from tutor.scheduling import configs, guard, rehearsals, trials
from tutor.scheduling.guard import Promise
from tutor.scheduling.ope.rewards import Kind
from tutor.scheduling.trials import Side

#: As in the API: of a reason.
MOST_CHARACTERS: Final = 2000


class Number(NamedTuple):
    """A figure of `guard.Promise` as a person types it: of 100 where it is a share."""

    name: str
    label: str | Lazy
    default: float
    low: float
    high: float
    is_share: bool = True

    @property
    def usual(self) -> str:
        return f"{100 * self.default if self.is_share else self.default:g}"

    def read(self, text: str) -> float:
        """Raises: Unreadable: if it is no number, or beyond the bounds."""
        try:
            typed = float((text.strip().removesuffix("%") or self.usual).replace(",", "."))
        except ValueError:
            typed = float("nan")
        if not self.low <= typed <= self.high or not (self.is_share or typed.is_integer()):
            told = {"typed": text, "label": self.label, "low": f"{self.low:g}", "high": f"{self.high:g}"}
            raise Unreadable(_("“%(typed)s” cannot be for “%(label)s”: give a number from %(low)s to %(high)s") % told)
        return typed / 100 if self.is_share else int(typed)


NUMBERS: Final = (
    Number("alpha", gettext_lazy("Value that may be lost, at most (%)"), guard.ALPHA, 0.1, 50),
    Number("confidence", gettext_lazy("How surely no more is lost (%)"), guard.CONFIDENCE, 50, 99.9),
    Number("warm_up", gettext_lazy("Learners who must have met both first"), guard.WARM_UP, 2, 100_000, is_share=False),
    Number("least_gain", gettext_lazy("To be proposed, better by at least (%)"), 0.0, 0, 99),
)
#: Whom a trial may be for, as the form sends it.
WHOSE: Final = ("class", "school")
#: What an address keeps of the form.
FIELDS: Final = ("act", "policy", "against", "whose", "reward", *(number.name for number in NUMBERS), "unrehearsed")


@final
@dataclass(frozen=True)
class Wish:
    """Attributes: group: whose trial it is to be, None for the whole school's."""

    new: Side
    approved: Side
    group: Group | None
    reward: Kind
    promise: Promise
    unrehearsed: str

    @classmethod
    def parse(cls, group: Group, said: Mapping[str, str]) -> Wish:
        """Raises:
        NotFound: if there is no such policy.     Unreadable: if something else cannot be.
        """
        new, approved = (Side(*configs.named(group.school_id, said.get(name, ""))) for name in ("policy", "against"))
        kind, whose = said.get("reward", "") or Kind.RETENTION.value, said.get("whose", "") or WHOSE[0]
        for typed, known in ((kind, trials.REWARDS), (whose, WHOSE)):
            if typed not in known:
                raise Unreadable(_("“%(typed)s” cannot be: choose one of the list") % {"typed": typed})
        figures: dict[str, Any] = {number.name: number.read(said.get(number.name, "")) for number in NUMBERS}
        return cls(
            new, approved, group if whose == WHOSE[0] else None, Kind(kind), Promise(**figures),
            reason(said.get("unrehearsed", "")),
        )  # fmt: skip


class Field(NamedTuple):
    """A number as the form shows it."""

    name: str
    label: str
    value: str


@final
@dataclass(frozen=True)
class BeginForm:
    """`says`: what would happen, a sentence each; `problem` where that cannot be told. `minds`: what stands against it.

    `new`, `approved` are references of policies, as the form sends them.
    """

    is_open: bool
    new: str
    approved: str
    whose: str
    reward: str
    rewards: Sequence[tuple[str, str]]
    numbers: Sequence[Field]
    unrehearsed: str
    says: Sequence[str] = ()
    minds: Sequence[str] = ()
    problem: str = ""


def begin_form(page: PolicyPage, asked: Mapping[str, str], *, now: datetime) -> BeginForm:
    """With the defaults where nothing is typed."""
    typed = {name: asked.get(name, "") for name in FIELDS}
    approved = _serves(page)
    others = [line.ref for line in page.policies if line.ref != (typed["against"] or approved)]
    typed["against"], typed["policy"] = typed["against"] or approved, typed["policy"] or others[0]
    told: dict[str, Any] = {}
    try:
        wish = Wish.parse(page.group, typed)
        told = {"says": _says(page, wish), "minds": _minds(page, wish, now)}
    except (Unreadable, NotFound) as refused:
        told = {"problem": str(refused)}
    return BeginForm(
        typed["act"] == "begin", typed["policy"], typed["against"], typed["whose"], typed["reward"],
        [(kind.value, REWARDS[kind.value]) for kind in trials.REWARDS],
        [Field(each.name, str(each.label), typed[each.name] or each.usual) for each in NUMBERS],
        typed["unrehearsed"], **told,
    )  # fmt: skip


def reason(text: str) -> str:
    """Raises: Unreadable: if it is too long."""
    if len(text) > MOST_CHARACTERS:
        told = {"n": len(text), "most": MOST_CHARACTERS}
        raise Unreadable(_("a reason of %(n)s characters cannot be: %(most)s are the most") % told)
    return text.strip()


def _serves(page: PolicyPage) -> str:
    """The policy that a new one is tried against, unless somebody says otherwise."""
    if page.holds and page.holds.trial.state == trials.STATE.PROMOTED:
        _approved, new = trials.sides(page.holds.trial)
        return str(new.config.pk) if new.config else new.policy
    return page.agreed.ref if page.agreed else page.policies[0].ref


def _share(share: float) -> str:
    """Whole where it is."""
    return percent(share) if round(100 * share, 6).is_integer() else points(share)


def _says(page: PolicyPage, wish: Wish) -> list[str]:
    told = {
        "new": label_of(*wish.new), "approved": label_of(*wish.approved), "share": _share(wish.promise.alpha),
        "rest": _share(1 - wish.promise.alpha), "surely": _share(wish.promise.confidence),
        "most": percent(guard.MOST), "left": percent(1 - guard.MOST), "n": wish.promise.warm_up,
        "gain": _share(wish.promise.least_gain), "class": page.group.name,
    }  # fmt: skip
    if wish.group:
        whose = _("It is for %(class)s alone, whatever is agreed with the class.")
    else:
        whose = _(
            "It is for every class of the school but those that have agreed on another policy than “%(approved)s”."
        )
    better = (
        _("If the new policy is surely better by %(gain)s or more, that is said here; somebody may promote it then.")
        if wish.promise.least_gain
        else _("If the new policy is surely better, that is said here; somebody may promote it then.")
    )
    says = (
        _("From the next plan on, “%(new)s” makes %(share)s of the plans, by lot; “%(approved)s” keeps %(rest)s."),
        whose,
        ngettext(
            "Every night results set the share anew: the largest at which, %(surely)s surely, no more than %(share)s "
            "of what “%(approved)s” is worth is lost. It does not rise before %(n)s learner has met both, and "
            "“%(approved)s” always keeps at least %(left)s.",
            "Every night results set the share anew: the largest at which, %(surely)s surely, no more than %(share)s "
            "of what “%(approved)s” is worth is lost. It does not rise before %(n)s learners have met both, and "
            "“%(approved)s” always keeps at least %(left)s.",
            wish.promise.warm_up,
        ),
        _("It ends by itself if the new policy is surely worse, and else only when somebody ends it.") + " " + better,
    )
    return [text % told for text in says]


def _minds(page: PolicyPage, wish: Wish, now: datetime) -> list[str]:
    minds = []
    scope = wish.group.pk if wish.group else None
    if any(line.trial.group_id == scope and line.trial.state == trials.STATE.RUNNING for line in page.trials):
        minds.append(_("Another trial is running here: end that one first."))
    played = page.content and rehearsals.newest(
        page.group.school_id, page.content.curriculum_id, wish.new, wish.approved, now=now
    )
    if not played:
        minds.append(
            _("It has not been rehearsed against that policy in the last %(days)s days: do that first, or say why not.")
            % {"days": rehearsals.HOLDS.days}
        )
    elif not (played.report and played.report["passed"]):
        day = date_format(played.finished_at, "DATE_FORMAT") if played.finished_at else ""
        text = _("In the rehearsal of %(day)s it was shown to teach less: say why it is to be tried all the same.")
        minds.append(text % {"day": day})
    return minds
