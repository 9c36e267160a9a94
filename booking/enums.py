from collections.abc import Iterable

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


class ClosureMode(models.TextChoices):
    """What becomes of the people whose appointments lie in closed hours."""

    MOVE = "move", _("Move each to the nearest free time")
    OFFER = "offer", _("Move, and offer a choice of other times")
    CANCEL = "cancel", _("Cancel, first on the cancellation list")


class ClosureReason(models.TextChoices):
    """Told to the people: no free text of staff goes into a message."""

    STAFF = "staff", _("Nobody can vaccinate")
    VACCINE = "vaccine", _("The vaccine did not come")
    BUILDING = "building", _("Power, water or the building failed")
    WEATHER = "weather", _("Storm or snow")
    INFECTION = "infection", _("The rooms must be disinfected")
    OTHER = "other", _("The clinic cannot work")


class ClosureStatus(models.TextChoices):
    DONE = "done", _("Closed, messages not sent yet")
    TOLD = "told", _("Closed, people told")
    TAKEN_BACK = "taken_back", _("Taken back")
    REOPENED = "reopened", _("Open again")


# The hours take no bookings.
CLOSED = [ClosureStatus.DONE, ClosureStatus.TOLD]

CLOSURE_MOVES = {
    ClosureStatus.DONE: [ClosureStatus.TOLD, ClosureStatus.TAKEN_BACK],
    # The hours take bookings again; the people stay where they were moved.
    ClosureStatus.TOLD: [ClosureStatus.REOPENED],
    ClosureStatus.TAKEN_BACK: [],
    ClosureStatus.REOPENED: [],
}


class AffectedOutcome(models.TextChoices):
    """What a closure did to an appointment."""

    MOVED = "moved", _("Moved")
    CANCELLED = "cancelled", _("Cancelled")


class ClosureAnswer(models.TextChoices):
    """What a person answered who was moved and offered other times."""

    KEPT = "kept", _("Keeps the new time")
    CHOSE = "chose", _("Chose another time")
    DECLINED = "declined", _("Wants none of the times")


class ChoiceStatus(models.TextChoices):
    OPEN = "open", _("Kept")
    TAKEN = "taken", _("Taken")
    GIVEN_BACK = "given_back", _("Given back")


CHOICE_MOVES = {
    ChoiceStatus.OPEN: [ChoiceStatus.TAKEN, ChoiceStatus.GIVEN_BACK],
    ChoiceStatus.TAKEN: [],
    ChoiceStatus.GIVEN_BACK: [],
}


class VisitStatus(models.TextChoices):
    """Of a visit to a care home; whether it is over, the time says."""

    PLANNED = "planned", _("Planned")
    CALLED_OFF = "called_off", _("Called off")


VISIT_MOVES = {VisitStatus.PLANNED: [VisitStatus.CALLED_OFF], VisitStatus.CALLED_OFF: []}


class Facility(models.TextChoices):
    """What a clinic has for people who need it, and what a person may say they need."""

    WHEELCHAIR = "wheelchair", _("Wheelchair access")
    LIFT = "lift", _("Lift")
    PARKING = "parking", _("Parking")
    SIGN_LANGUAGE = "sign_language", _("Sign language")
    INTERPRETER = "interpreter", _("Interpreter by telephone")
    QUIET_HOURS = "quiet_hours", _("Quiet hours")
    HOME_VISITS = "home_visits", _("Home visits")
    ENGLISH = "english", _("English spoken")
    CHINESE = "chinese", _("Chinese spoken")
    VIETNAMESE = "vietnamese", _("Vietnamese spoken")
    RUSSIAN = "russian", _("Russian spoken")


def facilities_in_order(codes: Iterable[str]) -> list[str]:
    """These codes once each, in the order of Facility; others are left out."""
    chosen = set(codes)
    return [code for code in Facility.values if code in chosen]


def facilities_in_words(codes: Iterable[str]) -> list[str]:
    return [str(Facility(code).label) for code in facilities_in_order(codes)]
