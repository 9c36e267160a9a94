"""Django's pages behind the event loop of the web server, each request in a thread.

Why not Django's own ASGI handler or a2wsgi: they cost three to ten times as much for views that
are not asynchronous (docs/performance.md).
"""

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

log = logging.getLogger(__name__)

# A longer body, such as a roster, is read by the thread that wants it, piece by piece.
READ_AT_ONCE = 64 * 1024
SEND_AT_ONCE = 64 * 1024


class Pages:
    """A WSGI application, called by the RSGI protocol of granian."""

    def __init__(self, wsgi: Callable[..., Iterable[bytes]], *, threads: int) -> None:
        self._wsgi = wsgi
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="page")

    async def __call__(self, scope: Any, protocol: Any) -> None:
        loop = asyncio.get_running_loop()
        environ = environ_of(scope)
        environ["wsgi.input"] = await _body(environ, protocol, loop)
        answer = await loop.run_in_executor(self._threads, self._answer, environ, protocol, loop)
        if answer:
            protocol.response_bytes(*answer)

    def _answer(self, environ: dict, protocol: Any, loop: asyncio.AbstractEventLoop):
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_error: object) -> None:
            started[:] = [int(status[:3]), [(name.lower(), value) for name, value in headers]]

        body = self._wsgi(environ, start_response)
        try:
            if not getattr(body, "streaming", False):
                return (*started, b"".join(body))
            # In this thread to the end: an export has its database connection here.
            self._stream(started, body, protocol, loop)
            return None
        finally:
            if hasattr(body, "close"):
                body.close()

    def _stream(self, started: list, body: Iterable[bytes], protocol: Any, loop: Any) -> None:
        async def start() -> Any:
            return protocol.response_stream(*started)

        async def send(piece: bytes) -> None:
            await transport.send_bytes(piece)

        transport = asyncio.run_coroutine_threadsafe(start(), loop).result()
        try:
            for piece in _larger(body):
                asyncio.run_coroutine_threadsafe(send(piece), loop).result()
        except Exception as error:
            # The status is sent and can't be taken back; mostly somebody closed the page.
            log.warning("an answer ended early: %s", type(error).__name__)


def environ_of(scope: Any) -> dict[str, Any]:
    """The request as PEP 3333 has it: text holds the bytes of the address as Latin-1."""
    host, _colon, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    for name, value in scope.headers.items():
        # `X_Forwarded_For` would pass for what only our own proxy may write.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ and key != "HTTP_HOST":
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    return environ


async def _body(environ: dict, protocol: Any, loop: asyncio.AbstractEventLoop) -> io.IOBase:
    length = environ.get("CONTENT_LENGTH", "")
    if length.isdecimal() and int(length) > READ_AT_ONCE:
        return io.BufferedReader(_Pieces(protocol, loop), READ_AT_ONCE)
    return io.BytesIO(await protocol() if length else b"")


class _Pieces(io.RawIOBase):
    """A body as it arrives, for a thread beside the event loop."""

    def __init__(self, protocol: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._pieces = protocol.__aiter__()
        self._loop = loop
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    async def _next(self) -> bytes:
        piece = b""
        while not piece:
            try:
                piece = await anext(self._pieces)
            except StopAsyncIteration:
                break
        return bytes(piece)


def _larger(pieces: Iterable[bytes]) -> Iterable[bytes]:
    """Fewer, larger pieces: each costs a word with the event loop."""
    gathered, size = [], 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= SEND_AT_ONCE:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)
