"""Answers on their way out: none larger than a page is kept in memory for a slow reader."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from config.connections import Guard
from config.headers import Headers
from config.lanes import Share
from config.limits import Limits


class FileBody:
    """PEP 3333's `wsgi.file_wrapper`: Django hands the file over instead of reading it."""

    def __init__(self, file: Any, block_size: int = 64 * 1024) -> None:
        self.file = file
        self._block_size = block_size

    def __iter__(self) -> Iterable[bytes]:
        return iter(lambda: self.file.read(self._block_size), b"")

    def close(self) -> None:
        self.file.close()


@dataclass(frozen=True)
class Answer:
    """Status, headers, and either bytes or `size` bytes of an open file from `start`."""

    status: int
    headers: Headers
    body: bytes = b""
    file: int | None = None
    start: int = 0
    size: int = 0
    # Of a file that keeps its name and content for ever.
    path: str = ""

    def close(self) -> None:
        if self.file is not None:
            os.close(self.file)


def answer_of(
    status: int, headers: Headers, body: Iterable[bytes], limits: Limits, static: str
) -> Answer:
    """Taken from Django in its thread, to the end: no thread ever waits for a client."""
    if isinstance(body, FileBody):
        opened = _opened(body.file)
        if opened:
            return _of_file(status, headers, body.file, opened, limits, static)
    with tempfile.SpooledTemporaryFile(limits.memory_bytes) as spool:
        for piece in body:
            spool.write(piece)
        return _of_spool(status, headers, spool, limits)


def _opened(file: Any) -> int | None:
    try:
        return int(file.fileno())
    except (AttributeError, OSError):  # in memory, or a part of a file
        return None


def _of_file(
    status: int, headers: Headers, file: Any, number: int, limits: Limits, static: str
) -> Answer:
    start = file.tell()
    size = os.fstat(number).st_size - start
    told = dict(headers).get("content-length", "")
    if told.isdecimal():
        size = min(size, int(told))
    if size <= limits.memory_bytes:
        return Answer(status, headers, file.read(size))
    name = file.name if isinstance(file.name, str) else ""
    if static and name.startswith(static):
        return Answer(status, headers, start=start, size=size, path=name)
    return Answer(status, headers, file=os.dup(number), start=start, size=size)


def _of_spool(status: int, headers: Headers, spool: Any, limits: Limits) -> Answer:
    size = spool.tell()
    spool.seek(0)
    if size <= limits.memory_bytes:
        return Answer(status, headers, spool.read())
    return Answer(status, headers, file=os.dup(spool.fileno()), size=size)


class Answers:
    def __init__(self, limits: Limits, guard: Guard) -> None:
        self._limits, self._guard = limits, guard
        self._downloads = Share(each=limits.downloads_per_address, all=limits.downloads)

    async def send(self, protocol: Any, answer: Answer, address: str, client: str) -> None:
        """Raises Refused where too many downloads are under way."""
        if answer.path:
            self._send_part(protocol, answer, answer.path, answer.headers)
        elif answer.file is None:
            protocol.response_bytes(answer.status, answer.headers, answer.body)
        else:
            try:
                await self._send_file(protocol, answer, address, client)
            finally:
                answer.close()

    async def _send_file(self, protocol: Any, answer: Answer, address: str, client: str) -> None:
        large = answer.size > self._limits.download_bytes
        with self._downloads.of(address) if large else nullcontext():
            # The end of the connection tells that the file has been sent.
            headers = [*answer.headers, ("connection", "close")]
            self._send_part(protocol, answer, f"/dev/fd/{answer.file}", headers)
            await self._guard.gone(client)

    def _send_part(self, protocol: Any, answer: Answer, path: str, headers: Headers) -> None:
        headers = [pair for pair in headers if pair[0] != "content-length"]
        headers.append(("content-length", str(answer.size)))
        protocol.response_file_range(
            answer.status, headers, path, answer.start, answer.start + answer.size
        )
