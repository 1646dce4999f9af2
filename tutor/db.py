"""The fast way to the database, for the few statements that run at every answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def rows(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Runs one statement with server-side parameters on Django's own connection; its rows, none if it returns none.

    Long lists should be `%b`, binary: as text, each element is escaped by Python code, 400 us for a plan.

    Inside `transaction.atomic()` it is part of that transaction; outside, it runs again on a new connection if the old
    one turns out to be dead, so it must be repeatable. Skips Django's cursor wrapper, which costs more than the
    statement, and so also its exceptions: errors are psycopg's.
    """
    connection.ensure_connection()
    try:
        return _run(sql, parameters)
    except psycopg.OperationalError:
        if connection.in_atomic_block or not _is_dead():
            raise
        connection.close()
        connection.ensure_connection()
        return _run(sql, parameters)


def _run(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def _is_dead() -> bool:
    return connection.connection is None or connection.connection.closed
