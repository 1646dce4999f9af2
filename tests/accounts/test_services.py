from datetime import UTC, datetime, timedelta

import pytest

from tests import people
from tutor.accounts import services
from tutor.accounts.errors import ExternalIdTaken, KeyEnded, StaleRow
from tutor.accounts.models import ApiClient, Group, Learner, Membership, School
from tutor.accounts.queries import client_by_digest, key_sha256

NOW = datetime(2026, 9, 1, 8, tzinfo=UTC)


def test_a_key_opens_until_it_is_revoked(school: School) -> None:
    fresh = services.create_key(school.pk, name="LMS", scopes=["roster:read", "roster:read"])
    client = client_by_digest(key_sha256(fresh.key), NOW)
    assert client is not None
    assert (client.school_id, client.scopes) == (school.pk, {"roster:read"})
    services.revoke_key(fresh.client, now=NOW)
    assert client_by_digest(key_sha256(fresh.key), NOW) is None


def test_revoking_again_keeps_the_first_moment(school: School) -> None:
    fresh = services.create_key(school.pk, name="LMS", scopes=[])
    services.revoke_key(fresh.client, now=NOW)
    services.revoke_key(fresh.client, now=NOW + timedelta(days=1))
    assert ApiClient.objects.get(pk=fresh.client.pk).revoked_at == NOW


def test_rotation_never_lengthens_a_keys_life(school: School) -> None:
    fresh = services.create_key(school.pk, name="LMS", scopes=[], expires_at=NOW + timedelta(hours=1))
    services.rotate_key(fresh.client, overlap=timedelta(days=1), now=NOW)
    assert ApiClient.objects.get(pk=fresh.client.pk).expires_at == NOW + timedelta(hours=1)
    with pytest.raises(KeyEnded):
        services.rotate_key(fresh.client, overlap=timedelta(days=1), now=NOW + timedelta(hours=2))


def test_a_change_on_top_of_an_unseen_change_is_refused(bo: Learner) -> None:
    also_bo = Learner.objects.get(pk=bo.pk)
    services.update_learner(bo, {"name": "Bob"}, now=NOW)
    with pytest.raises(StaleRow):
        services.update_learner(also_bo, {"name": "Rob"}, now=NOW)
    assert Learner.objects.get(pk=bo.pk).name == "Bob"


def test_an_external_id_is_one_learners(school: School, bo: Learner, ana: Learner) -> None:
    with pytest.raises(ExternalIdTaken):
        people.a_learner(school, "Bo too", source="lms", external_id="bo")
    with pytest.raises(ExternalIdTaken, match="external:lms:bo"):
        services.update_learner(ana, {"external_id": "bo"}, now=NOW)


def test_learners_without_an_external_id_do_not_collide(school: School) -> None:
    assert people.a_learner(school, "Cy") != people.a_learner(school, "Di")


def test_who_stays_keeps_the_date_of_joining(class_7b: Group, bo: Learner, school: School) -> None:
    joined = Membership.objects.get(group=class_7b, learner=bo).since
    cy = people.a_learner(school, "Cy")
    services.set_members(class_7b, [bo.pk, cy.pk])
    assert {m.learner_id for m in class_7b.memberships.all()} == {bo.pk, cy.pk}
    assert Membership.objects.get(group=class_7b, learner=bo).since == joined
