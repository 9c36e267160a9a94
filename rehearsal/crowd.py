"""A process of the load generator: plays its part of the citizens of a rehearsal.

    python -m rehearsal.crowd < orders.json

Orders come by stdin, as they have names in them, which must lie in no file. Ends when all are
through, when its parent dies, or on SIGTERM; what was journaled until then stays.
"""

import asyncio
import gc
import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rehearsal.browser import Target
from rehearsal.citizens import Citizen, Crowd
from rehearsal.journal import Writer

LOOK_SECONDS = 0.1


def main() -> None:
    orders = json.load(sys.stdin)
    # A socket for each citizen.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Citizens make few cycles, and a full collection among thousands of them takes long.
    gc.set_threshold(50_000, 50, 50)
    with suppress(asyncio.CancelledError):
        asyncio.run(play(orders))


async def play(orders: dict[str, Any]) -> None:
    journal = Writer(Path(orders["journal"]))
    crowd = Crowd(
        targets=[Target.of(host).resolved() for host in orders["hosts"]],
        journal=journal,
        began=orders["began"],
        **{name: orders[name] for name in ("seed", "patience", "away", "think")},
    )
    running = asyncio.ensure_future(send(crowd, orders["people"]))
    meter = asyncio.ensure_future(write_seconds(crowd, running))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with suppress(asyncio.CancelledError):
        await running
    await meter
    journal.close()


async def send(crowd: Crowd, people: list[dict[str, Any]]) -> None:
    """Start each citizen at its moment, and wait for all of them."""
    async with asyncio.TaskGroup() as group:
        for person in people:
            wait = person["at"] - crowd.now()
            if wait > 0:
                await asyncio.sleep(wait)
            group.create_task(Citizen(crowd, person).run())


async def write_seconds(crowd: Crowd, running: "asyncio.Future[None]") -> None:
    """A line for each second: stages, requests, and how late this process itself was."""
    parent, second, late, busy = os.getppid(), int(crowd.now()), 0.0, time.process_time()
    while True:
        due = time.monotonic() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        late = max(late, time.monotonic() - due)
        if os.getppid() != parent:
            running.cancel()
        if int(crowd.now()) > second or running.done():
            used = time.process_time()
            write_second(crowd, second, late, used - busy)
            second, late, busy = int(crowd.now()), 0.0, used
        if running.done():
            return


def write_second(crowd: Crowd, second: int, late: float, busy: float) -> None:
    pages, crowd.pages = crowd.pages, {}
    hosts, crowd.hosts = crowd.hosts, {}
    crowd.journal.write(
        "second",
        second,
        stages=+crowd.stages,
        late=round(late, 3),
        busy=round(busy, 3),
        pages={
            name: [entry.requests, entry.failures, entry.steps] for name, entry in pages.items()
        },
        hosts={name: [asked.requests, asked.failures] for name, asked in hosts.items()},
    )


if __name__ == "__main__":
    main()
