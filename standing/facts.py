"""What is known of a person, free of tables, requests and sessions."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class LineFacts:
    """A line, and how a person stands in it. Without a person: how it stands for everybody."""

    code: str
    name: str
    opens_at: datetime
    closes_at: datetime
    # None while the cohort has no line yet.
    joinable_from: datetime | None = None
    # The list is closed and every number has its place, so that people are called.
    has_places: bool = False
    is_paused: bool = False
    stands_still: bool = False
    has_ended: bool = False
    # The person's own window and decision.
    window_from: datetime | None = None
    window_to: datetime | None = None
    eligible: bool = False
    is_provisional: bool = False
    # Their ticket: "" without one.
    ticket: str = ""
    ahead: int | None = None
    has_left: bool = False
    is_called: bool = False
    at_door: bool = False
    inside_until: datetime | None = None
    may_extend: bool = False
    alert_channel: str = ""


@dataclass(frozen=True)
class Appointment:
    """A booked or cancelled appointment."""

    number: str
    starts_at: datetime
    clinic: str  # its name for the reader, or that of a care home
    changes_until: datetime


@dataclass(frozen=True)
class PersonFacts:
    """A person's lines and bookings at one moment."""

    now: datetime
    lines: list[LineFacts] = field(default_factory=list)
    held_until: datetime | None = None
    # Token and end of an open offer of the cancellation list.
    offer: str = ""
    offer_until: datetime | None = None
    on_list: bool = False
    booked: Appointment | None = None  # the next one
    cancelled: Appointment | None = None  # the last one, where nothing took its place
    misses_second: bool = False
    is_done: bool = False
    # The number of the last appointment that was kept, for the certificate.
    done_number: str = ""

    def line_of(self, code: str) -> LineFacts | None:
        return next((line for line in self.lines if line.code == code), None)
