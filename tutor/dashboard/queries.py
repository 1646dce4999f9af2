"""The rows behind the pages, each in a number of statements that does not depend on how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, final
from uuid import UUID

from django.db.models import Count
from django.utils.translation import gettext as _

from curricula.errors import NotPublished
from curricula.snapshot import Snapshot
from tutor import db
from tutor.accounts.access import NotFound, groups_visible
from tutor.accounts.models import Group, Learner, User
from tutor.interactions.models import Interaction
from tutor.scheduling import contents

#: Answers that a learner's page lists.
LAST_ANSWERS: Final = 20

_LAST_BY_GROUP: Final = """
SELECT m.group_id, max(s.as_of)
FROM unnest(%s::uuid[], %s::uuid[]) AS g(group_id, curriculum_id)
JOIN accounts_membership m ON m.group_id = g.group_id
JOIN tracing_learnerstate s ON s.learner_id = m.learner_id AND s.curriculum_id = g.curriculum_id
GROUP BY m.group_id
"""


class NothingToLearn(Exception):
    """A class works on nothing yet; the message is for its teacher."""


@final
@dataclass(frozen=True)
class ClassLine:
    group: Group
    n_learners: int
    last_answer: datetime | None


class Answer(NamedTuple):
    """`correct` is the credit, 0 to 1. `statement` is "" if the item has been removed since."""

    at: datetime
    statement: str
    concepts: tuple[str, ...]
    correct: float
    seconds: float | None
    hints: int | None

    @property
    def verdict(self) -> str:
        return "right" if self.correct == 1.0 else "wrong" if self.correct == 0.0 else "partly"


def classes(user: User) -> list[ClassLine]:
    """Those that a teacher teaches, or all of an administrator's school, by name."""
    groups = groups_visible(user).select_related("curriculum").annotate(n_learners=Count("memberships"))
    rows = sorted(groups, key=lambda group: group.name.casefold())
    taught = [(group.pk, group.curriculum_id) for group in rows if group.curriculum_id]
    last = dict(db.rows(_LAST_BY_GROUP, [[pk for pk, _ in taught], [curriculum for _, curriculum in taught]]))
    return [ClassLine(group, group.n_learners, last.get(group.pk)) for group in rows]


def content_of(group: Group) -> Snapshot:
    """What a class works on: its own curriculum, or its school's only one.

    Raises:
        NothingToLearn: if there is no such curriculum, or it is not published.
    """
    try:
        return contents.latest(group.curriculum_id or contents.resolve(group.school_id, None))
    except contents.AmbiguousCurriculum as error:
        raise NothingToLearn(
            _("The school has several curricula: choose which of them this class works on.")
        ) from error
    except (contents.UnknownCurriculum, NotPublished) as error:
        raise NothingToLearn(_("There is no published curriculum for this class yet: publish one first.")) from error


def members(group: Group) -> list[Learner]:
    return sorted(group.learners.all(), key=lambda learner: called(learner).casefold())


def member(group: Group, learner_id: UUID) -> Learner:
    """Raises: NotFound: if no such learner is in the class."""
    found = group.learners.filter(pk=learner_id).first()
    if found is None:
        raise NotFound("learner in this class", learner_id)
    return found


def called(learner: Learner) -> str:
    """Schools may keep names to themselves: then the roster's name, or the start of ours."""
    return learner.name or learner.external_id or _("Learner %(code)s") % {"code": str(learner.pk)[-6:]}


def last_answers(learner_id: UUID, content: Snapshot) -> list[Answer]:
    """The newest first."""
    log = Interaction.objects.filter(learner_id=learner_id, curriculum_id=content.curriculum_id)
    columns = ("occurred_at", "item", "concepts", "correct", "response_seconds", "hints")
    rows = log.order_by("-occurred_at", "-seq").values_list(*columns)[:LAST_ANSWERS]
    return [
        Answer(
            at,
            content.item_statement(item),
            tuple(content.concept_titles[c] for c in concepts),
            correct,
            seconds,
            hints,
        )
        for at, item, concepts, correct, seconds, hints in rows
    ]
