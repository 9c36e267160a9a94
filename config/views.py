from collections.abc import Callable
from contextlib import suppress

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from psycopg_pool import PoolTimeout

from booking.views import holds
from database.clock import known_now
from reports.parts import PARTS
from vaccination import unsent

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
@require_safe
def identity_room(request: HttpRequest) -> HttpResponse:
    """Whether the identity form would be taken now. The web server answers it, and says 503 with
    Retry-After where it would not (config.bridge); behind another there is always room."""
    return HttpResponse(status=204)


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
