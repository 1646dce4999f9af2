import pytest

from tests import people
from tests.api.test_errors import problem
from tests.people import Caller, Counter
from tutor.accounts.models import Group, Learner, School


def test_a_learner_is_made_and_read_back(client: Caller) -> None:
    made = client.post(
        "/api/v1/learners", {"name": "Bo", "source": "lms", "external_id": "7/1", "timezone": "Asia/Tokyo"}
    )
    assert made.status_code == 201
    assert client.get(made["Location"]).json() == made.json()
    assert made.json()["timezone"] == "Asia/Tokyo"


def test_a_learner_answers_to_the_rosters_name(client: Caller, bo: Learner) -> None:
    assert client.get("/api/v1/learners/external:lms:bo").json()["id"] == str(bo.pk)


def test_the_rosters_name_belongs_to_one_learner(client: Caller, bo: Learner) -> None:
    body = {"name": "Bo too", "source": "lms", "external_id": "bo"}
    problem(client.post("/api/v1/learners", body), 409, "conflict")


def test_another_school_may_use_the_same_name(bo: Learner, outsider: Caller) -> None:
    body = {"name": "Dee", "source": "lms", "external_id": "bo"}
    assert outsider.post("/api/v1/learners", body).status_code == 201


def test_a_change_needs_the_tag_of_what_was_read(client: Caller, bo: Learner) -> None:
    path = f"/api/v1/learners/{bo.pk}"
    problem(client.patch(path, {"name": "Bob"}), 428, "precondition-required")
    tag = client.get(path)["ETag"]
    changed = client.patch(path, {"name": "Bob"}, if_match=tag)
    assert changed.json()["name"] == "Bob"
    problem(client.patch(path, {"name": "Rob"}, if_match=tag), 412, "stale")
    assert client.patch(path, {"name": "Rob"}, if_match=changed["ETag"]).status_code == 200


def test_what_is_not_sent_stays(client: Caller, bo: Learner) -> None:
    path = f"/api/v1/learners/{bo.pk}"
    changed = client.patch(path, {"timezone": "UTC"}, if_match="*").json()
    assert (changed["name"], changed["external_id"], changed["timezone"]) == ("Bo", "bo", "UTC")


def test_what_you_hold_is_not_sent_again(client: Caller, bo: Learner) -> None:
    path = f"/api/v1/learners/{bo.pk}"
    tag = client.get(path)["ETag"]
    again = client.get(path, if_none_match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert client.get(path, if_none_match=f"W/{tag}").status_code == 304


def test_half_of_an_external_name_cannot_be_taken_away(client: Caller, bo: Learner) -> None:
    response = client.patch(f"/api/v1/learners/{bo.pk}", {"source": ""}, if_match="*")
    problem(response, 422, "invalid")
    both = client.patch(f"/api/v1/learners/{bo.pk}", {"source": "", "external_id": ""}, if_match="*")
    assert both.status_code == 200


@pytest.mark.parametrize(
    "ref", ["01900000-0000-7000-8000-000000000000", "external:lms:nobody", "external::", "external:lms", "bo", "0"]
)
def test_nobody_is_404(client: Caller, ref: str) -> None:
    problem(client.get(f"/api/v1/learners/{ref}"), 404, "not-found")


def test_an_outsider_sees_neither_learner_nor_name(outsider: Caller, bo: Learner) -> None:
    for ref in (bo.pk, "external:lms:bo"):
        problem(outsider.get(f"/api/v1/learners/{ref}"), 404, "not-found")
        problem(outsider.patch(f"/api/v1/learners/{ref}", {"name": "x"}, if_match="*"), 404, "not-found")
    assert outsider.get("/api/v1/learners").json()["data"] == []
    assert outsider.get("/api/v1/learners?external=lms:bo").json()["data"] == []


def test_learners_are_filtered_by_class_and_name(client: Caller, class_7b: Group, school: School) -> None:
    people.a_learner(school, "Cy")
    assert len(client.get("/api/v1/learners").json()["data"]) == 3
    inside = client.get(f"/api/v1/learners?group={class_7b.pk}").json()["data"]
    assert [row["name"] for row in inside] == ["Bo", "Ana"]
    named = client.get("/api/v1/learners?external=lms:ana").json()["data"]
    assert [row["name"] for row in named] == ["Ana"]


def test_an_outsider_cannot_filter_by_the_class(outsider: Caller, class_7b: Group) -> None:
    problem(outsider.get(f"/api/v1/learners?group={class_7b.pk}"), 404, "not-found")


def test_pages_hold_each_learner_once_while_others_come(client: Caller, school: School) -> None:
    made = [str(people.a_learner(school, f"L{n}").pk) for n in range(5)]
    seen: list[str] = []
    path = "/api/v1/learners?limit=2"
    while path:
        response = client.get(path)
        seen += [row["id"] for row in response.json()["data"]]
        if len(seen) == 2:
            made.append(str(people.a_learner(school, "late").pk))
        path = response["Link"].partition(">")[0][1:] if "Link" in response else ""
    assert seen == made
    assert response.json()["next_cursor"] is None


def test_a_page_costs_one_query(client: Caller, school: School, django_assert_num_queries: Counter) -> None:
    client.get("/api/v1/me")
    for n in range(20):
        people.a_learner(school, f"L{n}")
    with django_assert_num_queries(1):
        client.get("/api/v1/learners?limit=10")


def test_an_external_id_is_kept_as_it_was_sent(client: Caller, bo: Learner) -> None:
    spaced = client.post("/api/v1/learners", {"source": "lms", "external_id": " bo "})
    assert (spaced.status_code, spaced.json()["external_id"]) == (201, " bo ")
    problem(client.post("/api/v1/learners", {"name": "B" * 200 + " "}), 422, "invalid")
