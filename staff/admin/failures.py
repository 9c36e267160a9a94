from django.contrib import admin
from django.http import HttpRequest

from staff.models import LogInFailure
from web.careful_admin import CarefulMixin


@admin.register(LogInFailure)
class LogInFailureAdmin(CarefulMixin[LogInFailure], admin.ModelAdmin[LogInFailure]):
    """Wrong passwords and codes of the last ninety days; typed names are not stored."""

    list_display = ["at", "user", "network", "step"]
    list_filter = ["step", "at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "network"]
    date_hierarchy = "at"
    fields = readonly_fields = ("at", "user", "network", "step")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LogInFailure | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: LogInFailure | None = None) -> bool:
        return False
