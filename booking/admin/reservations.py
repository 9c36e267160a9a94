"""Admin of reservations: search, marks, day sheet, history and CSV download."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from booking import hooks
from booking.admin.desk import VoucherPages
from booking.admin.doubles import doubles_of
from booking.admin.filters import (
    SlotClinicFilter,
    SlotDayFilter,
    SlotDistrictFilter,
    SlotRegionFilter,
)
from booking.admin.people import PersonColumns
from booking.admin.sheets import sheet_address
from booking.enums import ReservationStatus
from booking.exceptions import DetailsNeeded, Refused
from booking.exports import Encoding, Selection, UnencodableText, write_export
from booking.history import history_of, place_and_time
from booking.models import Clinic, Reservation
from booking.models.reservations import NUMBER_LETTERS
from booking.services.visits import (
    mark_arrived,
    mark_no_show,
    mark_not_done,
    mark_vaccinated,
    undo_mark,
    why_not_mark,
)
from database.clock import known_now, known_today
from dataio.districts import REGIONS
from dataio.values import BadValue, day
from eligibility.admin import people_meant
from eligibility.spelling import shown_phone
from staff.actors import actor_of
from staff.enums import Act
from staff.names import actor_name
from staff.pages import fieldsets_of
from staff.scoping import PersonalDataMixin, ScopedAdmin
from staff.services import record_access, staff_of
from web.codes import UnreadableCode, read

# Buttons by act: service, status it leads to, label. services.why_not_mark says which are shown.
MARKS = {
    "arrived": (mark_arrived, ReservationStatus.ARRIVED, gettext_lazy("Arrived")),
    "vaccinated": (mark_vaccinated, ReservationStatus.VACCINATED, gettext_lazy("Vaccinated")),
    "not_done": (mark_not_done, ReservationStatus.NOT_DONE, gettext_lazy("Not vaccinated")),
    "no_show": (mark_no_show, ReservationStatus.NO_SHOW, gettext_lazy("Did not come")),
}
TAKE_BACK = gettext_lazy("Take back")
ON_THE_SHEET = [
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
    ReservationStatus.NOT_DONE,
    ReservationStatus.NO_SHOW,
]


class DownloadForm(forms.Form):
    """Days, region and columns of a download, with the reason for the record of access."""

    first = forms.DateField(
        label=gettext_lazy("From day"), widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=gettext_lazy("Until day"), widget=forms.DateInput(attrs={"type": "date"})
    )
    region = forms.ChoiceField(
        label=gettext_lazy("Region"),
        choices=[("", gettext_lazy("All")), *((name, name) for name in REGIONS)],
        required=False,
    )
    people = forms.BooleanField(
        label=gettext_lazy("With names, dates of birth and phone numbers"), required=False
    )
    encoding = forms.ChoiceField(label=gettext_lazy("For"), choices=Encoding.choices)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=5,
        max_length=200,
        help_text=gettext_lazy("Kept with the record of this download."),
    )

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        if values.get("first") and values.get("last") and values["first"] > values["last"]:
            self.add_error("last", _("This day is before the first."))


@admin.register(Reservation)
class ReservationAdmin(
    VoucherPages, PersonColumns, PersonalDataMixin[Reservation], ScopedAdmin[Reservation]
):
    """Read-only; changes go through booking.services."""

    clinic_path = "slot__clinic"
    list_display = ["number", "when", "clinic", "name", "birth_date", "phone", "dose", "status"]
    list_filter = [
        SlotDayFilter,
        "status",
        "slot__vaccine",
        SlotRegionFilter,
        SlotDistrictFilter,
        SlotClinicFilter,
    ]
    list_select_related = ["person", "slot__clinic", "slot__vaccine"]
    search_fields = ["number"]  # only makes the admin show the box; `find` searches
    search_help_text = gettext_lazy(
        "Reservation number, mobile phone, or name and date of birth (김영희 1962-03-01)"
    )
    ordering = ["slot__starts_at", "pk"]
    sortable_by = ["number", "status"]
    show_full_result_count = False  # would count the whole table for each search
    # Nothing here takes marks back: that is done one by one, from a page that shows the mark.
    actions = ["mark_as_arrived", "mark_as_vaccinated", "mark_as_no_show"]
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
        return rows.select_related("person", "slot__clinic", "slot__vaccine")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # bookings are made by services only

    def has_change_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        return False  # marks are buttons, each calls a service

    def has_mark_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("booking.change_reservation")

    def has_export_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("booking.export_reservation")

    @admin.display(description=gettext_lazy("time"), ordering="slot__starts_at")
    def when(self, row: Reservation) -> str:
        return f"{timezone.localtime(row.slot.starts_at):%Y-%m-%d %H:%M}"

    @admin.display(description=gettext_lazy("clinic"))
    def clinic(self, row: Reservation) -> str:
        return row.slot.clinic.name

    @admin.display(description=gettext_lazy("vaccine"))
    def vaccine(self, row: Reservation) -> str:
        return row.slot.vaccine.name

    @admin.display(description=gettext_lazy("last changed by"))
    def by_whom(self, row: Reservation) -> str:
        return actor_name(row.by)

    def find(self, queryset: QuerySet[Reservation], term: str) -> QuerySet[Reservation]:
        people = people_meant(term)
        if people is not None:
            return queryset.filter(person__in=people)
        try:
            return queryset.filter(number=read(term, NUMBER_LETTERS))
        except UnreadableCode:
            return queryset.none()

    @admin.action(description=gettext_lazy("Mark as arrived"), permissions=["mark"])
    def mark_as_arrived(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> None:
        self._mark_each(request, queryset, mark_arrived)

    @admin.action(description=gettext_lazy("Mark as vaccinated"), permissions=["mark"])
    def mark_as_vaccinated(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> None:
        self._mark_each(request, queryset, mark_vaccinated)

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

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "booking_reservation_"
        return [
            path("day/", view(self.day_view), name=f"{name}day"),
            path("download/", view(self.download_view), name=f"{name}download"),
            path("<int:pk>/mark/", view(require_POST(self.mark_view)), name=f"{name}mark"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row: Reservation | None = kwargs.get("obj")
        may_mark = self.has_mark_permission(request)
        context["buttons"] = buttons_of(row, known_now()) if row and may_mark else []
        context["links"] = hooks.links_of(hooks.staff_links, row) if row and may_mark else []
        context |= self.for_the_caller(request, row) | self.change_acts(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may = {
            "may_export": self.has_export_permission(request),
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

    def mark_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_mark_permission(request):
            raise PermissionDenied
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        act = request.POST.get("act", "")
        service = undo_mark if act == "take_back" else MARKS.get(act, [None])[0]
        if service is None:
            raise PermissionDenied
        try:
            row = service(
                reservation=row,
                by=actor_of(staff_of(request)),
                status_shown=request.POST.get("seen", ""),
            )
        except Refused as refusal:
            messages.error(request, f"{row.person.name} ({row.number}): {refusal}")
            if isinstance(refusal, DetailsNeeded):
                return HttpResponseRedirect(refusal.address)
        else:
            row = self.get_queryset(request).get(pk=row.pk)
            status = row.get_status_display()
            messages.success(request, f"{row.person.name} ({row.number}): {status}")
        back = request.POST.get("next", "")
        # `next` is posted: only addresses of this host are followed.
        if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
            return HttpResponseRedirect(reverse("admin:booking_reservation_change", args=[row.pk]))
        return HttpResponseRedirect(f"{back}#{anchor_of(row)}")

    def day_view(self, request: HttpRequest) -> HttpResponse:
        """The day sheet of one clinic: its appointments with buttons; made to be printed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        on = _day_asked_for(request)
        clinic = self._clinic_of_the_sheet(request)
        rows = self._rows_of(request, clinic, on) if clinic else []
        doubles = doubles_of([row.person for row in rows], self.get_queryset(request))
        # Including the people of doubles, whose bookings the sheet shows.
        if rows and clinic:
            data = {"clinic": clinic.code, "day": on.isoformat()}
            shown = set(self.people_of(rows)).union(*(double.people for double in doubles.values()))
            record_access(request, act=Act.PRINT, what="day_sheet", data=data, people=shown)
        now = known_now()
        may_mark = self.has_mark_permission(request)
        return self.page(
            request,
            "admin/booking/reservation/day.html",
            _("Day sheet"),
            clinic=clinic,
            on=on,
            printed_at=now,
            entries=[
                {
                    "row": row,
                    "anchor": anchor_of(row),
                    "phone": shown_phone(row.person.phone),
                    "doubles": doubles.get(row.person_id),
                    "buttons": buttons_of(row, now) if may_mark else [],
                    "links": hooks.links_of(hooks.staff_links, row) if may_mark else [],
                }
                for row in rows
            ],
            counts=_counts(rows),
            may_book=self.has_book_permission(request),
            before=sheet_address(clinic, on - timedelta(days=1)),
            after=sheet_address(clinic, on + timedelta(days=1)),
            here=request.get_full_path(),
        )

    def _clinic_of_the_sheet(self, request: HttpRequest) -> Clinic | None:
        """The clinic asked for if this user may see it, else the user's own clinic."""
        visible: QuerySet[Clinic] = self.admin_site._registry[Clinic].get_queryset(request)
        code = request.GET.get("clinic", "")
        if code:
            return get_object_or_404(visible, code=code)
        own = staff_of(request).clinic_id
        return visible.filter(pk=own).first() if own else None

    def _rows_of(self, request: HttpRequest, clinic: Clinic, on: date) -> list[Reservation]:
        start = timezone.make_aware(datetime.combine(on, time.min))
        rows = self.get_queryset(request).filter(
            slot__clinic=clinic,
            slot__starts_at__gte=start,
            slot__starts_at__lt=start + timedelta(days=1),
            status__in=ON_THE_SHEET,
        )
        return list(rows.order_by("slot__starts_at", "number"))

    def download_view(self, request: HttpRequest) -> HttpResponseBase:
        """CSV of the reservations this user may see, recorded before the first byte is sent."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        today = known_today()
        form = DownloadForm(request.POST or None, initial={"first": today, "last": today})
        if request.method == "POST" and form.is_valid():
            try:
                return self._download(request, form.cleaned_data)
            except UnencodableText as problem:
                form.add_error("encoding", str(problem))
        return self.page(
            request,
            "admin/booking/reservation/download.html",
            _("Download reservations"),
            form=form,
            adminform=fieldsets_of(form, [(None, {"fields": list(form.fields)})]),
        )

    def _download(self, request: HttpRequest, data: dict[str, Any]) -> FileResponse:
        # Scoped to the user, without the joins of the list, which COPY does not need.
        selection = Selection(
            rows=super().get_queryset(request),
            first=data["first"],
            last=data["last"],
            region=data["region"],
        )
        person_ids: set[int] = set()
        file, count = write_export(
            selection,
            people=data["people"],
            encoding=Encoding(data["encoding"]),
            person_ids=person_ids,
        )
        record_access(
            request,
            act=Act.DOWNLOAD,
            what="export_people" if data["people"] else "export",
            data=selection.summary(count),
            people=person_ids,
            reason=data["reason"],
        )
        name = f"reservations-{data['first']:%Y%m%d}-{data['last']:%Y%m%d}.csv"
        return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv")


def anchor_of(row: Reservation) -> str:
    """The fragment of a row: after a mark the page scrolls back to it."""
    return f"reservation-{row.pk}"


def buttons_of(row: Reservation, now: datetime) -> list[tuple[str, str]]:
    """(act, label) of the marks that this row's status and time allow."""
    buttons = [
        (act, str(label))
        for act, (_service, status, label) in MARKS.items()
        if not why_not_mark(row, status, now=now)
    ]
    return [*buttons, ("take_back", str(TAKE_BACK))] if row.status in _TAKEN_BACK else buttons


_TAKEN_BACK = [
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
    ReservationStatus.NOT_DONE,
    ReservationStatus.NO_SHOW,
]


def _counts(rows: list[Reservation]) -> list[tuple[str, int]]:
    return [
        (str(status.label), sum(row.status == status for row in rows)) for status in ON_THE_SHEET
    ]


def _day_asked_for(request: HttpRequest) -> date:
    try:
        return day(request.GET.get("day", ""))
    except BadValue:
        return known_today()
