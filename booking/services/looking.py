from hmac import compare_digest

from eligibility.indexes import phone_index

from ..models import Reservation


def find_by_number(*, number: str, phone: str) -> Reservation | None:
    """The reservation with this number, if it was booked with this phone (E.164)."""
    reservation = Reservation.objects.select_related("person").filter(number=number).first()
    if reservation is None:
        return None
    same = compare_digest(bytes(reservation.person.phone_index), phone_index(phone))
    return reservation if same else None
