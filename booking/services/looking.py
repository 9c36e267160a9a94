from hmac import compare_digest

from eligibility.indexes import phone_index
from waiting_room.models import Admission

from ..models import Reservation, Vaccine


def vaccines_of(admission_id: int | None) -> frozenset[int] | None:
    """The vaccines that the cohort of this admission names; None where any may be booked."""
    if admission_id is None:
        return None
    admission = Admission.objects.filter(pk=admission_id)
    codes = admission.values_list("room__cohort__vaccines", flat=True).first()
    if not codes:
        return None
    return frozenset(Vaccine.objects.filter(code__in=codes).values_list("pk", flat=True))


def find_by_number(*, number: str, phone: str) -> Reservation | None:
    """The reservation with this number, if it was booked with this phone (E.164)."""
    reservation = Reservation.objects.select_related("person").filter(number=number).first()
    if reservation is None:
        return None
    same = compare_digest(bytes(reservation.person.phone_index), phone_index(phone))
    return reservation if same else None
