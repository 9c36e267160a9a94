"""Links to the pages of a vaccination from those of its reservation; no queries."""

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from booking.enums import ReservationStatus
from booking.hooks import Link
from booking.models import Reservation
from staff.models import User
from vaccination.services.doses import form_address
from vaccination.services.questionnaires import may_see_answers, waiting_for_doctor

S = ReservationStatus
# Statuses in which a vaccination is being recorded, or is.
_WITH_PAGE = [S.ARRIVED, S.VACCINATED, S.NOT_DONE]
_BEFORE_DOSE = [S.CONFIRMED, S.ARRIVED]


def staff_links(reservation: Reservation, day_has_come: bool) -> list[Link]:
    if reservation.status in _WITH_PAGE or (day_has_come and reservation.status == S.CONFIRMED):
        return [Link(_("Lot, site, reaction"), form_address(reservation))]
    return []


def receipt_links(reservation: Reservation) -> list[Link]:
    if reservation.status == S.VACCINATED:
        address = reverse("certificate", args=[reservation.number])
        return [Link(_("Certificate of vaccination"), address)]
    if reservation.status == S.CONFIRMED:
        address = reverse("questions", args=[reservation.number])
        return [Link(_("Answer the questions before the vaccination"), address)]
    return []


def reminder_line(_reservation: Reservation) -> str:
    return _("You can answer the questions before the vaccination at home:")


def doctor_signs(rows: Sequence[Reservation], user: User) -> dict[int, str]:
    """Who is to speak to the doctor first; only for staff of the appointment's clinic."""
    if not may_see_answers(user):
        return {}
    own = [
        row for row in rows if row.status in _BEFORE_DOSE and row.slot.clinic_id == user.clinic_id
    ]
    # Without such rows the day costs no statement more.
    flagged = waiting_for_doctor(own) if own else set()
    return dict.fromkeys(flagged, _("Doctor first"))
