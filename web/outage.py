"""Pages for an unreachable Postgres: they say that the place is kept, and reload by themselves."""

from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from psycopg_pool import PoolTimeout

from web.language import is_unsent


class OutageMiddleware:
    """Answers 503 if the database can't be reached; other exceptions are not handled."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, OperationalError | InterfaceError | PoolTimeout):
            # A change of language is a POST too, which shows typed values again.
            if request.method == "POST" or is_unsent(request):
                # A POST can't simply be reloaded: its page has a form to submit it again.
                response = render(request, "503_sent.html", {"sent": _sent(request)}, status=503)
            else:
                response = render(request, "503.html", status=503)
            response["Retry-After"] = "10"
            response["Cache-Control"] = "no-store"
            return response
        return None


def _sent(request: HttpRequest) -> list[tuple[str, str]]:
    """Posted fields for submitting again, without passwords; [] if there were files."""
    if request.FILES:
        return []
    return [
        (name, value)
        for name, values in request.POST.lists()
        if "password" not in name
        for value in values
    ]
