from uuid import uuid4

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School


def test_a_class_is_made_changed_and_listed(client: Caller, fractions: Curriculum) -> None:
    made = client.post("/api/v1/classes", {"name": "7b", "curriculum_id": str(fractions.pk)})
    assert made.status_code == 201
    changed = client.patch(made["Location"], {"name": "8b"}, if_match=made["ETag"])
    assert (changed.json()["name"], changed.json()["curriculum_id"]) == ("8b", str(fractions.pk))
    assert [row["name"] for row in client.get("/api/v1/classes").json()["data"]] == ["8b"]


def test_a_class_may_work_on_a_shared_curriculum(client: Caller) -> None:
    shared = people.a_curriculum(None, "shared")
    assert client.post("/api/v1/classes", {"name": "7c", "curriculum_id": str(shared.pk)}).status_code == 201


def test_a_class_cannot_work_on_another_schools_curriculum(client: Caller, other_school: School) -> None:
    theirs = people.a_curriculum(other_school.pk)
    for pk in (theirs.pk, uuid4()):
        response = client.post("/api/v1/classes", {"name": "7c", "curriculum_id": str(pk)})
        assert problem(response, 422, "invalid")["errors"][0]["code"] == "unknown_curriculum"


def test_members_are_set_as_a_whole(client: Caller, class_7b: Group, bo: Learner, school: School) -> None:
    cy = people.a_learner(school, "Cy")
    path = f"/api/v1/classes/{class_7b.pk}/members"
    read = client.get(path)
    assert len(read.json()["learners"]) == 2
    problem(client.put(path, {"learners": []}), 428, "precondition-required")
    put = client.put(path, {"learners": ["external:lms:bo", str(cy.pk)]}, if_match=read["ETag"])
    assert set(put.json()["learners"]) == {str(bo.pk), str(cy.pk)}
    problem(client.put(path, {"learners": []}, if_match=read["ETag"]), 412, "stale")


def test_members_who_do_not_exist_leave_the_class_as_it_was(client: Caller, class_7b: Group, dee: Learner) -> None:
    path = f"/api/v1/classes/{class_7b.pk}/members"
    for stranger in (str(dee.pk), "external:lms:nobody", "?"):
        response = client.put(path, {"learners": ["external:lms:bo", stranger]}, if_match="*")
        assert problem(response, 422, "invalid")["errors"][0]["code"] == "unknown_learner"
    assert len(client.get(path).json()["learners"]) == 2


def test_one_member_comes_and_goes_and_again_is_no_error(client: Caller, class_7b: Group, school: School) -> None:
    cy = people.a_learner(school, "Cy")
    path = f"/api/v1/classes/{class_7b.pk}/members/{cy.pk}"
    assert [client.post(path).status_code for _ in range(2)] == [204, 204]
    assert class_7b.learners.filter(pk=cy.pk).count() == 1
    assert [client.delete(path).status_code for _ in range(2)] == [204, 204]
    assert not class_7b.learners.filter(pk=cy.pk).exists()


def test_an_outsider_cannot_touch_the_class_or_pull_its_learners_over(
    outsider: Caller, class_7b: Group, bo: Learner, other_school: School
) -> None:
    path = f"/api/v1/classes/{class_7b.pk}"
    problem(outsider.get(path), 404, "not-found")
    problem(outsider.patch(path, {"name": "mine"}, if_match="*"), 404, "not-found")
    problem(outsider.get(f"{path}/members"), 404, "not-found")
    problem(outsider.put(f"{path}/members", {"learners": []}, if_match="*"), 404, "not-found")
    problem(outsider.delete(f"{path}/members/{bo.pk}"), 404, "not-found")
    own = people.a_group(other_school, "own")
    problem(outsider.post(f"/api/v1/classes/{own.pk}/members/{bo.pk}"), 404, "not-found")
