"""The stay in the booking pages: until when, how long is left, and whether it can be longer."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from database.clock import known_now
from waiting_room.models import Admission
from waiting_room.services.entering import MOST_EXTENSIONS


@dataclass(frozen=True)
class Stay:
    """The admission under which the person books, as the pages show it."""

    ticket_id: UUID
    until: datetime
    may_extend: bool

    @classmethod
    def of(cls, admission: Admission | None) -> "Stay | None":
        if admission is None:
            return None
        may_extend = admission.extensions < MOST_EXTENSIONS
        return cls(admission.ticket_id, admission.expires_at, may_extend)

    @property
    def seconds_left(self) -> int:
        return max(0, int((self.until - known_now()).total_seconds()))
