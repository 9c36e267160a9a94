"""Forms of the citizens' booking pages."""

import unicodedata
from collections.abc import Collection, Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from booking.enums import Facility, facilities_in_words
from booking.finder import availability
from booking.finder.search import PARTS, Search, coordinates_of
from booking.models.reservations import NUMBER_LETTERS
from booking.models.wishes import MOST_PLACES
from booking.rules import hours_of
from booking.services.holds import ContactChoice
from booking.services.offers import Preferences
from booking.services.wishes import Wished
from database.clock import known_today
from eligibility.spelling import any_phone
from messaging.enums import CHOSEN, Channel
from messaging.receivers import EmailAddressField
from web.codes import UnreadableCode, read
from web.inputs import DayInput


def choice_in(form: forms.Form, name: str) -> forms.ChoiceField:
    """The choice field `name` of a form, typed."""
    return cast("forms.ChoiceField", form.fields[name])


def choices_in(form: forms.Form, name: str) -> dict[str, str]:
    choices: Any = choice_in(form, name).choices
    return {str(key): str(text) for key, text in choices}


WEEKDAYS = [
    ("0", _("Mon")),
    ("1", _("Tue")),
    ("2", _("Wed")),
    ("3", _("Thu")),
    ("4", _("Fri")),
    ("5", _("Sat")),
    ("6", _("Sun")),
]
HOURS = [
    ("", _("Any time")),
    ("morning", _("Morning, before 12")),
    ("afternoon", _("Afternoon, 12 to 18")),
    ("evening", _("Evening, from 18")),
]
assert [key for key, _name in HOURS[1:]] == PARTS  # those of rules.part_of


def weekdays_in_words(weekdays: Collection[int]) -> str:
    return ", ".join(str(name) for day, name in WEEKDAYS if int(day) in weekdays)


def vaccine_choices(vaccines: frozenset[int] | None) -> list[tuple[str, Any]]:
    """Codes and names of these vaccines (None: of all), after the choice of any."""
    offered = [
        (vaccine.code, vaccine.name)
        for vaccine in availability.directory().vaccines.values()
        if vaccines is None or vaccine.pk in vaccines
    ]
    return [("", _("Any vaccine")), *offered]


def conditions_of(search: Search) -> list[str]:
    """The labels of the weekdays, hours, vaccine and facilities that narrow this search."""
    vaccines = availability.directory().vaccines.values()
    chosen = [
        *(str(name) for part, name in HOURS if part and part == search.part),
        *(vaccine.name for vaccine in vaccines if vaccine.code == search.vaccine),
        *facilities_in_words(search.has),
    ]
    return [text for text in [weekdays_in_words(search.weekdays), *chosen] if text]


class NormalizedCharField(forms.CharField):
    """Text in NFKC with single blanks, as Korean and Japanese keyboards type full-width signs."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return " ".join(unicodedata.normalize("NFKC", text).split()) if text else text


class NearField(NormalizedCharField):
    """The name of a district or region, or a position, that the finder knows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=60, **kwargs)

    def clean(self, value: Any) -> str:
        place: str = super().clean(value)
        if place and coordinates_of(place) is None:
            raise ValidationError(_("We do not know this place. Give the name of a district."))
        return place


class SearchForm(forms.Form):
    """Search criteria. Invalid ones are reported, and the others are still used."""

    region = NormalizedCharField(required=False, max_length=20, widget=forms.HiddenInput)
    district = NormalizedCharField(required=False, max_length=30, widget=forms.HiddenInput)
    date = forms.DateField(label=_("Date"), required=False, widget=DayInput())
    weekday = forms.MultipleChoiceField(
        label=_("Weekdays"),
        required=False,
        choices=WEEKDAYS,
        widget=forms.CheckboxSelectMultiple,
    )
    part = forms.ChoiceField(label=_("Time of day"), choices=HOURS, required=False)
    vaccine = forms.ChoiceField(label=_("Vaccine"), required=False)
    has = forms.MultipleChoiceField(
        label=_("At the clinic"), required=False, widget=forms.CheckboxSelectMultiple
    )
    name = NormalizedCharField(label=_("Name of the clinic"), required=False, max_length=100)
    near = NearField(label=_("Near"), help_text=_("A district or region, such as 강남구 or 서울"))
    page = forms.IntegerField(required=False, min_value=1, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *args: Any,
        vaccines: frozenset[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, *args, **kwargs)
        choice_in(self, "vaccine").choices = vaccine_choices(vaccines)
        offered = availability.directory().facilities
        choice_in(self, "has").choices = [
            (code, label) for code, label in Facility.choices if code in offered
        ]

    def clean_date(self) -> Any:
        day = self.cleaned_data["date"]
        if day and day < known_today():
            raise ValidationError(_("This day is over. Choose a later one."))
        # The finder reads no slots beyond the horizon.
        if day and day > known_today() + availability.HORIZON:
            raise ValidationError(_("No times are open that far ahead. Choose an earlier day."))
        return day

    def search(self, **fixed: Any) -> Search:
        """The search by all criteria that are valid; `fixed` are set by the page."""
        self.is_valid()
        data = self.cleaned_data
        return Search(
            region=data.get("region") or "",
            district=data.get("district") or "",
            name=data.get("name") or "",
            near=data.get("near") or "",
            on=data.get("date"),
            weekdays=frozenset(int(day) for day in data.get("weekday") or []),
            part=data.get("part") or "",
            vaccine=data.get("vaccine") or "",
            has=frozenset(data.get("has") or []),
            page=data.get("page") or 1,
            **fixed,
        )


class ConfirmForm(forms.Form):
    """The channel and address for messages, with the key of the hold."""

    key = forms.UUIDField(widget=forms.HiddenInput)  # Reservation.key: a repeated POST counts once
    # Reservation.party, of who goes on without the others of it.
    alone = forms.UUIDField(required=False, widget=forms.HiddenInput)
    channel = forms.ChoiceField(
        label=_("Where should we send messages?"),
        choices=[(Channel.SMS, _("By text message")), (Channel.EMAIL, _("By e-mail"))],
        initial=Channel.SMS,
        required=False,
        widget=forms.RadioSelect,
    )
    email = EmailAddressField(
        label=_("E-mail address"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean(self) -> None:
        super().clean()
        data = self.cleaned_data
        if data.get("channel") in ("", Channel.SMS):
            # Who has changed to text messages need not mend an address that is not used.
            self.errors.pop("email", None)
        # Not in addition to the error of an invalid address.
        missing = data.get("channel") == Channel.EMAIL and not data.get("email")
        if missing and "email" not in self.errors:
            self.add_error("email", _("Enter the e-mail address for our messages."))

    def typed_contact(self) -> ContactChoice:
        """The contact as typed, valid or not, to be kept and shown again."""
        channel = self.data.get("channel")
        # Cut to the column's length, because it is stored even if it is invalid.
        return ContactChoice(
            Channel(channel) if channel in dict(CHOSEN) else Channel.SMS,
            self.data.get("email", "")[: cast("forms.CharField", self.fields["email"]).max_length]
            or None,
        )

    def contact(self) -> ContactChoice:
        """The valid contact; text messages if no channel was chosen."""
        data = getattr(self, "cleaned_data", {})
        return ContactChoice(Channel(data.get("channel") or Channel.SMS), data.get("email") or None)


class LookupForm(forms.Form):
    """A reservation number and the phone it was booked with."""

    number = NormalizedCharField(
        label=_("Reservation number"),
        max_length=40,
        help_text=_("It is in the message we sent, for example 7K2M-QX4D-9T."),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "class": "jari-w-20",
            }
        ),
    )
    phone = NormalizedCharField(
        label=_("Phone number"),
        max_length=30,
        widget=forms.TextInput(
            attrs={"inputmode": "tel", "autocomplete": "tel", "class": "jari-w-20"}
        ),
    )

    def clean_number(self) -> str:
        try:
            # Reads lower case, blanks and confused letters (O for 0), and checks the check letter.
            return read(self.cleaned_data["number"], NUMBER_LETTERS)
        except UnreadableCode:
            raise ValidationError(
                _("A reservation number has ten letters and digits. Please check each of them.")
            ) from None

    def clean_phone(self) -> str:
        try:
            return any_phone(self.cleaned_data["phone"])
        except ValueError:
            raise ValidationError(
                _("Enter a phone number, such as 010-1234-5678 or 02-2123-4567.")
            ) from None


class ListEntryForm(forms.Form):
    """Areas, days and hours in which a freed seat would suit."""

    places = forms.MultipleChoiceField(
        label=_("Where?"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one place.")},
    )
    date_from = forms.DateField(label=_("From day"), widget=DayInput({"class": "jari-w-20"}))
    date_to = forms.DateField(label=_("Until day"), widget=DayInput({"class": "jari-w-20"}))
    weekday = forms.MultipleChoiceField(
        label=_("Weekdays"),
        required=False,
        choices=WEEKDAYS,
        help_text=_("None chosen means any day."),
        widget=forms.CheckboxSelectMultiple,
    )
    part = forms.ChoiceField(label=_("Time of day"), choices=HOURS, required=False)
    vaccine = forms.ChoiceField(label=_("Vaccine"), required=False)
    leftover = forms.BooleanField(
        label=_("Also leftover doses of today: I answer every offer within five minutes"),
        required=False,
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        places: list[tuple[str, str]],
        dose: int = 1,
        vaccines: frozenset[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        choice_in(self, "places").choices = places
        choice_in(self, "vaccine").choices = vaccine_choices(vaccines)
        if dose > 1 or (vaccines is not None and len(vaccines) == 1):
            del self.fields["vaccine"]  # there is only one to choose

    def clean(self) -> None:
        super().clean()
        data = self.cleaned_data
        start, end = data.get("date_from"), data.get("date_to")
        if start and end and end < start:
            self.add_error("date_to", _("The last day is before the first."))
        elif end and end < known_today():
            self.add_error("date_to", _("This day is over. Choose a later one."))

    def preferences(self) -> Preferences:
        data = self.cleaned_data
        return Preferences(
            places=data["places"],
            dates=(data["date_from"], data["date_to"]),
            hours=hours_of(data["part"]),
            vaccine_id=availability.directory().vaccine_id(data.get("vaccine", "")),
            weekdays=[int(day) for day in data["weekday"]],
            leftover=data["leftover"],
        )


class WishForm(forms.Form):
    """The districts, weekdays, hours and vaccine that would suit a person."""

    places = forms.MultipleChoiceField(
        label=_("Where?"),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Up to five districts."),
        error_messages={"required": _("Choose at least one place.")},
    )
    around = NearField(
        label=_("Other districts"),
        help_text=_("A district or region, such as 강남구 or 서울. The nearest are added above."),
    )
    weekday = forms.MultipleChoiceField(
        label=_("Weekdays"),
        required=False,
        choices=WEEKDAYS,
        help_text=_("None chosen means any day."),
        widget=forms.CheckboxSelectMultiple,
    )
    part = forms.ChoiceField(label=_("Time of day"), choices=HOURS, required=False)
    vaccine = forms.ChoiceField(label=_("Vaccine"), required=False)
    needs = forms.MultipleChoiceField(
        label=_("What I need at the clinic"),
        required=False,
        choices=Facility.choices,
        help_text=_(
            "Only clinics that have it are shown first and offered to you by the cancellation "
            "list. It is stored encrypted, and the clinic of your appointment sees it on that "
            "day; no other clinic does."
        ),
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        places: list[tuple[str, str]],
        vaccines: frozenset[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        choice_in(self, "places").choices = places
        offered = vaccine_choices(vaccines)
        choice_in(self, "vaccine").choices = offered
        if len(offered) <= 2:
            del self.fields["vaccine"]  # there is only one to choose

    def clean_places(self) -> list[str]:
        places: list[str] = self.cleaned_data["places"]
        if len(places) > MOST_PLACES:
            raise ValidationError(_("Choose at most five districts."))
        return places

    def wished(self) -> Wished:
        data = self.cleaned_data
        return Wished(
            places=tuple(data["places"]),
            weekdays=frozenset(int(day) for day in data["weekday"]),
            part=data["part"],
            needs=frozenset(data["needs"]),
            vaccine_id=availability.directory().vaccine_id(data.get("vaccine", "")),
        )
