"""The indexes of resume codes, computed anew under another key (privacy.reindexing).

A code that was written down must go on working, so tickets of a line that is not over keep theirs
and need the old key until then, unless the codes are given up.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet

from database.clock import Now
from privacy.reindexing import BATCH, Left, Tell
from waiting_room.enums import RoomStatus
from waiting_room.models import Room, Ticket
from waiting_room.services.resume_codes import code_keys, is_code_of
from web.codes import index_of_ticket

_WRITE = """
UPDATE waiting_room_ticket SET resume_index = fresh.resume_index
FROM unnest(%s::uuid[], %s::bigint[]) AS fresh (id, resume_index)
WHERE waiting_room_ticket.id = fresh.id
"""


@dataclass
class TicketCodes:
    """The tickets' resume indexes. With `give_up_codes`, codes of running lines are changed too."""

    give_up_codes: bool = False
    name: str = Ticket._meta.label

    def reindex(self, tell: Tell) -> int:
        tickets = Ticket.objects.all()
        if not self.give_up_codes:
            tickets = tickets.exclude(room__in=running_rooms())
        written = 0
        for page in _pages_under_older_keys(tickets):
            key = code_keys()[0]
            indexes = [index_of_ticket(ticket.pk.bytes, key) for ticket in page]
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_WRITE, [[ticket.pk for ticket in page], indexes])
                written += cursor.rowcount
            tell(self.name, written)
        return written

    def left(self) -> Left:
        tickets = Ticket.objects.filter(room__in=running_rooms())
        found: dict[int, int] = {}
        for page in _pages_under_older_keys(tickets):
            for ticket in page:
                found[ticket.room_id] = found.get(ticket.room_id, 0) + 1
        over = Room.objects.filter(pk__in=found).aggregate(at=Max("cohort__closes_at"))
        return Left(self.name, sum(found.values()), until=over["at"])

    def problems(self) -> Iterator[str]:
        """By the first ticket of each line: keys change in one order, so its key is the oldest."""
        for room in running_rooms().select_related("cohort"):
            ticket = room.tickets.order_by("entry").first()
            if ticket and not any(is_code_of(ticket, key) for key in code_keys()):
                yield (
                    f"Resume codes of the line {room.cohort.code} need an index key that "
                    f"JARI_INDEX_KEYS lacks. Add it behind the others; `manage.py reindex "
                    f"--give-up-codes` ends these codes."
                )


def running_rooms() -> QuerySet[Room]:
    return Room.objects.filter(~Q(status=RoomStatus.CLOSED), cohort__closes_at__gt=Now())


def _pages_under_older_keys(tickets: QuerySet[Ticket]) -> Iterator[list[Ticket]]:
    """Tickets whose index is not of the first key. An index of tickets holds no number of a key:
    all its 63 bits are of use, and it is computed again quickly."""
    rows = tickets.order_by("pk").only("pk", "room_id", "resume_index")
    page = list(rows[:BATCH])
    while page:
        older = [ticket for ticket in page if not is_code_of(ticket, code_keys()[0])]
        if older:
            yield older
        page = list(rows.filter(pk__gt=page[-1].pk)[:BATCH])
