"""The fast way to the database, for the few statements that run at every answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import psycopg
from django.db import connection


def rows(
    sql: str, parameters: Sequence[Any] | Mapping[str, Any] = (), *, prepare: bool = False
) -> list[tuple[Any, ...]]:
    """Runs one statement with server-side parameters on Django's own connection; its rows, none if it returns none.

    Long lists should be `%b`, binary: as text, each element is escaped by Python code, 400 us for a plan. With
    `prepare`, PostgreSQL keeps the plan: for what reads the log, whose hundreds of partitions take 20 ms to plan for.

    Inside `transaction.atomic()` it is part of that transaction; outside, it runs again on a new connection if the old
    one turns out to be dead, so it must be repeatable. Skips Django's cursor wrapper, which costs more than the
    statement, and so also its exceptions: errors are psycopg's.
    """
    connection.ensure_connection()
    try:
        return _run(sql, parameters, prepare)
    except psycopg.OperationalError:
        if connection.in_atomic_block or not _is_dead():
            raise
        connection.close()
        connection.ensure_connection()
        return _run(sql, parameters, prepare)


def url() -> str:
    """Of the database that this process works on, for processes that it starts."""
    known = connection.settings_dict
    who, secret = (quote(str(known[name] or ""), safe="") for name in ("USER", "PASSWORD"))
    where = quote(str(known["HOST"] or ""), safe="")
    port = f":{known['PORT']}" if known["PORT"] else ""
    return f"postgres://{who}{':' + secret if secret else ''}@{where}{port}/{quote(str(known['NAME']), safe='')}"


def _run(sql: str, parameters: Sequence[Any] | Mapping[str, Any], prepare: bool) -> list[tuple[Any, ...]]:
    # No threshold: the settings forbid it, for a pooler that shares connections.
    may_prepare = prepare and connection.connection.prepare_threshold is not None
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters, prepare=may_prepare)
        return cursor.fetchall() if cursor.description else []


def _is_dead() -> bool:
    return connection.connection is None or connection.connection.closed
