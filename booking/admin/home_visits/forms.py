"""Forms of visits to care homes."""

from datetime import datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.admin.schedules import date_field, time_field
from booking.models import CareHome, HomeVisit, Vaccine
from booking.residents import MOST_LINES
from booking.rules import is_clinic_hour
from booking.services.home_visits import MOST_PLACES
from database.clock import known_now
from dataio.csv_in import BadFile, decoded
from dataio.uploads import csv_by_name

MOST_LIST_BYTES = 200_000


class TimesForm(forms.Form):
    """The day of a visit, from when until when, and the doses that the team brings."""

    day = date_field(gettext_lazy("Day"))
    begins = time_field(gettext_lazy("From"))
    ends = time_field(gettext_lazy("Until"))
    places = forms.IntegerField(
        label=gettext_lazy("Doses brought"), min_value=1, max_value=MOST_PLACES
    )

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if {"day", "begins", "ends"} <= values.keys():
            starts_at, ends_at = _instant(values, "begins"), _instant(values, "ends")
            if starts_at <= known_now():
                self.add_error("day", _("This time is over. Choose a later one."))
            elif not is_clinic_hour(starts_at):
                self.add_error("begins", _("Appointments begin at 06:00 or later."))
            if ends_at <= starts_at:
                self.add_error("ends", _("The end comes before the beginning."))
            values |= {"starts_at": starts_at, "ends_at": ends_at}
        return values

    def times(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("starts_at", "ends_at")}


def _instant(values: dict[str, Any], name: str) -> datetime:
    return timezone.make_aware(datetime.combine(values["day"], values[name]))


class PlanForm(TimesForm):
    """A new visit, to one of the homes of the user."""

    home = forms.ModelChoiceField(label=gettext_lazy("Care home"), queryset=CareHome.objects.none())
    vaccine = forms.ModelChoiceField(label=gettext_lazy("Vaccine"), queryset=Vaccine.objects.all())
    dose = forms.IntegerField(
        label=gettext_lazy("Dose number"), min_value=1, max_value=9, initial=1
    )
    field_order = ("home", "vaccine", "dose", "day", "begins", "ends", "places")

    def __init__(self, *args: Any, homes: QuerySet[CareHome], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["home"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = homes.filter(active=True)

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        vaccine, dose = values.get("vaccine"), values.get("dose")
        if vaccine and dose and dose > vaccine.doses:
            self.add_error("dose", _("This vaccine has fewer doses."))
        return values


def times_of(visit: HomeVisit) -> dict[str, Any]:
    """The initial values of a TimesForm."""
    starts_at, ends_at = map(timezone.localtime, (visit.slot.starts_at, visit.ends_at))
    return {
        "day": starts_at.date(),
        "begins": starts_at.time(),
        "ends": ends_at.time(),
        "places": visit.slot.visit_places,
    }


class ListForm(forms.Form):
    """A list of residents: pasted, or a file from a spreadsheet."""

    text = forms.CharField(
        label=gettext_lazy("Residents, one a line"),
        required=False,
        strip=False,
        max_length=MOST_LIST_BYTES,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "Name and birth date in any order, or the key of the roster: 김영희 1938-05-12"
        ),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a file (CSV or text)"),
        required=False,
        validators=[csv_by_name],
        widget=forms.FileInput(attrs={"accept": ".csv,.txt"}),
    )

    def clean_file(self) -> str:
        """The text of the file, in UTF-8 or CP949; "" without one."""
        upload = self.cleaned_data["file"]
        if not upload:
            return ""
        if upload.size > MOST_LIST_BYTES:
            raise forms.ValidationError(
                _("This file is too large for a list of %(most)s people.") % {"most": MOST_LINES}
            )
        try:
            return decoded(upload.read())
        except BadFile as problem:
            raise forms.ValidationError(str(problem)) from None

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        if not self.errors and not (values.get("text", "").strip() or values.get("file")):
            self.add_error("text", _("The list is empty. Write one person a line."))
        return values

    def list_text(self) -> str:
        text: str = self.cleaned_data["file"] or self.cleaned_data["text"]
        return text
