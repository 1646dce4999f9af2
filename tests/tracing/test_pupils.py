"""Simulated learners are believed what real ones are: the same answers give the same states, tables and evidence."""

from __future__ import annotations

import numpy as np
import pytest

from curricula.models import Curriculum
from curricula.snapshot import latest
from kt_models.base import BadInteractions
from tests.flow.steps import advance, answer, at, believed, learners, record, work
from tutor.accounts.models import School
from tutor.registry import loader
from tutor.tracing.beliefs import belief
from tutor.tracing.evidence import Evidence
from tutor.tracing.models import LearnerState
from tutor.tracing.pupils import Log, Pupils, fit, load, save

#: Minutes between the answers of one learner: within a session, overnight, over weeks.
PAUSES = (1.0, 3.0, 1_500.0, 2.0, 30_000.0, 1.0, 5.0)


def test_pupils_are_believed_what_the_log_is_folded_to(school: School, fractions: Curriculum) -> None:
    group, content = learners(school, 5), latest(fractions.pk)
    chance = np.random.default_rng(2)
    minute, pupils, rows = 1.0, None, np.arange(5)
    for step, pause in enumerate(PAUSES):
        minute += pause
        # Not everybody is there each time.
        here = rows[chance.random(5) < 0.8] if step else rows
        items, right = chance.integers(0, content.n_items, len(here)), chance.random(len(here)) < 0.6
        seconds = np.array([at(minute + row).timestamp() for row in here.tolist()])
        record(
            school,
            [
                answer(group[row], fractions, item, correct=float(y), seconds=s, response_seconds=20.0)
                for row, item, y, s in zip(here.tolist(), items.tolist(), right.tolist(), seconds.tolist(), strict=True)
            ],
        )
        if step % 2:
            work(limit=3)
        if pupils is None:
            version_id = advance()[0].belief.version_id
            pupils = Pupils(loader.load(version_id), 5, content, at(0).timestamp())
        pupils.observe(here, items, right, seconds, np.full(len(here), 20.0))
    work()
    assert pupils is not None
    for row, learner in enumerate(group):
        kept = LearnerState.objects.get(learner_id=learner.pk)
        assert bytes(kept.state) == pupils.state.to_bytes()[row]
        assert bytes(kept.evidence) == pupils.evidence(row).to_bytes()
        known = believed(learner, fractions).table
        assert known.to_bytes() == pupils.table(row).to_bytes()


def test_who_has_answered_nothing_stands_where_newcomers_stand(school: School, fractions: Curriculum) -> None:
    newcomer = learners(school, 1)[0]
    known = belief(school.pk, newcomer.pk, fractions.pk, at(9).timestamp())
    pupils = Pupils(loader.load(known.version_id), 2, latest(fractions.pk), at(0).timestamp())
    assert pupils.table(0, at(9).timestamp()).to_bytes() == known.table.to_bytes()
    assert pupils.table(0).origin == at(0).timestamp()
    assert pupils.evidence(1).to_bytes() == Evidence.none().to_bytes()


def test_answers_come_in_time_order(school: School, fractions: Curriculum) -> None:
    content = latest(fractions.pk)
    known = belief(school.pk, learners(school, 1)[0].pk, fractions.pk, at(9).timestamp())
    pupils = Pupils(loader.load(known.version_id), 2, content, 0.0)
    one = np.zeros(1, np.int64)
    pupils.observe(one, one, np.ones(1), np.full(1, 50.0))
    with pytest.raises(BadInteractions):
        pupils.observe(one, one, np.ones(1), np.full(1, 49.0))


def test_a_model_fitted_on_a_simulated_log_knows_hard_concepts(
    school: School, fractions: Curriculum, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content, n = latest(fractions.pk), 2_000
    chance = np.random.default_rng(0)
    item = chance.integers(0, content.n_items, n)
    # Items of the first concept are hard.
    first = content.item_concepts.flat[content.item_concepts.offset[item]] == 0
    log = Log(
        learner=chance.integers(0, 40, n),
        item=item,
        correct=chance.random(n) < np.where(first, 0.2, 0.8),
        seconds=np.sort(chance.uniform(0, 40 * 86_400.0, n)),
        response_seconds=np.full(n, 20.0, np.float32),
    )
    model = fit("half-life", log, content, seed=0)
    assert (model.n_concepts, model.n_items) == (content.n_concepts, content.n_items)
    folder = tmp_path_factory.mktemp("models") / "one"
    save(model, folder)
    save(model, folder)
    pupils = Pupils(load(folder), 1, content, 0.0)
    recall = pupils.table(0).at(0.0)
    assert recall[0] < recall[1] - 0.2
