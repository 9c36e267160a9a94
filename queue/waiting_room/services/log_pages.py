"""Writes the public log: the tickets and steps of a room as pages (waiting_room.public_log)."""

from collections.abc import Callable
from datetime import datetime

from waiting_room import merkle, public_log
from waiting_room.models import LogPage, Room, Step, Ticket

# Pages per tick, so that a backlog does not hold the tick's locks for long. The freeze takes all.
PAGES_PER_TICK = 8


class RoomLog:
    """The log of one room, for the holder of its TICK lock."""

    def __init__(self, room: Room):
        self.room = room
        self.last = room.pages.order_by("-number").first() or LogPage(
            number=0, upto=0, tickets=0, acts=0, acts_before=0, last_step=0, log_root=EMPTY
        )
        self._nodes: dict[int, bytes] = {self.last.number: bytes(self.last.nodes)}

    @property
    def root(self) -> str:
        return self.last.log_root

    @property
    def size(self) -> int:
        return self.last.number

    def append(self, *, settled: int, now: datetime, most: int | None = PAGES_PER_TICK) -> int:
        """Append the tickets up to entry number `settled`, and all new steps; returns the number
        of pages written, at most `most` of them with tickets."""
        written = 0
        if self.last.upto == 0 and settled > public_log.PAGE_TICKETS and (steps := self._steps()):
            # Pages of tickets alone must not come before the plan that these people joined under.
            self._write(0, steps, now)
            written += 1
        while self.last.upto < settled and (most is None or written < most):
            upto = min(self.last.upto + public_log.PAGE_TICKETS, settled)
            # Steps come after all tickets that were issued before them.
            self._write(upto, self._steps() if upto == settled else [], now)
            written += 1
        if self.last.upto >= settled:
            steps = self._steps()
            if steps:
                self._write(self.last.upto, steps, now)
                written += 1
        return written

    def _steps(self) -> list[Step]:
        return list(self.room.steps.filter(pk__gt=self.last.last_step).order_by("pk"))

    def _write(self, upto: int, steps: list[Step], now: datetime) -> None:
        last = self.last
        tickets = ticket_leaves(self.room, last.upto, upto)
        acts_before = last.acts_before + last.acts
        page = public_log.make_page(
            room=self.room.cohort.code,
            number=last.number + 1,
            previous=last.log_root,
            after=last.upto,
            upto=upto,
            ticket_leaves=tickets,
            act_leaves=act_leaves(self.room, steps, acts_before),
            at=now,
        )
        nodes, root = public_log.append(page, self._read)
        self._nodes[page.number] = nodes
        self.last = LogPage.objects.create(
            room=self.room,
            number=page.number,
            after=page.after,
            upto=page.upto,
            tickets=page.tickets,
            acts=page.acts,
            acts_before=acts_before,
            last_step=steps[-1].pk if steps else last.last_step,
            at=now,
            root=page.root,
            nodes=nodes,
            log_root=root,
        )

    def _read(self, numbers: set[int]) -> dict[int, bytes]:
        missing = numbers - self._nodes.keys()
        if missing:
            self._nodes |= read_nodes(self.room.pk)(missing)
        return {number: self._nodes[number] for number in numbers}


EMPTY = merkle.EMPTY_ROOT.hex()


def read_nodes(room_id: int) -> Callable[[set[int]], dict[int, bytes]]:
    """The `read` function of waiting_room.merkle, over the pages of a room."""

    def read(numbers: set[int]) -> dict[int, bytes]:
        pages = LogPage.objects.filter(room_id=room_id, number__in=numbers)
        return {number: bytes(nodes) for number, nodes in pages.values_list("number", "nodes")}

    return read


def ticket_leaves(room: Room, after: int, upto: int) -> list[bytes]:
    rows = (
        Ticket.objects.filter(room_id=room.pk, entry__gt=after, entry__lte=upto)
        .order_by("entry")
        .values_list("entry", "joined_at", "id")
    )
    code = room.cohort.code
    return [
        public_log.leaf_for_ticket(code, entry, joined_at, public_log.ticket_hash(ticket_id))
        for entry, joined_at, ticket_id in rows
    ]


def act_leaves(room: Room, steps: list[Step], acts_before: int) -> list[bytes]:
    return [
        act_leaf(room.cohort.code, step, number)
        for number, step in enumerate(steps, start=acts_before + 1)
    ]


def act_leaf(code: str, step: Step, number: int) -> bytes:
    places = {} if step.first is None else {"first": step.first, "last": step.last}
    return public_log.leaf_for_act(code, number, step.act, step.at, **places, **step.details)


def as_page(code: str, stored: LogPage, previous: str) -> public_log.Page:
    """The record of a stored page; `previous` is the log's root before it."""
    return public_log.Page(
        room=code,
        number=stored.number,
        previous=previous,
        after=stored.after,
        upto=stored.upto,
        tickets=stored.tickets,
        acts=stored.acts,
        at=public_log.microseconds(stored.at),
        root=stored.root,
    )
