"""The words of the page of policies: states, verdicts, estimators, and what each figure means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tutor.dashboard.words import Definition
from tutor.language import Figure, Texts
from tutor.scheduling.rehearsals import HOLDS

#: Of other classes' learners, figures are over at least so many.
LEAST_LEARNERS: Final = 10

REWARDS: Final[Mapping[str, str]] = Texts(
    {
        "retention": gettext_noop("right a night or more later"),
        "success": gettext_noop("right at once"),
        "answered": gettext_noop("answered at all"),
        "gain": gettext_noop("right a night or more later, less right at once"),
    }
)
STATES: Final[Mapping[str, str]] = Texts(
    {
        "running": gettext_noop("running"),
        "promoted": gettext_noop("promoted: it makes every plan"),
        "stopped": gettext_noop("stopped"),
        "queued": gettext_noop("waiting"),
        "done": gettext_noop("done"),
        "failed": gettext_noop("failed"),
    }
)
VERDICTS: Final[Mapping[str, str]] = Texts(
    {
        "warming up": gettext_noop("Too few learners have met both: nothing is said yet."),
        "open": gettext_noop("Not told apart yet: the difference may be either way."),
        "better": gettext_noop("The new policy is surely better; somebody may promote it."),
        "worse": gettext_noop("The new policy is surely worse."),
    }
)
ESTIMATORS: Final[Mapping[str, str]] = Texts(
    {
        "logged": gettext_noop("What was done"),
        "ips": gettext_noop("IPS, weighed by odds"),
        "snips": gettext_noop("SNIPS, the same with weights that sum to one"),
        "dr": gettext_noop("DR, doubly robust"),
    }
)
NEEDS: Final[Mapping[str, str]] = Texts(
    {
        "exam": gettext_noop("an exam date"),
        "history": gettext_noop("each learner's whole history"),
        "cohort": gettext_noop("the answers of the whole class"),
    }
)
WORLDS: Final[Mapping[str, str]] = Texts(
    {
        "psikt": gettext_noop("PSI-KT world: forgetting and prerequisites"),
        "power": gettext_noop("Power-law world: forgetting, no prerequisites"),
    }
)


def points(share: float | None, *, signed: bool = False) -> str:
    """In percent with one decimal, “unknown” where there is none."""
    if share is None:
        return _("unknown")
    return f"{Figure(share):{'+' if signed else ''}.1%}".replace("-", "\N{MINUS SIGN}")


def percents(share: float | None) -> float | None:
    """As a number of percent."""
    return None if share is None else round(100.0 * share, 2)


def definitions() -> dict[str, Definition]:
    return _of_trials() | _of_evaluations() | _of_rehearsals()


def _of_trials() -> dict[str, Definition]:
    return {
        "policies": Definition(
            _("Policies"),
            _(
                "A policy chooses the next question among those that the class's settings and the teachers allow. "
                "Which one a class has is agreed in its settings; a trial or a promotion of the school goes before it, "
                "unless the class has agreed on a policy of its own."
            ),
        ),
        "trial": Definition(
            _("Trial"),
            _(
                "A share of the plans is made by the new policy, the rest by the approved one, each plan drawn by lot. "
                "Every night the share becomes the largest at which, as surely as promised, no more than the stated "
                "part of the approved policy's value is lost. A policy that is surely worse is stopped by itself."
            ),
        ),
        "difference": Definition(
            _("Difference"),
            _(
                "Mean value of a choice under the new policy less that under the approved one, over learners who have "
                "met both, each counting once. The range holds the true difference as surely as the trial promises, "
                "however often one looks. Of learners of other classes no figure is shown over fewer than %(n)s."
            )
            % {"n": LEAST_LEARNERS},
        ),
    }


def _of_evaluations() -> dict[str, Definition]:
    return {
        "evaluation": Definition(
            _("Judged by the log"),
            _(
                "What a policy would have been worth a choice, told from choices that another one made by lot: "
                "those on which both agree count more. It tells nothing of what a policy does to later choices; for "
                "that there are rehearsals and trials."
            ),
        ),
        "ips": Definition(
            _("IPS, SNIPS and DR"),
            _(
                "Three ways to weigh the same log, with 95%% ranges over learners. IPS weighs each choice by how much "
                "likelier the policy would have made it; SNIPS lets the weights sum to one, steadier and a little "
                "biased; DR adds a regression of the reward and is right if either of the two is. Where they "
                "contradict each other, trust none."
            )
            % {},
        ),
        "effective": Definition(
            _("Effective sample"),
            _(
                "So many equally weighed choices would tell as much. Below 100 nothing is told: a few choices would "
                "decide everything."
            ),
        ),
        "more": Definition(
            _("More than what was done"),
            _(
                "The policy's value less that of what was done on the same choices. If its whole range is above zero, "
                "the policy would have been better there, as far as the log can tell."
            ),
        ),
    }


def _of_rehearsals() -> dict[str, Definition]:
    return {
        "rehearsal": Definition(
            _("Rehearsal"),
            _(
                "Both policies teach the same simulated learners on the school's curriculum, with the same luck, as "
                "hard as the school's answers tell. It is required before a trial, and holds for %(days)s days. Passed "
                "means: not shown to teach clearly less in any world. No world is true: a good policy should be good "
                "in its own and harmless in the others."
            )
            % {"days": HOLDS.days},
        ),
    }
