"""Threads that make pages, with the addresses that wait for one served in turn."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from config.refusals import busy

Result = TypeVar("Result")


class Lane:
    """A few threads and a queue that one address can't fill.

    Each address that waits gets the next free thread in its turn, however many requests it sent.
    Where the queue is full, the address with the most requests in it loses its newest.
    """

    def __init__(self, threads: int, *, waiting: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._free = threads
        self._most = waiting
        self._count = 0
        self._turns: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def run(self, address: str, work: Callable[[], Result]) -> Result:
        """Raises Refused when too many wait already."""
        await self._turn(address)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._pass_on()

    async def _turn(self, address: str) -> None:
        if self._free:
            self._free -= 1
            return
        if self._count >= self._most:
            self._drop_newest(address)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turns.setdefault(address, deque()).append(turn)
        self._count += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _drop_newest(self, address: str) -> None:
        """Of the address with most waiting, which may be the one that asks."""
        largest = max(self._turns, key=lambda one: len(self._turns[one]))
        if len(self._turns[largest]) <= len(self._turns.get(address, ())) + 1:
            raise busy()
        turn = self._turns[largest].pop()
        self._count -= 1
        if not turn.done():
            turn.set_exception(busy())

    def _pass_on(self) -> None:
        while self._turns:
            address, turns = self._turns.popitem(last=False)
            turn = turns.popleft()
            self._count -= 1
            if turns:
                self._turns[address] = turns  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class Share:
    """So many at a time, for each address and in all."""

    def __init__(self, *, each: int, all: int) -> None:
        self._each, self._all = each, all
        self._taken: dict[str, int] = {}
        self._sum = 0

    @contextmanager
    def of(self, address: str) -> Iterator[None]:
        """Raises Refused where it is used up."""
        taken = self._taken.get(address, 0)
        if taken >= self._each or self._sum >= self._all:
            raise busy()
        self._taken[address] = taken + 1
        self._sum += 1
        try:
            yield
        finally:
            self._sum -= 1
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]
