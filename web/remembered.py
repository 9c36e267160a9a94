"""Keys that a browser has proved to know, such as tickets by their codes, in a signed cookie."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from database import signing


@dataclass(frozen=True)
class Remembered:
    """The last `most` keys, newest first; the cookie expires `seconds` after the last one."""

    cookie: str
    salt: str
    most: int
    seconds: int

    def read(self, request: HttpRequest) -> list[str]:
        """The browser's keys; [] without a valid cookie."""
        value = request.COOKIES.get(self.cookie, "")
        try:
            keys = signing.loads(value, salt=self.salt, max_age=self.seconds)
        except signing.BadSignature:
            return []
        return keys if isinstance(keys, list) else []

    def add(self, request: HttpRequest, response: HttpResponse, key: str) -> None:
        """Put `key` first in the cookie of `response`."""
        others = [other for other in self.read(request) if other != key]
        response.set_cookie(
            self.cookie,
            signing.dumps([key, *others][: self.most], salt=self.salt, compress=True),
            max_age=self.seconds,
            httponly=True,
            samesite="Lax",
            secure=settings.CSRF_COOKIE_SECURE,
        )
