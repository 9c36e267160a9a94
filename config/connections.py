"""A look at the connections of a web process, which the web server itself does not give.

It tells when a client has gone, and ends two kinds of connections. Those above what one address
may have: the web server stops accepting at its own limit, and whoever had taken all of them would
keep everybody out. And those whose client takes next to nothing of an answer: each holds memory
or an open file.
"""

import asyncio
import fcntl
import logging
import os
import socket
import struct
import termios
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.limits import Limits
from web.addresses import network_of, parse

log = logging.getLogger(__name__)

Client = tuple[str, int]  # address and port
Peer = tuple[Any, ...]  # address and port, of IPv6 also flow and scope
Key = tuple[int, Peer]  # a descriptor may be another connection's by the next look

DESCRIPTORS = Path("/dev/fd")
LOOK_SECONDS = 1.0
# struct tcp_info of Linux: tcpi_bytes_acked and tcpi_bytes_received.
TCP_INFO_SIZE, TCP_INFO_BYTES = 136, struct.Struct("=120xQQ")
# What the kernel may keep of a connection: up to 4 MB by default, for each that never reads.
BUFFER_BYTES = 128 * 1024
# Of its connections a process keeps some free for addresses that have few.
FULL = 0.75


@dataclass(frozen=True)
class Connection:
    number: int
    peer: Peer
    taken: int
    sent: int
    waiting: int
    """Bytes that the client took, that it sent, and that wait for it."""

    @property
    def key(self) -> Key:
        return self.number, self.peer

    @property
    def client(self) -> Client:
        return self.peer[0].partition("%")[0], self.peer[1]


class Guard:
    """Looks once a second; `shared` says that proxies stand between us and the addresses."""

    def __init__(self, limits: Limits, *, shared: bool = False) -> None:
        self._limits, self._shared = limits, shared
        self._port = 0
        self._slow: dict[Key, tuple[float, int]] = {}
        self._listening: set[int] = set()
        self._awaited: dict[Client, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, port: int) -> None:
        """Not before the process has forked."""
        self._port = port
        threading.Thread(target=self._watch, daemon=True, name="connections").start()

    async def gone(self, client: str) -> None:
        """Returns within a second or two of the end of this connection, as granian names it.

        Its own `client_disconnect` says nothing any more once an answer has begun.
        """
        self._loop = asyncio.get_running_loop()
        address, _colon, port = client.rpartition(":")
        key = address.strip("[]").partition("%")[0], int(port)
        event = self._awaited.setdefault(key, asyncio.Event())
        await event.wait()

    def _watch(self) -> None:
        while True:
            try:
                self.look(time.monotonic())
            except Exception:
                log.exception("connections were not looked at")
            time.sleep(LOOK_SECONDS)

    def look(self, now: float) -> None:
        awaited = list(self._awaited)  # all of them open when the look begins
        connections = list(self._connections())
        self._tell(set(awaited) - {connection.client for connection in connections})
        stalled = self._stalled(connections, now)
        excess = [] if self._shared else self._excess(connections)
        ended = sum(end(connection) for connection in [*stalled, *excess])
        if ended:
            log.warning(
                "%d connections ended: %d too slow, %d too many", ended, len(stalled), len(excess)
            )

    def _tell(self, gone: set[Client]) -> None:
        for client in gone:
            event = self._awaited.pop(client)
            if self._loop:
                self._loop.call_soon_threadsafe(event.set)

    def _connections(self) -> Iterator[Connection]:
        for name in os.listdir(DESCRIPTORS):
            number = int(name)
            connection = connection_at(number, self._port)
            if connection:
                yield connection
            elif number not in self._listening and listens_at(number, self._port):
                self._listening.add(number)

    def _stalled(self, connections: list[Connection], now: float) -> list[Connection]:
        """Those that had an answer waiting all the time and took too little of it."""
        limits, before = self._limits, self._slow
        self._slow, stalled = {}, []
        for connection in connections:
            if not connection.waiting:
                continue
            since, taken = before.get(connection.key, (now, connection.taken))
            if now - since >= limits.send_seconds:
                if connection.taken - taken < limits.send_rate * (now - since):
                    stalled.append(connection)
                since, taken = now, connection.taken
            self._slow[connection.key] = since, taken
        return stalled

    def _excess(self, connections: list[Connection]) -> list[Connection]:
        """Of each address with too many: those that have asked for least, the youngest first."""
        by_address: dict[str, list[Connection]] = {}
        for connection in connections:
            address = parse(connection.peer[0])
            by_address.setdefault(network_of(address) if address else "", []).append(connection)
        most = fair_share(
            [len(group) for group in by_address.values()],
            each=self._limits.connections_per_address,
            together=int(self._limits.connections * FULL),
        )
        excess = []
        for group in by_address.values():
            if len(group) > most:
                group.sort(key=lambda connection: (connection.sent, -connection.number))
                excess += group[: len(group) - most]
        return excess


def fair_share(counts: list[int], *, each: int, together: int) -> int:
    """What one address may have, so that together they have no more than that."""
    while each > 1 and sum(min(count, each) for count in counts) > together:
        each //= 2
    return each


def connection_at(number: int, port: int) -> Connection | None:
    """What is behind a descriptor of this process, where it is a client of ours.

    The web server's own threads may close it at any time: every step may fail.
    """
    borrowed = None
    try:
        borrowed = socket.socket(fileno=number)
        if borrowed.getsockname()[1] != port:
            return None
        peer = borrowed.getpeername()
        waiting = struct.unpack("i", fcntl.ioctl(number, termios.TIOCOUTQ, bytes(4)))[0]
        info = bytes(TCP_INFO_SIZE)
        if hasattr(socket, "TCP_INFO"):  # on macOS nobody is too slow
            info = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
        taken, sent = TCP_INFO_BYTES.unpack(info)
        return Connection(number, peer, taken, sent, waiting)
    except (OSError, IndexError, TypeError, struct.error):
        return None
    finally:
        if borrowed:
            borrowed.detach()


def listens_at(number: int, port: int) -> bool:
    """Whether this is where our clients arrive; each inherits its buffers from there."""
    borrowed = None
    try:
        borrowed = socket.socket(fileno=number)
        if not borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return False
        if borrowed.getsockname()[1] != port:
            return False
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            borrowed.setsockopt(socket.SOL_SOCKET, buffer, BUFFER_BYTES)
    except (OSError, IndexError, TypeError):
        return False
    else:
        return True
    finally:
        if borrowed:
            borrowed.detach()


def end(connection: Connection) -> bool:
    """A copy of the descriptor can't become another connection's while it is looked at."""
    try:
        with socket.socket(fileno=os.dup(connection.number)) as held:
            if held.getpeername() != connection.peer:
                return False
            # What waits is thrown away: the client gets a reset, not a short answer.
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            held.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True
