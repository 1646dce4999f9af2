"""Which curriculum a school means, and how soon it sees what was published."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from curricula import services as curricula
from curricula.models import Curriculum
from tests import people
from tests.flow.steps import statements
from tutor import kept as kept_values
from tutor.accounts.models import School
from tutor.kept import KEPT_SECONDS, Kept
from tutor.scheduling import contents
from tutor.scheduling.contents import AmbiguousCurriculum, UnknownCurriculum, latest, resolve


def test_the_only_curriculum_need_not_be_named(school: School, fractions: Curriculum) -> None:
    assert resolve(school.pk, None) == resolve(school.pk, "fractions") == resolve(school.pk, str(fractions.pk))


def test_shared_curricula_are_everybodys(school: School, other_school: School) -> None:
    shared = people.a_curriculum(None, "shared")
    assert resolve(school.pk, None) == resolve(other_school.pk, None) == shared.pk


def test_a_schools_own_goes_before_a_shared_one_of_the_same_key(school: School, other_school: School) -> None:
    shared, own = people.a_curriculum(None, "fractions"), people.a_curriculum(school.pk, "fractions")
    assert (resolve(school.pk, "fractions"), resolve(other_school.pk, "fractions")) == (own.pk, shared.pk)


def test_another_schools_curriculum_does_not_exist(other_school: School, fractions: Curriculum) -> None:
    for ref in (None, "fractions", str(fractions.pk), str(uuid4())):
        with pytest.raises(UnknownCurriculum, match=r"send one of its curricula \(none\)"):
            resolve(other_school.pk, ref)


def test_a_draft_does_not_exist_yet(school: School) -> None:
    draft = curricula.create(people.a_document("draft"), owner=school.pk, now=timezone.now())
    with pytest.raises(UnknownCurriculum):
        resolve(school.pk, "draft")
    curricula.publish(draft.curriculum, now=timezone.now())
    assert resolve(school.pk, "draft") == draft.curriculum_id


def test_of_several_one_must_be_named(school: School, fractions: Curriculum) -> None:
    people.a_curriculum(school.pk, "algebra")
    contents.forget()
    with pytest.raises(AmbiguousCurriculum, match=r"has 2 curricula \(algebra, fractions\)"):
        resolve(school.pk, None)


def test_what_is_known_costs_no_query(school: School, fractions: Curriculum) -> None:
    latest(resolve(school.pk, "fractions"))
    with statements() as sent:
        latest(resolve(school.pk, "fractions"))
    assert sent == []


def test_a_publication_is_seen_at_once_by_whoever_asks_for_the_newest(school: School, fractions: Curriculum) -> None:
    assert latest(fractions.pk).number == 1
    curricula.import_document(people.a_document(title="More fractions"), owner=school.pk, now=timezone.now())
    curricula.publish(fractions, now=timezone.now())
    assert latest(fractions.pk).number == 1
    assert latest(fractions.pk, fresh=True).number == 2
    assert latest(fractions.pk).number == 2


def test_what_is_kept_is_looked_up_again_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    computed, clock = [], [100.0]
    monkeypatch.setattr(kept_values.time, "monotonic", lambda: clock[0])
    kept = Kept(lambda key: computed.append(key) or len(computed))  # type: ignore[func-returns-value]
    key = uuid4()
    assert [kept.get(key), kept.get(key)] == [1, 1]
    clock[0] += KEPT_SECONDS
    assert kept.get(key) == 2
