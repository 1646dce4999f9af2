"""Which model serves whom, where models are kept, and what happens when they cannot be read."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from django.core.files.storage import storages
from django.db import IntegrityError, transaction

from curricula.models import Curriculum, CurriculumVersion
from kt_models.artifact import BadArtifact
from kt_models.baselines import half_life
from kt_models.recall import RecallTable
from tests import people
from tests.flow.together import together
from tutor.accounts.models import School
from tutor.registry import deployments, loader, queries, store
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion
from tutor.registry.services import NotRegistered

State = ModelVersion.State


@pytest.fixture
def published(fractions: Curriculum) -> CurriculumVersion:
    return fractions.versions.get(number=1)


@pytest.fixture
def fitted(tmp_path: Path) -> Path:
    """The artifact of a model of three concepts and six items."""
    half_life.prior_model(3, 6, config=half_life.Config(intercept=1.0)).save(tmp_path / "fitted")
    return tmp_path / "fitted"


def serving(school: School, curriculum: Curriculum) -> queries.Serving | None:
    pair = (school.pk, curriculum.pk)
    return queries.serving([pair]).get(pair)


def test_a_registered_model_comes_back_as_it_was(fitted: Path, published: CurriculumVersion) -> None:
    version = registry.register(fitted, curriculum_version=published, metrics={"auc": 0.7}, note="by hand")
    assert (version.kind, version.state, version.metrics) == ("half-life", State.CANDIDATE, {"auc": 0.7})
    model = loader.load(version.pk)
    assert isinstance(model, half_life.Model)
    assert model.config.intercept == 1.0


def test_a_version_tells_what_is_expected_of_a_learner_nobody_knows(fitted: Path, published: CurriculumVersion) -> None:
    version = registry.register(fitted, curriculum_version=published)
    model = loader.load(version.pk)
    expected = model.forecast(model.prior(1), np.zeros(1), 3).tables[0]
    assert RecallTable.from_bytes(bytes(version.prior_recall)).rest_recall == pytest.approx(
        expected.rest_recall, abs=1e-4
    )


def test_what_is_no_model_is_not_registered(tmp_path: Path, published: CurriculumVersion) -> None:
    (tmp_path / "notes.txt").write_text("not a model")
    with pytest.raises(BadArtifact):
        registry.register(tmp_path, curriculum_version=published)
    assert not ModelVersion.objects.exists()


def test_a_model_of_more_concepts_than_the_curriculum_is_not_registered(
    tmp_path: Path, published: CurriculumVersion
) -> None:
    half_life.prior_model(4, 6).save(tmp_path / "wide")
    with pytest.raises(NotRegistered, match="fitted on 4 concepts, curriculum version 1 has 3: register it with"):
        registry.register(tmp_path / "wide", curriculum_version=published)


def test_a_curriculum_is_served_by_its_baseline_from_the_start(school: School, fractions: Curriculum) -> None:
    assert serving(school, fractions) is None
    champion = registry.ensure_served(fractions.pk)
    assert champion is not None
    assert (champion.is_baseline, champion.state, champion.kind) == (True, State.CHAMPION, "half-life")
    assert serving(school, fractions) == (champion.pk, False)


def test_an_unpublished_curriculum_is_served_by_nobody(school: School) -> None:
    from django.utils import timezone

    from curricula import services as curricula

    draft = curricula.create(people.a_document("drafts"), owner=school.pk, now=timezone.now())
    assert registry.ensure_served(draft.curriculum_id) is None


@pytest.mark.django_db(transaction=True)
def test_many_who_find_nothing_served_make_one_baseline(fractions: Curriculum) -> None:
    champions = together(*[lambda: registry.ensure_served(fractions.pk)] * 6)
    assert len({champion.pk for champion in champions if champion}) == 1
    assert ModelVersion.objects.count() == Deployment.objects.count() == 1


def test_promotion_moves_the_pointer_and_remembers_where_it_was(
    school: School, fractions: Curriculum, fitted: Path, published: CurriculumVersion
) -> None:
    baseline = registry.ensure_served(fractions.pk)
    version = registry.register(fitted, curriculum_version=published)
    deployment = deployments.promote(version)
    assert serving(school, fractions) == (version.pk, False)
    assert (deployment.champion, deployment.previous) == (version, baseline)
    assert states() == {version.pk: State.CHAMPION, deployment.previous_id: State.RETIRED}


def test_roll_back_is_a_promotion_of_the_one_before(
    school: School, fractions: Curriculum, fitted: Path, published: CurriculumVersion
) -> None:
    registry.ensure_served(fractions.pk)
    deployment = deployments.promote(registry.register(fitted, curriculum_version=published))
    before = ModelVersion.objects.get(pk=deployment.previous_id)
    deployments.promote(before)
    assert serving(school, fractions) == (before.pk, False)
    assert states()[before.pk] == State.CHAMPION


def test_promoting_the_champion_again_changes_nothing(fractions: Curriculum) -> None:
    baseline = registry.ensure_served(fractions.pk)
    assert baseline is not None
    deployment = deployments.promote(baseline)
    assert (deployment.champion, deployment.previous) == (baseline, None)


def test_a_version_that_still_serves_a_school_is_not_retired(
    school: School, fractions: Curriculum, fitted: Path, published: CurriculumVersion
) -> None:
    baseline = registry.ensure_served(fractions.pk)
    assert baseline is not None
    deployments.promote(baseline, school_id=school.pk)
    deployments.promote(registry.register(fitted, curriculum_version=published))
    assert states()[baseline.pk] == State.CHAMPION
    assert serving(school, fractions) == (baseline.pk, False)


def states() -> dict[object, str]:
    return dict(ModelVersion.objects.values_list("pk", "state"))


def test_one_curriculum_version_has_one_baseline(fitted: Path, published: CurriculumVersion) -> None:
    registry.register(fitted, curriculum_version=published, is_baseline=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        registry.register(fitted, curriculum_version=published, is_baseline=True)


def test_the_baseline_stands_in_for_a_champion_that_failed(
    school: School, fractions: Curriculum, fitted: Path, published: CurriculumVersion
) -> None:
    baseline = registry.ensure_served(fractions.pk)
    version = registry.register(fitted, curriculum_version=published)
    deployments.promote(version)
    ModelVersion.objects.filter(pk=version.pk).update(state=State.FAILED)
    assert baseline is not None
    assert serving(school, fractions) == (baseline.pk, True)


def test_the_champion_before_stands_in_for_one_that_failed(
    school: School, other_school: School, fractions: Curriculum, fitted: Path, published: CurriculumVersion
) -> None:
    """And where that failed too, the baseline: for all schools, but not for one with a champion of its own."""
    baseline = registry.ensure_served(fractions.pk)
    first, second, own = (registry.register(fitted, curriculum_version=published) for _ in range(3))
    for version in (first, second):
        deployments.promote(version)
    deployments.promote(own, school_id=other_school.pk)
    ModelVersion.objects.filter(pk=second.pk).update(state=State.FAILED)
    assert serving(school, fractions) == (first.pk, True)
    assert queries.serving_one(None, fractions.pk) == (first.pk, True)
    assert serving(other_school, fractions) == (own.pk, False)
    ModelVersion.objects.filter(pk=first.pk).update(state=State.FAILED)
    assert baseline is not None
    assert serving(school, fractions) == (baseline.pk, True)
    ModelVersion.objects.filter(pk=second.pk).update(state=State.CHAMPION)
    assert serving(school, fractions) == (second.pk, False)


def test_a_champion_that_failed_gets_a_baseline_if_there_was_none(
    school: School, fractions: Curriculum, fitted: Path, published: CurriculumVersion
) -> None:
    version = registry.register(fitted, curriculum_version=published)
    deployments.promote(version)
    ModelVersion.objects.filter(pk=version.pk).update(state=State.FAILED)
    assert serving(school, fractions) is None
    registry.ensure_served(fractions.pk)
    found = serving(school, fractions)
    assert found is not None
    assert found.degraded
    assert ModelVersion.objects.get(pk=found.version_id).is_baseline


def test_a_model_that_is_missing_says_so_and_is_marked(fitted: Path, published: CurriculumVersion) -> None:
    version = registry.register(fitted, curriculum_version=published)
    kept = storages["models"]
    for name in kept.listdir(str(version.pk))[1]:
        kept.delete(f"{version.pk}/{name}")
    with pytest.raises(loader.CannotLoad, match=r"cannot be loaded .*: roll back, or register it again"):
        loader.load(version.pk)
    assert states()[version.pk] == State.FAILED


def test_a_sound_model_that_is_another_versions_is_refused(
    fitted: Path, tmp_path: Path, published: CurriculumVersion
) -> None:
    version = registry.register(fitted, curriculum_version=published)
    half_life.prior_model(3, 6, config=half_life.Config(intercept=-2.0)).save(tmp_path / "foreign")
    store.put(version.pk, tmp_path / "foreign")
    with pytest.raises(loader.CannotLoad, match="a sound model, but not the one that was registered"):
        loader.load(version.pk)
    assert states()[version.pk] == State.FAILED


def test_a_version_that_was_never_stored_cannot_be_loaded(db: None) -> None:
    with pytest.raises(loader.CannotLoad):
        loader.load(uuid4())


@pytest.mark.django_db(transaction=True)
def test_a_process_keeps_one_copy_of_a_model(fitted: Path, published: CurriculumVersion) -> None:
    version = registry.register(fitted, curriculum_version=published)
    models = together(*[lambda: loader.load(version.pk)] * 4)
    assert len({id(model) for model in models}) == 1
