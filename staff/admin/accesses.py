from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from staff.models import Access
from staff.scoping import CarefulMixin


@admin.register(Access)
class AccessAdmin(CarefulMixin, admin.ModelAdmin[Access]):
    list_display = ["at", "user", "act", "what", "number_of_people", "address", "reason"]
    list_filter = ["act", "at"]
    list_select_related = ["user"]
    search_fields = ["user__username"]
    search_help_text = _("User name, or the number of the person whose data was seen")
    date_hierarchy = "at"
    show_full_result_count = False

    @admin.display(description=_("people"))
    def number_of_people(self, access: Access) -> int:
        return len(access.people)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Access], search_term):
        number = search_term.strip().removeprefix("#")
        if number.isdecimal() and len(number) < 19:
            return queryset.filter(people__contains=[int(number)]), False
        return super().get_search_results(request, queryset, search_term)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Access | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Access | None = None) -> bool:
        return False
