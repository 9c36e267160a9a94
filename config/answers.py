"""Sends responses: small ones from memory, larger ones from a file, so that a slow client holds
little memory."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain
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
    # Set instead of `file` for a static file, which keeps its name and content.
    path: str = ""

    def close(self) -> None:
        if self.file is not None:
            os.close(self.file)


def answer_of(
    status: int, headers: Headers, body: Iterable[bytes], limits: Limits, static: str
) -> Answer:
    """Read a WSGI response to its end, in Django's thread: the thread never waits for a client."""
    if isinstance(body, FileBody):
        descriptor = _descriptor(body.file)
        if descriptor:
            return _of_file(status, headers, body.file, descriptor, limits, static)
    pieces, size = [], 0
    remaining = iter(body)
    for piece in remaining:
        pieces.append(piece)
        size += len(piece)
        if size > limits.memory_bytes:
            return _of_spool(status, headers, pieces, remaining)
    if any(name == "content-length" for name, _value in headers):
        headers = _measured(headers, size)
    return Answer(status, headers, b"".join(pieces))


def _measured(headers: Headers, size: int) -> Headers:
    """`headers` with the true length: with another one, reader and proxy wait for bytes that never
    come, or take some for the next answer."""
    return [pair for pair in headers if pair[0] != "content-length"] + [
        ("content-length", str(size))
    ]


def _descriptor(file: Any) -> int | None:
    try:
        return int(file.fileno())
    except (AttributeError, OSError):  # in memory, or a part of a file
        return None


def _of_file(
    status: int, headers: Headers, file: Any, descriptor: int, limits: Limits, static: str
) -> Answer:
    start = file.tell()
    size = os.fstat(descriptor).st_size - start
    # Shorter than the file for a range request.
    declared = dict(headers).get("content-length", "")
    if declared.isdecimal():
        size = min(size, int(declared))
    if size <= limits.memory_bytes:
        return Answer(status, headers, file.read(size))
    name = file.name if isinstance(file.name, str) else ""
    if static and name.startswith(static):
        return Answer(status, headers, start=start, size=size, path=name)
    # A copy of the descriptor: Django closes the file before the client has all of it.
    return Answer(status, headers, file=os.dup(descriptor), start=start, size=size)


def _of_spool(
    status: int, headers: Headers, pieces: Iterable[bytes], remaining: Iterable[bytes]
) -> Answer:
    with tempfile.TemporaryFile() as spool:
        for piece in chain(pieces, remaining):
            spool.write(piece)
        spool.flush()
        return Answer(status, headers, file=os.dup(spool.fileno()), size=spool.tell())


class Answers:
    """Sends the answers of one lane; large files count as downloads, which are limited."""

    def __init__(self, limits: Limits, guard: Guard) -> None:
        self._limits, self._guard = limits, guard
        self._downloads = Share(each=limits.downloads_per_address, all=limits.downloads)

    async def send(self, protocol: Any, answer: Answer, address: str, client: str) -> None:
        """Send and close `answer`; raises Refused if too many downloads are running."""
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
            # Closing the connection is the only sign that granian has sent the file.
            headers = [*answer.headers, ("connection", "close")]
            self._send_part(protocol, answer, f"/dev/fd/{answer.file}", headers)
            await self._guard.gone(client)

    def _send_part(self, protocol: Any, answer: Answer, path: str, headers: Headers) -> None:
        protocol.response_file_range(
            answer.status,
            _measured(headers, answer.size),
            path,
            answer.start,
            answer.start + answer.size,
        )
