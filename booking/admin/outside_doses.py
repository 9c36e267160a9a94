"""Admin of doses given elsewhere: record, correct and withdraw them through services."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_stubs_ext import StrOrPromise

from booking.admin.lost_appointments import LostPages
from booking.admin.people import PersonColumns, PersonForm, as_fieldsets
from booking.exceptions import Refused
from booking.models import OutsideDose, Reservation, Vaccine
from booking.services.notices import appointment_time
from booking.services.outside_doses import (
    RecordEffects,
    correct_outside_dose,
    record_outside_dose,
    withdraw_outside_dose,
)
from database.clock import known_today
from eligibility.admin.people import PeopleSearchMixin
from eligibility.models import Person
from staff.actors import actor_of, actors
from staff.enums import AT_A_CLINIC, Act
from staff.models import User
from staff.names import actor_name
from staff.scoping import ScopedAdmin, rows_for
from staff.services import staff_of
from web.inputs import DayInput

DOSE_FIELDS = ["vaccine", "dose", "given_on", "place"]


# Key in the request's __dict__: `save_model` hands its effects to `response_post_save_change`.
_EFFECTS = "record_effects"


class DoseFields(forms.Form):
    """Vaccine, dose, day and place of a dose given elsewhere."""

    vaccine = forms.ModelChoiceField(
        label=gettext_lazy("Vaccine"), queryset=Vaccine.objects.order_by("code")
    )
    dose = forms.IntegerField(label=gettext_lazy("Dose"), min_value=1, max_value=9, initial=1)
    given_on = forms.DateField(label=gettext_lazy("Given on"), widget=DayInput())
    place = forms.CharField(
        label=gettext_lazy("Where"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Clinic, town or country, as the paper says"),
    )

    def clean_given_on(self) -> Any:
        given_on = self.cleaned_data["given_on"]
        if given_on > known_today():
            raise forms.ValidationError(_("This day has not come yet."))
        return given_on

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        vaccine, dose = values.get("vaccine"), values.get("dose")
        if vaccine and dose and dose > vaccine.doses:
            self.add_error(
                "dose",
                ngettext(
                    "This vaccine is given in %(n)s dose.",
                    "This vaccine is given in %(n)s doses.",
                    vaccine.doses,
                )
                % {"n": vaccine.doses},
            )

    def check(self, person: Person | None, other_than: int | None = None) -> None:
        """Add errors that depend on the person: birth date, and other records of this dose.

        `other_than` is the id of the record that is being corrected.
        """
        values = self.cleaned_data
        if person is None or not {"dose", "given_on"} <= values.keys():
            return
        if values["given_on"] < person.birth_date:
            self.add_error("given_on", _("This day lies before the person was born."))
        same = OutsideDose.objects.filter(person=person, dose=values["dose"])
        if other_than is not None:
            same = same.exclude(pk=other_than)
        if same.exists():
            self.add_error(
                "dose", _("This dose is on record already. Correct that record instead.")
            )


class RecordForm(PersonForm, DoseFields):
    def clean(self) -> None:
        super().clean()
        self.check(self.person)


class OutsideDoseForm(DoseFields, forms.ModelForm[OutsideDose]):
    class Meta:
        model = OutsideDose
        fields = DOSE_FIELDS

    def clean(self) -> None:
        super().clean()
        self.check(self.instance.person, other_than=self.instance.pk)


@admin.register(OutsideDose)
class OutsideDoseAdmin(
    LostPages, PersonColumns, PeopleSearchMixin[OutsideDose], ScopedAdmin[OutsideDose]
):
    region_path = "person"
    form = OutsideDoseForm
    list_display = ["number", "name", "dose", "vaccine", "given_on", "place", "recorded_at"]
    list_filter = ["vaccine", "dose"]
    list_select_related = ["person", "vaccine"]
    ordering = ["-recorded_at"]
    sortable_by = ()
    show_full_result_count = False  # would count the whole table for each search
    fields = ["number", "name", *DOSE_FIELDS, "by_whom", "recorded_at"]
    readonly_fields = ["number", "name", "by_whom", "recorded_at"]
    change_list_template = "admin/booking/outsidedose/change_list.html"
    change_form_template = "admin/booking/outsidedose/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutsideDose]:
        return self._scoped(request, admin.ModelAdmin.get_queryset(self, request))

    def _scoped(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """For a clinic's staff the records made there, and those of people booked there."""
        user = staff_of(request)
        if user.role not in AT_A_CLINIC or user.is_superuser or not user.clinic_id:
            return rows_for(user, rows, region_path="person")
        colleagues = User.objects.filter(clinic=user.clinic_id).values_list("pk", flat=True)
        own = Reservation.objects.filter(slot__clinic=user.clinic_id).values("person")
        return rows.filter(Q(by__in=actors(colleagues)) | Q(person__in=own))

    @admin.display(description=gettext_lazy("person"))
    def number(self, outside_dose: OutsideDose) -> str:
        return f"#{outside_dose.person_id}"

    @admin.display(description=gettext_lazy("recorded by"))
    def by_whom(self, outside_dose: OutsideDose) -> str:
        return actor_name(outside_dose.by)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("withdrawn/", view(self.withdrawn_view), name="booking_outsidedose_withdrawn"),
            path(
                "<int:pk>/withdraw/", view(self.withdraw_view), name="booking_outsidedose_withdraw"
            ),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RecordForm(request.POST or None, request=request)
        if request.method == "POST" and form.is_valid():
            values = {name: form.cleaned_data[name] for name in DOSE_FIELDS}
            assert form.person
            outside_dose, cancelled = record_outside_dose(
                person_id=form.person.pk, by=actor_of(staff_of(request)), **values
            )
            messages.success(request, _("The dose is on record."))
            _list_reservations(request, messages.WARNING, CANCELLED, cancelled)
            return HttpResponseRedirect(
                reverse("admin:booking_outsidedose_change", args=[outside_dose.pk])
            )
        return self.act_page(
            request,
            _("Record a dose given elsewhere"),
            lead=_(
                "Appointments that this dose makes needless are cancelled, and the person is told."
            ),
            adminform=as_fieldsets(form, (_("Who"), list(form.ASKED)), (_("What"), DOSE_FIELDS)),
            form=form,
            submit=_("Record"),
        )

    def save_model(
        self,
        request: HttpRequest,
        obj: OutsideDose,
        form: forms.ModelForm[OutsideDose],
        change: bool,
    ) -> None:
        """Correct the record by the service, which also cancels and restores appointments."""
        values = {name: form.cleaned_data[name] for name in DOSE_FIELDS}
        _outside_dose, effects = correct_outside_dose(
            # As stored: the form has set its values on `obj` already.
            outside_dose=OutsideDose.objects.get(pk=obj.pk),
            by=actor_of(staff_of(request)),
            **values,
        )
        _show_effects(request, effects)
        vars(request)[_EFFECTS] = effects

    def response_post_save_change(
        self, request: HttpRequest, obj: OutsideDose
    ) -> HttpResponseRedirect:
        effects: RecordEffects = vars(request)[_EFFECTS]
        if effects.lost:
            return HttpResponseRedirect(reverse("admin:booking_outsidedose_lost"))
        return super().response_post_save_change(request, obj)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(
            request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})}
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # Their responses would skip response_post_save_change.
        buttons = {"show_save_and_add_another": False, "show_save_and_continue": False}
        try:
            return super().changeform_view(
                request, object_id, form_url, {**buttons, **(extra_context or {})}
            )
        except Refused as refusal:
            # The same dose was recorded between the form's check and the lock.
            messages.error(request, str(refusal))
            return HttpResponseRedirect(request.get_full_path())

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        outside_dose = get_object_or_404(self.get_queryset(request).select_related("person"), pk=pk)
        if not self.has_change_permission(request, outside_dose):
            raise PermissionDenied
        if request.method == "POST":
            effects = withdraw_outside_dose(
                outside_dose=outside_dose, by=actor_of(staff_of(request))
            )
            messages.success(request, _("The record is withdrawn. Its history is kept."))
            _show_effects(request, effects)
            name = "booking_outsidedose_lost" if effects.lost else "booking_outsidedose_changelist"
            return HttpResponseRedirect(reverse(f"admin:{name}"))
        self._record_row(request, outside_dose)
        return self.act_page(
            request,
            _("Withdraw this record?"),
            original=outside_dose,
            lead=_(
                "Dose %(dose)s of %(vaccine)s, given on %(day)s. For records made by mistake: what "
                "it cancelled is booked again where the place is still free. An appointment for "
                "the dose after it that has no first dose then is cancelled."
            )
            % {
                "dose": outside_dose.dose,
                "vaccine": outside_dose.vaccine,
                "day": outside_dose.given_on,
            },
            submit=_("Withdraw"),
            back=reverse("admin:booking_outsidedose_change", args=[outside_dose.pk]),
        )

    def withdrawn_view(self, request: HttpRequest) -> HttpResponse:
        """The withdrawn records, read from the history's delete events."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        # pghistory makes the model at run time: it can't be imported.
        events: QuerySet[Any] = apps.get_model(
            "booking", "OutsideDoseEvent"
        )._default_manager.filter(pgh_label="delete")
        rows = list(
            self._scoped(request, events)
            .select_related("vaccine", "person")
            .order_by("-pgh_id")[: self.list_max_show_all]
        )
        names = {by: actor_name(by) for by in {row.by for row in rows}}
        if rows:
            people = [row.person_id for row in rows]
            self._record(request, Act.LIST, "withdrawn_records", people)
        return self.page(
            request,
            "admin/booking/outsidedose/withdrawn.html",
            _("Withdrawn records"),
            rows=[(row, names[row.by]) for row in rows],
        )


CANCELLED = gettext_lazy("Cancelled: dose %(dose)s, %(when)s, %(clinic)s (%(number)s).")
BOOKED_AGAIN = gettext_lazy("Booked again: dose %(dose)s, %(when)s, %(clinic)s (%(number)s).")


def _list_reservations(
    request: HttpRequest, level: int, text: StrOrPromise, rows: Sequence[Reservation]
) -> None:
    for row in sorted(rows, key=lambda row: row.dose):
        facts = {
            "dose": row.dose,
            "when": appointment_time(row),
            "clinic": row.slot.place.name,
            "number": row.number,
        }
        messages.add_message(request, level, str(text) % facts)


def _show_effects(request: HttpRequest, effects: RecordEffects) -> None:
    _list_reservations(request, messages.WARNING, CANCELLED, effects.cancelled)
    _list_reservations(request, messages.SUCCESS, BOOKED_AGAIN, effects.restored)
    if effects.entries:
        messages.success(
            request, _("The person is on the cancellation list again, in their old place.")
        )
    if effects.lost:
        messages.error(
            request,
            _("Not everything could be booked again. See below what can be done for the person."),
        )
