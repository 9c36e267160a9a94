from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from staff.kinds import in_words
from staff.models import Access
from web.careful_admin import CarefulMixin
from web.posted import id_in


@admin.register(Access)
class AccessAdmin(CarefulMixin[Access], admin.ModelAdmin[Access]):
    list_display = ["at", "who", "act", "shown", "number_of_people", "address", "reason"]
    list_filter = ["act", "at"]
    list_select_related = ["user", "people_set"]
    fields = readonly_fields = ("at", "who", "act", "shown", "shown_people", "address", "reason")
    search_fields = ["user__username"]
    search_help_text = _("User name, or the number of the person whose data was seen")
    date_hierarchy = "at"
    ordering = ["-pk"]  # as they were written; many have the same instant
    show_full_result_count = False

    @admin.display(description=_("user"), ordering="user")
    def who(self, access: Access) -> str:
        return access.by or str(access.user)

    @admin.display(description=_("what"), ordering="what")
    def shown(self, access: Access) -> str:
        text = in_words(access.what, access.data)
        if access.data.get("found") == 0:
            return f"{text} ({_('nobody found')})"
        if access.data.get("refused"):
            return f"{text} ({_('refused')})"
        return text

    @admin.display(description=_("people"))
    def number_of_people(self, access: Access) -> int:
        return access.people_set.size if access.people_set else len(access.people)

    @admin.display(description=_("people"))
    def shown_people(self, access: Access) -> str:
        return ", ".join(f"#{number}" for number in access.numbers) or "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Access]:
        # The list needs the sizes of the sets, not up to a million ids of each.
        return super().get_queryset(request).defer("people_set__people", "people_set__removed")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Access], search_term: str
    ) -> tuple[QuerySet[Access], bool]:
        person = id_in(search_term.strip().removeprefix("#"))
        if person is None:
            return super().get_search_results(request, queryset, search_term)
        records = Access.objects.of_person(person).order_by()
        return queryset.filter(pk__in=records.values("pk")), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Access | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Access | None = None) -> bool:
        return False
