"""Something that a page offers to send, and a request made of it."""

from dataclasses import dataclass, field
from urllib.parse import quote, quote_from_bytes

from tests.promises.fuzzing.states import TOKEN, State
from tests.promises.fuzzing.wire import Request

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xxx"
FILE = "file"

Values = tuple[tuple[str, str], ...]
# What is done ("set", "add" beside what is there, "drop"), to which field, and the value.
Change = tuple[str, str, bytes]


@dataclass(frozen=True)
class Target:
    """A form with what a browser would fill in, or a link with its query."""

    state: State
    route: str
    method: str
    path: str
    values: Values = ()
    # Beside the form's own fields: those of its address.
    query: Values = ()
    files: frozenset[str] = frozenset()
    multipart: bool = False
    options: Values = field(default=(), compare=False)

    @property
    def key(self) -> tuple[str, str, frozenset[str]]:
        return self.route, self.method, frozenset(name for name, _value in self.values)


@dataclass(frozen=True)
class Plan:
    """A target, and what is unlike what a browser would send."""

    target: Target
    changes: tuple[Change, ...] = ()
    method: str = ""
    path: str = ""
    query: tuple[tuple[str, bytes], ...] = ()
    content_type: str | None = None
    cookie: tuple[str, str] | None = None
    header: tuple[str, str] | None = None
    body: bytes | None = None
    token: bool = True

    def request(self) -> Request:
        target, method = self.target, self.method or self.target.method
        query, body = list(self.query), b""
        if target.method == "POST":
            query += [(name, value.encode()) for name, value in target.query]
            body = self._body() if method != "GET" else b""
        else:
            query += self._values()
        headers = [("cookie", self._cookies()), ("accept-language", "ko")]
        if body or self.content_type is not None:
            headers.append(("content-type", self._type))
        if self.header:
            headers.append(self.header)
        body = body if self.body is None else self.body
        return Request(method, self.path or target.path, _encoded(query), tuple(headers), body)

    @property
    def _type(self) -> str:
        if self.content_type is not None:
            return self.content_type
        return MULTIPART if self.target.multipart or self.target.files else FORM

    def _body(self) -> bytes:
        if self._type.startswith("multipart"):
            return _multipart(self._values(), self.target.files)
        return _encoded(self._values()).encode()

    def _values(self) -> list[tuple[str, bytes]]:
        values = [(name, value.encode()) for name, value in self.target.values]
        if self.target.method == "POST" and self.token:
            values = [pair for pair in values if pair[0] != "csrfmiddlewaretoken"]
            values.append(("csrfmiddlewaretoken", TOKEN.encode()))
        for what, name, value in self.changes:
            if what != "add":
                values = [pair for pair in values if pair[0] != name]
            if what != "drop":
                values.append((name, value))
        return values

    def _cookies(self) -> str:
        cookies = dict(self.target.state.cookies)
        if self.cookie:
            cookies[self.cookie[0]] = self.cookie[1]
        return "; ".join(f"{name}={value}" for name, value in cookies.items())

    def __str__(self) -> str:
        return f"as {self.target.state.name}: {self.request()}"


def _encoded(values: list[tuple[str, bytes]]) -> str:
    return "&".join(f"{quote(name)}={quote_from_bytes(value)}" for name, value in values)


def _multipart(values: list[tuple[str, bytes]], files: frozenset[str]) -> bytes:
    parts = [
        b'--xxx\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
        % (name.encode(), b'; filename="f.csv"' if name in files else b"", value)
        for name, value in values
    ]
    return b"".join(parts) + b"--xxx--\r\n"
