"""How each figure of a forecast is computed, and what it takes for granted: in a teacher's words."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _

from tutor.dashboard.words import Definition
from tutor.language import percent
from tutor.scheduling.knobs import Knobs
from tutor.scheduling.outlook import AT_ONCE, GOES_ON_DAYS, NEW_PER_DAY, TRIES
from tutor.tracing.status import Criteria

#: Figures that cross classes are over at least so many learners.
LEAST_LEARNERS = 10


def definitions(criteria: Criteria) -> dict[str, Definition]:
    return _of_recall(criteria) | _of_effort(criteria) | _of_trust()


def _of_recall(c: Criteria) -> dict[str, Definition]:
    shares = {"mastered": percent(c.mastered_at)}
    return {
        "day": Definition(
            _("The day"),
            _(
                "Figures are for the beginning of this day, before any practice on it. Without a choice it is the "
                "class's exam, if one is agreed."
            ),
        ),
        "alone": Definition(
            _("If nothing is practised"),
            _("What the forgetting curves leave on that day if there is no further answer until then."),
        ),
        "followed": Definition(
            _("If the agenda is followed"),
            _(
                "What is expected on that day if everything is practised on the day on which the learner's agenda "
                "plans it. The same look ahead gives the agenda, the minutes and the scores."
            ),
        ),
        "score": Definition(
            _("Expected score"),
            _(
                "The share of right answers expected in an exam that asks one item of average difficulty of every "
                "concept that counts. Concepts with too few answers count with what the model expects of this learner. "
                "The range in brackets takes all concepts to be over- or underestimated together, so it is on the "
                "careful side. Without enough answers to any concept there is no score."
            ),
        ),
        "expected_mastered": Definition(
            _("Expected to be mastered"),
            _(
                "The chances of mastery on that day, added up over the concepts with enough answers: the chance that "
                "true recall is at least %(mastered)s."
            )
            % shares,
        ),
        "unknown": Definition(
            _("Not enough data"),
            _("Fewer than %(enough)s answers: too few to say anything about this learner and this concept.")
            % {"enough": c.enough},
        ),
        "below": Definition(
            _("Below the wanted score"),
            _(
                "Learners whose expected score stays below the wanted one although they follow their agenda. "
                "“Surely” if even the upper end of the range does."
            ),
        ),
        "cells": Definition(
            _("Learners by concepts"),
            _(
                "In a cell, recall in percent on that day, 62→78 if nothing is practised → if the agenda is followed; "
                "below it the range that holds the true recall with 90 % certainty, and n, the number of answers. Of a "
                "subject area: the means over its concepts, and how many of them have enough answers. A ▾ marks what "
                "is below the wanted score; of chances of mastery, what is more likely not mastered."
            ),
        ),
        "concepts": Definition(
            _("Concepts by need"),
            _(
                "Over the learners with enough answers to the concept: mean recall with the mean ends of its range, "
                "and how many of them are expected to have mastered it. First those concepts that most of these "
                "learners are expected not to have mastered, though they follow their agendas."
            ),
        ),
    }


def _of_effort(c: Criteria) -> dict[str, Definition]:
    return {
        "minutes": Definition(
            _("Minutes a day"),
            _(
                "Minutes of practice from today until that day, divided by the number of days, quiet ones included. "
                "A learner's pace is measured by their own answers that tell their time."
            ),
        ),
        "retention": Definition(
            _("Retention"),
            _(
                "When a review comes: as soon as recall has faded to this share of what it was right after the last "
                "practice, or to %(level)s if that is more. A higher retention takes more reviews, never fewer minutes."
            )
            % {"level": percent(c.review_at)},
        ),
        "reaches": Definition(
            _("What it takes"),
            _(
                "The lowest of the compared retentions at which the learner's expected score reaches the wanted one, "
                "and the minutes a day that it takes."
            ),
        ),
        "load": Definition(
            _("Minutes by day"),
            _(
                "What the agendas take on each day: the bar is the median of the class, the line spans the middle half "
                "of its learners. Reviews are moved a little, so that no day is crowded."
            ),
        ),
        "gain": Definition(
            _("Score by effort"),
            _(
                "The medians of the class: from no practice at all to the highest of the compared retentions. Where "
                "the line gets flat, more minutes change little."
            ),
        ),
    }


def _of_trust() -> dict[str, Definition]:
    return {
        "trust": Definition(
            _("Did past forecasts come true?"),
            _(
                "Before each answer the model says how likely it is to be right. Here are those answers of the whole "
                "school that came half a day or more after the one before, so that forgetting tells; of the last 60 "
                "days, in ten equal parts by what was forecast."
            ),
        ),
        "came_true": Definition(
            _("Came true"),
            _(
                "The forecast lies within the 90 % range of what was observed, which allows for chance and for answers "
                "of one learner being alike. If forecasts are right, about nine of ten do."
            ),
        ),
        "mastery_trust": Definition(
            _("Did chances of mastery come true?"),
            _(
                "A small sample of forecasts is kept every night as it is told. On its day, the chance that was told "
                "of following the agenda is compared with the chance of mastery by what is believed then, of learners "
                "who answered at least as often as the agenda planned. That belief is the learner model's too: so "
                "recall, as it was forecast, is compared with the first answers within three days since the day came. "
                "Of the model that serves now, of the last four months."
            ),
        ),
        "hidden": Definition(
            _("Hidden"),
            _("Figures over several classes are shown from %(least)s learners on, so that nobody can be made out.")
            % {"least": LEAST_LEARNERS},
        ),
    }


def assumptions(knobs: Knobs, *, is_corrected: bool = False) -> list[str]:
    """What the look ahead takes for granted, for a class that has agreed on this."""
    new = NEW_PER_DAY if knobs.new_a_day is None else knobs.new_a_day
    figures: Mapping[str, object] = {
        "new": f"{new:g}", "at_once": AT_ONCE, "tries": TRIES, "days": f"{GOES_ON_DAYS:g}",
    }  # fmt: skip
    said = [
        _(
            "Everybody practises everything when it falls due, on every day that is not quiet: who skips days gets "
            "less. What falls on quiet days waits."
        ),
        _(
            "A practice lifts recall by what the learner model says that one practice of this concept is worth to this "
            "learner now, and each further one by as much again."
        ),
        _(
            "What was begun in the last %(days)s days goes on. New concepts are taken up in the order of the "
            "curriculum as soon as their prerequisites are mastered, %(new)s a day, with %(at_once)s answers a day, "
            "until mastery is expected; after %(tries)s answers without it, a concept is left."
        )
        % figures,
        _("Lessons, homework and books are not known here: what is learnt there comes on top."),
        _("Chances of mastery if the agenda is followed are corrected by how often past ones came true.")
        if is_corrected
        else _(
            "Chances of mastery are the learner model's word. Whether past ones came true is told under “Can this be "
            "trusted?”."
        ),
    ]
    if knobs.answers_a_day is not None or knobs.minutes_a_day is not None:
        said.append(
            _(
                "The most answers or minutes a day that are agreed are not taken off: the minutes are those that would "
                "be needed."
            )
        )
    return said
