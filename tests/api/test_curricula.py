from django.utils import timezone

from curricula import services
from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.people import Caller
from tutor.accounts.models import School


def test_a_curriculum_goes_from_draft_to_published_version(client: Caller) -> None:
    made = client.post("/api/v1/curricula", people.a_document())
    assert made.status_code == 201
    path = made["Location"]
    assert (made.json()["latest_version"], made.json()["has_draft"]) == (None, True)
    problem(client.get(f"{path}/concepts"), 404, "not-found")
    version = client.post(f"{path}:publish").json()
    assert (version["number"], version["n_concepts"], version["n_items"]) == (1, 3, 6)
    assert client.get(f"{path}/versions").json()["data"] == [version]
    assert client.get(path).json()["latest_version"] == 1
    problem(client.post(f"{path}:publish"), 404, "not-found")


def test_a_second_curriculum_of_a_key_is_refused(client: Caller, fractions: Curriculum) -> None:
    problem(client.post("/api/v1/curricula", people.a_document()), 409, "conflict")


def test_a_faulty_document_is_reported_whole(client: Caller) -> None:
    document = people.a_document()
    document["concepts"][0]["prerequisites"] = ["nowhere"]
    del document["items"][1]["statement"]
    faults = problem(client.post("/api/v1/curricula", document), 422, "invalid")["errors"]
    assert {fault["pointer"] for fault in faults} == {"/concepts/0/prerequisites/0", "/items/1/statement"}


def test_a_draft_is_changed_by_who_has_read_it(client: Caller, fractions: Curriculum) -> None:
    path = f"/api/v1/curricula/{fractions.pk}/draft"
    read = client.get(path)
    document = read.json() | {"title": "Fractions anew"}
    problem(client.put(path, document), 428, "precondition-required")
    saved = client.put(path, document, if_match=read["ETag"])
    assert saved.json()["title"] == "Fractions anew"
    assert client.get(path, if_none_match=saved["ETag"]).status_code == 304
    problem(client.put(path, document, if_match=read["ETag"]), 412, "stale")
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["title"] == "Fractions"


def test_trying_a_document_saves_nothing(client: Caller, fractions: Curriculum) -> None:
    path = f"/api/v1/curricula/{fractions.pk}:validate"
    assert client.post(path, people.a_document()).json()["ok"]
    report = client.post(path, {"format": "other"}).json()
    assert not report["ok"]
    assert {"/format", "/key"} <= {fault["pointer"] for fault in report["problems"]}
    assert [p["code"] for p in client.post(path, people.a_document("other")).json()["problems"]] == ["key_mismatch"]
    assert not client.get(f"/api/v1/curricula/{fractions.pk}").json()["has_draft"]


def test_concepts_and_items_of_each_version_are_listed(client: Caller, fractions: Curriculum) -> None:
    services.save_draft(fractions, people.a_document(items=[]), expected_digest=None, now=timezone.now())
    services.publish(fractions, now=timezone.now())
    path = f"/api/v1/curricula/{fractions.pk}"
    concepts = client.get(f"{path}/concepts").json()["data"]
    assert [(c["key"], c["depth"], c["n_items"]) for c in concepts] == [
        ("halves", 0, 0),
        ("equal-parts", 1, 0),
        ("adding", 2, 0),
    ]
    assert client.get(f"{path}/items").json() == {"data": [], "next_cursor": None}
    first = client.get(f"{path}/items?version=1&limit=4").json()
    rest = client.get(f"{path}/items?version=1&limit=4&cursor={first['next_cursor']}").json()
    assert [item["key"] for item in first["data"] + rest["data"]] == [
        item["key"] for item in people.a_document()["items"]
    ]
    assert rest["next_cursor"] is None
    problem(client.get(f"{path}/items?version=3"), 404, "not-found")


def test_a_shared_curriculum_can_be_read_but_not_written(client: Caller) -> None:
    shared = people.a_curriculum(None, "shared")
    path = f"/api/v1/curricula/{shared.pk}"
    assert client.get(path).json()["shared"]
    assert client.get(f"{path}/concepts").status_code == 200
    problem(client.put(f"{path}/draft", people.a_document("shared"), if_match="*"), 404, "not-found")
    problem(client.post(f"{path}:publish"), 404, "not-found")


def test_an_outsider_sees_nothing_of_it(outsider: Caller, fractions: Curriculum) -> None:
    path = f"/api/v1/curricula/{fractions.pk}"
    for each in ("", "/versions", "/draft", "/concepts", "/items", ":export"):
        problem(outsider.get(path + each), 404, "not-found")
    for each in (":publish", ":validate"):
        problem(outsider.post(path + each, people.a_document()), 404, "not-found")
    problem(outsider.put(f"{path}/draft", people.a_document(), if_match="*"), 404, "not-found")
    problem(outsider.delete(f"{path}/draft"), 404, "not-found")
    assert outsider.get("/api/v1/curricula").json()["data"] == []


def test_the_same_key_in_another_school_is_another_curriculum(
    outsider: Caller, fractions: Curriculum, other_school: School
) -> None:
    made = outsider.post("/api/v1/curricula", people.a_document())
    assert made.status_code == 201
    assert made.json()["id"] != str(fractions.pk)
