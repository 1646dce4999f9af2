"""What was done with deployments, as it is kept."""

from __future__ import annotations

from curricula.models import Curriculum
from tests.flow.steps import at
from tests.registry.versions import a_version
from tutor.accounts.models import School
from tutor.registry import deployments, loader, moves
from tutor.registry.models import ModelVersion, Move
from tutor.registry.moves import How, Order


def kept(curriculum: Curriculum, school: School | None = None) -> list[Move]:
    return list(moves.visible(curriculum.pk, school.pk if school else None))


def test_a_move_outlives_its_version(fractions: Curriculum, baseline: ModelVersion) -> None:
    version = a_version(fractions)
    deployments.challenge(version, now=at(1), order=Order("Ola"))
    deployments.withdraw(fractions.pk, None, now=at(2), order=Order(reason="it lost"))
    gone = version.pk
    version.delete()
    withdrawn, challenged, _ = kept(fractions)
    assert (challenged.how, challenged.to_version, challenged.to_kind, challenged.by, challenged.at) == (
        How.CHALLENGED, gone, "half-life", "Ola", at(1),
    )  # fmt: skip
    assert (withdrawn.how, withdrawn.from_version, withdrawn.to_version, withdrawn.by, withdrawn.reason) == (
        How.WITHDRAWN, challenged.to_version, None, "", "it lost",
    )  # fmt: skip


def test_one_challenger_takes_the_place_of_another(fractions: Curriculum, baseline: ModelVersion) -> None:
    first, second = a_version(fractions), a_version(fractions)
    deployments.challenge(first, now=at(1))
    deployments.challenge(second, now=at(2))
    deployments.challenge(second, now=at(3))
    assert [(each.from_version, each.to_version) for each in kept(fractions)[:2]] == [
        (first.pk, second.pk),
        (None, first.pk),
    ]


def test_who_stands_in_is_told_once_and_why(fractions: Curriculum, school: School, baseline: ModelVersion) -> None:
    lost = a_version(fractions)
    deployments.promote(lost, school_id=school.pk, now=at(1))
    for _ in range(2):
        loader.mark_failed(lost.pk, FileNotFoundError("model.safetensors is gone"))
    stood_in, promoted, _ = kept(fractions, school)
    assert (stood_in.how, stood_in.from_version, stood_in.to_version) == (How.STOOD_IN, lost.pk, baseline.pk)
    assert (stood_in.reason, promoted.how) == ("model.safetensors is gone", How.PROMOTED)
    assert [each.how for each in kept(fractions)] == [How.PROMOTED], "the operator sees those of all schools"


def test_who_follows_all_schools_has_that_kept(fractions: Curriculum, school: School, baseline: ModelVersion) -> None:
    own = a_version(fractions, school=school)
    deployments.promote(own, school_id=school.pk, now=at(1))
    deployments.follow_site(fractions.pk, school.pk, now=at(2), order=Order("Ms Head", forced=True))
    deployments.roll_back(fractions.pk, school.pk, now=at(3))
    told = [(each.how, each.from_version, each.to_version, each.forced) for each in kept(fractions, school)[:2]]
    assert told == [(How.ROLLED_BACK, baseline.pk, own.pk, False), (How.FOLLOWED, own.pk, baseline.pk, True)]
