"""Filters of admin lists by day, region, district and clinic."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.models import Clinic
from booking.rules import day_bounds
from database.clock import known_today
from dataio.districts import REGIONS
from staff.scoping import rows_for, sees_everything
from staff.services import staff_of


class DayFilter(admin.SimpleListFilter):
    title = gettext_lazy("day")
    parameter_name = "day"
    field = "starts_at"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        return [
            ("today", _("Today")),
            ("tomorrow", _("Tomorrow")),
            ("week", _("The next seven days")),
            ("past", _("Before today")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Ranges of instants, which an index serves; `__date` would compute on each row.
        midnight, _end = day_bounds(known_today())
        spans = {
            "today": (midnight, midnight + timedelta(days=1)),
            "tomorrow": (midnight + timedelta(days=1), midnight + timedelta(days=2)),
            "week": (midnight, midnight + timedelta(days=7)),
        }
        if self.value() == "past":
            return queryset.filter(**{f"{self.field}__lt": midnight})
        span = spans.get(self.value() or "")
        if span is None:
            return queryset
        start, end = span
        return queryset.filter(**{f"{self.field}__gte": start, f"{self.field}__lt": end})


class SlotDayFilter(DayFilter):
    field = "slot__starts_at"


class DoseDayFilter(DayFilter):
    field = "on"


class RegionFilter(admin.SimpleListFilter):
    """Offered only to users of more than one region."""

    title = gettext_lazy("region")
    parameter_name = "region"
    field = "region"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        return [(name, name) for name in REGIONS] if sees_everything(staff_of(request)) else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class ClinicRegionFilter(RegionFilter):
    field = "clinic__region"


class SlotRegionFilter(RegionFilter):
    field = "slot__clinic__region"


# More clinics than this are not listed: a region or district has to be chosen first.
MOST_CHOICES = 120


class ClinicPathFilter(admin.SimpleListFilter):
    """Base of filters on the clinic of a row."""

    clinic_path = ""  # from the row to its clinic

    def _path(self, name: str) -> str:
        return f"{self.clinic_path}__{name}" if self.clinic_path else name

    def _clinics(self, request: HttpRequest) -> QuerySet[Clinic]:
        """The user's clinics in the region and district already chosen."""
        clinics = rows_for(staff_of(request), Clinic.objects.all(), clinic_path="")
        chosen = {name: request.GET.get(name, "") for name in ("region", "district")}
        return clinics.filter(**{name: value for name, value in chosen.items() if value})


class DistrictFilter(ClinicPathFilter):
    title = gettext_lazy("district")
    parameter_name = "district"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        user = staff_of(request)
        if user.clinic_id or user.district or not (user.region or request.GET.get("region")):
            return []
        clinics = rows_for(user, Clinic.objects.all(), clinic_path="")
        if request.GET.get("region"):
            clinics = clinics.filter(region=request.GET["region"])
        names = clinics.order_by("district").values_list("district", flat=True).distinct()
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(**{self._path("district"): chosen}) if chosen else queryset


class ClinicFilter(ClinicPathFilter):
    title = gettext_lazy("clinic")
    parameter_name = "clinic"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        if staff_of(request).clinic_id:
            return []
        clinics = self._clinics(request).order_by("name").values_list("code", "name")
        choices = list(clinics[: MOST_CHOICES + 1])
        if len(choices) > MOST_CHOICES:
            # The one already chosen, by a link from elsewhere, is still shown as chosen.
            choices = list(clinics.filter(code=request.GET.get("clinic", "")))
        return choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(**{self._path("code"): chosen}) if chosen else queryset


class SlotDistrictFilter(DistrictFilter):
    clinic_path = "slot__clinic"


class SlotClinicFilter(ClinicFilter):
    clinic_path = "slot__clinic"


class OwnDistrictFilter(DistrictFilter):
    clinic_path = "clinic"


class OwnClinicFilter(ClinicFilter):
    clinic_path = "clinic"
