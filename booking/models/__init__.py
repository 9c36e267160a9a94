from booking.models.cancellation_list import ListEntry, LostAppointment, Offer
from booking.models.clinics import Clinic, Slot, Stock, Vaccine
from booking.models.reservations import OutsideDose, Reservation

__all__ = [
    "Clinic",
    "ListEntry",
    "LostAppointment",
    "Offer",
    "OutsideDose",
    "Reservation",
    "Slot",
    "Stock",
    "Vaccine",
]
