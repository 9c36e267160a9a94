"""What a refused review gives back: everything that was held through its provisional ticket."""

from django.utils import timezone

from booking.enums import ReservationStatus
from booking.models import Reservation
from booking.services.changes import cancel_reservation
from booking.services.holds import release_hold
from eligibility.enums import ReviewStatus
from eligibility.models import Review
from waiting_room.services.provisional_tickets import settle_provisional


def settle_reviews() -> int:
    """End what refused reviews held; how many reservations and holds were given back."""
    settle_provisional()
    lost = Reservation.objects.filter(
        admission__ticket__provisional=True, admission__ticket__left_at__isnull=False
    ).select_related("admission__ticket__room")
    freed = 0
    for reservation in lost.filter(status=ReservationStatus.HELD):
        freed += release_hold(person_id=reservation.person_id)
    # The second dose goes with the first.
    coming = lost.filter(status=ReservationStatus.CONFIRMED, slot__starts_at__gt=timezone.now())
    for reservation in coming.order_by("dose"):
        freed += len(cancel_reservation(reservation=reservation, by=_decided_by(reservation)))
    return freed


def _decided_by(reservation: Reservation) -> str:
    """The member of staff who said no: the cut-off for citizens does not bind them."""
    review = Review.objects.filter(
        person=reservation.person_id,
        cohort=reservation.admission.ticket.room.cohort_id,
        status=ReviewStatus.REFUSED,
    ).last()
    return review.by if review else "staff:review"
