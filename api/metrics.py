"""Prometheus figures of the API. With several web processes set PROMETHEUS_MULTIPROC_DIR to add them up."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUEST_SECONDS = Histogram(
    "trellis_http_request_seconds",
    "Time from the first middleware to the finished response",
    ["method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)


@cache
def _series(method: str, route: str, status: int) -> Any:
    return REQUEST_SECONDS.labels(method, route, str(status))


def observe(method: str, route: str, status: int, seconds: float) -> None:
    """`route` is the pattern, never the path: one time series an endpoint, not a learner."""
    _series(method, route, status).observe(seconds)


def metrics(request: HttpRequest) -> HttpResponse:
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
