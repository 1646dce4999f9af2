"""For probes: is the process up, and can it reach what it needs?"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from kombu import Connection

from api.body import respond

#: A probe waits this long for the broker, no longer.
BROKER_SECONDS = 2


class Check(msgspec.Struct):
    ok: bool
    #: What is wrong, in general words: who may probe may not know addresses or passwords.
    detail: str = ""


class Health(msgspec.Struct):
    status: str
    checks: dict[str, Check]


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nobody else, so that a slow database does not get healthy processes killed."""
    return respond(Health("ok", {}))


def readyz(request: HttpRequest) -> HttpResponse:
    checks = {
        "database": _check(_database, "does not answer"),
        "migrations": _check(_migrations, "are not all applied: run manage.py migrate"),
        "broker": _check(_broker, "does not answer"),
    }
    ready = all(check.ok for check in checks.values())
    return respond(Health("ok" if ready else "unavailable", checks), status=200 if ready else 503)


def _check(probe: Callable[[], bool], failure: str) -> Check:
    try:
        return Check(ok=True) if probe() else Check(ok=False, detail=failure)
    except Exception as error:
        return Check(ok=False, detail=f"{failure} ({type(error).__name__})")


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


_migrated: list[bool] = []


def _migrations() -> bool:
    # Applied migrations stay applied while a process lives; reading them all takes 10 ms.
    if not _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _migrated.append(True)
    return True


def _broker() -> bool:
    with Connection(settings.BROKER_URL, connect_timeout=BROKER_SECONDS) as broker:
        broker.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    return True
