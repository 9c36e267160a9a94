"""Notes on a caller, and the reasons of complaints counted by hour."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from booking.admin.desk.caller import CallerPages, caller_address, search_crumb
from booking.admin.desk.forms import NoteForm
from booking.admin.sheets import day_asked_for
from booking.rules import day_bounds
from dataio.csv_out import csv_table
from events.callers import add_note, count_by_hour, record_complaint
from events.enums import ComplaintReason
from events.models import Complaint
from staff.actors import actor_of
from staff.enums import Act
from staff.scoping import rows_for
from staff.services import staff_of


class NotePages(CallerPages):
    """Adds notes to the caller's page, and the page of counts."""

    def note_view(self, request: HttpRequest, token: str) -> HttpResponse:
        person = self._caller_to_act_for(request, token)
        if person is None:
            return self._search_again(request)
        form = NoteForm(request.POST)
        if not form.is_valid():
            for error in [text for texts in form.errors.values() for text in texts]:
                messages.error(request, str(error))
            return HttpResponseRedirect(caller_address(token))
        user = staff_of(request)
        by = actor_of(user)
        if form.cleaned_data["note"]:
            add_note(person_id=person.pk, text=form.cleaned_data["note"], by=by)
            self._record(request, Act.CHANGE, "note", [person.pk])
        if form.cleaned_data["reason"]:
            record_complaint(
                person_id=person.pk,
                reason=ComplaintReason(form.cleaned_data["reason"]),
                by=by,
                region=user.region or (user.clinic.region if user.clinic else ""),
                district=user.district or (user.clinic.district if user.clinic else ""),
            )
        messages.success(request, _("Noted."))
        return HttpResponseRedirect(caller_address(token))

    def complaints_view(self, request: HttpRequest) -> HttpResponse:
        """The complaints of one day by hour and reason, as a table or as CSV."""
        if not request.user.has_perm("events.view_complaint"):
            raise PermissionDenied
        on = day_asked_for(request)
        counts = count_by_hour(self._complaints(request, on))
        if request.GET.get("format") == "csv":
            return _as_csv(counts, on)
        address = reverse("admin:desk_complaints")
        return self.page(
            request,
            "admin/booking/desk/complaints.html",
            _("Complaints"),
            crumbs=[search_crumb()],
            on=on,
            reasons=[reason.label for reason in ComplaintReason],
            rows=_table(counts),
            before=f"{address}?day={on - timedelta(days=1)}",
            after=f"{address}?day={on + timedelta(days=1)}",
            file=f"{address}?day={on}&format=csv",
        )

    def _complaints(self, request: HttpRequest, on: date) -> QuerySet[Complaint]:
        start, end = day_bounds(on)
        of_day = Complaint.objects.filter(at__gte=start, at__lt=end)
        return rows_for(staff_of(request), of_day, region_path="")


def _table(counts: Sequence[tuple[datetime, str, int]]) -> list[dict[str, Any]]:
    """A row for each hour with complaints: the hour, a number for each reason, their sum."""
    hours: dict[datetime, dict[str, int]] = {}
    for hour, reason, number in counts:
        hours.setdefault(hour, {})[reason] = number
    return [
        {
            "hour": f"{timezone.localtime(hour):%H}:00",
            "numbers": [numbers.get(reason, 0) for reason in ComplaintReason.values],
            "sum": sum(numbers.values()),
        }
        for hour, numbers in hours.items()
    ]


def _as_csv(counts: Sequence[tuple[datetime, str, int]], on: date) -> HttpResponse:
    rows = [
        [
            f"{timezone.localtime(hour):%Y-%m-%d %H:00}",
            reason,
            ComplaintReason(reason).label,
            number,
        ]
        for hour, reason, number in counts
    ]
    table = csv_table([["hour", "reason", "text", "number"], *rows])
    response = HttpResponse(table, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="complaints-{on:%Y%m%d}.csv"'
    return response
