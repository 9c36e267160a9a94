"""Requests that came without TLS: pages lead to their https address, everything else is refused."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_REFUSAL = "https://로만 이용할 수 있습니다.\nOnly https:// is answered here.\n"


class TransportMiddleware:
    """Refuses plain requests that a redirect would serve all the same, where TLS is required.

    A program that sends forms or reads files by http would go on for ever, unnoticed, each time
    unencrypted first. An opened page (Django's SecurityMiddleware, next) is a person's typing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.exempt = [re.compile(pattern) for pattern in settings.SECURE_REDIRECT_EXEMPT]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.SECURE_SSL_REDIRECT or request.is_secure() or self._may_be_plain(request):
            return self.get_response(request)
        return HttpResponse(_REFUSAL, status=403, content_type="text/plain; charset=utf-8")

    def _may_be_plain(self, request: HttpRequest) -> bool:
        is_page = request.method in ("GET", "HEAD") and request.path.endswith("/")
        path = request.path.lstrip("/")
        return is_page or any(pattern.search(path) for pattern in self.exempt)
