"""Forms of the desk: the person, the clinic, the booking, a note."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.admin.people import PersonForm, people_for
from booking.finder import availability
from booking.finder.search import Search
from booking.forms import choice_in
from booking.models import Slot
from eligibility.exceptions import DistrictUnclear
from eligibility.models import Person
from eligibility.services.identity import find_or_declare
from events.enums import ComplaintReason
from staff.models import User
from staff.services import staff_of
from web.language import named_languages
from web.times import moment


class CallerForm(PersonForm):
    """The person to book for; an unknown one can be entered as declared."""

    new = forms.BooleanField(
        label=gettext_lazy("Enter this person as new"),
        required=False,
        help_text=gettext_lazy(
            "Only after asking again. What they may book follows from their birth date; the "
            "identity card is looked at before the vaccination."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_unknown = False

    def people(self) -> QuerySet[Person]:
        """Also self-declared people, whose region is unknown."""
        return people_for(staff_of(self.request)) | Person.objects.filter(
            region="", forgotten_at=None
        )

    def unknown(self, *, name: str, birth_date: date, phone: str) -> Person | None:
        self.is_unknown = True
        if not self.cleaned_data.get("new"):
            return super().unknown(name=name, birth_date=birth_date, phone=phone)
        try:
            person = find_or_declare(name=name, birth_date=birth_date, phone=phone)
        except DistrictUnclear:
            self.add_error(None, _("Several people share these. Use the reservation number."))
            return None
        # The identity may belong to a person of another region, outside this desk's scope.
        if self.people().filter(pk=person.pk).exists():
            return person
        self.add_error(None, _("This person lives elsewhere. The desk of their region books."))
        return None

    def asked(self) -> list[str]:
        return [*self.ASKED, *(["new"] if self.is_unknown else [])]


class ClinicSearchForm(forms.Form):
    """A search for clinics in the user's own region."""

    region = forms.ChoiceField(label=gettext_lazy("Region"), required=False)
    district = forms.ChoiceField(label=gettext_lazy("District"), required=False)
    name = forms.CharField(label=gettext_lazy("Name of the clinic"), required=False, max_length=100)

    def __init__(self, data: Mapping[str, Any], *, user: User) -> None:
        super().__init__(data)
        self.user = user
        directory = availability.directory()
        region = user.region or data.get("region", "")
        choice_in(self, "region").choices = _choices(directory.regions())
        choice_in(self, "district").choices = _choices(directory.districts(region))
        # What the user's scope fixes is not asked for.
        for name in ("region", "district"):
            if getattr(user, name):
                del self.fields[name]

    def search(self) -> Search | None:
        """The search within the user's scope; None without a district or name."""
        self.is_valid()
        data = self.cleaned_data
        region = self.user.region or data.get("region", "")
        district = self.user.district or data.get("district", "")
        name = data.get("name", "")
        if not region or not (district or name):
            return None
        scope = (self.user.region, self.user.district)
        return Search(region=region, district=district, name=name, scope=scope)


def _choices(names: list[str]) -> list[tuple[str, str]]:
    return [("", "–"), *((name, name) for name in names)]


class BookForm(forms.Form):
    """Details of a booking; the idempotency key makes a repeated POST book only once."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    second = forms.ChoiceField(
        label=gettext_lazy("Second dose"), required=False, widget=forms.RadioSelect
    )
    language = forms.ChoiceField(label=gettext_lazy("Messages in"), choices=named_languages())

    def __init__(self, *args: Any, seconds: list[Slot] | None, **kwargs: Any) -> None:
        """`seconds` are the slots for the second dose; None if there is no second to choose."""
        super().__init__(*args, **kwargs)
        if seconds is None:
            del self.fields["second"]
            return
        times = [(str(slot.pk), moment(slot.starts_at)) for slot in seconds]
        choice_in(self, "second").choices = [*times, ("", _("Book it later"))]
        self.fields["second"].initial = times[0][0] if times else ""


class NoteForm(forms.Form):
    """A note for the next call, and what the caller complains about; one of them at least."""

    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("For colleagues. Nothing that the person should not read."),
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Complaint about"),
        required=False,
        choices=[("", gettext_lazy("no complaint")), *ComplaintReason.choices],
    )

    def clean(self) -> None:
        super().clean()
        if not (self.errors or self.cleaned_data["note"] or self.cleaned_data["reason"]):
            self.add_error("note", _("Write a note, or choose a complaint."))
