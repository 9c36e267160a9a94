"""An appointment as a calendar file (RFC 5545)."""

from datetime import timedelta

from django.utils.translation import gettext as _
from icalendar import Event

from booking.enums import ReservationStatus
from booking.models import Reservation
from web.calendars import calendar_of

LASTS = timedelta(minutes=30)
_STATUS = {
    ReservationStatus.HELD: "TENTATIVE",
    ReservationStatus.CANCELLED: "CANCELLED",
    ReservationStatus.LAPSED: "CANCELLED",
    ReservationStatus.RELEASED: "CANCELLED",
}


def calendar_file(reservation: Reservation) -> bytes:
    """A calendar with one event; UID and sequence let a later download replace an earlier one."""
    slot = reservation.slot
    event = Event()
    event.add("uid", f"{reservation.number}@jari")
    # RFC 5545: clients replace an event only by one with a higher sequence.
    event.add("sequence", int(reservation.changed_at.timestamp()))
    event.add("dtstamp", reservation.changed_at)
    event.add("dtstart", slot.starts_at)
    event.add("dtend", slot.starts_at + LASTS)
    event.add("summary", _("Vaccination, dose %(dose)d") % {"dose": reservation.dose})
    event.add("location", f"{slot.place.full_name}, {slot.place.address}")
    event.add("description", _("Reservation number %(number)s") % {"number": reservation.number})
    event.add("status", _STATUS.get(ReservationStatus(reservation.status), "CONFIRMED"))
    return calendar_of(event, alarm_before=timedelta(hours=2))
