"""The least that a Django request with one statement costs: the yardstick of `hot_endpoints`, served in the same run.

Stock middlewares, a connection a thread, raw SQL, no checks, no idempotency, no access control.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime

import django
import msgspec
import psycopg
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="bench",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)
django.setup()
_local = threading.local()


def connection() -> psycopg.Connection[tuple[object, ...]]:
    if not hasattr(_local, "connection"):
        _local.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    return _local.connection  # type: ignore[no-any-return]


class Row(msgspec.Struct):
    id: str
    learner: str
    item: str
    correct: float | bool
    occurred_at: datetime


class Batch(msgspec.Struct):
    interactions: list[Row]


COPY = "COPY bench_floor_log (client_id, learner, item, correct, ts) FROM STDIN"
_decoder = msgspec.json.Decoder(Batch)


def read(request: HttpRequest, pk: int) -> HttpResponse:
    row = connection().execute("SELECT id, body FROM bench_floor_state WHERE id = %s", [pk]).fetchone()
    return HttpResponse(msgspec.json.encode(row), content_type="application/json")


def write(request: HttpRequest) -> HttpResponse:
    batch = _decoder.decode(request.body)
    with connection().cursor() as cursor, cursor.copy(COPY) as copy:
        for row in batch.interactions:
            copy.write_row((row.id, row.learner, row.item, float(row.correct), row.occurred_at))
    return HttpResponse(b"{}", content_type="application/json", status=202)


write.csrf_exempt = True  # type: ignore[attr-defined]
urlpatterns = [path("read/<int:pk>", read), path("write", write)]
application = get_wsgi_application()
