from collections.abc import Callable
from contextlib import suppress

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from psycopg_pool import PoolTimeout
from redis import RedisError

from booking.views import holds
from database.clock import clock_ahead, clock_line, is_off, known_now, measure_if_due
from messaging import budget, gateways
from outside import jobs, redis
from vaccination import unsent
from waiting_room.services.witnessed import health_line as witnesses_line

# By the name of the form's address: stores what was typed, for whom the form was made.
_KEEP_UNSENT: dict[str, Callable[[HttpRequest], object]] = {
    "confirm": holds.keep_unsent,
    "extend": holds.keep_unsent,
    "questions": unsent.keep_unsent,
}


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid CSRF token, mostly from an old page or with cookies off.

    The request is not carried out; what was typed is stored where the form itself says whose it
    is.
    """
    keep = _KEEP_UNSENT.get(request.resolver_match.view_name) if request.resolver_match else None
    if keep:
        with suppress(OperationalError, InterfaceError, PoolTimeout):
            keep(request)
    return render(request, "403.html", {"form_expired": True}, status=403)


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Liveness of this process; it checks nothing else."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Readiness: the state of each part by name.

    Only an unreachable database makes it fail. Without Redis or a worker the line stands still,
    but people can join, enter and book, so a load balancer must keep sending them here.
    """
    parts = {name: check() for name, check in PARTS.items()}
    ready = parts["database"] == "ok"
    return JsonResponse(
        {"ready": ready, **parts, "time": known_now().isoformat()}, status=200 if ready else 503
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        measure_if_due()
    except DatabaseError:
        return "unreachable"
    return "ok"


def _clock() -> str:
    """Whether this node's clock agrees with the database's. Decisions use the database's clock;
    log lines and TLS use this one."""
    ahead = clock_ahead()
    if ahead is None:
        return "unknown"
    return clock_line(ahead) if is_off(ahead) else "ok"


def _redis() -> str:
    try:
        redis.client().ping()
    except RedisError:
        return "unreachable"
    return "ok"


def _worker() -> str:
    try:
        return "ok" if jobs.has_worker(jobs.LINE) else "none"
    except RedisError:
        return "unknown"


def _messages() -> str:
    try:
        above = [spending.kind for spending in budget.usage_by_kind() if spending.over]
        silent = [f"{row} since {row.since:%H:%M:%S}" for row in gateways.out_of_order()]
    except DatabaseError:
        return "unknown"
    problems = [f"above budget: {', '.join(above)}"] if above else []
    problems += [f"gateway takes nothing: {', '.join(silent)}"] if silent else []
    return "; ".join(problems) or "ok"


def _witnesses() -> str:
    try:
        return witnesses_line()
    except DatabaseError:
        return "unknown"


PARTS = {
    "database": _database,
    "redis": _redis,
    "worker": _worker,
    "messages": _messages,
    "clock": _clock,
    "witnesses": _witnesses,
}
