"""A TCP proxy on this machine that is slow, half-closed or mute when told to be."""

import asyncio
import threading
from contextlib import suppress
from enum import Enum
from typing import Self

from launcher.processes import LOOPBACK


class Way(Enum):
    """What happens to the packets that come back. Those that are sent always go through."""

    CLEAR = "clear"
    SLOW = "each packet 0.1 s late, to and fro"
    # The server seems to have ended, and takes what it is sent.
    HALF_CLOSED = "half-closed: what was sent arrived, and no answer came back"
    # Connected and acknowledged, without an answer, as where a firewall has forgotten.
    MUTE = "mute: connected, what was sent arrived, and no answer came back"


LATE_SECONDS = 0.1
CHUNK = 65_536


class Proxy:
    """Forwards connections to `target`, a port on this machine."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, 0
        self.way = Way.CLEAR
        self._clients: set[asyncio.StreamWriter] = set()
        self._servers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()  # one for each connection
        self._loop: asyncio.AbstractEventLoop
        self._over: asyncio.Event
        self._listens = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listens.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def turn(self, way: Way) -> None:
        """From now on packets go so; CLEAR ends what the state before has left half done."""
        self.way = way
        if way in (Way.CLEAR, Way.HALF_CLOSED):
            self._loop.call_soon_threadsafe(self._end if way is Way.CLEAR else self._half_close)

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._listens.set()
        await self._over.wait()
        server.close()
        self._end()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    def _half_close(self) -> None:
        for client in self._clients:
            with suppress(OSError, RuntimeError):
                client.write_eof()

    def _end(self) -> None:
        for side in (*self._clients, *self._servers):
            side.close()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._clients.add(client)
        with suppress(OSError):  # the target is gone: so is the connection
            back, server = await asyncio.open_connection(LOOPBACK, self.target)
            self._servers.add(server)
            if self.way is Way.HALF_CLOSED:
                client.write_eof()
            await asyncio.gather(self._forward(reader, server), self._answer(back, client))
            self._servers.discard(server)
            server.close()
        client.close()
        self._clients.discard(client)
        self._tasks.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._delay()
                server.write(data)
                await server.drain()
        with suppress(OSError, RuntimeError):
            server.write_eof()

    async def _answer(self, back: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await back.read(CHUNK):
                await self._delay()
                if self.way in (Way.CLEAR, Way.SLOW) and not client.is_closing():
                    client.write(data)
                    await client.drain()
        client.close()

    async def _delay(self) -> None:
        if self.way is Way.SLOW:
            await asyncio.sleep(LATE_SECONDS)
