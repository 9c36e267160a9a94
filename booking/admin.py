from datetime import date, datetime, time, timedelta

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from dataio.places import REGIONS
from dataio.values import BadValue, day
from eligibility.admin import people_meant
from eligibility.normal import shown_phone
from staff.enums import Act
from staff.history import who
from staff.scoping import PersonalDataMixin, ScopedAdmin, sees_everything
from staff.services import record_access
from waiting_room.codes import UnreadableCode, read

from .enums import ReservationStatus
from .exceptions import Refused
from .exports import CantBeWritten, Encoding, Selection, write_export
from .models import Clinic, Jab, Reservation, Slot, Stock, Vaccine
from .rules import day_of
from .services import mark_arrived, mark_no_show, mark_vaccinated, set_capacity, undo_mark
from .services.holds import NUMBER_LETTERS

# The buttons of the desk: what may be pressed follows from the status (enums.LAWFUL_MOVES).
MARKS = {
    "arrived": (mark_arrived, ReservationStatus.ARRIVED, gettext_lazy("Arrived")),
    "vaccinated": (mark_vaccinated, ReservationStatus.VACCINATED, gettext_lazy("Vaccinated")),
    "no_show": (mark_no_show, ReservationStatus.NO_SHOW, gettext_lazy("Did not come")),
}
TAKE_BACK = gettext_lazy("Take back")
ON_THE_SHEET = [
    ReservationStatus.CONFIRMED,
    ReservationStatus.ARRIVED,
    ReservationStatus.VACCINATED,
    ReservationStatus.NO_SHOW,
]


class DayFilter(admin.SimpleListFilter):
    title = gettext_lazy("day")
    parameter_name = "day"
    field = "starts_at"

    def lookups(self, request, model_admin):
        return [
            ("today", _("Today")),
            ("tomorrow", _("Tomorrow")),
            ("week", _("The next seven days")),
            ("past", _("Before today")),
        ]

    def queryset(self, request, queryset):
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        spans = {
            "today": (midnight, midnight + timedelta(days=1)),
            "tomorrow": (midnight + timedelta(days=1), midnight + timedelta(days=2)),
            "week": (midnight, midnight + timedelta(days=7)),
        }
        if self.value() == "past":
            return queryset.filter(**{f"{self.field}__lt": midnight})
        if self.value() not in spans:
            return queryset
        start, end = spans[self.value()]
        return queryset.filter(**{f"{self.field}__gte": start, f"{self.field}__lt": end})


class SlotDayFilter(DayFilter):
    field = "slot__starts_at"


class RegionFilter(admin.SimpleListFilter):
    """Only for those who see more than one region."""

    title = gettext_lazy("region")
    parameter_name = "region"
    field = "region"

    def lookups(self, request, model_admin):
        return [(name, name) for name in REGIONS] if sees_everything(request.user) else []

    def queryset(self, request, queryset):
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class ClinicRegionFilter(RegionFilter):
    field = "clinic__region"


class SlotRegionFilter(RegionFilter):
    field = "slot__clinic__region"


@admin.register(Clinic)
class ClinicAdmin(ScopedAdmin):
    clinic_path = ""
    list_display = ["name", "code", "region", "district", "phone", "active"]
    list_filter = ["active", RegionFilter]
    search_fields = ["name", "code", "address"]
    search_help_text = gettext_lazy("Name, code or address")
    fieldsets = [
        (None, {"fields": ["code", "name", "active"]}),
        (
            gettext_lazy("Place"),
            {"fields": ["region", "district", "address", "phone", "latitude", "longitude"]},
        ),
        (
            gettext_lazy("Rules"),
            {"fields": ["cutoff_hours", "margin_percent", "no_show_rate"]},
        ),
    ]
    readonly_fields = ["no_show_rate"]

    @admin.display(description=gettext_lazy("day sheet"))
    def sheet(self, clinic: Clinic) -> str:
        return format_html('<a href="{}">{}</a>', _sheet_address(clinic, None), _("Today"))

    def get_list_display(self, request):
        # Who runs the machines does not see who comes.
        may = request.user.has_perm("booking.view_reservation")
        return [*self.list_display, *(["sheet"] if may else [])]

    def get_readonly_fields(self, request, obj=None):
        # The code is how lists and importers find the clinic again.
        return [*self.readonly_fields, *(["code"] if obj else [])]


@admin.register(Vaccine)
class VaccineAdmin(ScopedAdmin):
    list_display = ["code", "name_ko", "name_en", "doses", "min_days", "best_days", "max_days"]
    search_fields = ["code", "name_ko", "name_en"]

    def get_queryset(self, request):
        return admin.ModelAdmin.get_queryset(self, request)  # the same for everybody

    def get_readonly_fields(self, request, obj=None):
        return ["code"] if obj else []


class SlotForm(forms.ModelForm):
    def clean_starts_at(self):
        starts_at = self.cleaned_data["starts_at"]
        if starts_at <= timezone.now():
            raise forms.ValidationError(_("This time is over. Choose a later one."))
        return starts_at

    def clean_capacity(self):
        capacity = self.cleaned_data["capacity"]
        if self.instance.pk and capacity < self.instance.booked:
            raise forms.ValidationError(
                _("%(booked)s places are booked already. Cancel or move reservations first.")
                % {"booked": self.instance.booked}
            )
        return capacity


@admin.register(Slot)
class SlotAdmin(ScopedAdmin):
    clinic_path = "clinic"
    form = SlotForm
    fields = ["clinic", "vaccine", "starts_at", "capacity", "margin", "booked", "left"]
    list_display = ["starts_at", "clinic", "vaccine", "capacity", "booked", "left"]
    list_filter = [DayFilter, "vaccine", ClinicRegionFilter]
    list_select_related = ["clinic", "vaccine"]
    search_fields = ["clinic__name", "clinic__code"]
    search_help_text = gettext_lazy("Name or code of the clinic")
    autocomplete_fields = ["clinic"]
    readonly_fields = ["margin", "booked", "left"]
    ordering = ["starts_at", "clinic_id"]
    show_full_result_count = False

    @admin.display(description=gettext_lazy("left"))
    def left(self, slot: Slot) -> int | None:
        return slot.left if slot.pk else None

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("clinic", "vaccine")

    def get_readonly_fields(self, request, obj=None):
        # People booked this time at this place; only how many fit can change.
        return [*self.readonly_fields, *(["clinic", "vaccine", "starts_at"] if obj else [])]

    def get_changeform_initial_data(self, request):
        return {"clinic": request.user.clinic_id, **super().get_changeform_initial_data(request)}

    def save_model(self, request, obj, form, change) -> None:
        if change:
            set_capacity(slot=obj, capacity=obj.capacity, by=f"staff:{request.user.pk}")
        else:
            super().save_model(request, obj, form, change)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refusal:
            # Somebody booked between the form's check and the lock.
            messages.error(request, str(refusal))
            return HttpResponseRedirect(request.get_full_path())


@admin.register(Stock)
class StockAdmin(ScopedAdmin):
    clinic_path = "clinic"
    list_display = ["on", "clinic", "vaccine", "doses"]
    list_select_related = ["clinic", "vaccine"]
    list_filter = ["on", "vaccine"]
    autocomplete_fields = ["clinic"]
    ordering = ["-on", "clinic_id"]


@admin.register(Jab)
class JabAdmin(PersonalDataMixin, ScopedAdmin):
    """Doses given elsewhere: recorded by the service that also frees what they replace."""

    region_path = "person"
    list_display = ["person", "dose", "vaccine", "given_on", "place", "by", "recorded_at"]
    list_select_related = ["person", "vaccine"]

    def has_add_permission(self, request) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class DownloadForm(forms.Form):
    """What to download, and why: the reason is kept with the record of the download."""

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

    def clean(self):
        values = super().clean()
        if values.get("first") and values.get("last") and values["first"] > values["last"]:
            self.add_error("last", _("This day is before the first."))
        return values


@admin.register(Reservation)
class ReservationAdmin(PersonalDataMixin, ScopedAdmin):
    """Looked at here, changed only through booking.services."""

    clinic_path = "slot__clinic"
    list_display = ["number", "when", "clinic", "name", "birth_date", "phone", "dose", "status"]
    list_filter = [SlotDayFilter, "status", "slot__vaccine", SlotRegionFilter]
    list_select_related = ["person", "slot__clinic", "slot__vaccine"]
    search_fields = ["number"]  # shows the box; `find` searches
    search_help_text = gettext_lazy(
        "Reservation number, mobile phone, or name and date of birth (김영희 1962-03-01)"
    )
    ordering = ["slot__starts_at", "pk"]
    sortable_by = ["number", "status"]
    show_full_result_count = False
    actions = ["mark_as_arrived", "mark_as_vaccinated", "mark_as_no_show", "take_back"]
    fields = [
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
    ]
    readonly_fields = fields
    change_form_template = "admin/booking/reservation/change_form.html"
    change_list_template = "admin/booking/reservation/change_list.html"

    def get_queryset(self, request):
        rows = super().get_queryset(request)
        return rows.select_related("person", "slot__clinic", "slot__vaccine")

    def has_add_permission(self, request) -> bool:
        return False  # bookings are made by services alone

    def has_change_permission(self, request, obj=None) -> bool:
        return False  # marks are buttons, each a service

    def has_mark_permission(self, request) -> bool:
        return request.user.has_perm("booking.change_reservation")

    def has_export_permission(self, request) -> bool:
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

    @admin.display(description=gettext_lazy("name"))
    def name(self, row: Reservation) -> str:
        return row.person.name

    @admin.display(description=gettext_lazy("date of birth"))
    def birth_date(self, row: Reservation) -> str:
        return row.person.birth_date.isoformat()

    @admin.display(description=gettext_lazy("mobile phone"))
    def phone(self, row: Reservation) -> str:
        return shown_phone(row.person.phone)

    @admin.display(description=gettext_lazy("last changed by"))
    def by_whom(self, row: Reservation) -> str:
        return who(row.by)

    def find(self, queryset: QuerySet, term: str) -> QuerySet:
        people = people_meant(term)
        if people is not None:
            return queryset.filter(person__in=people)
        try:
            return queryset.filter(number=read(term, NUMBER_LETTERS))
        except UnreadableCode:
            return queryset.none()

    # Marks, one by one or for all that are ticked.

    @admin.action(description=gettext_lazy("Mark as arrived"), permissions=["mark"])
    def mark_as_arrived(self, request, queryset):
        self._mark_each(request, queryset, mark_arrived)

    @admin.action(description=gettext_lazy("Mark as vaccinated"), permissions=["mark"])
    def mark_as_vaccinated(self, request, queryset):
        self._mark_each(request, queryset, mark_vaccinated)

    @admin.action(description=gettext_lazy("Mark as did not come"), permissions=["mark"])
    def mark_as_no_show(self, request, queryset):
        self._mark_each(request, queryset, mark_no_show)

    @admin.action(description=gettext_lazy("Take the last mark back"), permissions=["mark"])
    def take_back(self, request, queryset):
        self._mark_each(request, queryset, undo_mark)

    def _mark_each(self, request, rows, service) -> None:
        done = 0
        for row in rows:
            try:
                service(reservation=row, by=f"staff:{request.user.pk}")
            except Refused as refusal:
                messages.error(request, f"{row.number}: {refusal}")
            else:
                done += 1
        if done:
            text = ngettext(
                "%(count)s reservation was changed.", "%(count)s reservations were changed.", done
            )
            messages.success(request, text % {"count": done})

    def get_urls(self):
        view = self.admin_site.admin_view
        name = "booking_reservation_"
        return [
            path("day/", view(self.day_view), name=f"{name}day"),
            path("download/", view(self.download_view), name=f"{name}download"),
            path("<int:pk>/mark/", view(require_POST(self.mark_view)), name=f"{name}mark"),
            *super().get_urls(),
        ]

    def render_change_form(self, request, context, *args, **kwargs):
        row = kwargs.get("obj")
        if row is not None and self.has_mark_permission(request):
            context["buttons"] = buttons_of(row, timezone.now())
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(self, request, extra_context=None):
        may = {"may_export": self.has_export_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may})

    def mark_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_mark_permission(request):
            raise PermissionDenied
        row = get_object_or_404(self.get_queryset(request), pk=pk)
        act = request.POST.get("act", "")
        service = undo_mark if act == "take_back" else MARKS.get(act, [None])[0]
        if service is None:
            raise PermissionDenied
        self._mark_each(request, [row], service)
        back = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
            back = reverse("admin:booking_reservation_change", args=[row.pk])
        return HttpResponseRedirect(back)

    def day_view(self, request: HttpRequest) -> HttpResponse:
        """One clinic's day: who comes when, with the buttons of the desk; made to be printed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        on = _day_asked_for(request)
        clinic = self._clinic_of_the_sheet(request)
        rows = self._rows_of(request, clinic, on) if clinic else []
        if rows:
            what = _("Day sheet %(clinic)s %(day)s") % {"clinic": clinic.code, "day": on}
            record_access(request, act=Act.PRINT, what=what, people=self.people_of(rows))
        now = timezone.now()
        may_mark = self.has_mark_permission(request)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Day sheet"),
            "opts": self.opts,
            "clinic": clinic,
            "on": on,
            "printed_at": now,
            "entries": [
                {
                    "row": row,
                    "phone": shown_phone(row.person.phone),
                    "buttons": buttons_of(row, now) if may_mark else [],
                }
                for row in rows
            ],
            "counts": _counts(rows),
            "before": _sheet_address(clinic, on - timedelta(days=1)),
            "after": _sheet_address(clinic, on + timedelta(days=1)),
            "here": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/booking/reservation/day.html", context)

    def _clinic_of_the_sheet(self, request: HttpRequest) -> Clinic | None:
        """The clinic asked for, if this user may see it; of those with one clinic, that one."""
        seen = self.admin_site._registry[Clinic].get_queryset(request)
        code = request.GET.get("clinic", "")
        if code:
            return get_object_or_404(seen, code=code)
        return seen.filter(pk=request.user.clinic_id).first()

    def _rows_of(self, request: HttpRequest, clinic: Clinic, on: date) -> list[Reservation]:
        start = timezone.make_aware(datetime.combine(on, time.min))
        rows = self.get_queryset(request).filter(
            slot__clinic=clinic,
            slot__starts_at__gte=start,
            slot__starts_at__lt=start + timedelta(days=1),
            status__in=ON_THE_SHEET,
        )
        return list(rows.order_by("slot__starts_at", "number"))

    def download_view(self, request: HttpRequest) -> HttpResponse:
        """A CSV of what this user may see; the reason is recorded before the first byte goes."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        today = day_of(timezone.now())
        form = DownloadForm(request.POST or None, initial={"first": today, "last": today})
        if request.method == "POST" and form.is_valid():
            try:
                return self._download(request, form.cleaned_data)
            except CantBeWritten as problem:
                form.add_error("encoding", str(problem))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Download reservations"),
            "opts": self.opts,
            "form": form,
            "adminform": AdminForm(form, [(None, {"fields": list(form.fields)})], {}),
        }
        return TemplateResponse(request, "admin/booking/reservation/download.html", context)

    def _download(self, request: HttpRequest, asked: dict) -> HttpResponse:
        selection = Selection(
            rows=super().get_queryset(request),
            first=asked["first"],
            last=asked["last"],
            region=asked["region"],
        )
        file, count = write_export(
            selection, people=asked["people"], encoding=Encoding(asked["encoding"])
        )
        kind = _("with personal data") if asked["people"] else _("without personal data")
        region = asked["region"] or "–"
        record_access(
            request,
            act=Act.DOWNLOAD,
            what=f"reservations {asked['first']}–{asked['last']}, {region}, {kind}: {count}",
            reason=asked["reason"],
        )
        name = f"reservations-{asked['first']:%Y%m%d}-{asked['last']:%Y%m%d}.csv"
        return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv")


def buttons_of(row: Reservation, now) -> list[tuple[str, str]]:
    """(act, label) for every mark that may follow on this row's status now."""
    buttons = [
        (act, label)
        for act, (_service, status, label) in MARKS.items()
        if row.may_become(status)
        and row.status != ReservationStatus.CANCELLED
        # Taking a mark back moves the same way; it has a button of its own.
        and not (row.status in _MARKED and status == ReservationStatus.ARRIVED)
        and not (act == "no_show" and row.slot.starts_at > now)
    ]
    return [*buttons, ("take_back", TAKE_BACK)] if row.status in _TAKEN_BACK else buttons


_MARKED = [ReservationStatus.VACCINATED, ReservationStatus.NO_SHOW]
_TAKEN_BACK = [*_MARKED, ReservationStatus.ARRIVED]


def _counts(rows: list[Reservation]) -> list[tuple[str, int]]:
    return [(status.label, sum(row.status == status for row in rows)) for status in ON_THE_SHEET]


def _day_asked_for(request: HttpRequest) -> date:
    try:
        return day(request.GET.get("day", ""))
    except BadValue:
        return day_of(timezone.now())


def _sheet_address(clinic: Clinic | None, on: date | None) -> str:
    query = "&".join(
        part
        for part in [f"day={on}" if on else "", f"clinic={clinic.code}" if clinic else ""]
        if part
    )
    return reverse("admin:booking_reservation_day") + (f"?{query}" if query else "")
