"""Prometheus figures of the API, and of the workers as the database tells of them.

With several web processes set PROMETHEUS_MULTIPROC_DIR to add up the former.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from statistics import mean
from typing import Any, final

import structlog
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from tutor.tracing import drift, workers
from tutor.tracing.models import DriftAlert
from tutor.tracing.workers import Worker

log = structlog.get_logger()

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
    pool = CollectorRegistry()
    pool.register(Pool())
    return HttpResponse(generate_latest(registry) + generate_latest(pool), content_type=CONTENT_TYPE_LATEST)


@final
class Pool(Collector):
    """Asked at every scrape, of the database: the same whichever process answers, so take the maximum, not the sum."""

    def describe(self) -> list[Metric]:
        """Nothing, so that registering asks nobody."""
        return []

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        try:
            queue = workers.queue(now)
            listed = workers.workers(now, queue.oldest_seconds)
            alerts = Counter((alert.kind, _scope(alert)) for alert in drift.open_alerts())
        except Exception as error:
            # The figures of the API are worth more than ever when the database is away.
            log.warning("pool_not_measured", error=f"{type(error).__name__}: {error}")
            connection.close()
            return
        yield GaugeMetricFamily("trellis_learners_behind", "Learners with answers in no state yet", queue.behind)
        yield GaugeMetricFamily("trellis_learners_put_off", "Learners who could not be updated", queue.put_off)
        oldest = "Age of the oldest learner behind: scale on this"
        yield GaugeMetricFamily("trellis_queue_oldest_seconds", oldest, queue.oldest_seconds)
        yield _alerts(alerts)
        yield _states(listed)
        yield _versions(listed)
        for name, help_text, kind, value in _FIGURES:
            yield _figure(kind(name, help_text, labels=["worker", "device"]), listed, value)


_FIGURES: tuple[tuple[str, str, type[Any], Any], ...] = (
    ("trellis_worker_batches", "Batches finished", CounterMetricFamily, lambda s: s.batches),
    ("trellis_worker_learners", "Learners advanced", CounterMetricFamily, lambda s: s.learners),
    ("trellis_worker_answers", "Answers folded", CounterMetricFamily, lambda s: s.answers),
    ("trellis_worker_halvings", "Batches that did not fit into memory", CounterMetricFamily, lambda s: s.halvings),
    ("trellis_worker_memory_bytes", "Resident memory", GaugeMetricFamily, lambda s: s.memory_bytes),
    ("trellis_worker_device_memory_bytes", "Held of its device", GaugeMetricFamily, lambda s: s.device_memory_bytes),
    ("trellis_worker_batch_size_mean", "Learners of a batch, of the last ones", GaugeMetricFamily,
     lambda s: mean(s.batch_sizes or [0])),
    ("trellis_worker_batch_size_max", "Learners of the largest of the last batches", GaugeMetricFamily,
     lambda s: max(s.batch_sizes, default=0)),
)  # fmt: skip


def _figure(family: Any, listed: list[Worker], value: Any) -> Metric:
    for status in (worker.status for worker in listed):
        family.add_metric([status.name, status.device], value(status))
    return family  # type: ignore[no-any-return]


def _scope(alert: DriftAlert) -> str:
    return "school" if alert.school_id else "site"


def _alerts(found: Mapping[tuple[str, str], int]) -> Metric:
    """With the noughts, so that a rule sees an alert rise and end."""
    help_text = "Champions that foretell worse than they did: open alerts, of schools' own and of the site's"
    family = GaugeMetricFamily("trellis_drift_alerts", help_text, labels=["kind", "scope"])
    for kind in drift.KINDS:
        for scope in ("site", "school"):
            family.add_metric([kind, scope], found.get((kind, scope), 0))
    return family


def _states(listed: list[Worker]) -> Metric:
    family = GaugeMetricFamily("trellis_worker_state", "1 for the state a worker is in", labels=["worker", "state"])
    for worker in listed:
        for state in workers.STATES:
            family.add_metric([worker.status.name, state], float(worker.state == state))
    return family


def _versions(listed: list[Worker]) -> Metric:
    family = GaugeMetricFamily("trellis_worker_model_loaded", "Models in memory", labels=["worker", "version"])
    for worker in listed:
        for version in worker.status.versions:
            family.add_metric([worker.status.name, str(version)], 1.0)
    return family
