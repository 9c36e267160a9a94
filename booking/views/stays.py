"""The stay in the booking pages: until when, how long is left, and whether it can be longer."""

from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.urls import reverse

from database.clock import known_now
from waiting_room.models import Admission
from waiting_room.services.entering import MOST_EXTENSIONS
from web.moulds import Text
from web.times import hour_of

_ANY = UUID(int=0)  # stands for a ticket in an address


@cache
def _pattern() -> str:
    """The address of any ticket: finding it anew took as long as the rest of the stay."""
    return reverse("more_time", args=[_ANY])


@dataclass(frozen=True)
class Stay:
    """The admission under which the person books, as the pages show it."""

    address: str  # where more time is asked for
    until: str
    seconds_left: str
    may_extend: bool

    @classmethod
    def of(cls, admission: Admission | None) -> "Stay | None":
        if admission is None:
            return None
        may_extend = admission.extensions < MOST_EXTENSIONS
        left = max(0, int((admission.expires_at - known_now()).total_seconds()))
        return cls(
            address=Text(_pattern().replace(str(_ANY), str(admission.ticket_id))),
            until=Text(hour_of(admission.expires_at)),
            seconds_left=Text(left),
            may_extend=may_extend,
        )
