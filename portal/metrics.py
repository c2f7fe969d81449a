"""Prometheus figures of this process, for a scraper that knows METRICS_TOKEN."""

import os
from collections.abc import Iterable
from functools import cache
from hmac import compare_digest

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from portal import pages
from portal.backlog import backlog

REQUEST_SECONDS = Histogram(
    "portal_request_seconds",
    "How long requests took, by where they went and how they ended.",
    ["route", "method", "status"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2.0, 10.0),
)
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


def count_request(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Record one finished request. Routes are patterns, so their number is bounded."""
    match = request.resolver_match
    method = request.method if request.method in METHODS else "other"
    _series(match.route if match else "none", method, response.status_code // 100).observe(seconds)


@cache
def _series(route: str, method: str, hundreds: int) -> Histogram:
    """Remembered, because the library takes longer to find it than to count."""
    return REQUEST_SECONDS.labels(route, method, f"{hundreds}xx")


def show(request: HttpRequest) -> HttpResponse:
    """The figures as text. 404 without the right `Authorization: Bearer <METRICS_TOKEN>`."""
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    if not settings.METRICS_TOKEN or not compare_digest(given.encode(), wanted.encode()):
        return pages.not_found(request)
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


class WorkCollector(Collector):
    """How late the work is (portal.backlog), read when asked for; nothing while the database is away."""

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        try:
            work = backlog(now=timezone.now())
        except DatabaseError:
            return
        yield GaugeMetricFamily(
            "portal_oldest_due_seconds", "Age of the oldest due item.", value=work.oldest_due_seconds
        )
        yield GaugeMetricFamily(
            "portal_oldest_unknown_order_seconds",
            "Age of the oldest order whose outcome is not known.",
            value=work.oldest_unknown_seconds,
        )
        yield GaugeMetricFamily("portal_parked_checks", "Checks that were given up.", value=work.parked)


REGISTRY.register(WorkCollector())


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(WorkCollector())
    return registry
