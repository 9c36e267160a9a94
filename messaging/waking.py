"""Wakes the worker from an event loop, which must not wait for Redis."""

import asyncio
from functools import partial

from messaging.services import wake_worker

# Codes of one moment share one trip to Redis, and leave so much later.
GATHER_SECONDS = 0.05


class Waker:
    """For messages of one kind, each already committed. Those that come within GATHER_SECONDS, or
    while a thread wakes the worker, share its next turn: a job that was queued finds them too."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._waiting: list[int] = []
        self._task: asyncio.Task[None] | None = None

    def wake(self, message_id: int) -> None:
        self._waiting.append(message_id)
        if self._task is None:
            self._task = asyncio.create_task(self._wake_all())

    async def _wake_all(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(GATHER_SECONDS)
                ids, self._waiting = self._waiting, []
                work = partial(wake_worker, self._kind, *ids)
                await asyncio.get_running_loop().run_in_executor(None, work)
        finally:
            self._task = None

    async def close(self) -> None:
        if self._task:
            await self._task
