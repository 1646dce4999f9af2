"""A school that has had its own follows all others again, and goes back."""

from __future__ import annotations

import pytest

from curricula.models import Curriculum
from tests.flow.steps import at
from tests.flow.together import together
from tests.registry.versions import a_version, state
from tutor.accounts.models import School
from tutor.registry import deployments
from tutor.registry import queries as registry_queries
from tutor.registry.deployments import PREVIOUS_KEPT, Beside, NotApart, NotUsable
from tutor.registry.models import Deployment, ModelVersion

State = ModelVersion.State


@pytest.fixture
def site_wide(fractions: Curriculum, baseline: ModelVersion) -> ModelVersion:
    """What serves all schools, since minute 1."""
    version = a_version(fractions)
    deployments.promote(version, now=at(1))
    return version


@pytest.fixture
def own(fractions: Curriculum, school: School, site_wide: ModelVersion) -> ModelVersion:
    """What the school has of its own, since minute 2."""
    version = a_version(fractions, school=school, intercept=2.0)
    deployments.promote(version, school_id=school.pk, now=at(2))
    return version


def test_a_school_follows_all_others_again(
    fractions: Curriculum, school: School, site_wide: ModelVersion, own: ModelVersion
) -> None:
    followed = deployments.follow_site(fractions.pk, school.pk, now=at(3))
    assert (followed.school, followed.champion) == (None, site_wide)
    pair = (school.pk, fractions.pk)
    assert registry_queries.serving([pair])[pair].version_id == site_wide.pk
    assert deployments.serving_school(fractions.pk, school.pk) == followed
    assert deployments.schools_apart(followed) == []
    assert (state(own), state(site_wide)) == (State.RETIRED, State.CHAMPION)
    later = a_version(fractions, intercept=3.0)
    deployments.promote(later, now=at(4))
    assert registry_queries.serving([pair])[pair].version_id == later.pk


def test_what_a_school_had_of_its_own_is_kept_level_for_a_week(
    fractions: Curriculum, school: School, other_school: School, baseline: ModelVersion, own: ModelVersion
) -> None:
    deployments.follow_site(fractions.pk, school.pk, now=at(3))
    pair, other = (school.pk, fractions.pk), (other_school.pk, fractions.pk)
    found = deployments.beside([pair, other], at(4))
    # Beside that of all schools, which all who follow may be rolled back to.
    assert found[pair] == [Beside(baseline.pk, at(1)), Beside(own.pk, at(3))]
    assert found[other] == [Beside(baseline.pk, at(1))]
    assert deployments.beside([pair], at(3) + PREVIOUS_KEPT) == {}


def test_what_a_school_had_of_its_own_serves_it_again(
    fractions: Curriculum, school: School, site_wide: ModelVersion, own: ModelVersion
) -> None:
    deployments.follow_site(fractions.pk, school.pk, now=at(3))
    back = deployments.roll_back(fractions.pk, school.pk, now=at(4))
    assert (back.champion, back.previous, back.champion_since, back.follows_since) == (own, site_wide, at(4), None)
    assert deployments.deployed(fractions.pk, school.pk) == back
    assert state(own) == State.CHAMPION
    # And forward, and back, as between any two.
    assert deployments.roll_back(fractions.pk, school.pk, now=at(5)).champion == site_wide


def test_what_all_schools_have_had_meanwhile_is_the_way_back_of_a_school_that_leaves_them(
    fractions: Curriculum, school: School, own: ModelVersion
) -> None:
    deployments.follow_site(fractions.pk, school.pk, now=at(3))
    later = a_version(fractions, intercept=3.0)
    deployments.promote(later, now=at(4))
    back = deployments.roll_back(fractions.pk, school.pk, now=at(5))
    assert (back.champion, back.previous) == (own, later)


@pytest.mark.parametrize("how", ["challenge", "change", "promote"])
def test_a_school_that_followed_begins_anew_with_what_has_served_it(
    how: str, fractions: Curriculum, school: School, site_wide: ModelVersion, own: ModelVersion
) -> None:
    followed = deployments.follow_site(fractions.pk, school.pk, now=at(3))
    third = a_version(fractions, intercept=3.0)
    match how:
        case "challenge":
            found = deployments.challenge(third, school_id=school.pk, now=at(4))
            assert (found.champion, found.previous, found.challenger) == (site_wide, own, third)
        case "change":
            found = deployments.change(
                followed, school.pk, {"shadow_days": 2.0}, expected=followed.updated_at, now=at(4)
            )
            assert (found.champion, found.previous, found.shadow_days) == (site_wide, own, 2.0)
        case _:
            found = deployments.promote(third, school_id=school.pk, now=at(4))
            assert (found.champion, found.previous) == (third, site_wide)
    assert deployments.deployed(fractions.pk, school.pk) == found
    assert Deployment.objects.filter(school=school).count() == 1


def test_what_was_in_shadow_for_the_school_alone_is_withdrawn(
    fractions: Curriculum, school: School, own: ModelVersion
) -> None:
    tried = a_version(fractions, school=school, intercept=3.0)
    deployments.challenge(tried, school_id=school.pk, now=at(3))
    deployments.follow_site(fractions.pk, school.pk, now=at(4))
    assert state(tried) == State.CANDIDATE
    assert not Deployment.objects.filter(challenger=tried).exists()


def test_a_school_that_follows_already_cannot_come_to_follow(
    fractions: Curriculum, school: School, other_school: School, own: ModelVersion
) -> None:
    deployments.follow_site(fractions.pk, school.pk, now=at(3))
    for each in (school, other_school):
        with pytest.raises(NotApart, match="follows that of all already"):
            deployments.follow_site(fractions.pk, each.pk, now=at(4))


def test_what_cannot_be_loaded_is_not_followed(
    fractions: Curriculum, school: School, site_wide: ModelVersion, own: ModelVersion
) -> None:
    ModelVersion.objects.filter(pk=site_wide.pk).update(state=State.FAILED, note="a file is gone")
    with pytest.raises(NotUsable, match="a file is gone"):
        deployments.follow_site(fractions.pk, school.pk, now=at(3))
    assert state(own) == State.CHAMPION


def test_settings_alone_leave_nothing_to_go_back_to(
    fractions: Curriculum, school: School, baseline: ModelVersion, site_wide: ModelVersion
) -> None:
    """A school whose champion is that of all schools anyway."""
    followed = deployments.serving_school(fractions.pk, school.pk)
    assert followed
    deployments.change(followed, school.pk, {"shadow_days": 2.0}, now=at(2))
    deployments.follow_site(fractions.pk, school.pk, now=at(3))
    assert state(site_wide) == State.CHAMPION
    assert deployments.roll_back(fractions.pk, school.pk, now=at(4)).champion == baseline


@pytest.mark.django_db(transaction=True)
def test_schools_that_come_and_go_at_once_are_served_by_one_of_the_two(
    fractions: Curriculum, school: School, site_wide: ModelVersion, own: ModelVersion
) -> None:
    def follow() -> object:
        try:
            return deployments.follow_site(fractions.pk, school.pk, now=at(3)).pk
        except NotApart:
            return None

    def back() -> object:
        return deployments.roll_back(fractions.pk, school.pk, now=at(4)).pk

    for _ in range(8):
        together(follow, back, follow)
        assert Deployment.objects.filter(school=school).count() == 1
        serving = deployments.serving_school(fractions.pk, school.pk)
        assert serving and serving.champion in (own, site_wide)
