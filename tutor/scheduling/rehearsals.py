"""Policies tried on simulated learners before real ones: a policy against the one it would stand beside.

The course is drawn on the school's curriculum, as hard as its own answers tell (`tournament.gate`); beliefs are those
of the model that serves there. Both policies meet the same learners and the same luck. What is agreed with single
classes is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, final
from uuid import UUID

import numpy as np
from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from curricula.errors import NotPublished
from curricula.snapshot import Snapshot
from kt_models import metrics
from kt_models.base import ConceptLists, Interactions
from kt_models.simulate import World
from tutor import db
from tutor.accounts.access import NotFound
from tutor.language import Sentence
from tutor.registry import effective, loader
from tutor.registry import queries as registry
from tutor.scheduling import configs, contents, jobs
from tutor.scheduling.configs import Chosen
from tutor.scheduling.policies import Choice, Settings, Situation
from tutor.scheduling.policy_models import PolicyConfig, Rehearsal
from tutor.scheduling.tournament import gate

#: A rehearsal speaks for a policy for so long: models and answers have changed since.
HOLDS: Final = timedelta(days=90)
#: Newest answers of the school that tell how hard its concepts and items are, of so many learners.
LEARNERS: Final = 500
MOST: Final = 100_000

# Whole histories, for the first answer to a concept tells what was known before.
_ANSWERS: Final = """
SELECT dense_rank() OVER (ORDER BY i.learner_id) - 1, i.item, i.concepts, i.correct,
    extract(epoch FROM i.occurred_at)::float8
FROM (
    SELECT learner_id FROM tracing_learnerstate
    WHERE school_id = %s AND curriculum_id = %s ORDER BY as_of DESC NULLS LAST LIMIT %s
) s
JOIN interactions_interaction i ON i.learner_id = s.learner_id AND i.curriculum_id = %s
WHERE cardinality(i.concepts) > 0 ORDER BY i.learner_id, i.occurred_at, i.seq LIMIT %s
"""


class CannotRehearse(ValueError):
    """A question that makes no sense; what is said tells what to do about it."""

    def __init__(self, said: Sentence) -> None:
        super().__init__(said)


@final
@dataclass(frozen=True)
class Outcome:
    """What became of both.

    Attributes:
        passed: whether the policy was not shown to teach less.     reason: the world that tells most, in words.
        worlds: figures by world, of `new` and `approved`.     model: the version that told beliefs.
        answers: those that told how hard the course is.
    """

    passed: bool
    reason: str
    worlds: dict[str, Any]
    model: str
    answers: int
    concepts: int
    learners: int
    days: int

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def question(
    school_id: UUID, curriculum_id: UUID, policy: tuple[str, PolicyConfig | None],
    against: tuple[str, PolicyConfig | None], *, seed: int = 0, requested_by: str = "", now: datetime,
) -> Rehearsal:  # fmt: skip
    """What is to be tried, not queued yet.

    Raises:
        CannotRehearse: if both are one, or there is nothing to learn.
    """
    if policy == against:
        text = gettext_noop("both are '{policy}': give another policy to compare with")
        raise CannotRehearse(Sentence(text, policy=configs.chosen(*policy).label))
    try:
        contents.latest(curriculum_id)
    except NotPublished as error:
        text = gettext_noop("the curriculum has no published version: publish one first")
        raise CannotRehearse(Sentence(text)) from error
    return Rehearsal(
        school_id=school_id, curriculum_id=curriculum_id, policy=policy[0], config=policy[1],
        against=against[0], against_config=against[1], seed=seed, requested_by=requested_by, created_at=now,
    )  # fmt: skip


def visible(school_id: UUID) -> QuerySet[Rehearsal]:
    return Rehearsal.objects.filter(school_id=school_id).select_related("config", "against_config")


def access(school_id: UUID, job_id: UUID) -> Rehearsal:
    """Raises:
    NotFound: alike for what is absent and what is another school's.
    """
    found = visible(school_id).filter(pk=job_id).first()
    if found is None:
        raise NotFound("rehearsal", job_id)
    return found


def newest(
    school_id: UUID, curriculum_id: UUID, policy: tuple[str, PolicyConfig | None],
    against: tuple[str, PolicyConfig | None], *, now: datetime,
) -> Rehearsal | None:  # fmt: skip
    """The last one of a policy against another that is done and still holds."""
    done = visible(school_id).filter(
        curriculum_id=curriculum_id, policy=policy[0], config=policy[1], against=against[0],
        against_config=against[1], status=Rehearsal.Status.DONE, finished_at__gt=now - HOLDS,
    )  # fmt: skip
    return done.order_by("-finished_at").first()


def run_next(*, now: datetime) -> bool:
    """Takes up the oldest job that nobody works on, and ends it; False if there is none."""
    return jobs.run_next(Rehearsal, rehearse, refused=(CannotRehearse,), now=now)


def rehearse(job: Rehearsal) -> dict[str, Any]:
    """Raises:
    CannotRehearse: if there is too little to learn, or no model serves.
    """
    serving = registry.serving([(job.school_id, job.curriculum_id)]).get((job.school_id, job.curriculum_id))
    if serving is None:
        text = gettext_noop("no model serves this curriculum yet: ask again once the first answers are taken in")
        raise CannotRehearse(Sentence(text))
    content = effective.content_for(contents.latest(job.curriculum_id), job.school_id, serving.version_id)
    seen = _seen(job.school_id, content)
    ground = gate.drawn_on(content, seen)
    if ground is None:
        text = gettext_noop("{too_little}: there is nothing to try a policy on")
        raise CannotRehearse(Sentence(text, too_little=gate.too_little()))
    try:
        model = loader.load(serving.version_id)
    except loader.CannotLoad as error:
        text = gettext_noop("the model that serves cannot be loaded ({why}): roll back, or wait for the next")
        raise CannotRehearse(Sentence(text, why=str(error))) from error
    new, approved = (
        partial(gate.played, ground, model, _acting(configs.chosen(*side)))
        for side in ((job.policy, job.config), (job.against, job.against_config))
    )
    worlds = list(gate.worlds(ground, seen, job.seed))
    told = gate.compared(
        _counted(job, worlds), new, approved, names=("new", "approved"), seed=job.seed,
        replicates=metrics.REPLICATES,
    )  # fmt: skip
    return Outcome(
        told.passed, told.words, told.worlds, str(serving.version_id), len(seen), ground.course.n_concepts,
        gate.LEARNERS, gate.DAYS,
    ).to_json()  # fmt: skip


def _acting(chosen: Chosen) -> gate.Acting:
    """With the settings of the school's own, if it has set any."""

    def choose(situation: Situation) -> Choice:
        return chosen.policy(replace(situation, criteria=chosen.criteria(situation.criteria)))

    return gate.Acting(choose, chosen.settings(Settings(exploration=0.0)), chosen.policy.reads_cohort)


def _counted(job: Rehearsal, worlds: Sequence[World[Any]]) -> Iterator[World[Any]]:
    for done, world in enumerate(worlds):
        jobs.tell(job, done, len(worlds))
        yield world
    jobs.tell(job, len(worlds), len(worlds))


def _seen(school_id: UUID, content: Snapshot) -> Interactions:
    """Answers that tell how hard things are."""
    rows = db.rows(_ANSWERS, [school_id, content.curriculum_id, LEARNERS, content.curriculum_id, MOST])
    learner, item, concepts, correct, seconds = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Interactions(
        learner=np.array(learner, np.int64),
        seconds=np.array(seconds, np.float64),
        item=np.array(item, np.int64),
        concepts=ConceptLists.of(concepts),
        correct=np.array(correct, np.float32),
    )
