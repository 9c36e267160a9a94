from django.db import models
from django.utils.translation import gettext_lazy as _


class ReservationStatus(models.TextChoices):
    HELD = "held", _("Held")
    CONFIRMED = "confirmed", _("Confirmed")
    ARRIVED = "arrived", _("Arrived")
    VACCINATED = "vaccinated", _("Vaccinated")
    NO_SHOW = "no_show", _("Did not come")
    CANCELLED = "cancelled", _("Cancelled")
    LAPSED = "lapsed", _("Ran out of time")
    RELEASED = "released", _("Given up for another time")


# These take a place of their slot.
TAKING = [
    ReservationStatus.HELD,
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
    ReservationStatus.NO_SHOW,
]
# A person has at most one of these per dose.
LIVE = [
    ReservationStatus.HELD,
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
]

# Each arrow is one service in booking/services; nothing else sets a status.
LAWFUL_MOVES = {
    ReservationStatus.HELD: [
        ReservationStatus.CONFIRMED,
        ReservationStatus.LAPSED,
        ReservationStatus.RELEASED,
    ],
    ReservationStatus.CONFIRMED: [
        ReservationStatus.ARRIVED,
        ReservationStatus.VACCINATED,
        ReservationStatus.NO_SHOW,
        ReservationStatus.CANCELLED,
    ],
    ReservationStatus.ARRIVED: [
        ReservationStatus.CONFIRMED,
        ReservationStatus.VACCINATED,
        ReservationStatus.NO_SHOW,
    ],
    # Mistakes at the desk can be taken back.
    ReservationStatus.VACCINATED: [ReservationStatus.ARRIVED],
    ReservationStatus.NO_SHOW: [ReservationStatus.CONFIRMED, ReservationStatus.ARRIVED],
    ReservationStatus.CANCELLED: [ReservationStatus.CONFIRMED],
}
