"""What policies are called, what each is for, and how each figure of a preview is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from tutor.dashboard.words import Definition
from tutor.language import Texts
from tutor.scheduling.calendar import DAYS
from tutor.scheduling.policies import POLICIES

_LABELS: Final[Mapping[str, str]] = Texts(
    {
        "gain": gettext_noop("Most learnt per minute"),
        "threshold": gettext_noop("Reviews first"),
        "exam": gettext_noop("Towards an exam"),
        "placement": gettext_noop("Placement"),
        "random": gettext_noop("By chance"),
        "curriculum_order": gettext_noop("Order of the curriculum"),
        "lowest_mastery": gettext_noop("Least known first"),
        "fixed_ladder": gettext_noop("Fixed ladder"),
        "leitner": gettext_noop("Leitner's boxes"),
        "sm2": gettext_noop("SM-2"),
        "fsrs": gettext_noop("FSRS-6"),
        "memorize": gettext_noop("Memorize"),
        "zpdes": gettext_noop("Where answers improve (ZPDES)"),
        "alp_gmm": gettext_noop("Where the class improves (ALP-GMM)"),
        "skill_it": gettext_noop("What serves most concepts (Skill-It)"),
    }
)
_COMPARISON: Final = gettext_noop("For comparisons: it knows nothing of what this learner has forgotten.")
_FOR: Final[Mapping[str, str]] = Texts(
    {
        "gain": gettext_noop("For everyday practice; it is the default."),
        "threshold": gettext_noop("Where what was learnt must stay, and new concepts can wait."),
        "exam": gettext_noop("In the weeks before an exam; it needs the exam's date."),
        "placement": gettext_noop(
            "For a class that is new: for whoever is placed, the policy for after the placement goes on."
        ),
        "random": gettext_noop("For comparisons: whatever is not better than chance is of no use."),
        "curriculum_order": gettext_noop("Where everybody is to go one way; what is forgotten does not come back."),
        "lowest_mastery": gettext_noop("For closing gaps; what is mastered comes back when its review is due."),
        "fixed_ladder": _COMPARISON,
        "leitner": _COMPARISON,
        "sm2": _COMPARISON,
        "fsrs": gettext_noop("For learners who come from flash cards; it has its own model of memory."),
        "memorize": gettext_noop("For comparisons: the scheduler of a published study."),
        "zpdes": gettext_noop("For games and drills whose items differ much in difficulty."),
        "alp_gmm": gettext_noop("For comparisons: it reads a whole class, and cannot be judged by the log."),
        "skill_it": gettext_noop("For a curriculum in which a few concepts carry many others."),
    }
)


def policy_label(name: str) -> str:
    """The name itself where it is a school's own, or of another release."""
    return _LABELS.get(name) or name


def policy_about(name: str) -> str:
    return Texts({name: POLICIES[name].about})[name] if name in POLICIES else ""


def policy_for(name: str) -> str:
    return _FOR.get(name) or ""


def definitions() -> dict[str, Definition]:
    return _of_class() | _ahead() | _of_form()


def _of_form() -> dict[str, Definition]:
    return {
        "differs": Definition(
            _("Differs"),
            _(
                "What is not set to the default that holds for every class. “Back to the default” takes it back in the "
                "form; it holds when you save."
            ),
        ),
        "effect": Definition(
            _("What would change"),
            _(
                "Computed at this moment by the same functions that act after saving, once by what is agreed now and "
                "once by what the form says. Nothing is written, and no learner is offered anything."
            ),
        ),
    }


def _of_class() -> dict[str, Definition]:
    return {
        "moves": Definition(
            _("Statuses"),
            _(
                "A cell is one concept of one learner. Counted are cells whose status would be another: the status is "
                "that of every other page. Answers are not judged anew: mastery that was gained or lost stays so."
            ),
        ),
        "reviews": Definition(
            _("Reviews due"),
            _(
                "Reviews of all learners that are planned for now or before, and within seven days from now, moved so "
                "that no day is crowded if that is agreed: as in agendas."
            ),
        ),
        "offers": Definition(
            _("Next offers"),
            _(
                "What each learner would be offered first if they asked now. Chance is left out of both sides, so that "
                "only the settings make a difference; items skipped within a day are left out too."
            ),
        ),
    }


def _ahead() -> dict[str, Definition]:
    return {
        "minutes": Definition(
            _("Minutes a day"),
            _(
                "Expected minutes of practice a day over the next %(n)s days, quiet days included, if everything is "
                "practised when the agenda plans it: the median learner, and in brackets the least and the most. The "
                "limits of minutes and answers do not lower it: what lies above them would be left over."
            )
            % {"n": DAYS},
        ),
        "options": Definition(
            _("Minutes by retention"),
            _(
                "The same simulation for other desired retentions, all else as in the form, without moving reviews so "
                "that no day is crowded; it may differ a little from the minutes above. It never falls as retention "
                "rises."
            ),
        ),
        "exam": Definition(
            _("Expected score on the exam day"),
            _(
                "The share of right answers expected at the beginning of that day, one item of average difficulty of "
                "every concept that is to be learnt, if everything is practised when the agenda plans it. Concepts "
                "with too few answers count with what the model expects of this learner. Without enough answers to any "
                "of them there is no score. The choice among policies is not simulated."
            ),
        ),
    }
