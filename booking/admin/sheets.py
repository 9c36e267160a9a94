"""Addresses of day sheets."""

from datetime import date

from django.urls import reverse

from booking.models import Clinic


def sheet_address(clinic: Clinic | None, on: date | None) -> str:
    query = "&".join(
        part
        for part in [f"day={on}" if on else "", f"clinic={clinic.code}" if clinic else ""]
        if part
    )
    return reverse("admin:booking_reservation_day") + (f"?{query}" if query else "")
