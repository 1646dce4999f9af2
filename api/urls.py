"""Every address that `api.middleware` answers."""

from django.urls import URLPattern, URLResolver, include, path

from api import health, metrics
from api.v1 import me

V1: list[URLPattern | URLResolver] = [
    *me.urlpatterns,
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include(V1)),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics.metrics),
]
