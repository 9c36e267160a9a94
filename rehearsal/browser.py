"""A light HTTP/1.1 client on asyncio: one citizen's browser with its cookies and its connection.

An answer costs about a tenth of a millisecond here, where general clients take one: the load
generator shares the machine with the portal it presses, and must not be what is measured. It
knows what the portal sends (lengths or chunks, cookies, redirects to its own paths), and nothing
else; it asks for no compression, as unpacking would cost more than loopback saves.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode, urlsplit

from rehearsal.page import Page

TIMEOUT_SECONDS = 30.0
MOST_REDIRECTS = 5
MOST_BYTES = 20_000_000


class NoAnswer(Exception):
    """The connection was refused, cut or silent; the message says which."""


@dataclass(frozen=True)
class Target:
    """Where the portal answers."""

    host: str
    port: int
    name: str  # as in the Host header
    tls: ssl.SSLContext | None = None
    address: str = ""  # to connect to, once it is known

    @classmethod
    def of(cls, url: str) -> "Target":
        """Raises ValueError for what is no http or https address."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(url)
        tls = ssl.create_default_context() if parts.scheme == "https" else None
        port = parts.port or (443 if tls else 80)
        return cls(parts.hostname, port, parts.netloc, tls)

    def resolved(self) -> "Target":
        """The same with its address: asked for once, not by each citizen's connection."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError:  # each request will say so
            return self
        # The portal of make run listens on 127.0.0.1, whatever localhost is first.
        found.sort(key=lambda entry: entry[0] != socket.AF_INET)
        return replace(self, address=str(found[0][4][0]))

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.name}"

    @property
    def is_loopback(self) -> bool:
        return self.host in ("localhost", "127.0.0.1")


@dataclass
class Answer:
    status: int = 0
    body: bytes = b""
    location: str = ""
    retry_after: float = 0.0  # seconds that a busy portal asked for
    cookies: list[str] = field(default_factory=list)
    keeps_open: bool = True


class Connection(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: Answer | None = None
        self._length = 0  # of the body; -1: in chunks, -2: until the end of the connection
        self._waiter: asyncio.Future[Answer] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes) -> Answer:
        """Send one request and return its answer; raises NoAnswer."""
        assert self._transport
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        limit = loop.call_later(TIMEOUT_SECONDS, self._fail, f"silent for {TIMEOUT_SECONDS:.0f} s")
        self._transport.write(request)
        try:
            answer = await self._waiter
        finally:
            limit.cancel()
            self._waiter = None
        if not answer.keeps_open:
            self.close()
        return answer

    def close(self) -> None:
        if self._transport:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and self._length == -2:
            self._finish(bytes(self._received))
        self._fail("cut off" if self._received or exc else "closed")

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > MOST_BYTES:
            self._fail("an answer without an end")
        if self._answer is None:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            self._read_head(bytes(self._received[:end]))
            del self._received[: end + 4]
        self._read_body()

    def _read_head(self, head: bytes) -> None:
        first, *headers = head.decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        answer = Answer(status=int(words[1]) if len(words) > 1 and words[1].isdigit() else 0)
        self._length = 0 if answer.status in (204, 304) else -2
        for line in headers:
            name, _colon, value = line.partition(":")
            name, value = name.lower(), value.strip()
            if name == "content-length" and value.isdigit() and self._length == -2:
                self._length = int(value)
            elif name == "transfer-encoding" and self._length != 0:
                self._length = -1
            elif name == "set-cookie":
                answer.cookies.append(value)
            elif name == "location":
                answer.location = value
            elif name == "retry-after" and value.isdigit():
                answer.retry_after = float(value)
            elif name == "connection" and value.lower() == "close":
                answer.keeps_open = False
        self._answer = answer

    def _read_body(self) -> None:
        if self._length >= 0:
            if len(self._received) >= self._length:
                body = bytes(self._received[: self._length])
                del self._received[: self._length]
                self._finish(body)
        elif self._length == -1:
            body_or_none = _unchunked(self._received)
            if body_or_none is not None:
                self._received.clear()
                self._finish(body_or_none)

    def _finish(self, body: bytes) -> None:
        answer, self._answer = self._answer, None
        if answer and self._waiter and not self._waiter.done():
            answer.body = body
            self._waiter.set_result(answer)

    def _fail(self, reason: str) -> None:
        self.close()
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(NoAnswer(reason))


def _unchunked(received: bytearray) -> bytes | None:
    """The body of chunks; None while some are to come."""
    body, at = bytearray(), 0
    while True:
        end = received.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(bytes(received[at:end]).split(b";")[0] or b"0", 16)
        if size == 0:
            return bytes(body)
        begin = end + 2
        if len(received) < begin + size + 2:
            return None
        body += received[begin : begin + size]
        at = begin + size + 2


class Browser:
    """Cookies and a connection of one device. Addresses are paths of the portal."""

    def __init__(self, target: Target, *, address: str | None = None) -> None:
        self.target = target
        self.cookies: dict[str, str] = {}
        self._address = address  # of loopback, from which the connection comes
        self._connection: Connection | None = None

    def move_to(self, target: Target, *, address: str | None = None) -> None:
        """Ask another node of the same portal from now on, with the same cookies."""
        self.close()
        self.target, self._address = target, address

    def second_tab(self) -> "Browser":
        """The same cookies on a connection of its own."""
        tab = Browser(self.target, address=self._address)
        tab.cookies = self.cookies
        return tab

    def close(self) -> None:
        """Close the connection, as servers do with idle ones."""
        if self._connection:
            self._connection.close()
            self._connection = None

    async def request(self, method: str, path: str, fields: dict[str, str] | None = None) -> Page:
        """The page at which the redirects end; raises NoAnswer."""
        for _hop in range(MOST_REDIRECTS + 1):
            answer = await self._send(method, path, fields)
            if answer.status not in (301, 302, 303, 307, 308) or not answer.location:
                html = answer.body.decode(errors="replace")
                return Page(
                    url=path, status=answer.status, html=html, retry_after=answer.retry_after
                )
            path = self._path_of(answer.location, path)
            if answer.status < 307:
                method, fields = "GET", None
        raise NoAnswer("too many redirects")

    def _path_of(self, location: str, path: str) -> str:
        parts = urlsplit(location)
        if parts.netloc and parts.netloc != self.target.name:
            raise NoAnswer(f"sent to another host: {parts.netloc}")
        own = parts.path or path.partition("?")[0]
        return f"{own}?{parts.query}" if parts.query else own

    async def _send(self, method: str, path: str, fields: dict[str, str] | None) -> Answer:
        request = self._request(method, path, fields)
        connection, is_new = self._connection, False
        if connection is None or not connection.is_open:
            connection, is_new = await self._connect(), True
        try:
            answer = await connection.ask(request)
        except NoAnswer as problem:
            # An idle connection may be closed just when it is used: browsers ask once more.
            if is_new or str(problem) != "closed":
                raise
            connection = await self._connect()
            answer = await connection.ask(request)
        for cookie in answer.cookies:
            self._keep(cookie)
        return answer

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        own = (self._address, 0) if self._address else None
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                _transport, self._connection = await loop.create_connection(
                    Connection, self.target.address or self.target.host, self.target.port,
                    ssl=self.target.tls, local_addr=own,
                    server_hostname=self.target.host if self.target.tls else None,
                )  # fmt: skip
        except (OSError, TimeoutError) as error:
            raise NoAnswer(f"no connection: {type(error).__name__}") from error
        return self._connection

    def _request(self, method: str, path: str, fields: dict[str, str] | None) -> bytes:
        lines = [
            f"{method} {path.partition('#')[0]} HTTP/1.1", f"Host: {self.target.name}",
            f"Referer: {self.target.origin}/", "Accept-Language: ko", "User-Agent: rehearsal",
            "Sec-Fetch-Site: same-origin",  # as every browser says since 2023
        ]  # fmt: skip
        if self.cookies:
            lines.append("Cookie: " + "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        body = b""
        if fields is not None:
            body = urlencode(fields).encode()
            lines.append("Content-Type: application/x-www-form-urlencoded")
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode() + body

    def _keep(self, cookie: str) -> None:
        pair, *attributes = cookie.split(";")
        name, _equals, value = pair.strip().partition("=")
        # A cookie is deleted by one that is over at once.
        if any(a.strip().lower() in ("max-age=0", "max-age=-1") for a in attributes):
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value
