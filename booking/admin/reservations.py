"""Admin of reservations: search and history."""

from collections.abc import Callable, Iterable
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext

from booking import hooks
from booking.admin.day import DayPages, buttons_of, marks_of
from booking.admin.desk import LetterPages
from booking.admin.filters import (
    SlotClinicFilter,
    SlotDayFilter,
    SlotDistrictFilter,
    SlotRegionFilter,
)
from booking.admin.people import PersonColumns
from booking.exceptions import Refused
from booking.history import history_of, place_and_time
from booking.models import Reservation
from booking.models.reservations import NUMBER_LETTERS
from booking.rules import day_of
from booking.services.visits import (
    mark_arrived,
    mark_no_show,
)
from database.clock import known_now, known_today
from eligibility.admin import people_meant
from staff.actors import actor_of
from staff.names import actor_name
from staff.scoping import PersonalDataMixin, ScopedAdmin
from staff.services import staff_of
from web.codes import UnreadableCode, read


@admin.register(Reservation)
class ReservationAdmin(
    DayPages, LetterPages, PersonColumns, PersonalDataMixin[Reservation], ScopedAdmin[Reservation]
):
    """Read-only; changes go through booking.services."""

    clinic_path = "slot__clinic"
    # The status early: it is what the list is read for, and narrow screens cut the end.
    list_display = ["number", "when", "status", "name", "birth_date", "phone", "dose", "clinic"]
    list_filter = [
        SlotDayFilter,
        "status",
        "slot__vaccine",
        SlotRegionFilter,
        SlotDistrictFilter,
        SlotClinicFilter,
    ]
    search_fields = ["number"]  # only makes the admin show the box; `find` searches
    search_help_text = gettext_lazy(
        "Reservation number, mobile phone, or name and date of birth (김영희 1962-03-01)"
    )
    ordering = ["slot__starts_at", "pk"]
    sortable_by = ["number", "status"]
    show_full_result_count = False  # would count the whole table for each search
    # Nothing here takes marks back: that is done one by one, from a page that shows the mark.
    # Nor is a vaccination marked for many: each asks for its lot and for the person's card.
    actions = ["mark_as_arrived", "mark_as_no_show"]
    fields = readonly_fields = (
        "number",
        "status",
        "when",
        "clinic",
        "vaccine",
        "dose",
        "name",
        "birth_date",
        "phone",
        "origin",
        "by_whom",
        "held_until",
        "created_at",
        "confirmed_at",
        "changed_at",
    )
    change_form_template = "admin/booking/reservation/change_form.html"
    change_list_template = "admin/booking/reservation/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reservation]:
        rows = super().get_queryset(request)
        return rows.select_related("person", "slot__clinic", "slot__home", "slot__vaccine")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # bookings are made by services only

    def has_change_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        return False  # marks are buttons, each calls a service

    @admin.display(description=gettext_lazy("time"), ordering="slot__starts_at")
    def when(self, row: Reservation) -> str:
        return f"{timezone.localtime(row.slot.starts_at):%Y-%m-%d %H:%M}"

    @admin.display(description=gettext_lazy("clinic"))
    def clinic(self, row: Reservation) -> str:
        return row.slot.place.name

    @admin.display(description=gettext_lazy("vaccine"))
    def vaccine(self, row: Reservation) -> str:
        return row.slot.vaccine.name

    @admin.display(description=gettext_lazy("last changed by"))
    def by_whom(self, row: Reservation) -> str:
        return actor_name(row.by)

    def find(self, queryset: QuerySet[Reservation], term: str) -> QuerySet[Reservation]:
        # Of nobody's phone too: some numbers of reservations read as one.
        if people := people_meant(term):
            return queryset.filter(person__in=people)
        try:
            return queryset.filter(number=read(term, NUMBER_LETTERS))
        except UnreadableCode:
            return queryset.none()

    @admin.action(description=gettext_lazy("Mark as arrived"), permissions=["mark"])
    def mark_as_arrived(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> None:
        self._mark_each(request, queryset, mark_arrived)

    @admin.action(description=gettext_lazy("Mark as did not come"), permissions=["mark"])
    def mark_as_no_show(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> None:
        self._mark_each(request, queryset, mark_no_show)

    def _mark_each(
        self, request: HttpRequest, rows: Iterable[Reservation], service: Callable[..., Any]
    ) -> None:
        count = 0
        for row in rows:
            try:
                service(reservation=row, by=actor_of(staff_of(request)))
            except Refused as refusal:
                messages.error(request, f"{row.number}: {refusal}")
            else:
                count += 1
        if count:
            text = ngettext(
                "%(count)s reservation was changed.", "%(count)s reservations were changed.", count
            )
            messages.success(request, text % {"count": count})

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row: Reservation | None = kwargs.get("obj")
        may_mark = self.has_mark_permission(request)
        buttons = buttons_of(row, known_now()) if row and may_mark else []
        context["marks"] = marks_of(row, buttons) if row and buttons else {"acts": []}
        has_come = row is not None and day_of(row.slot.starts_at) <= known_today()
        links = hooks.staff_links_of(row, day_has_come=has_come) if row and may_mark else []
        context["links"] = links
        context |= self.for_the_caller(request, row) | self.change_acts(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may = {
            "may_export": request.user.has_perm("reports.export_reservations"),
            "may_book": self.has_book_permission(request),
        }
        return super().changelist_view(request, {**(extra_context or {}), **may})

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """The history of a reservation as sentences, instead of the admin's log."""
        response = cast("TemplateResponse", super().history_view(request, object_id, extra_context))
        context = response.context_data or {}
        row: Reservation = context["object"]
        events = history_of(row)
        names = {by: actor_name(by) for by in {event.by for event in events}}
        response.context_data = context | {
            "story": [(event, names[event.by]) for event in events],
            "now": place_and_time(row.slot),
        }
        response.template_name = "admin/booking/reservation/history.html"
        return response
