"""Admin of care homes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.admin.clinics import DistrictForm
from booking.admin.filters import DistrictFilter, RegionFilter
from booking.models import CareHome, Clinic
from dataio.values import BadValue, line_of_text
from staff.enums import Role
from staff.models import User
from staff.scoping import ScopedAdmin, is_resident_of, rows_for
from staff.services import staff_of


class CareHomeForm(DistrictForm[CareHome]):
    """Region and district by their official names, as of clinics; the contact in one line."""

    user: User

    contact = forms.CharField(
        label=gettext_lazy("Contact at the home"),
        required=False,
        max_length=60,
        help_text=gettext_lazy("Who answers questions of the clinic."),
    )

    def clean_contact(self) -> str:
        text = self.cleaned_data["contact"].strip()
        try:
            return line_of_text(text) if text else ""
        except BadValue as problem:
            raise forms.ValidationError(str(problem)) from None

    def clean(self) -> dict[str, Any] | None:
        values = super().clean() or {}
        home = CareHome(region=values.get("region", ""), district=values.get("district", ""))
        # Such a home would vanish from the list of the one who entered it.
        is_local = self.user.role == Role.LOCAL and not self.errors
        if is_local and not is_resident_of(self.user, home):
            self.add_error("district", _("This district lies outside your area."))
        return values


@admin.register(CareHome)
class CareHomeAdmin(ScopedAdmin[CareHome]):
    """Homes of the user's clinic, or in the area of a local government, whichever clinic comes."""

    form = CareHomeForm
    clinic_path = "clinic"
    region_path = ""
    list_display = ["name", "region", "district", "phone", "clinic", "active", "visits"]
    list_select_related = ["clinic"]
    list_filter = ["active", RegionFilter, DistrictFilter]
    search_fields = ["name", "address"]
    search_help_text = gettext_lazy("Name or address")
    autocomplete_fields = ["clinic"]
    fieldsets = [
        (None, {"fields": ["name", "active", "clinic"]}),
        (
            gettext_lazy("Address"),
            {"fields": ["region", "district", "address", "phone", "contact"]},
        ),
    ]

    @admin.display(description=gettext_lazy("home visits"))
    def visits(self, home: CareHome) -> str:
        address = reverse("admin:booking_homevisit_changelist")
        return format_html(
            '<a href="{}?home={}">{}</a>', address, home.pk, _("Visits to this home")
        )

    def get_fieldsets(self, request: HttpRequest, obj: CareHome | None = None) -> Any:
        more = [(_("Look at"), {"fields": ["visits"]})] if obj else []
        return [*self.fieldsets, *more]

    def get_form(
        self,
        request: HttpRequest,
        obj: CareHome | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.user = staff_of(request)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: CareHome | None = None) -> list[str]:
        if obj is None:
            return []
        # A clinic of another area was chosen by the authority; the form would refuse it.
        clinics = rows_for(staff_of(request), Clinic.objects.all(), clinic_path="")
        chosen = clinics.filter(pk=obj.clinic_id).exists()
        return ["visits"] if chosen else ["visits", "clinic"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        user = staff_of(request)
        return {
            "clinic": user.clinic_id,
            "region": user.region,
            "district": user.district,
            **super().get_changeform_initial_data(request),
        }
