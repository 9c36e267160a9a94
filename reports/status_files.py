"""The files of the status page as answers, without Django's handler: in the web server's event loop
(config.published) and by a view under other servers."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from reports.open_files import folder_of, only_writer
from reports.parts import states
from reports.status import FACTS, FOLDER, is_due, write_status
from web.encodings import coding_for
from web.language import language_of_headers

PATH = re.compile(r"/status/(?:(?P<language>[a-z-]{2,7})/|status\.json)?")
# As long as a cache may answer for us; the page is written every few seconds.
CACHE_CONTROL = "public, max-age=2"
# Of the page: its own style and script, which asks for the newest page; no form, no frame.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'"
)

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]


@dataclass(frozen=True)
class _Kept:
    """A file in memory, with the time and size by which a newer one is recognized."""

    written: tuple[int, int]
    body: bytes
    packed: bytes


class StatusFiles:
    """Answers of /status/…; a file that can't be read any more is answered from memory."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def answer(self, path: str, header: Callable[[str], str]) -> Answer | None:
        """The answer to a GET of `path`; `header` gives a request header or "". None for another
        path, an unknown language, or while nothing was written yet."""
        match = PATH.fullmatch(path)
        # Without TLS Django leads to https (django.middleware.security).
        if match is None or (
            settings.SECURE_SSL_REDIRECT and header("x-forwarded-proto") != "https"
        ):
            return None
        name, language = FACTS, ""
        if not path.endswith(FACTS):
            language = match["language"] or language_of_headers(header)
            if language not in dict(settings.LANGUAGES):
                return None
            name = f"page-{language}.html"
        stored = self._file(name)
        return None if stored is None else _answer(stored, header, language)

    def _file(self, name: str) -> _Kept | None:
        path = folder_of(FOLDER) / name
        stored = self._kept.get(str(path))
        try:
            written = _written(path)
            if stored is None or stored.written != written:
                stored = _Kept(written, path.read_bytes(), Path(f"{path}.gz").read_bytes())
                self._kept[str(path)] = stored
        except OSError:
            return stored
        return stored


def _written(path: Path) -> tuple[int, int]:
    stat = os.stat(path)
    return stat.st_mtime_ns, stat.st_size


def _answer(stored: _Kept, header: Callable[[str], str], language: str) -> Answer:
    coding = coding_for(header("accept-encoding"), ["gzip"])
    etag = f'"{stored.written[0]:x}{"-gzip" if coding else ""}"'
    headers = [
        ("etag", etag),
        ("cache-control", CACHE_CONTROL),
        ("vary", "Accept-Encoding, Accept-Language, Cookie"),
    ]
    if etag in header("if-none-match"):
        return 304, headers, b""
    kind = "text/html" if language else "application/json"
    headers.append(("content-type", f"{kind}; charset=utf-8"))
    if language:
        headers += [("content-language", language), ("content-security-policy", POLICY)]
    if coding:
        headers.append(("content-encoding", coding))
    return 200, headers, stored.packed if coding else stored.body


@require_safe
def status(request: HttpRequest, language: str = "") -> HttpResponse:
    """The same through Django, where the event loop is not in front or has nothing to show yet:
    written when it is asked for. Raises Http404."""
    _write_if_due()
    found = files.answer(request.path, lambda name: request.headers.get(name, ""))
    if found is None:
        raise Http404
    code, headers, body = found
    response = HttpResponse(body, status=code)
    del response["Content-Type"]
    for name, value in headers:
        response[name] = value
    return response


def _write_if_due() -> None:
    folder = folder_of(FOLDER)
    if not is_due(folder):
        return
    with suppress(OSError), only_writer(folder) as is_alone:
        if is_alone:
            write_status(states())


files = StatusFiles()
