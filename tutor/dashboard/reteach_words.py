"""What the pages on reteaching call things, and how each figure on them is computed."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tutor.dashboard.reteach_filters import NEEDS, GroupFilters
from tutor.dashboard.words import Definition
from tutor.scheduling.outlook import TRIES
from tutor.tracing.status import Status

#: Concepts that a reason names.
NAMED = 3


def definitions() -> dict[str, Definition]:
    return {**_of_list(), **_of_concept()}


def of_groups(filters: GroupFilters) -> dict[str, Definition]:
    """By what was asked for."""
    text = _(
        "Learners %(need)s are put together, %(smallest)s to %(largest)s in a group, nobody in two. Of two needs, one "
        "of which rests on the other, the first counts. The concept that most of those left need comes first; among "
        "equals the more urgent, then what keeps more locked, then the order of the curriculum. More learners than a "
        "group holds are divided evenly: those who need it most, then those with the fewest other needs. Whoever is "
        "left joins a group about something they need if it has room. The same answers always make the same groups."
    )
    said = {"need": NEEDS[filters.need], "smallest": filters.smallest, "largest": filters.largest}
    return {"groups": Definition(_("Suggested groups"), text % said), **_outside_groups()}


def reason(statuses: Sequence[Status], opens: Sequence[str], n_ready: int) -> str:
    """Why a group is about its concept, from the statuses of its members and what it opens for some of them."""
    n = {status: sum(each is status for each in statuses) for status in statuses}
    parts = []
    if k := n.get(Status.STRUGGLING):
        parts.append(ngettext("%(n)s struggles with it", "%(n)s struggle with it", k) % {"n": k})
    if k := n.get(Status.LEARNING):
        parts.append(ngettext("%(n)s is learning it", "%(n)s are learning it", k) % {"n": k})
    if k := n.get(Status.DUE_FOR_REVIEW):
        parts.append(ngettext("%(n)s has it due for review", "%(n)s have it due for review", k) % {"n": k})
    said = f"{', '.join(parts)}."
    if not opens:
        return said
    named = ", ".join(f"“{title}”" for title in opens[:NAMED])
    if len(opens) > NAMED:
        named = _("%(concepts)s and more") % {"concepts": named}
    text = ngettext(
        "Once mastered it opens %(concepts)s for %(n)s of them.",
        "Once mastered it opens %(concepts)s for %(n)s of them.",
        n_ready,
    )
    return f"{said} {text % {'concepts': named, 'n': n_ready}}"


def _of_list() -> dict[str, Definition]:
    return {
        "reteach": Definition(
            _("What to reteach"),
            _(
                "Concepts that somebody struggles with, is learning or has to review, by the order chosen; equals by "
                "the other two figures, then as in the curriculum. A concept is ranked only if enough is known of at "
                "least as many learners as asked for: what has too few answers is never ranked as failing."
            ),
        ),
        "blocks": Definition(
            _("Blocks"),
            _(
                "Pairs of a learner and a concept that is locked for them because this one is not likely mastered, by "
                "the prerequisites in force: what authors wrote, models learnt and teachers said. It counts for the "
                "missing concepts that can be worked on now, at the top of each chain, however long. Alone: "
                "nothing else is missing at the top. With others: something else is as well. Only learners with enough "
                "answers count; those of whom too little is known stand apart."
            ),
        ),
        "mean": Definition(
            _("Mean recall"),
            _(
                "Mean of recall now over the learners with enough answers. In brackets its 90 % range, from the mean "
                "of their lowest to the mean of their highest values: wide enough even if the model errs alike for all."
            ),
        ),
        "answers_of_class": Definition(
            _("Answers"), _("All answers of the class to this concept, and of how many learners enough are known.")
        ),
        "apart": Definition(
            _("Too little is known"),
            _(
                "Concepts of which enough is known of fewer learners than asked for. Waiting: pairs of a learner and a "
                "locked concept that would open, or come nearer, if this one proved to be mastered."
            ),
        ),
    }


def _of_concept() -> dict[str, Definition]:
    return {
        "opens": Definition(
            _("Ready at once"),
            _(
                "Locked now, and this concept is the only prerequisite missing: ready as soon as it is likely "
                "mastered. Further down: what waits for this concept alone, and then for what is learnt in between."
            ),
        ),
        "practices": Definition(
            _("Practices"),
            _(
                "Answers to items of this concept until recall right after an answer is expected at the level of "
                "mastery, each worth what the model says one practice now is worth to this learner. "
                "More than %(tries)s: practice alone will hardly do."
            )
            % {"tries": TRIES},
        ),
        "expected_mastery": Definition(
            _("Expected to master"),
            _(
                "Of those who have not mastered it: the sum of each one's chance that recall is truly at the level of "
                "mastery after so many answers; with 90 % certainty their number lies in the range. Each practice is "
                "taken to be worth as much as the first. The model knows practice only: your explaining may be worth "
                "more. How well such forecasts have held is measured for each model."
            ),
        ),
        "rests_on": Definition(
            _("Rests on"),
            _("Prerequisites of this concept that are not likely mastered either, by how many of these learners."),
        ),
        **_outside_groups(),
    }


def _outside_groups() -> dict[str, Definition]:
    return {
        "not_known": Definition(
            _("Not known yet"),
            _(
                "Too few answers to say whether they need it, so they are in no group. Two items tell most: the "
                "concept named is the one about which an answer tells most by the rules of placement, which count "
                "what it says of prerequisites and of what rests on it too."
            ),
        ),
        "left": Definition(
            _("Too few for a group"),
            _("They need something that fewer others need than the smallest group has, and no group had room."),
        ),
        "needs_none": Definition(
            _("Need none of it"),
            _(
                "Nothing that they have enough answers on is a need, and they could not begin what the groups are "
                "about or have likely mastered it. May help: they have mastered what the group is about."
            ),
        ),
    }
