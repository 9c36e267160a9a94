"""Admin page of lost appointments: book anew, or put the person first on the list."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from booking.admin.desk.choosing import book_address, desk_address, slots_like
from booking.admin.desk.pages import token_for
from booking.admin.desk.wording import staff_message
from booking.exceptions import Refused
from booking.models import ListEntry, LostAppointment, OutsideDose
from booking.services.courses import course_of, interval_of
from booking.services.lost_appointments import lost_appointments, put_first
from eligibility.spelling import shown_phone
from staff.actors import actor_of, actors
from staff.enums import AT_A_CLINIC, Act
from staff.models import User
from staff.names import actor_name
from staff.pages import StaffPages
from staff.scoping import PersonalDataMixin, rows_for
from staff.services import staff_of


def lost_for(user: User, rows: QuerySet[LostAppointment]) -> QuerySet[LostAppointment]:
    """Lost appointments in the user's scope.

    For a clinic those at the clinic or lost by its staff; for the local government also those of
    people of its region.
    """
    own = rows_for(user, rows, clinic_path="reservation__slot__clinic")
    if user.role in AT_A_CLINIC and user.clinic_id and not user.is_superuser:
        colleagues = User.objects.filter(clinic=user.clinic_id).values_list("pk", flat=True)
        return rows.filter(
            Q(reservation__slot__clinic=user.clinic_id) | Q(by__in=actors(colleagues))
        )
    of_region = rows_for(user, rows, region_path="reservation__person")
    return own | of_region


class LostPages(PersonalDataMixin[OutsideDose], StaffPages[OutsideDose]):
    """The list of lost appointments whose people have no replacement yet."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        first = view(require_POST(self.put_first_view))
        return [
            path("lost/", view(self.lost_view), name="booking_outsidedose_lost"),
            path("lost/<int:pk>/first/", first, name="booking_outsidedose_put_first"),
            *super().get_urls(),
        ]

    def lost_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = list(
            lost_for(staff_of(request), lost_appointments()).select_related(
                "reservation__person", "reservation__slot__clinic", "reservation__slot__vaccine"
            )[: self.list_max_show_all]
        )
        if rows:
            people = [row.reservation.person_id for row in rows]
            self._record(request, Act.LIST, "lost_appointments", people)
        names = {by: actor_name(by) for by in {row.by for row in rows}}
        return self.page(
            request,
            "admin/booking/outsidedose/lost.html",
            _("Appointments lost by a mistaken record"),
            entries=[self._entry(request, row, names[row.by]) for row in rows],
            may_put_first=request.user.has_perm("booking.add_listentry"),
        )

    def _entry(self, request: HttpRequest, lost: LostAppointment, by: str) -> dict[str, Any]:
        row = lost.reservation
        course = course_of(row.person_id)
        needs_first = row.dose > 1 and 1 not in course.doses
        may_book = request.user.has_perm("booking.book_reservation")
        # The token opens the desk's pages for this person.
        token = token_for(request, row.person_id) if may_book else ""
        near = []
        if may_book and not needs_first:
            days = course.days(row.dose, interval_of(row.slot.vaccine))
            near = slots_like(
                staff_of(request), row.slot, address=partial(book_address, token), days=days
            )
        return {
            "lost": lost,
            "row": row,
            "phone": shown_phone(row.person.phone),
            "by": by,
            "needs_first": needs_first,
            "near": near,
            "desk": desk_address("caller", token) if token else "",
        }

    def put_first_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put the person first on the cancellation list."""
        if not (
            self.has_view_permission(request) and request.user.has_perm("booking.add_listentry")
        ):
            raise PermissionDenied
        # Not `lost_appointments()`: a second click must find the row that the first one settled.
        everything = LostAppointment.objects.filter(lost_at__isnull=False)
        lost = get_object_or_404(lost_for(staff_of(request), everything), pk=pk)
        try:
            entry = put_first(lost=lost, by=actor_of(staff_of(request)))
        except Refused as refusal:
            messages.error(request, staff_message(refusal))
            return HttpResponseRedirect(reverse("admin:booking_outsidedose_lost"))
        person = lost.reservation.person_id
        self._record(request, Act.CHANGE, "put_first", [person], row=str(lost.reservation))
        # Read again: joining the list may have made an offer on commit.
        if ListEntry.objects.get(pk=entry.pk).offers.filter(status="open").exists():
            text = _("First on the list, and a time that suits was offered at once, by message.")
        else:
            text = _("First on the list: the next time that suits is offered to them by message.")
        messages.success(request, text)
        return HttpResponseRedirect(reverse("admin:booking_outsidedose_lost"))
