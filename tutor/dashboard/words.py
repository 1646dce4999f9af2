"""What the pages call things, and how each figure is computed: said once, from the criteria in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from tutor.scheduling.policies import POLICIES, Policy, Settings
from tutor.tracing.status import DEFAULT, Criteria, Status

#: A learner who has not answered for this many days is marked as inactive.
INACTIVE_DAYS: Final = 14
#: Reviews that fall due within this many days count as soon.
SOON_DAYS: Final = 7

#: Columns and legends go from what asks for attention to what does not.
BY_NEED: Final = (
    Status.STRUGGLING,
    Status.DUE_FOR_REVIEW,
    Status.LEARNING,
    Status.NOT_ENOUGH_DATA,
    Status.MASTERED,
    Status.LOCKED,
)
LABELS: Final[Mapping[Status, str]] = {
    Status.STRUGGLING: "Struggling",
    Status.DUE_FOR_REVIEW: "Due for review",
    Status.LEARNING: "Learning",
    Status.NOT_ENOUGH_DATA: "Not enough data",
    Status.MASTERED: "Mastered",
    Status.LOCKED: "Locked",
}


class Definition(NamedTuple):
    term: str
    text: str


def definitions(
    criteria: Criteria = DEFAULT, settings: Settings | None = None, policy: Policy | None = None
) -> dict[str, Definition]:
    """By the key that templates use; a status is its own key."""
    return _statuses(criteria) | _figures(criteria, settings or Settings(), policy or POLICIES["gain"])


def _review(c: Criteria) -> str:
    return f"to {c.retention:.0%} of what it was, or to {c.review_at:.0%} if that is more"


def _chosen(s: Settings, p: Policy) -> str:
    if p.name != "gain":
        return f"{p.about[:1].lower()}{p.about[1:].rstrip('.')} (policy “{p.name}”)"
    return f"the concept where one practice now adds most to recall in {s.horizon_days:.0f} days per minute spent"


def _statuses(c: Criteria) -> dict[str, Definition]:
    texts = {
        Status.STRUGGLING: (
            f"At least {c.struggling_after} answers, at most a third of the last eight right, "
            f"and recall surely below {c.mastered_at:.0%}: the whole 90 % range lies under it."
        ),
        Status.DUE_FOR_REVIEW: (
            f"Mastered, and recall has faded since the last answer {_review(c)}: a short review brings it back. "
            f"“Soon” counts those that will have faded so far within {SOON_DAYS} days."
        ),
        Status.LEARNING: "Begun: enough answers to judge, neither mastered nor struggling.",
        Status.NOT_ENOUGH_DATA: f"Fewer than {c.enough} answers: too few to say anything. Counts concepts not begun.",
        Status.MASTERED: (
            f"Recall right after an answer reached {c.mastered_at:.0%} with at least {c.mastered_after} answers, "
            f"and has not fallen below {c.lost_at:.0%} after an answer since."
        ),
        Status.LOCKED: (
            "Not begun, and at least one prerequisite is not likely mastered: it is neither mastered, nor practised "
            f"with a recall of {c.ready_at:.0%} or more, nor known without practice to {c.mastered_at:.0%}."
        ),
    }
    return {status.value: Definition(LABELS[status], text) for status, text in texts.items()}


def _figures(c: Criteria, s: Settings, p: Policy) -> dict[str, Definition]:
    return {
        "recall": Definition(
            "Recall now",
            "The chance of a right answer to an item of average difficulty at this moment, by the learner model. "
            "In brackets the range that holds the true chance with 90 % certainty: few answers, wide range.",
        ),
        "curve": Definition(
            "Forgetting",
            "Recall from the last answer until four weeks from now if nothing is practised; shaded, its 90 % range. "
            "The dot is now; of a mastered concept, the dashed line is where it falls due for review.",
        ),
        "n": Definition(
            "Answers",
            "How many answers were given on this concept, and how many were right. "
            "Below, the last eight, newest last: a full square above is right, a hollow one below wrong.",
        ),
        "due": Definition(
            "Due", f"When recall of a mastered concept is expected to have faded, without practice, {_review(c)}."
        ),
        "next": Definition(
            "Next",
            f"What the learner is offered when they next ask: {_chosen(s, p)}, among what the learner is ready for. "
            "What a teacher has pinned comes first. Looking at this page offers nothing and changes nothing.",
        ),
        "expected": Definition(
            "Chance of a right answer", "Recall of the concept now, adjusted for the difficulty of this item."
        ),
        "last": Definition(
            "Last answer",
            "The time of the last answer that the estimates know. "
            f"Inactive: none in the last {INACTIVE_DAYS} days; recall is then a forecast, not an observation.",
        ),
        "strip": Definition(
            "Concepts",
            "Every concept of the curriculum, by subject area. The height and direction of a bar give the status, "
            "the colour only repeats it; point at a red or amber bar for the concept's name.",
        ),
        "look": Definition(
            "Look here first",
            "Concepts with which most learners of this class struggle, then those that most have to review.",
        ),
    }
