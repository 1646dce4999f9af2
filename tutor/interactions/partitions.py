"""Months of the log, made ahead by beat. An answer outside them lands in a default partition and is moved later."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connection, transaction

#: Fixed by the first migration: a learner's answers all lie in one of these.
HASHES: Final = 8
#: Months that exist before the first answer of each arrives.
AHEAD: Final = 2
TABLE: Final = "interactions_interaction"


#: Strays that make a month worth its partitions.
CROWD: Final = 10_000

_STRAYS: Final = "SELECT date_trunc('month', occurred_at, 'UTC'), count(*) FROM {parent}_default GROUP BY 1"

_MOVE_STRAYS: Final = """
WITH stray AS (DELETE FROM {parent}_default WHERE occurred_at >= %s AND occurred_at < %s RETURNING *)
INSERT INTO {name} SELECT * FROM stray
"""


def month_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def months_between(first: datetime, last: datetime) -> list[datetime]:
    months = [month_of(first)]
    while months[-1] < month_of(last):
        months.append(month_of(months[-1] + timedelta(days=32)))
    return months


def make_ahead(now: datetime) -> list[str]:
    """Makes this month and the next ones. Safe to run at any time, any number of times."""
    return make(months_between(now, now + timedelta(days=31 * AHEAD)))


def make_crowded(strays: int = CROWD) -> list[str]:
    """Makes the months of which many answers lie in the default partitions: a school's history came in by file.

    Not of a few, for anybody can send an answer of any month, and months cost.
    """
    found: Counter[datetime] = Counter()
    with connection.cursor() as cursor:
        for hash_ in range(HASHES):
            cursor.execute(_STRAYS.format(parent=f"{TABLE}_{hash_}"))
            found.update(dict(cursor.fetchall()))
    return make([month for month, n in found.items() if n >= strays])


def make(months: list[datetime]) -> list[str]:
    """Makes the partitions of the months of some moments that are missing; returns their names."""
    existing = _existing()
    wanted = [(hash_, month) for month in sorted({month_of(m) for m in months}) for hash_ in range(HASHES)]
    return [_name(*each) for each in wanted if _name(*each) not in existing and _make(*each)]


def _name(hash_: int, month: datetime) -> str:
    return f"{TABLE}_{hash_}_{month:%Y%m}"


def _existing() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE %s", [f"{TABLE}\\_%"])
        return {name for (name,) in cursor.fetchall()}


def _make(hash_: int, month: datetime) -> bool:
    """Whether it was still missing.

    Each in a transaction of its own: with two defaults locked it could deadlock with intake. An answer on its way into
    the default at that very moment is refused by PostgreSQL (CheckViolation), and accepted when sent again.
    """
    parent, name, until = f"{TABLE}_{hash_}", _name(hash_, month), month_of(month + timedelta(days=32))
    with transaction.atomic(), connection.cursor() as cursor:
        # Two beats at once would both find the month missing.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [TABLE])
        cursor.execute("SELECT to_regclass(%s)", [name])
        if cursor.fetchone()[0]:
            return False
        cursor.execute("SET LOCAL trellis.maintenance = 'on'")
        cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        # What came before its month existed must move first, and nothing follow it: attaching refuses rows that stand
        # in the default.
        cursor.execute(f"LOCK TABLE {parent}_default IN ACCESS EXCLUSIVE MODE")
        cursor.execute(_MOVE_STRAYS.format(parent=parent, name=name), [month, until])
        cursor.execute(f"ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)", [month, until])
        return True
