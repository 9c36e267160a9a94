"""Gives each request an id, which its answer, its log lines and its statements carry."""

import re
import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from database.tracing import tracing

HEADER = "X-Request-ID"
# As nginx ($request_id), HAProxy and envoy write it; it goes into an SQL comment.
_ID = re.compile(r"[0-9A-Za-z-]{8,64}")


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = id_of(request)
        with tracing(name):
            response = self.get_response(request)
        response.headers[HEADER] = name
        return response


def id_of(request: HttpRequest) -> str:
    """That of our own proxy, else a new one: a caller's could pass for another request."""
    name = request.headers.get(HEADER, "") if settings.PROXIES else ""
    return name if _ID.fullmatch(name) else secrets.token_hex(8)
