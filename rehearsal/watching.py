"""What the command sees while a crowd is in the portal: rooms, memory, faults."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import psutil
from django.db import Error, connection
from django.utils import translation
from psycopg_pool import PoolTimeout

from rehearsal import faults
from rehearsal.journal import Writer
from rehearsal.progress import RoomView
from rehearsal.scenario import Fault
from waiting_room.models import Room
from waiting_room.now_document import waiting_in
from waiting_room.reasons import sentences

ROOM_SECONDS = 2.0
MEMORY_SECONDS = 10.0
# Kinds of processes, by a word of their command.
KINDS = {"config.serve": "web", " rqworker": "worker", " rqcron": "cron"}


def room_view(codes: Sequence[str]) -> RoomView | None:
    """The present state of these rooms together; None while the database does not answer."""
    try:
        rooms = list(
            Room.objects.select_related("line", "board")
            .filter(cohort__code__in=codes)
            .order_by("pk")
        )
    except (Error, PoolTimeout):
        # A connection that died with its server would fail for the rest of the rehearsal.
        connection.close()
        return None
    documents = [room.board.document for room in rooms]
    with translation.override("en"):
        reasons = [text for room in rooms for text in sentences(room.board.reasons)]
    scores = [document.get("score") for document in documents if document.get("score")]
    return RoomView(
        waiting=sum(waiting_in(room) for room in rooms),
        per_minute=sum(document.get("per_minute") or 0 for document in documents),
        max_per_minute=sum(room.max_per_minute for room in rooms),
        active=sum(room.line.active for room in rooms),
        max_active=sum(room.max_active for room in rooms),
        serving=sum(room.line.serving for room in rooms),
        reasons=reasons,
        score=scores[0] if scores else None,
    )


def memory() -> dict[str, dict[str, int]]:
    """Bytes that are resident and number of processes by kind, of the portal that runs here."""
    found: dict[str, Counter[str]] = {}
    for process, command in faults.own_processes():
        kind = next((kind for word, kind in KINDS.items() if word in command), None)
        if kind is None:
            continue
        try:
            resident = process.memory_info().rss
        except psutil.Error:  # it ended meanwhile
            continue
        found.setdefault(kind, Counter()).update(bytes=resident, processes=1)
    return {kind: dict(counts) for kind, counts in found.items()}


class Watcher(threading.Thread):
    """Looks at rooms and memory, and makes the faults, until told to stop.

    A thread of its own: while the database is away its questions wait, and the display goes on.
    """

    def __init__(
        self, *, rooms: Sequence[str], journal: Writer, began: float, planned: Sequence[Fault],
        own_portal: bool,
    ) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self.view: RoomView | None = None
        self.said: list[str] = []  # sentences about faults, for the display
        self._rooms, self._journal, self._began = rooms, journal, began
        self._planned = sorted(planned, key=lambda fault: fault.minute)
        self._own_portal = own_portal
        self._over = threading.Event()
        self._away = False  # the database, when it was asked last

    def run(self) -> None:
        memory_at = 0.0
        try:
            while not self._over.is_set():
                self._make_faults()
                self._look_at_rooms()
                if self._own_portal and self._now() >= memory_at:
                    memory_at = self._now() + MEMORY_SECONDS
                    self._journal.write("memory", self._now(), kinds=memory())
                self._over.wait(ROOM_SECONDS)
        finally:
            connection.close()

    def stop(self) -> None:
        self._over.set()
        self.join(30)

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _make_faults(self) -> None:
        while self._planned and self._planned[0].minute * 60 <= self._now():
            fault = self._planned.pop(0)
            at, done = self._now(), False
            try:
                sentence, done = faults.make(fault.kind), True
            except Exception as problem:  # whatever it was, the rehearsal goes on without it
                sentence = f"{fault.kind} could not be made: {problem}"
            self._journal.write("fault", at, kind=fault.kind, done=done, text=sentence)
            self.said.append(sentence)

    def _look_at_rooms(self) -> None:
        asked = self._now()
        view = room_view(self._rooms)
        if view is None:
            if not self._away:
                self.said.append("The database does not answer.")
            self._away = True
            self._journal.write("away", asked, seconds=round(self._now() - asked, 2))
            return
        if self._away:
            self.said.append("The database answers again.")
            self._away = False
        self.view = view
        values: dict[str, Any] = asdict(view)
        values["reason"] = values.pop("reasons")[:1]
        self._journal.write("room", self._now(), **values)
