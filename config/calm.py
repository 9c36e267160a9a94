"""A process of the web server for what a crowd must not slow: pages of staff, and look-ups.

The crowd's processes receive every request and send every answer (config.bridge). What belongs to
one of these lanes they hand over by a Unix socket, and answer it in threads of their own where this
process is away. They run at a lower priority, so that the kernel gives this one a processor first.
"""

import asyncio
import io
import json
import os
import shutil
import signal
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from config.answers import Answer, FileBody
from config.processes import is_alive
from config.refusals import Refused

# Of the crowd's processes. Raising it needs no rights.
CROWD_NICE = 10
# The process touches its sockets so often; after SILENT_SECONDS without it counts as hung.
TOUCH_SECONDS, SILENT_SECONDS = 1.0, 4.0
# Not below JARI_HOME or TMPDIR: the name of a Unix socket may have a hundred letters.
PARENT, PREFIX = Path("/tmp"), "jari-web-"  # noqa: S108
BACKLOG = 1_024
PIECE = 256 * 1024
# A request is its environ as JSON and its body, an answer its head as JSON and its body. In an
# answer the JSON says if a file follows as a descriptor.
LENGTHS = struct.Struct("!II")


class Away(Exception):
    """The process is not there, and has nothing of this request."""


class Calm:
    """Where the process is asked, for each of its lanes; `threads` are the lanes' by name."""

    def __init__(self, threads: Mapping[str, int]) -> None:
        self.threads = {lane: count for lane, count in threads.items() if count}
        self._folder: Path | None = None

    def prepare(self) -> None:
        """Make the folder of the sockets, which no other account may enter; before the fork.
        Where that is not possible, the process is not used."""
        _remove_left()
        with suppress(OSError):
            self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=PARENT))

    @property
    def is_used(self) -> bool:
        return self._folder is not None

    def remove(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def serves(self, lane: str) -> bool:
        return self.is_used and lane in self.threads

    def socket_of(self, lane: str) -> Path:
        if self._folder is None:
            raise Away
        return self._folder / lane

    async def ask(self, lane: str, environ: Mapping[str, Any], body: bytes) -> Answer:
        """The answer of the process. Raises Away, or Refused if it ended with a request in it
        that may have done something."""
        path = self.socket_of(lane)
        with socket.socket(socket.AF_UNIX) as link:
            link.setblocking(False)
            try:
                _require_alive(path)
                link.connect(str(path))
                await asyncio.get_running_loop().sock_sendall(link, _request(environ, body))
            except OSError as error:
                raise Away from error
            try:
                return await _answer(link, path)
            except OSError as error:
                if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                    raise Away from error
                raise Refused(503) from error


def _touch(path: Path) -> None:
    # The clock that all processes of this machine share, and that nobody sets.
    now = time.monotonic()
    os.utime(path, (now, now))


def _remove_left() -> None:
    """Remove the folders of servers that were killed."""
    for folder in PARENT.glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not is_alive(pid):
            shutil.rmtree(folder, ignore_errors=True)  # another account's stays


def _require_alive(path: Path) -> None:
    if time.monotonic() - path.stat().st_mtime > SILENT_SECONDS:
        raise TimeoutError


def _request(environ: Mapping[str, Any], body: bytes) -> bytes:
    texts = {name: value for name, value in environ.items() if isinstance(value, str)}
    return _framed(json.dumps(texts).encode(), body)


def _framed(head: bytes, body: bytes) -> bytes:
    return LENGTHS.pack(len(head), len(body)) + head + body


async def _answer(link: socket.socket, path: Path) -> Answer:
    """Read one answer; raises OSError if the process ends or hangs before it is whole."""
    received, files = bytearray(), list[int]()
    try:
        while (parts := _unframed(received)) is None:
            await _readable(link, path)
            piece, more, _flags, _address = socket.recv_fds(link, PIECE, 1)
            files += more
            if not piece:
                raise ConnectionResetError
            received += piece
        head: dict[str, Any] = json.loads(parts[0])
        if "refused" in head:
            raise Refused(head["refused"])
        head["headers"] = [(name, value) for name, value in head["headers"]]
        return Answer(**head, body=parts[1], file=files.pop() if files else None)
    finally:
        for file in files:
            os.close(file)


def _unframed(received: bytes | bytearray) -> tuple[bytes, bytes] | None:
    """Head and body; None if they are not complete yet."""
    if len(received) < LENGTHS.size:
        return None
    head, body = LENGTHS.unpack_from(received)
    if len(received) < LENGTHS.size + head + body:
        return None
    content = bytes(received[LENGTHS.size :])
    return content[:head], content[head:]


async def _readable(link: socket.socket, path: Path) -> None:
    """Return when there is something to read; raises OSError when the process hangs."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(link, ready.set)
    try:
        while not ready.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(TOUCH_SECONDS):
                    await ready.wait()
                    return
            _require_alive(path)
    finally:
        loop.remove_reader(link)


class CalmServer:
    """The process itself: threads for each lane, and one that takes its requests.

    `call` answers an environ, `refused` turns an exception of it into a status.
    """

    def __init__(
        self, calm: Calm, call: Callable[[dict[str, Any]], Answer],
        refused: Callable[[Exception], Refused],
    ) -> None:  # fmt: skip
        self._calm, self._call, self._refused = calm, call, refused
        self._over = threading.Event()
        self._listening: list[socket.socket] = []
        self._taking: list[threading.Thread] = []
        self._pools: list[ThreadPoolExecutor] = []

    def run(self) -> None:
        """Serve until SIGTERM, and finish what is under way."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._over.set())
        for lane, count in self._calm.threads.items():
            self._open(lane, count)
        while not self._over.wait(TOUCH_SECONDS):
            for lane in self._calm.threads:
                with suppress(OSError):
                    _touch(self._calm.socket_of(lane))
        for listening in self._listening:
            # Nobody else connects; those who have are taken still.
            listening.shutdown(socket.SHUT_RDWR)
        for taking in self._taking:
            taking.join()
        for pool in self._pools:
            pool.shutdown()

    def _open(self, lane: str, count: int) -> None:
        listening = socket.socket(socket.AF_UNIX)
        path = self._calm.socket_of(lane)
        # Renamed, so that a successor takes over without a moment in which nobody listens.
        fresh = path.with_name(f"{lane}.{os.getpid()}")
        listening.bind(str(fresh))
        listening.listen(BACKLOG)
        _touch(fresh)
        fresh.replace(path)
        self._listening.append(listening)
        pool = ThreadPoolExecutor(count, thread_name_prefix=lane)
        self._pools.append(pool)
        taking = threading.Thread(target=self._take, args=[listening, pool], daemon=True)
        taking.start()
        self._taking.append(taking)

    def _take(self, listening: socket.socket, pool: ThreadPoolExecutor) -> None:
        while True:
            try:
                link, _address = listening.accept()
                pool.submit(self._serve, link)
            except OSError:
                if self._over.is_set():
                    return
                time.sleep(0.1)  # no descriptor left

    def _serve(self, link: socket.socket) -> None:
        with link, suppress(OSError):
            environ = _environ(link)
            if environ is None:  # the caller has disconnected
                return
            try:
                answer = self._call(environ)
            except Exception as error:
                head = json.dumps({"refused": self._refused(error).status}).encode()
                link.sendall(_framed(head, b""))
                return
            try:
                _send(link, answer)
            finally:
                answer.close()


def _environ(link: socket.socket) -> dict[str, Any] | None:
    received = bytearray()
    while (parts := _unframed(received)) is None:
        piece = link.recv(PIECE)
        if not piece:
            return None
        received += piece
    environ: dict[str, Any] = json.loads(parts[0])
    return environ | {"wsgi.file_wrapper": FileBody, "wsgi.input": io.BytesIO(parts[1])}


def _send(link: socket.socket, answer: Answer) -> None:
    head = {name: value for name, value in vars(answer).items() if name not in ("body", "file")}
    content = _framed(json.dumps(head).encode(), answer.body)
    files = [] if answer.file is None else [answer.file]
    # The descriptor goes with the first bytes.
    begun = socket.send_fds(link, [content], files)
    link.sendall(content[begun:])
