"""Prerequisites over HTTP: read by layer, reviewed by a school, compared between model versions."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from curricula import snapshot
from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.flow import learnt
from tests.people import Caller
from tests.registry.test_reviews import without_adding
from tutor.accounts.models import Group, School, User
from tutor.registry.models import EdgeReview, ModelVersion
from tutor.registry.reviews import Verb
from tutor.scheduling import contents

VERBS = [verb.value for verb in Verb]


def path(curriculum: Curriculum, rest: str = "/graph") -> str:
    return f"/api/v1/curricula/{curriculum.pk}{rest}"


def graph(client: Caller, curriculum: Curriculum, query: str = "") -> dict[str, dict[str, Any]]:
    """Edges as "parent>child"."""
    body = client.get(path(curriculum) + query).json()
    return {f"{edge['parent']['key']}>{edge['child']['key']}": edge for edge in body["data"]}


def say(client: Caller, curriculum: Curriculum, verb: str, parent: str, child: str, **more: str) -> Any:
    return client.post(path(curriculum, f"/edges:{verb}"), {"parent": parent, "child": child, **more})


@pytest.fixture
def served(fractions: Curriculum) -> str:
    """The model that serves: it finds a redundant edge for sure, doubts another, and contradicts the author."""
    version = learnt.serve(fractions, {(0, 2): 0.95, (1, 0): 0.3, (2, 1): 0.99, (2, 0): 0.04})
    contents.forget()
    return str(version.pk)


def test_edges_are_told_by_layer_with_evidence_and_why_they_do_not_hold(
    client: Caller, fractions: Curriculum, served: str
) -> None:
    found = graph(client, fractions)
    assert {name: edge["layers"] for name, edge in found.items()} == {
        "halves>equal-parts": ["authored", "effective"],
        "equal-parts>adding": ["authored", "effective"],
        "halves>adding": ["learned", "effective"],
        "equal-parts>halves": ["learned"],
        "adding>equal-parts": ["learned"],
    }
    sure = found["halves>adding"]
    assert (sure["learned"]["probability"], sure["learned"]["evidence"], sure["dropped"]) == (0.95, learnt.MANY, None)
    assert (
        "probability 0.30 from 1000 learners: 0.9 and 100 are needed" in found["equal-parts>halves"]["dropped"]["text"]
    )
    cycle = found["adding>equal-parts"]["dropped"]
    assert (cycle["code"], [concept["key"] for concept in cycle["path"]]) == ("cycle", ["equal-parts", "adding"])


def test_layers_and_guesses_can_be_chosen(client: Caller, fractions: Curriculum, served: str) -> None:
    assert list(graph(client, fractions, "?layer=authored")) == ["halves>equal-parts", "equal-parts>adding"]
    assert "halves>adding" in graph(client, fractions, "?layer=effective")
    assert "adding>halves" in graph(client, fractions, "?layer=learned&min_probability=0")
    problem(client.get(path(fractions) + "?layer=guessed"), 400, "bad-parameter")


def test_a_page_says_whose_edges_these_are(client: Caller, fractions: Curriculum, served: str) -> None:
    first = client.get(path(fractions) + "?limit=3").json()
    rest = client.get(path(fractions) + f"?limit=3&cursor={first['next_cursor']}").json()
    assert (first["model"], first["version"]) == ({"name": "psikt", "version": served}, 1)
    assert (len(first["data"]), len(rest["data"]), rest["next_cursor"]) == (3, 2, None)


def test_before_there_is_a_model_the_authored_graph_holds(client: Caller, fractions: Curriculum) -> None:
    assert [edge["layers"] for edge in graph(client, fractions).values()] == [["authored", "effective"]] * 2


def test_a_review_is_told_and_holds(client: Caller, fractions: Curriculum, served: str) -> None:
    content = snapshot.latest(fractions.pk)
    by_id = str(content.concept_ids[content.concept_position["adding"]])
    rejected = say(client, fractions, "reject", "halves", by_id, reason="other way to add").json()
    assert rejected["layers"] == ["learned", "reviewed"] and rejected["dropped"]["code"] == "rejected"
    review = rejected["review"]
    assert (review["decision"], review["reason"], review["reviewer"]) == ("rejected", "other way to add", None)
    assert say(client, fractions, "lock", "halves", "adding").json()["review"]["locked"]
    assert "is locked" in problem(say(client, fractions, "accept", "halves", "adding"), 409, "conflict")["detail"]
    say(client, fractions, "unlock", "halves", "adding")
    assert say(client, fractions, "accept", "halves", "adding").json()["dropped"] is None
    assert say(client, fractions, "clear", "halves", "adding").json()["review"] is None


def test_a_teacher_s_review_bears_her_name(
    client: Caller, ms_diaz: User, class_7b: Group, fractions: Curriculum, served: str
) -> None:
    say(client, fractions, "reject", "halves", "adding")
    EdgeReview.objects.update(reviewer=ms_diaz)
    assert graph(client, fractions)["halves>adding"]["review"]["reviewer"] == "Ms Diaz"


def test_what_a_review_locks_a_learner_may_not_begin(
    client: Caller, class_7b: Group, fractions: Curriculum, served: str
) -> None:
    address = "/api/v1/learners/external:lms:bo/mastery?explain=true"

    def waits_for() -> list[str]:
        contents.forget()
        adding = client.get(address).json()["data"][2]
        return [concept["key"] for concept in adding["explanation"]["weak_prerequisites"]]

    assert waits_for() == ["equal-parts", "halves"]
    say(client, fractions, "reject", "equal-parts", "adding")
    assert waits_for() == ["halves"]


@pytest.mark.parametrize("named_by", ["key", "id"])
def test_a_review_of_a_removed_concept_is_shown_and_ended_by_its_key_or_id(
    client: Caller, fractions: Curriculum, named_by: str
) -> None:
    for verb in ("reject", "lock"):
        say(client, fractions, verb, "halves", "adding")
    without_adding(fractions)
    shown = graph(client, fractions, "?layer=reviewed")["halves>adding"]
    assert (shown["child"]["title"], shown["review"]["locked"]) == ("", True)
    fault = problem(say(client, fractions, "accept", "halves", "adding"), 422, "invalid")["errors"][0]
    assert fault["code"] == "unknown_concept"
    child = shown["child"][named_by]
    assert not say(client, fractions, "unlock", "halves", child).json()["review"]["locked"]
    cleared = say(client, fractions, "clear", "halves", child).json()
    assert (cleared["child"]["key"], cleared["review"], cleared["layers"]) == ("adding", None, [])
    assert graph(client, fractions, "?layer=reviewed") == {}


def test_a_cycle_of_what_people_stand_for_is_refused_with_its_path(client: Caller, fractions: Curriculum) -> None:
    said = problem(say(client, fractions, "accept", "adding", "halves"), 409, "conflict")["detail"]
    assert "halves -> equal-parts -> adding -> halves: reject one of these first" in said


@pytest.mark.parametrize("ref", ["fourths", "01900000-0000-7000-8000-000000000001"])
def test_an_unknown_concept_is_named(client: Caller, fractions: Curriculum, ref: str) -> None:
    fault = problem(say(client, fractions, "accept", "halves", ref), 422, "invalid")["errors"][0]
    assert (fault["pointer"], fault["code"]) == ("/child", "unknown_concept")
    assert f"{ref!r} is no concept of 'Fractions', version 1" in fault["message"]


def test_a_concept_cannot_support_itself(client: Caller, fractions: Curriculum) -> None:
    assert "two concepts" in problem(say(client, fractions, "accept", "halves", "halves"), 409, "conflict")["detail"]


def test_a_repeated_review_has_its_effect_once(client: Caller, fractions: Curriculum) -> None:
    body = {"parent": "halves", "child": "adding"}
    first = client.post(path(fractions, "/edges:accept"), body, idempotency_key="e-1")
    say(client, fractions, "lock", "halves", "adding")
    again = client.post(path(fractions, "/edges:accept"), body, idempotency_key="e-1")
    assert (again.status_code, again.content) == (200, first.content)


def test_a_school_reviews_a_shared_curriculum_for_itself(client: Caller, outsider: Caller) -> None:
    shared = people.a_curriculum(None, "shared")
    say(client, shared, "reject", "halves", "equal-parts")
    assert graph(client, shared)["halves>equal-parts"]["dropped"]["code"] == "rejected"
    theirs = graph(outsider, shared)["halves>equal-parts"]
    assert (theirs["dropped"], theirs["review"]) == (None, None)


def test_two_model_versions_are_compared(client: Caller, fractions: Curriculum, served: str) -> None:
    later = learnt.a_version(fractions, {(0, 2): 0.2, (2, 0): 0.8, (2, 1): 0.7})
    query = f"/graph/diff?from={served}&to={later.pk}"
    found = client.get(path(fractions, query)).json()
    named = {name: [(each["parent"]["key"], each["child"]["key"]) for each in rows] for name, rows in found.items()}
    assert named == {
        "gained": [],
        "lost": [],
        "flipped": [("adding", "halves")],
        "changed": [("equal-parts", "halves"), ("adding", "equal-parts")],
    }
    assert (found["flipped"][0]["before"], found["flipped"][0]["after"]) == (0.04, 0.8)
    assert client.get(path(fractions, f"{query}&margin=0.3")).json()["changed"][0]["before"] == 0.3


def test_versions_of_other_schools_and_curricula_are_not_there(
    client: Caller, other_school: School, fractions: Curriculum, served: str
) -> None:
    elsewhere = learnt.a_version(people.a_curriculum(None, "shared"), {})
    theirs = learnt.a_version(fractions, {(0, 2): 0.9})
    theirs.school = other_school
    theirs.save(update_fields=["school"])
    for version in (elsewhere.pk, theirs.pk, uuid4()):
        problem(client.get(path(fractions, f"/graph/diff?from={served}&to={version}")), 404, "not-found")
    problem(client.get(path(fractions, f"/graph/diff?from={served}")), 400, "bad-parameter")


def test_where_the_model_that_serves_learns_no_edges_those_of_the_newest_that_does_wait_for_a_teacher(
    client: Caller, fractions: Curriculum
) -> None:
    version = learnt.a_version(fractions, {(0, 2): 0.95})
    body = client.get(path(fractions)).json()
    assert body["model"]["name"] == "half-life"
    assert body["learned_by"] == {"name": "psikt", "version": str(version.pk)}
    edge = graph(client, fractions)["halves>adding"]
    assert (edge["layers"], edge["learned"]["probability"]) == (["learned"], 0.95)
    assert edge["dropped"]["code"] == "not_serving" and "once a teacher accepts it" in edge["dropped"]["text"]
    assert say(client, fractions, "accept", "halves", "adding").json()["layers"] == ["learned", "reviewed", "effective"]


def test_edges_of_any_version_are_shown_and_hold_only_if_it_serves(
    client: Caller, outsider: Caller, fractions: Curriculum, served: str
) -> None:
    other = learnt.a_version(fractions, {(0, 2): 0.92})
    shown = graph(client, fractions, f"?model={other.pk}")["halves>adding"]
    assert (shown["learned"]["probability"], shown["dropped"]["code"]) == (0.92, "not_serving")
    assert "effective" in graph(client, fractions, f"?model={served}")["halves>adding"]["layers"]
    assert client.get(path(fractions)).json()["learned_by"]["version"] == served
    problem(client.get(path(fractions, f"/graph?model={uuid4()}")), 404, "not-found")
    problem(outsider.get(path(fractions, f"/graph?model={other.pk}")), 404, "not-found")


def test_edges_of_a_rejected_version_are_not_suggested(client: Caller, fractions: Curriculum) -> None:
    version = learnt.a_version(fractions, {(0, 2): 0.95})
    version.state = ModelVersion.State.REJECTED
    version.save()
    assert client.get(path(fractions)).json()["learned_by"] is None
    assert "halves>adding" not in graph(client, fractions)


def test_an_outsider_sees_and_says_nothing(outsider: Caller, fractions: Curriculum, served: str) -> None:
    problem(outsider.get(path(fractions)), 404, "not-found")
    problem(outsider.get(path(fractions, f"/graph/diff?from={served}&to={served}")), 404, "not-found")
    for verb in VERBS:
        problem(say(outsider, fractions, verb, "halves", "adding"), 404, "not-found")
    assert not EdgeReview.objects.exists()


def test_a_key_that_may_only_read_cannot_review(school: School, fractions: Curriculum) -> None:
    reader = people.a_client(school, "curriculum:read")
    assert reader.get(path(fractions)).status_code == 200
    for verb in VERBS:
        problem(say(reader, fractions, verb, "halves", "adding"), 403, "missing-scope")
