from tests.people import Caller


def test_me_names_the_key_and_its_school(client: Caller) -> None:
    me = client.get("/api/v1/me").json()
    assert me["name"] == "LMS"
    assert me["school"]["name"] == "Elm School"


def test_without_a_key_nothing_is_told(db: None) -> None:
    response = Caller().get("/api/v1/me")
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["type"] == "/problems/unauthenticated"
    assert response.json()["request_id"] == response["X-Request-ID"]
