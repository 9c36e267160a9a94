"""Addresses of pages that show one day."""

from datetime import date

from django.http import HttpRequest
from django.urls import reverse

from booking.models import Clinic
from database.clock import known_today
from dataio.values import BadValue, day


def sheet_address(clinic: Clinic | None, on: date | None) -> str:
    query = "&".join(
        part
        for part in [f"day={on}" if on else "", f"clinic={clinic.code}" if clinic else ""]
        if part
    )
    return reverse("admin:booking_reservation_day") + (f"?{query}" if query else "")


def day_asked_for(request: HttpRequest) -> date:
    """The day in the address of a page; today if it names none."""
    try:
        on = day(request.GET.get("day", ""))
    except BadValue:
        return known_today()
    # The first and last days of the calendar have no day beside them.
    return on if date.min.year < on.year < date.max.year else known_today()
