"""Gathering joins: those that come while one statement commits share the next.

A thread in each web process takes whatever joins wait, writes them in one statement, and wakes
each with its own answer after the commit; nobody is answered before. A lone join finds the
thread idle and waits for no company. What a gathered statement could not settle (somebody who
may not join, somebody who comes back) is settled alone, with its reason.
"""

import os
import threading
from collections import deque

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from .models import Room
from .services import issue_ticket
from .services.joining import TICKET_IDS_SQL, parameters

AT_ONCE = 512
PATIENCE_SECONDS = 15


class _Wish:
    """One join under way: who, and what came of it."""

    __slots__ = ("done", "error", "person_id", "room_id", "ticket_id")

    def __init__(self, room_id: int, person_id: int) -> None:
        self.room_id, self.person_id = room_id, person_id
        self.ticket_id: str | None = None
        self.error: Exception | None = None
        # A bare lock is the cheapest thing to wait for.
        self.done = threading.Lock()
        self.done.acquire()


class Gatherer:
    def __init__(self) -> None:
        self._waiting: deque[_Wish] = deque()
        self._bell = threading.Semaphore(0)
        self._start = threading.Lock()
        self._pid: int | None = None
        self._thread: threading.Thread | None = None
        self._ends = False

    def join(self, room_id: int, person_id: int) -> str | None:
        """The person's ticket; None where the statement gave none."""
        if self._pid != os.getpid():
            self._begin()
        wish = _Wish(room_id, person_id)
        self._waiting.append(wish)
        self._bell.release()
        if not wish.done.acquire(timeout=PATIENCE_SECONDS):
            raise OperationalError("The joins before this one did not come to an end.")
        if wish.error:
            raise wish.error
        return wish.ticket_id

    def _begin(self) -> None:
        """In each process anew: threads do not live through a fork."""
        with self._start:
            if self._pid != os.getpid():
                self._waiting, self._bell = deque(), threading.Semaphore(0)
                self._thread = threading.Thread(target=self._work, name="joins", daemon=True)
                self._thread.start()
                self._pid = os.getpid()

    def stop(self) -> None:
        """End the thread and give back its connection."""
        if self._thread:
            self._ends = True
            self._bell.release()
            self._thread.join(PATIENCE_SECONDS)
            self._thread, self._pid, self._ends = None, None, False

    def _work(self) -> None:
        while not self._ends:
            self._bell.acquire()
            batch = self._take()
            if batch:
                self._settle(batch)
        connection.close()

    def _take(self) -> list[_Wish]:
        """Those of one room that wait; the others are for the next turn."""
        batch: list[_Wish] = []
        while self._waiting and len(batch) < AT_ONCE:
            if batch and self._waiting[0].room_id != batch[0].room_id:
                self._bell.release()
                break
            batch.append(self._waiting.popleft())
        if self._waiting and len(batch) == AT_ONCE:
            self._bell.release()
        return batch

    def _settle(self, batch: list[_Wish]) -> None:
        try:
            tickets = self._write(batch[0].room_id, [wish.person_id for wish in batch])
            for wish in batch:
                wish.ticket_id = tickets.get(wish.person_id)
        except Exception as error:
            for wish in batch:
                wish.error = error
            connection.close()
        finally:
            for wish in batch:
                wish.done.release()

    def _write(self, room_id: int, people: list[int]) -> dict[int, str]:
        people = list(dict.fromkeys(people))
        try:
            return dict(self._ask(room_id, people))
        except (OperationalError, InterfaceError):
            # The connection had died meanwhile. Asking again can't give anybody two tickets.
            connection.close()
            return dict(self._ask(room_id, people))

    def _ask(self, room_id: int, people: list[int]) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(TICKET_IDS_SQL, parameters(room_id, people))
            return cursor.fetchall()


gatherer = Gatherer()


def join_line(*, room: Room, person_id: int) -> str:
    """The person's ticket in this line, as `issue_ticket` gives it, with the same refusals."""
    if settings.GATHER_JOINS:
        ticket_id = gatherer.join(room.pk, person_id)
        if ticket_id:
            return ticket_id
    return str(issue_ticket(room=room, person_id=person_id).pk)
