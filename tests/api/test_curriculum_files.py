import io
import zipfile

import pytest

from curricula.models import Curriculum
from tests import people
from tests.api.test_errors import problem
from tests.people import Caller


@pytest.mark.parametrize(
    ("name", "media_type"), [("json", "application/json"), ("csv", "application/zip"), ("case", "application/json")]
)
def test_what_is_exported_can_be_imported_elsewhere(
    client: Caller, outsider: Caller, fractions: Curriculum, name: str, media_type: str
) -> None:
    exported = client.get(f"/api/v1/curricula/{fractions.pk}:export?format={name}", accept=media_type)
    assert exported.status_code == 200
    assert exported["Content-Type"] == media_type
    assert "fractions-1" in exported["Content-Disposition"]
    imported = outsider.post("/api/v1/curricula:import", exported.content, content_type=media_type)
    assert imported.status_code == 200, imported.content
    assert imported.json()["curriculum"]["title"] == "Fractions"
    draft = outsider.get(imported["Location"] + "/draft").json()
    assert [concept["title"] for concept in draft["concepts"]] == ["Halves", "Equal-Parts", "Adding"]


def test_importing_again_replaces_the_draft(client: Caller, fractions: Curriculum) -> None:
    document = people.a_document(title="Fractions II")
    imported = client.post("/api/v1/curricula:import?format=json", document).json()
    assert imported["curriculum"]["id"] == str(fractions.pk)
    assert imported["curriculum"]["has_draft"]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b" ", "application/json"),
        (b"PK\3\4 broken", "application/zip"),
        (b"[" * 100_000, "application/json"),
        (b'{"CFDocument": 7}', "application/json"),
        (b"\xff\xfe", "application/octet-stream"),
    ],
    ids=repr,
)
def test_a_broken_file_is_reported(client: Caller, body: bytes, media_type: str) -> None:
    response = client.post("/api/v1/curricula:import", body, content_type=media_type)
    assert problem(response, 422, "invalid")["errors"]


def test_a_nul_character_in_a_file_is_reported(client: Caller) -> None:
    document = people.a_document(title="Fr\0ctions")
    problem(client.post("/api/v1/curricula:import", document), 422, "invalid")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as tables:
        tables.writestr("curriculum.csv", "key,title,language\nfractions,Fr\0ctions,en\n")
        tables.writestr("concepts.csv", "key,title\nhalves,Hal\0ves\n")
    response = client.post("/api/v1/curricula:import", packed.getvalue(), content_type="application/zip")
    problem(response, 422, "invalid")


def test_another_format_or_media_type_is_refused(client: Caller, fractions: Curriculum) -> None:
    problem(client.get(f"/api/v1/curricula/{fractions.pk}:export?format=xml"), 400, "bad-parameter")
    problem(client.post("/api/v1/curricula:import", b"x", content_type="text/plain"), 415, "unsupported-media-type")
