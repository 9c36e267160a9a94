from booking.admin.home_visits.homes import CareHomeAdmin
from booking.admin.home_visits.pages import HomeVisitAdmin

__all__ = ["CareHomeAdmin", "HomeVisitAdmin"]
