"""/metrics for Prometheus: what the web processes counted; how lines, queues and parts stand."""

import hmac
import os
from collections.abc import Iterator

from django.conf import settings
from django.db import Error as DatabaseProblem
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import REGISTRY, Collector
from redis import RedisError

from database.clock import clock_ahead
from outside import jobs
from recovery import watching
from reports.control_room import open_rooms
from reports.models import PortalMinute
from reports.parts import OK, states
from waiting_room.enums import State
from waiting_room.now_document import RATE_SECONDS, state_of, waiting_in
from web import measured  # noqa: F401 - its counters belong to the registry
from web.addresses import client_address

# Name → what it is; each with the labels that _lines gives.
LINE = {
    "jari_line_moves": "1 while the line should move",
    "jari_line_waiting": "People not called yet",
    "jari_line_serving": "Called up to this place",
    "jari_line_called_per_minute": f"Called in the last {RATE_SECONDS} s",
    "jari_line_pace": "Called per minute at most, just now",
    "jari_line_inside": "People booking",
    "jari_line_inside_most": "People who may book at once",
    "jari_line_tick_age_seconds": "Since the last tick of the line",
    "jari_line_estimates_held": "Share of the waiting times given that came true",
}
MINUTE = {
    "jari_minute_holds": ("Slots held", "holds"),
    "jari_minute_bookings": ("Bookings confirmed", "bookings"),
    "jari_minute_page_errors": ("Booking pages that failed", "errors"),
    "jari_minute_messages_failed": ("Messages that failed", "failed"),
}


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Raises Http404 for those who may not read it: they learn not even that it is here."""
    if not may_read(request):
        raise Http404
    registry = CollectorRegistry()
    registry.register(StateCollector())
    counted = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    else:
        counted = REGISTRY
    body = generate_latest(counted) + generate_latest(registry)
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def may_read(request: HttpRequest) -> bool:
    """With the token; without one set, from this machine, unless a proxy stands in between."""
    token = settings.METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    forwarded = {"X-Forwarded-For", "Forwarded", "Via"} & set(request.headers)
    address = client_address(request)
    return not forwarded and address is not None and address.is_loopback


class StateCollector(Collector):
    """What is asked when it is read, so that it is never older than the reading."""

    def collect(self) -> Iterator[Metric]:
        yield from _parts()
        yield from _queues()
        try:
            yield from _lines()
            yield from _minute()
            yield from _copies()
        except DatabaseProblem:
            return  # jari_part_ok says so


def _gauge(name: str, about: str, values: list[tuple[list[str], float]], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, about, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


def _parts() -> Iterator[Metric]:
    found = [([part], float(state == OK)) for part, state in states().items()]
    yield _gauge("jari_part_ok", "1 while a part of the portal is in order", found, "part")
    ahead = clock_ahead()
    seconds: list[tuple[list[str], float]] = []
    if ahead is not None:
        seconds.append(([], ahead.total_seconds()))
    yield _gauge("jari_clock_ahead_seconds", "This node's clock before the database's", seconds)


def _queues() -> Iterator[Metric]:
    try:
        depths = [([name], float(depth)) for name, depth in jobs.depths().items()]
    except RedisError:
        depths = []
    yield _gauge("jari_queue_jobs", "Jobs that wait", depths, "queue")


def _lines() -> Iterator[Metric]:
    found: dict[str, list[tuple[list[str], float]]] = {name: [] for name in LINE}
    for room in open_rooms():
        document, ticked_at = room.board.document, room.line.ticked_at
        age = None if ticked_at is None else (room.now - ticked_at).total_seconds()
        score = document.get("score") or {}
        moves = state_of(room, room.now) in (State.OPEN, State.DRAWING, State.GATHERING)
        values: tuple[float | None, ...] = (
            float(moves), waiting_in(room), room.line.serving, document.get("per_minute"),
            room.line.pace, room.line.active, room.max_active, age, score.get("held"),
        )  # fmt: skip
        for name, value in zip(LINE, values, strict=True):
            if value is not None:
                found[name].append(([room.cohort.code], float(value)))
    for name, about in LINE.items():
        yield _gauge(name, about, found[name], "room")


def _minute() -> Iterator[Metric]:
    last = PortalMinute.objects.order_by("-minute").first()
    for name, (about, field) in MINUTE.items():
        value = getattr(last, field, None)
        found: list[tuple[list[str], float]] = [] if value is None else [([], float(value))]
        yield _gauge(name, f"{about} in the last whole minute", found)


def _copies() -> Iterator[Metric]:
    for measure in watching.measures():
        labels = [measure.label] if measure.label else []
        values = [([name] if labels else [], value) for name, value in measure.values]
        yield _gauge(f"jari_{measure.name}", measure.about, values, *labels)
