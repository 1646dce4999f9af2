"""Models over HTTP: what a school may know of them, and what it may do with which of them serves it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from curricula.models import Curriculum
from kt_models.baselines import half_life
from tests import people
from tests.flow import steps
from tests.flow.judged import a_judged_version, verdict
from tests.flow.together import together
from tests.people import Caller, Counter
from tutor.accounts.models import Learner, School
from tutor.registry import deployments, store
from tutor.registry import services as registry
from tutor.registry.models import Deployment, ModelVersion
from tutor.registry.services import Origin

URL = "/api/v1/models"


def a_version(folder: Path, curriculum: Curriculum, intercept: float = 0.5, **origin: Any) -> ModelVersion:
    half_life.prior_model(3, 6, config=half_life.Config(intercept=intercept)).save(folder)
    published = curriculum.versions.get(number=1)
    return registry.register(folder, curriculum_version=published, origin=Origin(**origin))


@pytest.fixture
def champion(fractions: Curriculum) -> ModelVersion:
    found = registry.ensure_served(fractions.pk)
    assert found is not None
    return found


@pytest.fixture
def candidate(tmp_path: Path, fractions: Curriculum, school: School, champion: ModelVersion) -> ModelVersion:
    return a_version(tmp_path / "candidate", fractions, school_id=school.pk)


def test_a_school_finds_its_models(client: Caller, candidate: ModelVersion, champion: ModelVersion) -> None:
    found = client.get(URL).json()["data"]
    assert [each["id"] for each in found] == [str(champion.pk), str(candidate.pk)]
    assert (found[0]["state"], found[0]["is_baseline"], found[0]["school"]) == ("champion", True, None)
    assert [each["id"] for each in client.get(f"{URL}?state=candidate").json()["data"]] == [str(candidate.pk)]
    assert client.get(f"{URL}?kind=psikt").json()["data"] == []


def test_a_card_tells_what_a_model_is(client: Caller, candidate: ModelVersion) -> None:
    card = client.get(f"{URL}/{candidate.pk}").json()
    assert (card["id"], card["kind"], card["state"]) == (str(candidate.pk), "half-life", "candidate")
    assert client.get(f"{URL}/{candidate.pk}/fairness").json() == []


def test_another_school_knows_nothing_of_it(outsider: Caller, candidate: ModelVersion) -> None:
    assert outsider.get(URL).json()["data"] == []
    for address in ("", "/fairness", "/rollout", "/shadow", "/drift"):
        assert outsider.get(f"{URL}/{candidate.pk}{address}").status_code == 404
    for door in ("shadow", "withdraw", "rollback"):
        assert outsider.post(f"{URL}/{candidate.pk}:{door}").status_code == 404
    follow = f"/api/v1/curricula/{candidate.curriculum_version.curriculum_id}/deployment:follow-site"
    assert outsider.post(follow, {"force": True}).status_code == 404
    assert outsider.post(f"{URL}/{candidate.pk}:promote", {}).status_code == 404


def test_a_key_needs_the_scope(school: School, candidate: ModelVersion) -> None:
    assert people.a_client(school, "mastery:read").get(URL).status_code == 403


def test_a_model_is_tried_promoted_and_rolled_back(
    client: Caller, candidate: ModelVersion, champion: ModelVersion, fractions: Curriculum, school: School
) -> None:
    tried = client.post(f"{URL}/{candidate.pk}:shadow")
    assert tried.status_code == 200
    told = tried.json()
    assert (told["school"], told["champion"], told["challenger"]) == (
        str(school.pk),
        str(champion.pk),
        str(candidate.pk),
    )
    nobody = {"learners": 0, "level": 0, "missing": 0, "troubled": 0}
    assert told["rollout"] == client.get(f"{URL}/{candidate.pk}/rollout").json() == nobody
    compared = client.get(f"{URL}/{candidate.pk}/shadow").json()
    assert (compared["verdict"], compared["answers"]) == ("too_early", 0)
    promoted = client.post(f"{URL}/{candidate.pk}:promote", {}).json()
    assert (promoted["champion"], promoted["previous"]) == (str(candidate.pk), str(champion.pk))
    assert client.get(f"{URL}/{candidate.pk}/drift").json() == {"alerts": [], "days": []}
    back = client.post(f"{URL}/{candidate.pk}:rollback").json()
    assert (back["champion"], back["previous"]) == (str(champion.pk), str(candidate.pk))
    # Other schools are served as before.
    assert Deployment.objects.get(curriculum=fractions, school=None).champion == champion


def test_a_model_whose_states_lag_is_promoted_by_force_only(
    client: Caller, candidate: ModelVersion, school: School, bo: Learner, fractions: Curriculum
) -> None:
    steps.record(school, [steps.answer(bo, fractions)])
    refused = client.post(f"{URL}/{candidate.pk}:promote", {})
    assert refused.status_code == 409
    assert "0 of 1 learners are level, 1 not begun" in refused.json()["detail"]
    assert client.post(f"{URL}/{candidate.pk}:promote", {"force": True}).json()["champion"] == str(candidate.pk)


def test_a_school_follows_all_others_again_and_goes_back(
    client: Caller, candidate: ModelVersion, champion: ModelVersion, fractions: Curriculum, school: School
) -> None:
    url = f"/api/v1/curricula/{fractions.pk}/deployment"
    client.post(f"{URL}/{candidate.pk}:promote", {})
    followed = client.post(f"{url}:follow-site", {}).json()
    told = {"school": None, "champion": str(champion.pk), "previous": str(candidate.pk)}
    assert {name: followed[name] for name in told} == told
    read = client.get(url)
    assert {name: read.json()[name] for name in told} == told
    back = client.post(f"{URL}/{champion.pk}:rollback").json()
    assert (back["school"], back["champion"], back["previous"]) == (str(school.pk), str(candidate.pk), str(champion.pk))
    assert client.get(url, if_none_match=read["ETag"]).status_code == 200


def test_a_school_that_follows_already_is_told_so(
    client: Caller, champion: ModelVersion, candidate: ModelVersion, fractions: Curriculum, school: School
) -> None:
    refused = client.post(f"/api/v1/curricula/{fractions.pk}/deployment:follow-site", {"force": True})
    assert refused.status_code == 409
    assert f"school {school.pk} has no deployment of its own" in refused.json()["detail"]


def test_what_lags_is_followed_by_force_only(
    client: Caller, candidate: ModelVersion, champion: ModelVersion, school: School, bo: Learner, fractions: Curriculum
) -> None:
    client.post(f"{URL}/{candidate.pk}:promote", {})
    steps.record(school, [steps.answer(bo, fractions)])
    url = f"/api/v1/curricula/{fractions.pk}/deployment:follow-site"
    refused = client.post(url, {})
    assert refused.status_code == 409
    assert "0 of 1 learners are level, 1 not begun. Put it in shadow" in refused.json()["detail"]
    assert client.post(url, {"force": True}).json()["champion"] == str(champion.pk)


def test_a_key_that_only_reads_mastery_moves_nothing(
    school: School, client: Caller, candidate: ModelVersion, fractions: Curriculum
) -> None:
    client.post(f"{URL}/{candidate.pk}:promote", {})
    reader = people.a_client(school, "mastery:read")
    assert reader.post(f"/api/v1/curricula/{fractions.pk}/deployment:follow-site", {}).status_code == 403
    assert Deployment.objects.get(school=school).follows_since is None


def test_a_tag_tells_a_school_that_follows_again_from_one_that_always_did(
    client: Caller, candidate: ModelVersion, fractions: Curriculum
) -> None:
    url = f"/api/v1/curricula/{fractions.pk}/deployment"
    always = client.get(url)
    client.post(f"{URL}/{candidate.pk}:promote", {})
    client.post(f"{url}:follow-site", {})
    again = client.get(url, if_none_match=always["ETag"])
    assert (again.status_code, again.json()["previous"]) == (200, str(candidate.pk))
    assert client.patch(url, {"shadow_days": 3.0}, if_match=always["ETag"]).status_code == 412
    changed = client.patch(url, {"shadow_days": 3.0}, if_match=again["ETag"]).json()
    assert (changed["champion"], changed["previous"]) == (always.json()["champion"], str(candidate.pk))


def test_a_tag_stands_for_all_that_a_deployment_says(
    client: Caller, candidate: ModelVersion, school: School, bo: Learner, fractions: Curriculum
) -> None:
    client.post(f"{URL}/{candidate.pk}:shadow")
    url = f"/api/v1/curricula/{fractions.pk}/deployment"
    before = client.get(url)
    steps.record(school, [steps.answer(bo, fractions)])
    after = client.get(url)
    assert (before.json(), before["ETag"]) == (after.json(), after["ETag"])
    # What changes with every answer is read elsewhere, where no tag says that it has not.
    progress = client.get(f"{URL}/{candidate.pk}/rollout", if_none_match=before["ETag"])
    assert (progress.status_code, "ETag" in progress.headers) == (200, False)
    assert progress.json() == {"learners": 1, "level": 0, "missing": 1, "troubled": 0}


def test_who_stands_in_for_a_champion_that_cannot_be_loaded_is_told_and_why(
    client: Caller, outsider: Caller, candidate: ModelVersion, champion: ModelVersion, fractions: Curriculum,
    school: School, tmp_path: Path,
) -> None:  # fmt: skip
    url = f"/api/v1/curricula/{fractions.pk}/deployment"
    lost = a_version(tmp_path / "lost", fractions, 2.0, school_id=school.pk)
    for version in (candidate, lost):
        assert client.post(f"{URL}/{version.pk}:promote", {"force": True}).status_code == 200
    whole = client.get(url)
    told = whole.json()
    assert (told["champion"], told["serving"]) == (str(lost.pk), str(lost.pk))
    assert (told["degraded"], told["degraded_reason"]) == (False, "")
    ModelVersion.objects.filter(pk=lost.pk).update(state="failed", note="model.safetensors: its checksum differs")
    told = client.get(url, if_none_match=whole["ETag"]).json()
    assert (told["champion"], told["serving"]) == (str(lost.pk), str(candidate.pk))
    assert (told["degraded"], told["degraded_reason"]) == (True, "model.safetensors: its checksum differs")
    others = outsider.get(url)
    assert others.status_code == 404 or others.json()["serving"] == str(champion.pk)


def test_a_model_whose_files_are_gone_is_not_promoted(
    client: Caller, candidate: ModelVersion, champion: ModelVersion, fractions: Curriculum
) -> None:
    store.delete(candidate.pk)
    refused = client.post(f"{URL}/{candidate.pk}:promote", {"force": True})
    assert refused.status_code == 409
    assert "has no sound artifact (manifest.json is missing)" in refused.json()["detail"]
    told = client.get(f"/api/v1/curricula/{fractions.pk}/deployment").json()
    assert (told["champion"], told["degraded"]) == (str(champion.pk), False)


def test_what_does_not_serve_or_is_not_tried_cannot_be_ended(
    client: Caller, candidate: ModelVersion, champion: ModelVersion
) -> None:
    for door, said in (("withdraw", "is not in shadow at your school"), ("rollback", "is not what your school has")):
        refused = client.post(f"{URL}/{candidate.pk}:{door}")
        assert refused.status_code == 409
        assert said in refused.json()["detail"]
    # The school follows the champion of all schools, which is not its own to roll back.
    assert client.post(f"{URL}/{champion.pk}:rollback").status_code == 409
    assert client.get(f"{URL}/{candidate.pk}/shadow").status_code == 409
    assert client.get(f"{URL}/{candidate.pk}/drift").status_code == 409


def test_a_challenger_is_withdrawn(client: Caller, candidate: ModelVersion) -> None:
    client.post(f"{URL}/{candidate.pk}:shadow")
    assert client.post(f"{URL}/{candidate.pk}:withdraw").json()["challenger"] is None


def test_what_its_gates_rejected_does_not_serve(
    client: Caller, tmp_path: Path, fractions: Curriculum, champion: ModelVersion
) -> None:
    rejected = a_version(tmp_path / "rejected", fractions, reasons=("log loss is worse by .02",))
    refused = client.post(f"{URL}/{rejected.pk}:promote", {"force": True})
    assert refused.status_code == 409
    assert "is rejected (log loss is worse by .02)" in refused.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_upon_one_tag_one_is_refused(school: School, fractions: Curriculum) -> None:
    registry.ensure_served(fractions.pk)
    url, key = f"/api/v1/curricula/{fractions.pk}/deployment", people.a_client(school, "models:admin").key

    def change(days: float, tag: str) -> int:
        return int(Caller(key).patch(url, {"shadow_days": days}, if_match=tag).status_code)

    for _ in range(8):
        tag = Caller(key).get(url)["ETag"]
        assert sorted(together(partial(change, 1.0, tag), partial(change, 2.0, tag))) == [200, 412]


def test_a_reason_names_a_school_s_own_classes_and_tells_nothing_of_others(
    school: School, other_school: School, django_assert_max_num_queries: Counter
) -> None:
    shared = people.a_curriculum(None, "shared")
    registry.ensure_served(shared.pk)
    for n in range(2):
        for of in (school, other_school):
            group = people.a_group(of, f"{of.name} class {n}")
            judged = verdict({group.pk: 30}, told_worse=group.pk)
            version = a_judged_version(shared, groups={group.pk: 30}, judged=judged)
    client = people.a_client(school, "models:admin")
    with django_assert_max_num_queries(4):  # the key and its limit, the page, the classes
        page = client.get(URL)
    rejected = [each["reason"] for each in page.json()["data"] if each["state"] == "rejected"]
    hidden = "a class of another school is told clearly worse than by the champion"
    assert [reason == hidden for reason in rejected] == [False, True, False, True]
    assert "Elm School class 1 is told worse by +0.0500" in rejected[2]
    refused = client.post(f"{URL}/{version.pk}:promote", {})
    assert "is rejected (a class is told clearly worse than by the champion)" in refused.json()["detail"]
    for said in (page, refused, client.get(f"{URL}/{version.pk}")):
        assert str(group.pk) not in said.content.decode()


def test_a_school_changes_how_its_own_models_are_handled(
    client: Caller, outsider: Caller, fractions: Curriculum, school: School
) -> None:
    url = f"/api/v1/curricula/{fractions.pk}/deployment"
    found = client.get(url)
    assert (found.json()["school"], found.json()["promotes_itself"]) == (None, False)
    changed = client.patch(url, {"promotes_itself": True, "retrains": ["logistic"]}, if_match=found["ETag"])
    assert (changed.json()["school"], changed.json()["retrains"]) == (str(school.pk), ["logistic"])
    own = deployments.deployed(fractions.pk, school.pk)
    assert own is not None and own.promotes_itself
    assert client.patch(url, {"retrains": ["dkt"]}, if_match=changed["ETag"]).status_code == 422
    assert client.patch(url, {"shadow_days": 1.0}, if_match=found["ETag"]).status_code == 412
    assert outsider.get(url).status_code == 404
