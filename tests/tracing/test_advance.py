"""Workers that bring states level with the log: fairly, exactly once, and whatever goes wrong with one learner."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection, transaction
from django.utils import timezone

from curricula.models import Curriculum
from kt_models.base import Forecast
from kt_models.baselines import half_life
from tests import people
from tests.flow.folds import assert_state_is_the_fold_of_the_log
from tests.flow.steps import (
    advance,
    answer,
    at,
    believed,
    head_of,
    is_behind,
    learners,
    record,
    right_and_wrong,
    statements,
    work,
)
from tests.flow.together import together
from tests.flow.versions import a_version, keep_beside
from tutor.accounts.models import Learner, School
from tutor.interactions.models import LogHead
from tutor.registry import deployments, loader
from tutor.registry import services as registry
from tutor.registry.models import ModelVersion
from tutor.tracing import beside, rollout
from tutor.tracing.models import LearnerState
from tutor.tracing.services import PUT_OFF, rebuild


def test_those_who_have_waited_longest_come_first(school: School, fractions: Curriculum) -> None:
    group = learners(school, 4)
    for waited, learner in enumerate(group):
        record(school, [answer(learner, fractions)], now=at(60 - waited))
    order = [advance(limit=1)[0].belief.learner_id for _ in group]
    assert order == [learner.pk for learner in reversed(group)]
    assert advance(limit=1) == []


def test_learners_of_several_schools_and_curricula_are_done_in_one_pass(
    school: School, other_school: School, bo: Learner, dee: Learner, fractions: Curriculum
) -> None:
    algebra, theirs = people.a_curriculum(school.pk, "algebra"), people.a_curriculum(other_school.pk)
    record(school, [answer(bo, fractions), answer(bo, algebra)])
    record(other_school, [answer(dee, theirs)])
    done = {(a.belief.learner_id, a.belief.curriculum_id) for a in advance()}
    assert done == {(bo.pk, fractions.pk), (bo.pk, algebra.pk), (dee.pk, theirs.pk)}


def test_statements_do_not_grow_with_the_learners(school: School, fractions: Curriculum) -> None:
    record(school, [answer(learner, fractions) for learner in learners(school, 2)])
    advance()
    used = []
    for size in (2, 40):
        record(school, [a for learner in learners(school, size) for a in right_and_wrong(learner, fractions, "101")])
        with statements() as sent:
            assert len(advance()) == size
        used.append(len(sent))
    assert used[0] == used[1] <= 12


def test_answers_that_come_while_others_are_folded_stay_to_be_done(
    school: School, bo: Learner, fractions: Curriculum, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast = half_life.Model.forecast

    def forecast_as_another_answer_comes(model: half_life.Model, *arguments: Any) -> Forecast:
        monkeypatch.undo()
        record(school, [answer(bo, fractions, 1, seconds=at(0).timestamp())])
        return forecast(model, *arguments)

    record(school, [answer(bo, fractions)])
    believed(bo, fractions)  # makes the baseline, which forecasts too
    monkeypatch.setattr(half_life.Model, "forecast", forecast_as_another_answer_comes)
    advance()
    assert is_behind(bo)
    work()
    assert_state_is_the_fold_of_the_log(bo)


@pytest.fixture
def poisoned(school: School, bo: Learner, fractions: Curriculum) -> Learner:
    """Bo has an answer that no model can read."""
    record(school, [answer(bo, fractions), answer(bo, fractions, concepts=[-1])])
    return bo


def cure(learner: Learner) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL trellis.maintenance = 'on'")
        cursor.execute("UPDATE interactions_interaction SET concepts = '{0}' WHERE learner_id = %s", [learner.pk])


def test_a_learner_who_cannot_be_updated_blocks_nobody(
    school: School, poisoned: Learner, fractions: Curriculum
) -> None:
    others = learners(school, 5)
    record(school, [answer(learner, fractions) for learner in others])
    assert {a.belief.learner_id for a in advance()} == {learner.pk for learner in others}
    for learner in others:
        assert_state_is_the_fold_of_the_log(learner)


def test_what_went_wrong_is_told_and_tried_again_later(
    school: School, poisoned: Learner, fractions: Curriculum
) -> None:
    advance(now=at(60))
    trouble = LearnerState.objects.get(learner_id=poisoned.pk).trouble
    assert trouble.startswith("BadInteractions: learner rows and concept positions must not be negative")
    assert head_of(poisoned).behind_since == at(60) + PUT_OFF
    cure(poisoned)
    assert advance(now=at(61)) == []
    assert len(advance(now=at(60) + PUT_OFF)) == 1
    assert LearnerState.objects.get(learner_id=poisoned.pk).trouble == ""
    assert_state_is_the_fold_of_the_log(poisoned)


def test_a_new_answer_does_not_hurry_the_one_who_was_put_off(
    school: School, poisoned: Learner, fractions: Curriculum
) -> None:
    advance(now=at(60))
    record(school, [answer(poisoned, fractions)], now=at(61))
    assert head_of(poisoned).behind_since == at(60) + PUT_OFF


def test_many_who_cannot_be_updated_do_not_fill_the_batch(school: School, fractions: Curriculum) -> None:
    sick, well = learners(school, 4), people.a_learner(school, "Well")
    record(school, [answer(learner, fractions, concepts=[-1]) for learner in sick])
    advance(limit=2)
    advance(limit=2)
    record(school, [answer(well, fractions)], now=at(61))
    assert [a.belief.learner_id for a in advance(limit=2, now=at(61))] == [well.pk]


def promoted(curriculum: Curriculum, school: School, tmp_path: Path) -> ModelVersion:
    """A fitted model instead of the baseline."""
    published = curriculum.versions.get(number=1)
    half_life.prior_model(3, 6).save(tmp_path / "fitted")
    version = registry.register(tmp_path / "fitted", curriculum_version=published)
    deployments.promote(version)
    return version


def damage(version_id: object, *, delete: bool) -> None:
    """In the store, and as a process sees it that has not loaded the model yet."""
    loader.forget()
    store = storages["models"]
    for name in store.listdir(str(version_id))[1]:
        path = Path(store.path(f"{version_id}/{name}"))
        path.unlink() if delete else path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("delete", [True, False], ids=["lost", "damaged"])
def test_the_baseline_serves_when_the_champion_cannot_be_loaded(
    delete: bool, school: School, bo: Learner, fractions: Curriculum, tmp_path: Path
) -> None:
    champion = promoted(fractions, school, tmp_path)
    damage(champion.pk, delete=delete)
    record(school, [answer(bo, fractions)])
    assert advance() == []
    champion.refresh_from_db()
    assert champion.state == ModelVersion.State.FAILED
    assert champion.note
    assert [a.belief.degraded for a in advance()] == [True]
    belief = believed(bo, fractions)
    assert (belief.degraded, belief.applied_seq) == (True, 1)
    assert belief.version_id != champion.pk


@pytest.mark.parametrize("delete", [True, False], ids=["lost", "damaged"])
def test_the_champion_before_goes_on_serving_when_the_champion_cannot_be_loaded(
    delete: bool, school: School, other_school: School, bo: Learner, ana: Learner, dee: Learner, tmp_path: Path
) -> None:
    """Whoever is level under it is told of by it at once; nothing that comes in is missed, for as long as it lasts."""
    curriculum = people.a_curriculum(None, "shared")
    before = promoted(curriculum, other_school, tmp_path)
    deployments.promote(before, school_id=other_school.pk)
    for learner, of in ((bo, school), (ana, school), (dee, other_school)):
        record(of, [answer(learner, curriculum)])
    work()
    champion = a_version(curriculum, intercept=2.0)
    deployments.promote(champion)
    record(school, [answer(bo, curriculum)])
    work()
    damage(champion.pk, delete=delete)
    record(school, [answer(bo, curriculum)])
    record(other_school, [answer(dee, curriculum)])
    # The other school's learner, whom the same version serves as its champion, is none the worse for it.
    assert [(a.belief.learner_id, a.belief.degraded) for a in advance()] == [(dee.pk, False)]
    level, lags = believed(ana, curriculum), believed(bo, curriculum)
    assert (level.version_id, level.applied_seq, level.degraded) == (before.pk, 1, True)
    assert (lags.version_id, lags.applied_seq, lags.degraded) == (champion.pk, 2, True)
    work()
    told = believed(bo, curriculum)
    assert (told.version_id, told.applied_seq, told.degraded) == (before.pk, 3, True)
    assert_state_is_the_fold_of_the_log(bo, before.pk)
    later = at(60) + rollout.STATES_KEPT + timedelta(days=300)
    record(school, [answer(ana, curriculum)], now=later)
    work(now=later)
    while rollout.prune_states(limit=100, now=timezone.now() + rollout.STATES_KEPT + timedelta(days=300)):
        pass
    told = believed(ana, curriculum, now=later)
    assert (told.version_id, told.applied_seq, told.degraded) == (before.pk, 2, True)
    assert_state_is_the_fold_of_the_log(ana, before.pk)


class Unreachable(FileSystemStorage):
    """A store whose server does not answer."""

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        raise TimeoutError("the store did not answer")


def test_a_store_that_does_not_answer_costs_no_model_its_place(
    school: School, bo: Learner, fractions: Curriculum, tmp_path: Path, settings: Any
) -> None:
    champion, stored = promoted(fractions, school, tmp_path), settings.STORAGES
    loader.forget()
    record(school, [answer(bo, fractions)])
    settings.STORAGES = stored | {"models": {"BACKEND": f"{__name__}.Unreachable"}}
    assert advance() == []
    champion.refresh_from_db()
    assert champion.state == ModelVersion.State.CHAMPION
    assert is_behind(bo)
    settings.STORAGES = stored
    advance(now=at(61))
    belief = believed(bo, fractions)
    assert (belief.version_id, belief.degraded, belief.applied_seq) == (champion.pk, False, 1)


def test_a_champion_that_is_whole_again_serves_as_ever(
    school: School, bo: Learner, ana: Learner, fractions: Curriculum, tmp_path: Path
) -> None:
    before = promoted(fractions, school, tmp_path)
    champion = a_version(fractions, intercept=2.0)
    deployments.promote(champion)
    record(school, [answer(bo, fractions), answer(ana, fractions)])
    work()
    ModelVersion.objects.filter(pk=champion.pk).update(state=ModelVersion.State.FAILED)
    record(school, [answer(bo, fractions)])
    assert [a.belief.version_id for a in advance()] == [before.pk]
    ModelVersion.objects.filter(pk=champion.pk).update(state=ModelVersion.State.CHAMPION)
    beside.look(now=timezone.now())
    keep_beside()
    work()
    for learner, seq in ((bo, 2), (ana, 1)):
        told = believed(learner, fractions)
        assert (told.version_id, told.applied_seq, told.degraded) == (champion.pk, seq, False)
        assert_state_is_the_fold_of_the_log(learner, champion.pk)


def test_where_the_champion_before_cannot_be_loaded_either_the_baseline_serves(
    school: School, bo: Learner, fractions: Curriculum, tmp_path: Path
) -> None:
    believed(bo, fractions)  # makes the baseline
    before = promoted(fractions, school, tmp_path)
    champion = a_version(fractions, intercept=2.0)
    deployments.promote(champion)
    record(school, [answer(bo, fractions)])
    for version in (champion, before):
        damage(version.pk, delete=True)
    assert [advance(), advance()] == [[], []]
    (advanced,) = advance()
    assert advanced.belief.degraded
    assert ModelVersion.objects.get(pk=advanced.belief.version_id).is_baseline


def test_a_version_that_serves_again_catches_up_on_all_that_it_missed(
    school: School, bo: Learner, fractions: Curriculum, tmp_path: Path
) -> None:
    first, second, third = right_and_wrong(bo, fractions, "101")
    record(school, [first])
    baseline = advance()[0].belief.version_id
    champion = promoted(fractions, school, tmp_path)
    record(school, [second])
    assert [a.belief.version_id for a in advance()] == [champion.pk]
    ModelVersion.objects.filter(pk=champion.pk).update(state=ModelVersion.State.FAILED)
    record(school, [third])
    advanced = advance()[0]
    assert advanced.belief.version_id == baseline
    assert [u.seq for u in advanced.answered] == [2, 3]
    assert advanced.belief.evidence.n == 3
    assert not is_behind(bo)


def test_a_learner_nobody_knows_is_told_of_even_if_the_champion_is_lost(
    school: School, bo: Learner, fractions: Curriculum, tmp_path: Path
) -> None:
    champion = promoted(fractions, school, tmp_path)
    ModelVersion.objects.filter(pk=champion.pk).update(state=ModelVersion.State.FAILED)
    assert believed(bo, fractions).degraded


def test_a_lost_baseline_is_made_again(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, [answer(bo, fractions)])
    baseline = advance()[0].belief.version_id
    damage(baseline, delete=True)
    record(school, [answer(bo, fractions)])
    assert advance() == []
    advance()
    assert_state_is_the_fold_of_the_log(bo)
    assert not believed(bo, fractions).degraded


def test_one_school_may_have_a_champion_of_its_own(
    school: School, other_school: School, bo: Learner, dee: Learner, tmp_path: Path
) -> None:
    shared = people.a_curriculum(None, "shared")
    believed(bo, shared)
    half_life.prior_model(3, 6, config=half_life.Config(intercept=2.0)).save(tmp_path / "own")
    own = registry.register(tmp_path / "own", curriculum_version=shared.versions.get(number=1))
    deployments.promote(own, school_id=school.pk)
    record(school, [answer(bo, shared)])
    record(other_school, [answer(dee, shared)])
    served = {a.belief.learner_id: a.belief.version_id for a in advance()}
    assert served[bo.pk] == own.pk != served[dee.pk]


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_learners_and_lose_nothing(school: School, fractions: Curriculum) -> None:
    group = learners(school, 40)
    believed(group[0], fractions)
    rounds = [
        [answer(learner, fractions, item, seconds=at(item).timestamp()) for learner in group] for item in range(6)
    ]
    done: Counter[object] = Counter()

    def worker() -> None:
        while any(map(is_behind_now, group)) or len(sent) < len(rounds):
            for advanced in advance(limit=7, now=at(90)):
                done[advanced.belief.learner_id] += len(advanced.answered)

    def sender() -> None:
        for answers in rounds:
            record(school, answers)
            sent.append(True)

    sent: list[bool] = []
    together(sender, worker, worker, worker)
    assert done == {learner.pk: len(rounds) for learner in group}
    for learner in group:
        assert_state_is_the_fold_of_the_log(learner)


def is_behind_now(learner: Learner) -> bool:
    return LogHead.objects.filter(learner_id=learner.pk, behind_since__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_what_one_worker_holds_another_leaves_alone(school: School, bo: Learner, fractions: Curriculum) -> None:
    record(school, [answer(bo, fractions)])
    advance()
    record(school, [answer(bo, fractions)])
    with transaction.atomic():
        LearnerState.objects.select_for_update().get(learner_id=bo.pk)
        assert together(advance) == [[]]
    assert len(advance()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_rebuild_of_everybody_does_not_disturb_work_in_progress(school: School, fractions: Curriculum) -> None:
    group = learners(school, 20)
    record(school, [answer(learner, fractions) for learner in group])
    version = advance()[0].belief.version_id

    def send() -> None:
        for minute in range(10):
            record(school, [answer(learner, fractions, seconds=at(minute).timestamp()) for learner in group])

    together(send, lambda: [rebuild(version_id=version, now=at(61)) for _ in range(10)],
             lambda: [advance(limit=5, now=at(62)) for _ in range(30)])  # type: ignore[arg-type]  # fmt: skip
    work(now=at(60) + timedelta(hours=1))
    for learner in group:
        assert_state_is_the_fold_of_the_log(learner)
