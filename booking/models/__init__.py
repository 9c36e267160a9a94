from booking.models.cancellation_list import ListEntry, LostAppointment, Offer
from booking.models.care_homes import CareHome, HomeVisit
from booking.models.clinics import Clinic, Slot, Stock, Vaccine
from booking.models.closures import (
    AffectedAppointment,
    ClosedSlot,
    Closure,
    ClosureChoice,
    ClosureOffer,
)
from booking.models.opening_hours import OpeningHours, SpecialDay
from booking.models.reservations import OutsideDose, Reservation
from booking.models.seats_left import SeatsLeft
from booking.models.wishes import Wish

__all__ = [
    "AffectedAppointment",
    "CareHome",
    "Clinic",
    "ClosedSlot",
    "Closure",
    "ClosureChoice",
    "ClosureOffer",
    "HomeVisit",
    "ListEntry",
    "LostAppointment",
    "Offer",
    "OpeningHours",
    "OutsideDose",
    "Reservation",
    "SeatsLeft",
    "Slot",
    "SpecialDay",
    "Stock",
    "Vaccine",
    "Wish",
]
