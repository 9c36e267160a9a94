"""The first page of clinic staff: the day of their clinic."""

from django.http import HttpRequest
from django.urls import reverse

from staff.enums import AT_A_CLINIC
from staff.services import staff_of


def day_of_clinic(request: HttpRequest) -> str:
    user = staff_of(request)
    at_a_clinic = user.role in AT_A_CLINIC and user.clinic_id is not None
    return reverse("admin:booking_reservation_day") if at_a_clinic else ""
