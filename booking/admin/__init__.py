from booking.admin.cancellation_list import ListEntryAdmin
from booking.admin.clinics import ClinicAdmin, SlotAdmin, StockAdmin, VaccineAdmin
from booking.admin.day import buttons_of
from booking.admin.home_visits import CareHomeAdmin, HomeVisitAdmin
from booking.admin.outside_doses import OutsideDoseAdmin
from booking.admin.reservations import ReservationAdmin

__all__ = [
    "CareHomeAdmin",
    "ClinicAdmin",
    "HomeVisitAdmin",
    "ListEntryAdmin",
    "OutsideDoseAdmin",
    "ReservationAdmin",
    "SlotAdmin",
    "StockAdmin",
    "VaccineAdmin",
    "buttons_of",
]
