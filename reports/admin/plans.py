"""Admin of plans: how many people of a cohort are to be vaccinated, and by when."""

from django.contrib import admin
from django.http import HttpRequest

from reports.models import CohortPlan
from staff.history import HistoryMixin
from staff.pages import StaffPages
from web.careful_admin import CarefulMixin


@admin.register(CohortPlan)
class CohortPlanAdmin(CarefulMixin[CohortPlan], HistoryMixin[CohortPlan], StaffPages[CohortPlan]):
    list_display = ["cohort", "region", "people", "first_day", "last_day"]
    list_filter = ["cohort", "region"]
    list_select_related = ["cohort"]
    fields = ["cohort", "region", "people", "first_day", "last_day"]

    def has_delete_permission(self, request: HttpRequest, obj: CohortPlan | None = None) -> bool:
        return False  # it is changed: reports of the past were measured by it
