from django.db import models
from django.utils.translation import gettext_lazy as _


class ReservationStatus(models.TextChoices):
    HELD = "held", _("Held")
    CONFIRMED = "confirmed", _("Confirmed")
    ARRIVED = "arrived", _("Arrived")
    VACCINATED = "vaccinated", _("Vaccinated")
    NOT_DONE = "not_done", _("Came, not vaccinated")
    NO_SHOW = "no_show", _("Did not come")
    CANCELLED = "cancelled", _("Cancelled")
    LAPSED = "lapsed", _("Ran out of time")
    RELEASED = "released", _("Given up before confirming")


# Statuses that take a seat of the slot; Slot.booked counts them.
TAKING = [
    ReservationStatus.HELD,
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
    ReservationStatus.NOT_DONE,
    ReservationStatus.NO_SHOW,
]
# At most one per person and dose. Unlike TAKING without NOT_DONE and NO_SHOW: a dose that was not
# given is booked anew.
LIVE = [
    ReservationStatus.HELD,
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
]

# The lawful moves of a reservation, held by a trigger (booking.models.moves). HELD -> CONFIRMED
# skips the trigger; booking/sql/booking_confirm_at_once updates held rows only.
LAWFUL_MOVES = {
    ReservationStatus.HELD: [
        ReservationStatus.CONFIRMED,
        ReservationStatus.LAPSED,
        ReservationStatus.RELEASED,
    ],
    ReservationStatus.CONFIRMED: [
        ReservationStatus.ARRIVED,
        ReservationStatus.NO_SHOW,
        ReservationStatus.CANCELLED,
    ],
    ReservationStatus.ARRIVED: [
        ReservationStatus.CONFIRMED,
        ReservationStatus.VACCINATED,
        ReservationStatus.NOT_DONE,
    ],
    # Undoing a mark of the desk.
    ReservationStatus.VACCINATED: [ReservationStatus.ARRIVED],
    ReservationStatus.NOT_DONE: [ReservationStatus.ARRIVED],
    ReservationStatus.NO_SHOW: [ReservationStatus.CONFIRMED],
    ReservationStatus.CANCELLED: [ReservationStatus.CONFIRMED],
    ReservationStatus.LAPSED: [],
    ReservationStatus.RELEASED: [],
}


class Origin(models.TextChoices):
    """The way in which a reservation was made."""

    LINE = "line", _("Called from the line")
    STAFF = "staff", _("Booked by staff")
    OFFER = "offer", _("Offered from the cancellation list")


class EntryStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    OFFERED = "offered", _("Has an offer")
    FULFILLED = "fulfilled", _("Has an appointment")
    ENDED = "ended", _("Left the list")


ON_THE_LIST = [EntryStatus.WAITING, EntryStatus.OFFERED]

ENTRY_MOVES = {
    EntryStatus.WAITING: [EntryStatus.OFFERED, EntryStatus.FULFILLED, EntryStatus.ENDED],
    EntryStatus.OFFERED: [EntryStatus.WAITING, EntryStatus.FULFILLED, EntryStatus.ENDED],
    # When the record of a dose that ended it is withdrawn.
    EntryStatus.ENDED: [EntryStatus.WAITING],
    EntryStatus.FULFILLED: [],
}


class OfferStatus(models.TextChoices):
    OPEN = "open", _("Open")
    TAKEN = "taken", _("Taken")
    DECLINED = "declined", _("Declined")
    LAPSED = "lapsed", _("Ran out of time")


OFFER_MOVES = {
    OfferStatus.OPEN: [OfferStatus.TAKEN, OfferStatus.DECLINED, OfferStatus.LAPSED],
    OfferStatus.TAKEN: [],
    OfferStatus.DECLINED: [],
    OfferStatus.LAPSED: [],
}


class LostReason(models.TextChoices):
    """Why an appointment cancelled by a mistaken record could not be restored."""

    TAKEN = "taken", _("The place was given to somebody else")
    OVER = "over", _("The time is over")
    CLOSED = "closed", _("The clinic takes no bookings at the moment")
    HOLDING = "holding", _("The person is choosing another time at this moment")
    NO_FIRST = "no_first", _("There is no appointment for the dose before it")
    UNFIT = "unfit", _("It no longer suits the other dose")
