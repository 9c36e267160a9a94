from .clinics import ClinicAdmin, SlotAdmin, StockAdmin, VaccineAdmin
from .jabs import JabAdmin
from .reservations import ReservationAdmin, buttons_of
from .waiting import WishAdmin

__all__ = [
    "ClinicAdmin",
    "JabAdmin",
    "ReservationAdmin",
    "SlotAdmin",
    "StockAdmin",
    "VaccineAdmin",
    "WishAdmin",
    "buttons_of",
]
