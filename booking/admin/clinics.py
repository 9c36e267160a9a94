"""Admin of clinics, vaccines, slots and stock."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from booking.admin.closures import ClosurePages
from booking.admin.filters import (
    ClinicRegionFilter,
    DayFilter,
    DistrictFilter,
    DoseDayFilter,
    OwnClinicFilter,
    OwnDistrictFilter,
    RegionFilter,
)
from booking.admin.schedules import SchedulePages
from booking.admin.sheets import sheet_address
from booking.enums import Facility, ReservationStatus, facilities_in_order
from booking.exceptions import Refused
from booking.models import Clinic, Reservation, Slot, Stock, Vaccine
from booking.models.clinics import MOST_CAPACITY
from booking.rules import is_clinic_hour
from booking.services.slots import (
    ENOUGH,
    DayOfDoses,
    days_of_doses,
    no_shows_of,
    set_capacity,
    set_clinic_margins,
    set_margins,
    set_stock,
)
from database.clock import known_now
from dataio.districts import district_of
from staff.actors import actor_of
from staff.pages import Row
from staff.scoping import ScopedAdmin
from staff.services import staff_of
from web.posted import form_data


class DistrictForm(forms.ModelForm[Row]):
    """Regions and districts by their official names: rows are found by these."""

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or self.cleaned_data
        region, district = values.get("region", ""), values.get("district", "")
        if region and district:
            official = district_of(region, district)
            if official is None:
                self.add_error(
                    "district",
                    _("There is no such district. Write it as in 서울특별시 and 강남구."),
                )
            else:
                values |= {"region": official.region, "district": official.district}
        return values


class ClinicForm(DistrictForm[Clinic]):
    facilities = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Facilities"),
        choices=Facility.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("People find the clinic by them."),
    )

    def clean_facilities(self) -> list[str]:
        return facilities_in_order(self.cleaned_data["facilities"])


# Ways on from the page of one clinic only: the list has no room for them at 1280 px.
_ONE_CLINIC = ["schedule", "closed_hours"]


@admin.register(Clinic)
class ClinicAdmin(SchedulePages, ClosurePages, ScopedAdmin[Clinic]):
    form = ClinicForm
    clinic_path = ""
    list_display = ["name", "code", "region", "district", "phone", "active"]
    list_filter = ["active", RegionFilter, DistrictFilter]
    search_fields = ["name", "name_en", "code", "address"]
    search_help_text = gettext_lazy("Name, code or address")
    fieldsets = [
        (None, {"fields": ["code", "name", "name_en", "active"]}),
        (
            gettext_lazy("Address"),
            {"fields": ["region", "district", "address", "phone", "latitude", "longitude"]},
        ),
        (gettext_lazy("For people who need it"), {"fields": ["facilities"]}),
        (
            gettext_lazy("Rules"),
            {"fields": ["cutoff_hours", "margin_percent", "missed"]},
        ),
    ]
    readonly_fields = ["missed"]

    @admin.display(description=gettext_lazy("share of people who did not come"))
    def missed(self, clinic: Clinic) -> str:
        return f"{clinic.no_show_rate:.1%}" if clinic.no_show_rate is not None else "–"

    @admin.display(description=gettext_lazy("day sheet"))
    def sheet(self, clinic: Clinic) -> str:
        return format_html('<a href="{}">{}</a>', sheet_address(clinic, None), _("Today"))

    @admin.display(description=gettext_lazy("reservations"))
    def booked(self, clinic: Clinic) -> str:
        return _link("admin:booking_reservation_changelist", clinic, _("Reservations"))

    @admin.display(description=gettext_lazy("cancellation list"))
    def waiting(self, clinic: Clinic) -> str:
        return _link("admin:booking_listentry_changelist", clinic, _("Who waits"))

    @admin.display(description=gettext_lazy("doses and no-shows"))
    def doses(self, clinic: Clinic) -> str:
        address = reverse("admin:booking_clinic_doses", args=[clinic.pk])
        return format_html('<a href="{}">{}</a>', address, _("Doses and no-shows"))

    @admin.display(description=gettext_lazy("opening hours and slots"))
    def schedule(self, clinic: Clinic) -> str:
        address = reverse("admin:booking_clinic_schedule", args=[clinic.pk])
        return format_html('<a href="{}">{}</a>', address, _("Opening hours and slots"))

    @admin.display(description=gettext_lazy("closed hours"))
    def closed_hours(self, clinic: Clinic) -> str:
        address = reverse("admin:booking_clinic_closures", args=[clinic.pk])
        return format_html('<a href="{}">{}</a>', address, _("Close hours"))

    def get_list_display(self, request: HttpRequest) -> Any:
        # Links only where the user may follow them: operators see clinics, but no people.
        ways = [name for name in self._ways_on(request) if name not in _ONE_CLINIC]
        return [*self.list_display, *ways]

    def _ways_on(self, request: HttpRequest) -> list[str]:
        needed = {
            "sheet": "booking.view_reservation",
            "booked": "booking.view_reservation",
            "waiting": "booking.view_listentry",
            "doses": "booking.view_stock",
            "schedule": "booking.view_slot",
            "closed_hours": "booking.view_closure",
        }
        return [name for name, permission in needed.items() if request.user.has_perm(permission)]

    def get_fieldsets(self, request: HttpRequest, obj: Clinic | None = None) -> Any:
        ways = self._ways_on(request) if obj else []
        more = [(_("Look at"), {"fields": ways})] if ways else []
        return [*self.fieldsets, *more]

    def save_model(
        self, request: HttpRequest, obj: Clinic, form: forms.ModelForm[Clinic], change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if change and "margin_percent" in form.changed_data:
            set_clinic_margins(clinic=obj)
        if change and "active" in form.changed_data and not obj.active:
            self._warn_of_appointments(request, obj)

    def _warn_of_appointments(self, request: HttpRequest, clinic: Clinic) -> None:
        """A clinic that takes no bookings keeps its appointments: nobody is told otherwise."""
        count = Reservation.objects.filter(
            slot__clinic=clinic,
            slot__starts_at__gt=known_now(),
            status=ReservationStatus.CONFIRMED,
        ).count()
        if not count:
            return
        text = ngettext(
            "%(count)s appointment to come stands as it is, and the person is not told anything. "
            "Close the hours if the clinic can't keep it.",
            "%(count)s appointments to come stand as they are, and the people are not told "
            "anything. Close the hours that the clinic can't keep.",
            count,
        )
        messages.warning(request, text % {"count": count})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        doses = path("<int:pk>/doses/", view(self.doses_view), name="booking_clinic_doses")
        return [doses, *super().get_urls()]

    def doses_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """No-show rate, margin and doses on hand of a clinic; the doses may be changed here."""
        if not request.user.has_perm("booking.view_stock"):
            raise PermissionDenied
        clinic = get_object_or_404(self.get_queryset(request), pk=pk)
        may_change = request.user.has_perm("booking.change_stock")
        days = days_of_doses(clinic=clinic)
        form = DosesForm(form_data(request), days=days)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            if form.is_valid():
                for row, doses in form.changed():
                    set_stock(clinic=clinic, vaccine_id=row.vaccine_id, day=row.on, doses=doses)
                messages.success(request, _("Saved. The margins follow the new numbers at once."))
                return HttpResponseRedirect(request.path)
        came, missing = no_shows_of(clinic=clinic)
        enough = came + missing >= ENOUGH
        rate = missing / (came + missing) if enough else None
        return self.page(
            request,
            "admin/booking/clinic/doses.html",
            _("Doses and no-shows"),
            crumbs=[
                self.list_crumb(),
                (clinic.name, reverse("admin:booking_clinic_change", args=[clinic.pk])),
            ],
            clinic=clinic,
            came=came,
            missing=missing,
            enough=ENOUGH,
            rate=rate * 100 if rate is not None else None,
            # As services.set_margins limits it.
            in_force=min((rate or 0) * 100, clinic.margin_percent),
            days=[(row, form[form.name_of(row)]) for row in days],
            form=form,
            may_change=may_change,
            may_set=self.has_change_permission(request, clinic),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Clinic | None = None) -> list[str]:
        # Importers find clinics by their code.
        return [*self.readonly_fields, *(["code"] if obj else []), *self._ways_on(request)]


def _link(name: str, clinic: Clinic, text: str) -> str:
    return format_html('<a href="{}?clinic={}">{}</a>', reverse(name), clinic.code, text)


class DosesForm(forms.Form):
    """Doses on hand, one number field per day and vaccine; empty if unknown."""

    def __init__(self, data: Mapping[str, Any] | None = None, *, days: list[DayOfDoses]) -> None:
        super().__init__(data)
        self.days = days
        for row in days:
            self.fields[self.name_of(row)] = forms.IntegerField(
                required=False,
                min_value=0,
                max_value=100_000,
                initial=row.doses,
                widget=forms.NumberInput(
                    attrs={"aria-label": f"{row.on} {row.vaccine}", "inputmode": "numeric"}
                ),
            )

    @staticmethod
    def name_of(row: DayOfDoses) -> str:
        return f"doses-{row.on}-{row.vaccine_id}"

    def clean(self) -> dict[str, Any]:
        # An empty number deletes the stock of its day, so a truncated POST must not pass as empty.
        if not any(name in self.data for name in self.fields):
            raise forms.ValidationError(
                _("The form came without its numbers. Nothing was changed.")
            )
        return self.cleaned_data

    def changed(self) -> list[tuple[DayOfDoses, int | None]]:
        posted = [row for row in self.days if self.name_of(row) in self.data]
        values = [(row, self.cleaned_data[self.name_of(row)]) for row in posted]
        return [(row, doses) for row, doses in values if doses != row.doses]


@admin.register(Vaccine)
class VaccineAdmin(ScopedAdmin[Vaccine]):
    list_display = [
        "code", "name_ko", "name_en", "doses", "min_days", "best_days", "max_days", "kdca_type",
        "cvx",
    ]  # fmt: skip
    search_fields = ["code", "name_ko", "name_en"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Vaccine]:
        return admin.ModelAdmin.get_queryset(self, request)  # vaccines have no scope

    def get_readonly_fields(self, request: HttpRequest, obj: Vaccine | None = None) -> list[str]:
        return ["code"] if obj else []


class SlotForm(forms.ModelForm[Slot]):
    def clean_starts_at(self) -> Any:
        starts_at = self.cleaned_data["starts_at"]
        if starts_at <= known_now():
            raise forms.ValidationError(_("This time is over. Choose a later one."))
        if not is_clinic_hour(starts_at):
            raise forms.ValidationError(_("Appointments begin at 06:00 or later."))
        return starts_at

    # A friendly error beside the field; set_capacity checks again under the lock.
    def clean_capacity(self) -> Any:
        capacity = self.cleaned_data["capacity"]
        if capacity > MOST_CAPACITY:
            raise forms.ValidationError(
                _("At most %(most)s people at one time.") % {"most": MOST_CAPACITY}
            )
        if self.instance.pk and capacity < self.instance.booked:
            raise forms.ValidationError(
                _("%(booked)s places are booked already. Cancel or move reservations first.")
                % {"booked": self.instance.booked}
            )
        return capacity


@admin.register(Slot)
class SlotAdmin(ScopedAdmin[Slot]):
    clinic_path = "clinic"
    form = SlotForm
    fields = ["clinic", "vaccine", "starts_at", "capacity", "margin", "booked", "left"]
    list_display = ["starts_at", "clinic", "vaccine", "capacity", "booked", "left"]
    list_filter = [
        DayFilter,
        "vaccine",
        ClinicRegionFilter,
        OwnDistrictFilter,
        OwnClinicFilter,
    ]
    list_select_related = ["clinic", "vaccine"]
    search_fields = ["clinic__name", "clinic__code"]
    search_help_text = gettext_lazy("Name or code of the clinic")
    autocomplete_fields = ["clinic"]
    readonly_fields = ["margin", "booked", "left"]
    ordering = ["starts_at", "clinic_id"]
    show_full_result_count = False

    @admin.display(description=gettext_lazy("left"))
    def left(self, slot: Slot) -> str:
        return str(slot.left) if slot.pk else "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        # Slots of visits to care homes have pages of their own.
        slots = super().get_queryset(request).filter(home=None)
        return slots.select_related("clinic", "vaccine")

    def get_readonly_fields(self, request: HttpRequest, obj: Slot | None = None) -> list[str]:
        # People have booked this clinic and time: only the capacity may change.
        return [*self.readonly_fields, *(["clinic", "vaccine", "starts_at"] if obj else [])]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "clinic": staff_of(request).clinic_id,
            **super().get_changeform_initial_data(request),
        }

    def save_model(
        self, request: HttpRequest, obj: Slot, form: forms.ModelForm[Slot], change: bool
    ) -> None:
        if change:
            set_capacity(slot=obj, capacity=obj.capacity, by=actor_of(staff_of(request)))
        else:
            super().save_model(request, obj, form, change)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refused as refusal:
            # A booking came between the form's check and the lock.
            messages.error(request, str(refusal))
            return HttpResponseRedirect(request.get_full_path())


@admin.register(Stock)
class StockAdmin(ScopedAdmin[Stock]):
    clinic_path = "clinic"
    list_display = ["on", "clinic", "vaccine", "doses"]
    list_select_related = ["clinic", "vaccine"]
    list_filter = [DoseDayFilter, "vaccine", ClinicRegionFilter, OwnDistrictFilter, OwnClinicFilter]
    autocomplete_fields = ["clinic"]
    ordering = ["-on", "clinic_id"]

    def get_readonly_fields(self, request: HttpRequest, obj: Stock | None = None) -> list[str]:
        return ["clinic", "vaccine", "on"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "clinic": staff_of(request).clinic_id,
            **super().get_changeform_initial_data(request),
        }

    def save_model(
        self, request: HttpRequest, obj: Stock, form: forms.ModelForm[Stock], change: bool
    ) -> None:
        """Save, and set the day's margins by the new number of doses."""
        super().save_model(request, obj, form, change)
        set_margins(clinic=obj.clinic, day=obj.on)
