"""The last few things of a kind that a browser has shown to know, in a signed cookie."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from database import signing


@dataclass(frozen=True)
class Remembered:
    """The newest first, at most `most`; forgotten `seconds` after the last one."""

    cookie: str
    salt: str
    most: int
    seconds: int

    def read(self, request: HttpRequest) -> list[str]:
        """What this browser has shown to know; nothing where the cookie is not ours."""
        value = request.COOKIES.get(self.cookie, "")
        try:
            kept = signing.loads(value, salt=self.salt, max_age=self.seconds)
        except signing.BadSignature:
            return []
        return kept if isinstance(kept, list) else []

    def add(self, request: HttpRequest, response: HttpResponse, thing: str) -> None:
        others = [other for other in self.read(request) if other != thing]
        response.set_cookie(
            self.cookie,
            signing.dumps([thing, *others][: self.most], salt=self.salt, compress=True),
            max_age=self.seconds,
            httponly=True,
            samesite="Lax",
            secure=settings.CSRF_COOKIE_SECURE,
        )
