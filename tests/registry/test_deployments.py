"""Who serves, who is tried beside it, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files import File
from django.core.files.storage import FileSystemStorage, storages

from curricula.models import Curriculum
from tests import people
from tests.flow.steps import at
from tests.flow.together import together
from tests.registry.versions import a_version, state
from tutor.accounts.errors import StaleRow
from tutor.accounts.models import School
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.deployments import PREVIOUS_KEPT, Beside, NothingBefore, NotUsable
from tutor.registry.models import Deployment, ModelVersion
from tutor.scheduling import rollout

State = ModelVersion.State


def test_a_challenger_is_in_shadow_and_serves_nobody(fractions: Curriculum, baseline: ModelVersion) -> None:
    challenger = a_version(fractions)
    deployment = deployments.challenge(challenger, now=at(0))
    assert (deployment.champion, deployment.challenger, deployment.challenger_since) == (baseline, challenger, at(0))
    assert (challenger.state, state(baseline)) == (State.SHADOW, State.CHAMPION)


def test_challenging_again_does_not_begin_anew(fractions: Curriculum, baseline: ModelVersion) -> None:
    challenger = a_version(fractions)
    deployments.challenge(challenger, now=at(0))
    assert deployments.challenge(challenger, now=at(5)).challenger_since == at(0)


def test_a_new_challenger_takes_the_place_of_the_old(fractions: Curriculum, baseline: ModelVersion) -> None:
    old, new = a_version(fractions), a_version(fractions, intercept=2.0)
    deployments.challenge(old, now=at(0))
    deployments.challenge(new, now=at(1))
    assert (state(old), state(new)) == (State.CANDIDATE, State.SHADOW)
    assert ModelVersion.objects.get(pk=old.pk).idle_since == at(1)


def test_a_challenger_that_is_withdrawn_is_a_candidate_again(fractions: Curriculum, baseline: ModelVersion) -> None:
    challenger = a_version(fractions)
    deployments.challenge(challenger, now=at(0))
    for _ in range(2):
        withdrawn = deployments.withdraw(fractions.pk, None, now=at(1))
        assert withdrawn and withdrawn.challenger is None and withdrawn.challenger_since is None
    assert state(challenger) == State.CANDIDATE
    assert deployments.beside([(baseline.pk, fractions.pk)], at(1)) == {}


def test_a_challenger_that_is_promoted_challenges_no_longer(fractions: Curriculum, baseline: ModelVersion) -> None:
    challenger = a_version(fractions)
    deployments.challenge(challenger, now=at(0))
    deployment = deployments.promote(challenger, now=at(1))
    assert (deployment.champion, deployment.previous, deployment.challenger) == (challenger, baseline, None)
    assert deployment.champion_since == at(1)
    assert (challenger.state, state(baseline)) == (State.CHAMPION, State.RETIRED)


def test_a_roll_back_changes_champion_and_previous_and_back_again(
    fractions: Curriculum, baseline: ModelVersion
) -> None:
    version = a_version(fractions)
    deployments.promote(version, now=at(0))
    back = deployments.roll_back(fractions.pk, None, now=at(1))
    assert (back.champion, back.previous, back.champion_since) == (baseline, version, at(1))
    assert (state(baseline), state(version)) == (State.CHAMPION, State.RETIRED)
    assert deployments.roll_back(fractions.pk, None, now=at(2)).champion == version


def test_without_anything_before_there_is_no_way_back(
    school: School, fractions: Curriculum, baseline: ModelVersion
) -> None:
    for target in (None, school.pk):
        with pytest.raises(NothingBefore, match="promote the one that you want"):
            deployments.roll_back(fractions.pk, target, now=at(0))


def test_there_is_no_way_back_to_what_cannot_be_loaded(fractions: Curriculum, baseline: ModelVersion) -> None:
    version = a_version(fractions)
    deployments.promote(version, now=at(0))
    ModelVersion.objects.filter(pk=baseline.pk).update(state=State.FAILED, note="model.safetensors is gone")
    with pytest.raises(NotUsable, match=r"failed \(model.safetensors is gone\)"):
        deployments.roll_back(fractions.pk, None, now=at(1))
    assert Deployment.objects.get().champion == version


def test_the_way_back_leads_past_one_that_cannot_be_loaded(fractions: Curriculum, baseline: ModelVersion) -> None:
    """To what stood in for it, which so stands in for the next as well."""
    good, lost, third = (a_version(fractions, intercept=n) for n in (1.0, 2.0, 3.0))
    deployments.promote(good, now=at(0))
    deployments.promote(lost, now=at(1))
    ModelVersion.objects.filter(pk=lost.pk).update(state=State.FAILED)
    found = deployments.promote(third, now=at(2))
    assert (found.champion, found.previous, state(lost)) == (third, good, State.FAILED)
    assert deployments.roll_back(fractions.pk, None, now=at(3)).champion == good


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda path: path.unlink(), r"is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), r"is damaged, or another's"),
    ],
    ids=["lost", "damaged"],
)
@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors"])
def test_what_the_store_has_no_sound_files_of_is_not_promoted(
    harm: Callable[[Path], object], told: str, name: str, fractions: Curriculum, baseline: ModelVersion
) -> None:
    version = a_version(fractions)
    harm(Path(storages["models"].path(f"{version.pk}/{name}")))
    for force in (True, False):
        with pytest.raises(NotUsable, match=rf"has no sound artifact \({name} {told}\): put its files back"):
            rollout.promote(version, force=force, now=at(0))
    assert Deployment.objects.get().champion == baseline
    assert state(version) == State.CANDIDATE


def test_a_forced_roll_back_to_unsound_files_is_refused(fractions: Curriculum, baseline: ModelVersion) -> None:
    version = a_version(fractions)
    rollout.promote(version, now=at(0))
    Path(storages["models"].path(f"{baseline.pk}/model.safetensors")).unlink()
    with pytest.raises(NotUsable, match=r"model\.safetensors is missing"):
        rollout.roll_back(fractions.pk, None, force=True, now=at(1))
    assert Deployment.objects.get().champion == version


class Unreachable(FileSystemStorage):
    """A store whose server does not answer."""

    def open(self, name: str, mode: str = "rb") -> File[Any]:
        raise TimeoutError("no answer")


def test_while_the_store_does_not_answer_nothing_is_promoted(
    fractions: Curriculum, baseline: ModelVersion, settings: Any
) -> None:
    version, stored = a_version(fractions), settings.STORAGES
    settings.STORAGES = stored | {"models": {"BACKEND": f"{__name__}.Unreachable"}}
    with pytest.raises(NotUsable, match=r"does not answer \(no answer\): try again when it does"):
        rollout.promote(version, force=True, now=at(0))
    settings.STORAGES = stored
    assert rollout.promote(version, force=True, now=at(0)).champion == version


@pytest.mark.parametrize("how", [deployments.promote, deployments.challenge])
def test_what_its_gates_rejected_does_not_serve(
    how: Callable[..., Deployment], fractions: Curriculum, baseline: ModelVersion
) -> None:
    version = a_version(fractions)
    version.state, version.reason = State.REJECTED, "log loss is worse by .02"
    version.save()
    with pytest.raises(NotUsable, match=r"rejected \(log loss is worse by .02\): take another"):
        how(version, now=at(0))


def test_a_schools_model_serves_no_other_school(school: School, other_school: School, baseline: ModelVersion) -> None:
    own = a_version(Curriculum.objects.get(), school=school)
    for target in (None, other_school.pk):
        with pytest.raises(NotUsable, match="cannot serve"):
            deployments.challenge(own, school_id=target, now=at(0))
    assert deployments.challenge(own, school_id=school.pk, now=at(0)).challenger == own


def test_a_school_with_a_challenger_keeps_the_champion_it_had(
    school: School, fractions: Curriculum, baseline: ModelVersion
) -> None:
    own, later = a_version(fractions, school=school), a_version(fractions)
    deployments.challenge(own, school_id=school.pk, now=at(0))
    deployments.promote(later, now=at(1))
    deployment = deployments.deployed(fractions.pk, school.pk)
    assert deployment and deployment.champion == baseline
    assert state(baseline) == State.CHAMPION


def test_the_champion_does_not_challenge_itself(fractions: Curriculum, baseline: ModelVersion) -> None:
    with pytest.raises(NotUsable, match="serves here already"):
        deployments.challenge(baseline, now=at(0))


def test_where_nothing_serves_there_is_nothing_to_challenge(fractions: Curriculum) -> None:
    with pytest.raises(NotUsable, match="promote it"):
        deployments.challenge(a_version(fractions), now=at(0))


def test_beside_stand_the_challenger_and_for_some_days_the_one_before(
    school: School, fractions: Curriculum, baseline: ModelVersion
) -> None:
    champion, challenger = a_version(fractions), a_version(fractions, intercept=2.0)
    deployments.promote(champion, now=at(0))
    deployments.challenge(challenger, now=at(9))
    pair = (school.pk, fractions.pk)
    expected = {Beside(challenger.pk, at(9)), Beside(baseline.pk, at(0))}
    assert set(deployments.beside([pair], at(10))[pair]) == expected
    late = at(0) + PREVIOUS_KEPT + timedelta(seconds=1)
    assert deployments.beside([pair], late) == {pair: [Beside(challenger.pk, at(9))]}


def test_a_school_with_its_own_deployment_is_none_of_the_site_wide_ones(
    school: School, other_school: School, baseline: ModelVersion
) -> None:
    shared = people.a_curriculum(None, "shared")
    registry.ensure_served(shared.pk)
    own, for_all = a_version(shared), a_version(shared, intercept=2.0)
    deployments.challenge(own, school_id=school.pk, now=at(0))
    site_wide = deployments.challenge(for_all, now=at(0))
    pairs = [(school.pk, shared.pk), (other_school.pk, shared.pk)]
    assert deployments.beside(pairs, at(1)) == {
        pairs[0]: [Beside(own.pk, at(0))],
        pairs[1]: [Beside(for_all.pk, at(0))],
    }
    assert deployments.schools_apart(site_wide) == [school.pk]


def test_a_school_s_first_promotion_has_a_way_back(
    fractions: Curriculum, baseline: ModelVersion, school: School
) -> None:
    """What served it until then, though that was for all schools."""
    own = a_version(fractions, school=school)
    assert deployments.promote(own, school_id=school.pk, now=at(5)).previous == baseline
    assert deployments.roll_back(fractions.pk, school.pk, now=at(6)).champion == baseline


def test_a_school_that_only_changes_settings_goes_on_as_it_was(
    fractions: Curriculum, baseline: ModelVersion, school: School
) -> None:
    newer = a_version(fractions)
    followed = deployments.promote(newer, now=at(3))
    own = deployments.change(followed, school.pk, {"shadow_days": 2.0}, now=at(9))
    assert (own.school, own.champion, own.previous, own.champion_since) == (school, newer, baseline, at(3))
    assert deployments.roll_back(fractions.pk, school.pk, now=at(10)).champion == baseline


@pytest.mark.django_db(transaction=True)
def test_two_first_promotions_at_once_leave_one_deployment(fractions: Curriculum, school: School) -> None:
    versions = [a_version(fractions, intercept=n) for n in (1.0, 2.0)]
    together(*[lambda version=version: deployments.promote(version, now=at(0)) for version in versions])
    deployment = Deployment.objects.get()
    assert {deployment.champion, deployment.previous} == set(versions)


@pytest.mark.parametrize("own", [False, True])
def test_a_change_upon_what_has_changed_meanwhile_is_refused(
    own: bool, fractions: Curriculum, school: School, baseline: ModelVersion
) -> None:
    """Of a school's own deployment, and of one that is followed until the first change."""
    if own:
        deployments.challenge(a_version(fractions), school_id=school.pk, now=at(0))
    read = deployments.serving_school(fractions.pk, school.pk)
    assert read and (read.school_id == school.pk) == own
    expected = read.updated_at
    deployments.change(read, school.pk, {"shadow_days": 3.0}, expected=expected, now=at(1))
    with pytest.raises(StaleRow, match="read it again"):
        deployments.change(read, school.pk, {"shadow_days": 9.0}, expected=expected, now=at(2))
    kept = deployments.deployed(fractions.pk, school.pk)
    assert kept and kept.shadow_days == 3.0
    # Who expects nothing overwrites.
    assert deployments.change(kept, school.pk, {"shadow_days": 9.0}, now=at(3)).shadow_days == 9.0
