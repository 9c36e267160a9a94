"""Tickets in the admin."""

from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eligibility.admin import people_meant
from staff.scoping import PersonalDataMixin, ScopedAdmin
from waiting_room.models import Ticket
from waiting_room.services.resume_codes import resume_indexes
from web.codes import UnreadableCode
from web.paging import CappedPaginator


def _to_the_second(at: datetime) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M:%S}"


@admin.register(Ticket)
class TicketAdmin(PersonalDataMixin[Ticket], ScopedAdmin[Ticket]):
    """Tickets for staff who answer questions; read-only, as no ticket can be moved."""

    region_path = "person"
    list_display = ["room", "entry", "place", "person", "joined", "left", "visits"]
    list_select_related = ["room__cohort", "person"]
    list_filter = ["room"]
    search_fields = ["entry"]  # shows the box; `find` searches
    search_help_text = gettext_lazy(
        "Entry number, resume code, mobile phone, or name and date of birth"
    )
    # The last first, as the index of one_ticket_per_entry has them.
    ordering = ["-room_id", "-entry"]
    sortable_by = ["entry"]
    show_full_result_count = False
    paginator = CappedPaginator
    fields = readonly_fields = (
        "room",
        "person",
        "entry",
        "place",
        "standing",
        "joined",
        "left",
        "provisional",
        "visits",
    )
    change_form_template = "admin/person_row.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Ticket | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("joined at"))
    def joined(self, ticket: Ticket) -> str:
        return _to_the_second(ticket.joined_at)

    @admin.display(description=gettext_lazy("left at"))
    def left(self, ticket: Ticket) -> str:
        return _to_the_second(ticket.left_at) if ticket.left_at else "–"

    @admin.display(description=gettext_lazy("place in the line"))
    def place(self, ticket: Ticket) -> str:
        return "–" if ticket.place is None else f"{ticket.place:,}"

    @admin.display(description=gettext_lazy("standing"))
    def standing(self, ticket: Ticket) -> str:
        place, serving = ticket.place, ticket.room.line.serving
        if place is None:
            return _("The draw has not been held yet.")
        if place <= serving:
            return _("Called.")
        return _("%d people ahead.") % (place - serving - 1)

    @admin.display(description=gettext_lazy("visits"))
    def visits(self, ticket: Ticket) -> str:
        visits = sorted(ticket.admissions.all(), key=lambda visit: visit.entered_at)
        return "; ".join(
            f"{timezone.localtime(visit.entered_at):%m-%d %H:%M:%S} "
            f"{visit.get_ending_display()}".strip()
            for visit in visits
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        rows = super().get_queryset(request).select_related("room__cohort", "room__line", "person")
        return rows.prefetch_related("admissions")

    def find(self, queryset: QuerySet[Ticket], term: str) -> QuerySet[Ticket]:
        # Entry numbers are shorter than phone numbers (and resume codes have letters).
        if term.isascii() and term.isdecimal() and len(term) < 8:
            return queryset.filter(entry=int(term))
        try:
            return queryset.filter(resume_index__in=resume_indexes(term))
        except UnreadableCode:
            people = people_meant(term)
        return queryset.filter(person__in=people) if people else queryset.none()
