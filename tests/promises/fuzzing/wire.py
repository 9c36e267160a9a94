"""The portal as the web server calls it, in this thread and inside the test's transaction."""

import asyncio
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.cache import caches
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import got_request_exception, request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.http import QueryDict
from django.test import TestCase
from django.utils.datastructures import MultiValueDict

from booking.finder import availability
from config import bridge, lanes
from config.headers import security_headers
from outside import redis
from tests.redis_databases import empty_redis
from waiting_room.fast_path import FastPathApplication

Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __str__(self) -> str:
        address = f"{self.path}?{self.query}" if self.query else self.path
        head = "".join(f"\n    {name}: {value[:200]}" for name, value in self.headers)
        return f"{self.method} {address}{head}\n    {self.body[:1000]!r}"


@dataclass
class Answer:
    """The protocol of one request, and what it was answered."""

    request: Request
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    error: str = ""
    # Names of fields that were asked for, of the address as of the body.
    read: set[str] = field(default_factory=set)

    def __aiter__(self) -> "Answer":
        self._pieces = [self.request.body]
        return self

    async def __anext__(self) -> bytes:
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop()

    def response_bytes(self, status: int, headers: Pairs, body: bytes) -> None:
        self.status, self.headers, self.content = status, dict(headers), body

    def response_file_range(
        self, status: int, headers: Pairs, path: str, start: int, end: int
    ) -> None:
        with open(path, "rb") as file:
            file.seek(start)
            self.response_bytes(status, headers, file.read(end - start))


class InThisThread(lanes.Lane):
    """A lane that makes pages in this thread, to which the test's transaction belongs."""

    async def work(self, work: Callable[[], lanes.Result]) -> lanes.Result:
        with no_event_loop():
            return work()


class FastPath(FastPathApplication):
    async def _in_thread(self, ask: Any, code: str) -> Any:
        with no_event_loop():
            return ask(code)


@contextmanager
def no_event_loop() -> Iterator[None]:
    """Inside a loop Django has another connection, which does not see the test's rows."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)


class NoCompany:
    """Joins are left to the page: what was gathered would need a connection of its own."""

    async def join(self, *_: Any) -> None:
        return None


class NeverGone:
    async def gone(self, _client: str) -> None:
        return None


class Headers:
    """As granian hands them over: names in small letters, several of one name kept apart."""

    def __init__(self, pairs: Pairs) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        return next((value for key, value in self._pairs if key == name), default)

    def get_all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def items(self) -> Pairs:
        return self._pairs


class Wire:
    """`ask` sends a request and undoes what it did."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(lanes, "Lane", InThisThread)
        # Messages that are waited for are sent by threads, which would see no row of ours.
        patch.setattr("messaging.background.in_background", lambda *_: True)
        pages = bridge.WsgiBridge(WSGIHandler(), guard=NeverGone(), headers=security_headers())
        self._portal = FastPath(pages, headers=security_headers())
        self._portal._batcher = NoCompany()
        self._loop = asyncio.new_event_loop()
        self._read: set[str] = set()
        self._listen(patch)
        logging.disable()  # pytest keeps every line, of an hour too
        patch.setattr("waiting_room.fast_path.close_old_connections", lambda: None)

    def _listen(self, patch: pytest.MonkeyPatch) -> None:
        """Which fields the pages ask for: their forms do not show all of them."""
        for kind, name in [
            (MultiValueDict, "__getitem__"), (MultiValueDict, "getlist"),
            (QueryDict, "__contains__"),
        ]:  # fmt: skip
            patch.setattr(kind, name, self._listened(getattr(kind, name)))

    def _listened(self, method: Any) -> Any:
        def asked(this: Any, key: Any, *more: Any, **options: Any) -> Any:
            # Django's table of addresses is a MultiValueDict too.
            if type(key) is str and isinstance(this, QueryDict):
                self._read.add(key)
            return method(this, key, *more, **options)

        return asked

    def close(self) -> None:
        self._loop.close()
        logging.disable(logging.NOTSET)

    def ask(self, request: Request) -> Answer:
        answer = Answer(request)
        self._read.clear()
        committed = TestCase.captureOnCommitCallbacks(execute=True)
        with undone(), connection_kept(), failures(answer), committed:
            self._run(request, answer)
        answer.read = set(self._read)
        return answer

    def _run(self, request: Request, answer: Answer) -> None:
        length = ("content-length", str(len(request.body)))
        headers = [("host", "testserver"), length, *request.headers]
        scope = SimpleNamespace(
            method=request.method, path=request.path, query_string=request.query,
            http_version="1.1", scheme="http", server="testserver:80", client="127.0.0.1:5000",
            authority=None, headers=Headers(headers),
        )  # fmt: skip
        with no_event_loop():  # Playwright's may run in this thread, and rests meanwhile
            self._loop.run_until_complete(self._portal(scope, answer))


@contextmanager
def connection_kept() -> Iterator[None]:
    """The one with the test's transaction, as Django's own test client keeps it."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


@contextmanager
def failures(answer: Answer) -> Iterator[None]:
    """What was raised: by a view, which is answered with 500, or after the commit."""

    def tell(**_: Any) -> None:
        answer.error = traceback.format_exc(limit=-4)

    got_request_exception.connect(tell)
    try:
        yield
    except Exception:
        answer.status, answer.error = 500, traceback.format_exc(limit=-4)
    finally:
        got_request_exception.disconnect(tell)


@contextmanager
def undone() -> Iterator[None]:
    """Rows, counters, queues and what this process remembers are afterwards as before."""
    before = transaction.savepoint()
    callbacks = len(connection.run_on_commit)
    try:
        yield
    finally:
        transaction.savepoint_rollback(before)
        transaction.set_rollback(False)
        del connection.run_on_commit[callbacks:]
        caches["local"].clear()
        empty_redis()
        redis.breaker.reset()
        availability.clear_caches()
