"""What each web process counts for /metrics: requests, their seconds, joins, refusals.

Summed over the processes of a server by prometheus_client (config.counted). Polls are not counted:
counting one would cost a tenth of answering it.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("jari_requests", "Requests that Django answered", ["page", "status"])
SECONDS = Histogram(
    "jari_request_seconds",
    "Seconds of a page in its thread",
    ["page"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
JOINS = Counter("jari_joins", "Places given by the fast path, those given again included")
BUSY = Counter("jari_busy", "Requests refused because too many waited")
POOL_USED = Gauge("jari_pool_used", "Database connections in use", multiprocess_mode="livesum")
POOL_WAITING = Gauge(
    "jari_pool_waiting", "Threads that wait for a connection", multiprocess_mode="livesum"
)
POOL_SECONDS = 1.0  # between two looks at the pool


class MeasuredMiddleware:
    """Counts each request under the name of its address, which holds nothing that was typed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._looked = 0.0

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        response = self.get_response(request)
        now = time.monotonic()
        count(page_of(request), response.status_code, now - began)
        if now - self._looked > POOL_SECONDS:
            self._looked = now
            _look_at_pool()
        return response


def count(page: str, status: int, seconds: float) -> None:
    """Count an answer; `page` is the name of its address."""
    SECONDS.labels(page).observe(seconds)
    REQUESTS.labels(page, f"{status // 100}xx").inc()


def page_of(request: HttpRequest) -> str:
    """The address's name; all of the admin is one, as is what leads nowhere."""
    if request.path_info.startswith("/admin/"):
        return "admin"
    if request.path_info.startswith(settings.STATIC_URL):
        return "static"
    match = request.resolver_match
    return match.view_name or "unnamed" if match else "none"


def _look_at_pool() -> None:
    pool = getattr(connection, "pool", None)
    if pool is None:
        return
    stats = pool.get_stats()
    POOL_USED.set(stats.get("pool_size", 0) - stats.get("pool_available", 0))
    POOL_WAITING.set(stats.get("requests_waiting", 0))
