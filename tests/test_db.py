"""Plans that are kept, and the setting that forbids it."""

import pytest
from django.db import connection

from tutor import db

pytestmark = pytest.mark.django_db


def kept() -> int:
    return int(db.rows("SELECT count(*) FROM pg_prepared_statements")[0][0])


@pytest.mark.parametrize(("threshold", "grows_by"), [(3, 1), (None, 0)], ids=["allowed", "forbidden"])
def test_a_plan_is_kept_only_where_the_settings_allow_it(
    monkeypatch: pytest.MonkeyPatch, threshold: int | None, grows_by: int
) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", threshold)
    before = kept()
    statement = f"SELECT %s::int + {1 if threshold is None else 2}"
    assert db.rows(statement, [40], prepare=True)[0][0] > 40
    assert kept() == before + grows_by


def test_no_plan_is_kept_unasked() -> None:
    before = kept()
    for _ in range(6):
        db.rows("SELECT %s::int + 3", [1])
    assert kept() == before
