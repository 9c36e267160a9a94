"""The frame of the pages of one person's visit: who may open them, and what each one shows."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from booking.admin.day.rows import anchor_of
from booking.admin.people import reservations_for
from booking.admin.sheets import sheet_address
from booking.enums import ReservationStatus
from booking.models import Reservation
from booking.rules import day_of
from staff.enums import Act
from staff.pages import StaffPages
from staff.services import record_access, staff_of
from vaccination.admin.forms import OUTCOME_TITLES
from vaccination.enums import Outcome
from vaccination.models import DoseGiven, NotDone
from vaccination.services.doses import form_address, outcome_address

S = ReservationStatus


class VisitPages(StaffPages[DoseGiven]):
    """Pages of one reservation at its clinic."""

    def has_record_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("vaccination.add_dosegiven")

    def visit(self, request: HttpRequest, reservation_id: int) -> Reservation:
        """A reservation in this user's scope; raises PermissionDenied or Http404."""
        if not self.has_record_permission(request):
            raise PermissionDenied
        rows = reservations_for(staff_of(request))
        rows = rows.select_related("slot__clinic", "slot__home", "slot__vaccine", "person")
        row: Reservation = get_object_or_404(rows, pk=reservation_id)
        if row.person.forgotten_at is not None:
            raise Http404
        return row

    def visit_page(
        self,
        request: HttpRequest,
        row: Reservation,
        template: str,
        *,
        form: forms.Form,
        end: str = "",
        is_refused: bool = False,
        **context: Any,
    ) -> HttpResponse:
        back = sheet_of(row)
        return self.page(
            request,
            template,
            _("Vaccination"),
            crumbs=[(_("Day sheet"), back), *([(row.number, form_address(row))] if end else [])],
            end=end or row.number,
            status=422 if form.errors else 409 if is_refused else 200,
            form=form,
            row=row,
            status_label=row.get_status_display(),
            is_taken_back=row.status in (S.VACCINATED, S.NOT_DONE),
            may_refuse=row.status == S.ARRIVED,
            outcome=_outcome_text(row),
            here=form_address(row),
            outcome_address=outcome_address(row),
            back=back,
            **context,
        )

    def note(
        self, request: HttpRequest, act: Act, row: Reservation, what: str = "vaccination"
    ) -> None:
        data = {"number": row.number}
        record_access(request, act=act, what=what, data=data, people=[row.person_id])

    def to_sheet(self, request: HttpRequest, row: Reservation, status: str) -> HttpResponse:
        messages.success(request, f"{row.person.name} ({row.number}): {status}")
        return HttpResponseRedirect(sheet_of(row))


def sheet_of(row: Reservation) -> str:
    """The day sheet of the appointment, at its row."""
    return f"{sheet_address(row.slot.clinic, day_of(row.slot.starts_at))}#{anchor_of(row)}"


def _outcome_text(row: Reservation) -> str:
    """Why the person was not vaccinated; "" for any other status."""
    if row.status != S.NOT_DONE:
        return ""
    # The last one counts: earlier ones were taken back.
    not_done = NotDone.objects.filter(reservation=row).order_by("-pk").first()
    if not_done is None:
        return ""
    title = OUTCOME_TITLES[Outcome(not_done.outcome)]
    return f"{title}: {not_done.get_reason_display()}"
