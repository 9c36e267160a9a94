"""Links to the pages of a vaccination from those of its reservation; no queries."""

from django.urls import reverse
from django.utils.translation import gettext as _

from booking.enums import ReservationStatus
from booking.hooks import Link
from booking.models import Reservation
from booking.rules import day_of
from database.clock import known_today
from vaccination.services.doses import form_address

S = ReservationStatus
# Statuses in which a vaccination is being recorded, or is.
_WITH_PAGE = [S.ARRIVED, S.VACCINATED, S.NOT_DONE]


def staff_links(reservation: Reservation) -> list[Link]:
    late = reservation.status == S.CONFIRMED and day_of(reservation.slot.starts_at) <= known_today()
    if reservation.status in _WITH_PAGE or late:
        return [Link(_("Lot, site, reaction"), form_address(reservation))]
    return []


def receipt_links(reservation: Reservation) -> list[Link]:
    if reservation.status != S.VACCINATED:
        return []
    address = reverse("certificate", args=[reservation.number])
    return [Link(_("Certificate of vaccination"), address)]
