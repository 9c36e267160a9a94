"""Runs Django's WSGI application behind the web server's event loop, each request in a thread.

A thread gets a request with its complete body and returns a complete answer, so it never waits for
a client. Staff and people who look up what they booked have threads of their own
(config.lanes); probes and the status page are answered without a thread.

Django's ASGI handler and a2wsgi cost three to ten times as much for synchronous views
(docs/performance.md).
"""

import io
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import IO, Any

from django.conf import settings
from django.http import HttpResponse

from config.answers import Answer, Answers, FileBody, answer_of
from config.bodies import Bodies
from config.calm import Away, Calm
from config.connections import Guard
from config.headers import Headers, completed
from config.lanes import ROOM, Lane, Lanes, Threads
from config.limits import Limits
from config.refusals import Refused, refusal_of
from web.addresses import address_of, network_of
from web.error_pages import page
from web.language import language_of_headers

Probe = Callable[[], tuple[int, Headers, bytes]]
# Answers a path with request headers from memory, or gives None for one that it does not know.
Published = Callable[[str, Callable[[str], str]], tuple[int, Headers, bytes] | None]
# Answers an environ with its whole body in the event loop, or gives None for Django's threads.
Fast = Callable[[dict[str, Any]], Awaitable[HttpResponse | None]]
UTF_8 = re.compile(r"utf-?8", re.IGNORECASE)
# Also as RFC 2231 writes it, which Django reads: charset*=utf-8''utf-7.
CHARSET = re.compile(r";\s*charset(\*[\d*]*)?\s*=\s*\"?([^\";\s]*)", re.IGNORECASE)


def alive() -> tuple[int, Headers, bytes]:
    """Liveness: 200 whenever the event loop runs."""
    return (
        200,
        [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")],
        b"ok\n",
    )


def there_is_room() -> tuple[int, Headers, bytes]:
    """What config.views.identity_room answers, too."""
    return 204, [("cache-control", "no-store")], b""


class WsgiBridge:
    """A WSGI application, called by the RSGI protocol of granian.

    `hops` is the number of trusted proxies, `static` the folder of static files, `headers` are
    added to every answer, `probes` maps paths to functions that are called in the event loop, and
    `published` is asked there for files that need no Django, `fast` for answers without a thread,
    and `calm` for those of a process of their own.
    """

    def __init__(
        self,
        wsgi: Callable[..., Iterable[bytes]],
        *,
        threads: Threads | None = None,
        limits: Limits | None = None,
        guard: Guard | None = None,
        hops: int = 0,
        static: str = "",
        headers: Headers | None = None,
        probes: Mapping[str, Probe] | None = None,
        published: Published | None = None,
        fast: Sequence[Fast] = (),
        calm: Calm | None = None,
    ) -> None:
        self._wsgi, self._hops, self._static = wsgi, hops, static
        self._limits = limits or Limits()
        self._headers = headers or []
        self._probes = {"/healthz": alive, **(probes or {})}
        self._published, self._fast, self._calm = published, fast, calm
        self._lanes = Lanes(threads or Threads(), waiting=self._limits.waiting)
        guard = guard or Guard(self._limits)
        # Of each lane its own: bodies that a crowd sends slowly must not use up those of others.
        self._bodies = {lane: Bodies(self._limits) for lane in self._lanes.all()}
        self._answers = {lane: Answers(self._limits, guard) for lane in self._lanes.all()}

    async def __call__(self, scope: Any, protocol: Any) -> None:
        try:
            await self._serve(scope, protocol)
        except Refused as refused:
            status, headers, body = refused.answer_in(language_of(scope))
            if _has_no_body(scope):
                # Who is refused comes again: a new connection costs more than the refusal.
                headers = [pair for pair in headers if pair[0] != "connection"]
            self._answer(protocol, status, headers, body)
        except Exception as error:
            self._answer(protocol, *refusal_of(error).answer_in(language_of(scope)))

    def _answer(self, protocol: Any, status: int, headers: Headers, body: bytes) -> None:
        protocol.response_bytes(status, completed(headers, self._headers), body)

    async def _serve(self, scope: Any, protocol: Any) -> None:
        pairs = scope.headers.items()
        _check_host(scope, pairs)
        path = scope.path
        probe = self._probes.get(path)
        if probe and scope.method in ("GET", "HEAD"):
            self._answer(protocol, *probe())
            return
        if self._published and scope.method in ("GET", "HEAD"):
            found = self._published(path, lambda name: scope.headers.get(name) or "")
            if found:
                self._answer(protocol, *found)
                return
        environ = environ_of(scope, path, pairs)
        _check_charset(environ)
        caller = address_of(environ, self._hops)
        address = network_of(caller) if caller else "unknown"
        if path == ROOM and scope.method in ("GET", "HEAD"):
            self._lanes.arrivals.refuse_if_full(address)
            self._answer(protocol, *there_is_room())
            return
        lane = self._lanes.of(path)
        arrives = lane is self._lanes.arrivals and not _has_no_body(scope)
        if arrives:
            # Else a crowd's bodies are read for nothing.
            lane.refuse_if_full(address)
        environ["wsgi.input"] = body = await self._receive(protocol, environ, address, lane)
        try:
            answer = None if arrives else await self._fast_answer(environ)
            if answer is None:
                answer = await self._answer_in(lane, address, environ, arrives=arrives)
        finally:
            body.close()
        await self._answers[lane].send(protocol, answer, address, scope.client)

    async def _answer_in(
        self, lane: Lane, address: str, environ: dict[str, Any], *, arrives: bool
    ) -> Answer:
        """The answer of this lane's own process, where it has one that is there; else of a thread
        here."""
        async with lane.turn(address):
            # The form of one who arrives has its turn, also where it needs no thread.
            if arrives and (answer := await self._fast_answer(environ)):
                return answer
            length = int(environ.get("CONTENT_LENGTH") or 0)
            # Uploads stay here: their file would be copied for nothing.
            if self._calm and self._calm.serves(lane.name) and length <= self._limits.body_bytes:
                body = environ["wsgi.input"]
                body.seek(0)
                with suppress(Away):
                    return await self._calm.ask(lane.name, environ, body.read())
            environ["wsgi.input"].seek(0)
            return await lane.work(partial(self.call, environ))

    async def _fast_answer(self, environ: dict[str, Any]) -> Answer | None:
        """The answer of the event loop, where it has one."""
        for fast in self._fast:
            response = await fast(environ)
            if response is not None:
                break
        else:
            return None
        headers = [(name.lower(), value) for name, value in response.items()]
        headers += [("set-cookie", cookie.OutputString()) for cookie in response.cookies.values()]
        return Answer(response.status_code, completed(headers, self._headers), response.content)

    async def _receive(
        self, protocol: Any, environ: dict[str, Any], address: str, lane: Lane
    ) -> IO[bytes]:
        def may_send() -> Awaitable[bool]:
            return lane.run(address, partial(self._shows_form, environ))

        return await self._bodies[lane].receive(protocol, environ, address, may_send)

    def _shows_form(self, environ: dict[str, Any]) -> bool:
        """Whether a GET of the upload's address answers 200, so that this sender may upload."""
        framing = ("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_TRANSFER_ENCODING")
        get = {name: value for name, value in environ.items() if name not in framing}
        answer = self.call({**get, "REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()})
        answer.close()
        return answer.status == 200

    def call(self, environ: dict[str, Any]) -> Answer:
        """Call the WSGI application and read its response (PEP 3333)."""
        started: list[Any] = []

        def start_response(status: str, headers: Headers, *_error: object) -> None:
            started[:] = [int(status[:3]), [(name.lower(), value) for name, value in headers]]

        body = self._wsgi(environ, start_response)
        try:
            status, headers = started
            headers = completed(headers, self._headers)
            if environ["REQUEST_METHOD"] == "HEAD":
                return Answer(status, headers)
            answer = answer_of(status, headers, body, self._limits, self._static)
            return _with_words(answer, environ) if status == 405 else answer
        finally:
            if hasattr(body, "close"):
                body.close()


def _with_words(answer: Answer, environ: dict[str, Any]) -> Answer:
    """Give a refused method a page where the application left the body empty."""
    if answer.body:
        return answer
    language = language_of_headers(lambda name: environ.get(f"HTTP_{_meta(name)}", ""))
    headers = [pair for pair in answer.headers if pair[0] not in ("content-type", "content-length")]
    headers.append(("content-type", "text/html; charset=utf-8"))
    return replace(answer, headers=headers, body=page("405.html", language))


def _meta(name: str) -> str:
    return name.upper().replace("-", "_")


def language_of(scope: Any) -> str:
    """The language of a refusal; Korean where even the headers can't be read."""
    try:
        return language_of_headers(lambda name: scope.headers.get(name) or "")
    except (AttributeError, UnicodeError, ValueError):
        return settings.LANGUAGE_CODE


def _has_no_body(scope: Any) -> bool:
    framing = ("content-length", "transfer-encoding")
    return scope.method == "GET" and not any(scope.headers.get(name) for name in framing)


def _check_host(scope: Any, pairs: list[tuple[str, str]]) -> None:
    """Require exactly one Host header (RFC 9112 3.2): of two, a proxy may have used the other."""
    hosts = sum(name == "host" for name, _value in pairs)
    if hosts > 1 or (hosts == 0 and scope.http_version == "1.1"):
        raise Refused(400)


def _check_charset(environ: dict[str, Any]) -> None:
    """Require UTF-8 where a charset is named; Django would fail on an unknown one with 500."""
    for extended, charset in CHARSET.findall(environ.get("CONTENT_TYPE", "")):
        if extended or not UTF_8.fullmatch(charset):
            raise Refused(400)


def environ_of(scope: Any, path: str, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """The request as a WSGI environ (PEP 3333), whose texts are bytes decoded as Latin-1."""
    host, _colon, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": FileBody,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    for name, value in pairs:
        # Both X-Forwarded-For and X_Forwarded_For become HTTP_X_FORWARDED_FOR; a caller could
        # forge the header of the trusted proxy with the latter.
        if "_" in name:
            continue
        key = _meta(name)
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ and key != "HTTP_HOST":
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    return environ
