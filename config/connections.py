"""Watches the client connections of a web process, for which granian has no interface.

Notices when a client has disconnected, and closes two kinds of connections: those above one
address's share, since granian stops accepting at its own limit and one address could use it up;
and those whose client reads an answer too slowly, since each holds memory or an open file.
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
Key = tuple[int, Peer]  # with the peer, as a descriptor's number may be reused between two looks

DESCRIPTORS = Path("/dev/fd")
LOOK_SECONDS = 1.0
# struct tcp_info of Linux: tcpi_bytes_acked and tcpi_bytes_received.
TCP_INFO_SIZE, TCP_INFO_BYTES = 136, struct.Struct("=120xQQ")
# Kernel buffer of a connection. By default up to 4 MB each, for clients that never read.
BUFFER_BYTES = 128 * 1024
# Above this share of all connections the limit per address shrinks (fair_share).
FULL = 0.75


@dataclass(frozen=True)
class Connection:
    number: int
    peer: Peer
    taken: int
    sent: int
    waiting: int
    """Bytes acknowledged by the client, received from it, and waiting in the send buffer."""

    @property
    def key(self) -> Key:
        return self.number, self.peer

    @property
    def client(self) -> Client:
        return self.peer[0].partition("%")[0], self.peer[1]


class Guard:
    """Inspects the connections once a second.

    With `shared` (behind proxies) an address stands for many callers, so none are too many.
    """

    def __init__(self, limits: Limits, *, shared: bool = False) -> None:
        self._limits, self._shared = limits, shared
        self._port = 0
        self._slow: dict[Key, tuple[float, int]] = {}
        self._listening: set[int] = set()
        self._awaited: dict[Client, asyncio.Event] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, port: int) -> None:
        """Start the watching thread; call it after the fork, which no thread survives."""
        self._port = port
        threading.Thread(target=self._watch, daemon=True, name="connections").start()

    async def gone(self, client: str) -> None:
        """Return within about two seconds of the end of a connection; `client` is scope.client.

        Granian's own `client_disconnect` never returns once a response has begun.
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
        """Wake those who wait for a disconnected client; end stalled and excess connections."""
        # Copied first: a connection awaited later may be missing in the list below.
        awaited = list(self._awaited)
        connections = list(self._connections())
        self._wake(set(awaited) - {connection.client for connection in connections})
        stalled = self._stalled(connections, now)
        excess = [] if self._shared else self._excess(connections)
        ended = sum(end(connection) for connection in [*stalled, *excess])
        if ended:
            log.warning(
                "%d connections ended: %d too slow, %d too many", ended, len(stalled), len(excess)
            )

    def _wake(self, disconnected: set[Client]) -> None:
        for client in disconnected:
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
        """Connections with unsent bytes that acknowledged fewer than `send_rate` a second."""
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
        """Connections above each address's share; first those that sent least, then the newest."""
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
    """The limit per address: `each`, halved until all together stay within `together`."""
    while each > 1 and sum(min(count, each) for count in counts) > together:
        each //= 2
    return each


def connection_at(number: int, port: int) -> Connection | None:
    """The client connection behind a descriptor of this process; None if it is something else.

    Granian's threads may close the descriptor at any time, so every step may fail.
    """
    # A socket object over a descriptor that isn't ours: `detach` keeps it from being closed.
    borrowed = None
    try:
        borrowed = socket.socket(fileno=number)
        if borrowed.getsockname()[1] != port:
            return None
        peer = borrowed.getpeername()
        waiting = struct.unpack("i", fcntl.ioctl(number, termios.TIOCOUTQ, bytes(4)))[0]
        info = bytes(TCP_INFO_SIZE)
        if hasattr(socket, "TCP_INFO"):  # absent on macOS: no client counts as slow there
            info = borrowed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_SIZE)
        taken, sent = TCP_INFO_BYTES.unpack(info)
        return Connection(number, peer, taken, sent, waiting)
    except (OSError, IndexError, TypeError, struct.error):
        return None
    finally:
        if borrowed:
            borrowed.detach()


def listens_at(number: int, port: int) -> bool:
    """Whether this is the listening socket; sets its buffer sizes, which connections inherit."""
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
    """Reset the connection; False if it has ended meanwhile."""
    try:
        # On a copy, whose number can't be reused for another connection meanwhile.
        with socket.socket(fileno=os.dup(connection.number)) as copy:
            if copy.getpeername() != connection.peer:
                return False
            # Linger 0 discards unsent bytes: the client sees a reset, not a truncated answer.
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            copy.shutdown(socket.SHUT_RDWR)
    except OSError:
        return False
    return True
