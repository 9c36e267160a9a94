"""Postgres gone: say that the place is kept, and come back by itself."""

from django.db import InterfaceError, OperationalError
from django.shortcuts import render
from psycopg_pool import PoolTimeout


class OutageMiddleware:
    """Answers 503 for a database that can't be reached; every other error stays an error."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, OperationalError | InterfaceError | PoolTimeout):
            response = render(request, "503.html", status=503, using=None)
            response["Retry-After"] = "10"
            response["Cache-Control"] = "no-store"
            return response
        return None
