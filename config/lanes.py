"""Thread pools for pages, one for each kind of visitor, with queues that are fair between network
addresses."""

import asyncio
import math
import random
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from config.refusals import Refused, busy

Result = TypeVar("Result")
# Of a queue, for the request at its end; a browser and its reader wait about three times as long.
MOST_SECONDS = 10.0
# Who waits for longer all the same, as pages take longer than they did, is told to come again: by
# then a browser may have gone, and its page would be made for nobody.
LONGEST_SECONDS = 2 * MOST_SECONDS
# That a page takes, until that is known: the first crowd must not find room for a thousand.
FIRST_SECONDS = 0.1
# So many may wait however slow the pages are: a mean of few requests says little.
LEAST = 20
MEAN_OF = 50
# A crowd that arrives waits so long for those who are on their way, and looks so often.
AFTER_SECONDS, LOOK_SECONDS = 5.0, 0.05
# What a refused browser is told to wait: as long as all who were refused lately take, within these.
SOON, LATE = 10.0, 60.0


# What people come for who have booked already, and what says how things stand: a crowd in front of
# an opening asks for other pages.
LOOKUP = (
    "/reservations/", "/certificates/", "/closures/", "/offers/", "/status/",
    "/metrics", "/help/", "/how/", "/privacy/", "/accessibility/", "/operator/",
)  # fmt: skip

# With what everybody begins: a crowd that arrives must not hold up those who are on their way.
ARRIVALS = {"/", "/identity/"}
# Says whether these have room: the form's script asks before it sends what was typed.
ROOM = "/identity/room/"


@dataclass(frozen=True)
class Threads:
    """Threads of each lane of a process."""

    pages: int = 8
    # Few: who has come further goes first, as a code is good for three minutes only.
    arrivals: int = 2
    # 0: these share the threads of the pages.
    lookup: int = 3
    staff: int = 3
    # A page that is quick waits for its style all the same. Files need no database.
    static: int = 2


class Lanes:
    """The lanes of a process: a full one holds up nobody in another."""

    def __init__(self, threads: Threads, *, waiting: int) -> None:
        self.pages = Lane(threads.pages, waiting=waiting, name="page")
        self.arrivals = Lane(
            threads.arrivals, waiting=waiting, name="arrival", after=self.pages.has_room
        )
        self.staff = Lane(threads.staff, waiting=waiting, name="staff")
        self.static = Lane(threads.static, waiting=waiting, name="static")
        self.lookup = (
            Lane(threads.lookup, waiting=waiting, name="lookup") if threads.lookup else self.pages
        )

    def of(self, path: str) -> "Lane":
        """The lane of an address, by its beginning."""
        if path.startswith("/admin/"):
            return self.staff
        if path.startswith("/static/"):
            return self.static
        if path in ARRIVALS:
            return self.arrivals
        return self.lookup if path.startswith(LOOKUP) else self.pages

    def all(self) -> set["Lane"]:
        return {self.pages, self.arrivals, self.staff, self.static, self.lookup}


class Refusals:
    """How long those are told to wait whom a lane refuses.

    They come again after that time, so told alike they would come as one crowd, and told too little
    their coming again would cost what the pages need: a thousand reloads a second took half of two
    cores.
    """

    def __init__(self) -> None:
        self.seconds = SOON
        self._away = 0.0  # people who were refused and have not come again, about
        self._at = 0.0

    def next(self, now: float, *, each: float) -> int:
        """Seconds for one more, where a page takes the lane `each` seconds."""
        self._away = 1 + self._away * math.exp((self._at - now) / self.seconds)
        self._at = now
        self.seconds = min(max(self._away * each, SOON), LATE)
        spread = random.uniform(1, 1.25)  # noqa: S311  (no secret)
        return math.ceil(self.seconds * spread)


class Lane:
    """A thread pool whose queue one address can't fill.

    Free threads go to the waiting addresses in rotation, however many requests each of them sent.
    When the queue is full, the address with the most requests in it loses its newest one. It is
    full with `waiting` requests, or with those that take MOST_SECONDS: who waits longer has often
    gone, and a page made for them would be missing to the others.

    With `after` a turn begins only when that says so, or after AFTER_SECONDS.
    """

    def __init__(
        self,
        threads: int,
        *,
        waiting: int,
        name: str,
        after: Callable[[], bool] | None = None,
    ) -> None:
        self.name = name
        self._after = after
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._size = self._free = threads
        self._seconds = FIRST_SECONDS  # that a request takes in its thread, as a moving mean
        self._most = waiting
        self._refusals = Refusals()
        self._count = 0
        self._turns: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        # The addresses by how many of their requests wait: a crowd that is refused must not cost a
        # look at each of them.
        self._by_count: dict[int, OrderedDict[str, None]] = {}
        self._largest = 0

    def refuse_if_full(self, address: str) -> None:
        """Raise Refused (503) where `run` would, before anything is done for the request."""
        if not self._free and self._is_full() and self._has_its_share(address):
            raise self._busy()

    async def run(self, address: str, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread; raises Refused (503) if the queue is full."""
        async with self.turn(address):
            return await self.work(work)

    async def work(self, work: Callable[[], Result]) -> Result:
        """Run `work` in the thread of a turn."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """A thread's turn while the block runs; raises Refused (503) if the queue is full."""
        await self._turn(address)
        began = time.monotonic()
        try:
            while self._after and not self._after() and time.monotonic() - began < AFTER_SECONDS:
                await asyncio.sleep(LOOK_SECONDS)
            yield
        finally:
            self._seconds += (time.monotonic() - began - self._seconds) / MEAN_OF
            self._pass_on()

    def has_room(self) -> bool:
        """Whether no more wait than have a thread."""
        return self._count <= self._size

    def _is_full(self) -> bool:
        seconds = self._count * self._seconds / self._size
        return self._count >= self._most or (self._count >= LEAST and seconds > MOST_SECONDS)

    async def _turn(self, address: str) -> None:
        """Return when this request has a thread."""
        if self._free:
            self._free -= 1
            return
        if self._is_full():
            self._drop_newest(address)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        turns = self._turns.setdefault(address, deque())
        turns.append(turn)
        self._counted(address, len(turns) - 1, len(turns))
        too_long = loop.call_later(LONGEST_SECONDS, self._give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            # The client disconnected just when its turn came: the thread goes to the next one.
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise
        finally:
            too_long.cancel()

    def _give_up(self, turn: "asyncio.Future[None]") -> None:
        if not turn.done():  # it leaves the queue when it would have had its turn
            turn.set_exception(self._busy())

    def _drop_newest(self, address: str) -> None:
        """Refuse the newest request of the address with most waiting, or else this one."""
        if self._has_its_share(address):
            raise self._busy()
        largest = next(iter(self._by_count[self._largest]))
        turns = self._turns[largest]
        turn = turns.pop()
        self._counted(largest, len(turns) + 1, len(turns))
        if not turn.done():
            turn.set_exception(self._busy())

    def _busy(self) -> Refused:
        return busy(self._refusals.next(time.monotonic(), each=self._seconds / self._size))

    def _has_its_share(self, address: str) -> bool:
        return self._largest <= len(self._turns.get(address, ())) + 1

    def _pass_on(self) -> None:
        while self._turns:
            address, turns = self._turns.popitem(last=False)
            turn = turns.popleft()
            self._counted(address, len(turns) + 1, len(turns))
            if turns:
                self._turns[address] = turns  # behind the others
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _counted(self, address: str, before: int, after: int) -> None:
        """Note how many requests of an address wait now."""
        self._count += after - before
        if before:
            del self._by_count[before][address]
        if after:
            self._by_count.setdefault(after, OrderedDict())[address] = None
        # By one at most: a request came or went.
        if after > self._largest or not self._by_count.get(self._largest):
            self._largest = after


class Share:
    """A limit on concurrent uses, per address and in all."""

    def __init__(self, *, each: int, all: int) -> None:
        self._each, self._all = each, all
        self._in_use: dict[str, int] = {}
        self._total = 0

    @contextmanager
    def of(self, address: str) -> Iterator[None]:
        """Hold one use while the block runs; raises Refused (503) above a limit."""
        in_use = self._in_use.get(address, 0)
        if in_use >= self._each or self._total >= self._all:
            raise busy()
        self._in_use[address] = in_use + 1
        self._total += 1
        try:
            yield
        finally:
            self._total -= 1
            self._in_use[address] -= 1
            if not self._in_use[address]:
                del self._in_use[address]
