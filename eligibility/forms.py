import re
from typing import Any, cast

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from database.clock import known_today
from dataio.districts import REGIONS, District, districts_of, place_name, region_name
from eligibility import spelling
from eligibility.enums import Correctable, ReviewReason
from messaging.channels import has_voice
from messaging.enums import Channel
from messaging.receivers import is_landline


class IdentityForm(forms.Form):
    """Name, birth date and phone in any usual spelling; `cleaned_data` has the normal forms."""

    # Also without calls, by which a landline gets its code.
    takes_landlines = False

    name = forms.CharField(
        label=_("Name"),
        help_text=_("As it is registered, in Korean or in Latin letters."),
        max_length=200,
        error_messages={"required": _("Enter your name.")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    birth_date = forms.CharField(
        label=_("Birth date"),
        help_text=_("For example 19690512 or 690512"),
        max_length=40,
        error_messages={"required": _("Enter your birth date.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "bday", "inputmode": "numeric", "class": "jari-w-10"}
        ),
    )
    century = forms.ChoiceField(
        label=_("Which year do you mean?"),
        required=False,
        widget=forms.RadioSelect,
        choices=[("19", "19"), ("20", "20")],
    )
    phone = forms.CharField(
        label=_("Phone number"),
        help_text=_("A six-digit code goes to this number. For example 010-1234-5678"),
        max_length=40,
        error_messages={"required": _("Enter your phone number.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "tel-national", "inputmode": "tel", "class": "jari-w-20"}
        ),
    )
    by = forms.ChoiceField(
        label=_("How should the code come?"),
        required=False,
        initial=Channel.SMS.value,
        widget=forms.RadioSelect,
        choices=[
            (Channel.SMS.value, _("As a text message to my mobile phone")),
            (
                Channel.VOICE.value,
                _("By a call, in which a voice reads it out: also to a landline"),
            ),
        ],
    )

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.asks_channel = has_voice()
        if not self.asks_channel:
            del self.fields["by"]
        # True only where a two-digit year fits two centuries.
        self.asks_century = False
        if not self.is_bound and self.initial.get("birth_date"):
            self._show_again(self.initial["birth_date"])

    def _show_again(self, typed: str) -> None:
        """Prepare an unbound form that repeats typed values, as after a change of language."""
        six_digits = spelling.resident_number_typed(typed)
        if six_digits:
            self.initial = {**self.initial, "birth_date": six_digits}
        try:
            spelling.birth_date(six_digits or typed, today=known_today())
        except spelling.Unclear as unclear:
            self._ask_century(str(unclear))
        except ValueError:
            pass

    def clean_name(self) -> str:
        typed = self.cleaned_data["name"]
        if len(spelling.shown_name(typed)) > spelling.LONGEST_NAME:
            raise forms.ValidationError(_("Enter a name of at most 60 letters."))
        try:
            return spelling.person_name(typed)
        except ValueError:
            raise forms.ValidationError(
                _(
                    "Enter a name made of letters. Besides them only spaces, hyphens, "
                    "apostrophes and middle dots (·) can stand in it."
                )
            ) from None

    def clean_birth_date(self) -> Any:
        typed = self.cleaned_data["birth_date"]
        six_digits = spelling.resident_number_typed(typed)
        if six_digits:
            # The number is replaced in the posted data too, so that the page doesn't repeat it.
            sent = cast("QueryDict", self.data).copy()
            sent["birth_date"] = six_digits
            self.data = sent
            raise forms.ValidationError(
                _("Enter only your birth date. We never use the resident registration number.")
            )
        try:
            return spelling.birth_date(
                typed, today=known_today(), century=self.data.get("century", "")
            )
        except spelling.Unclear as unclear:
            self._ask_century(str(unclear))
            return None
        except ValueError:
            raise forms.ValidationError(
                _("Enter a birth date that exists, for example 19690512.")
            ) from None

    def _ask_century(self, year: str) -> None:
        self.asks_century = True
        field = cast("forms.ChoiceField", self.fields["century"])
        field.choices = [(century, f"{century}{year}") for century in ("19", "20")]
        field.required = True
        field.error_messages["required"] = _("Choose which year you mean.")

    def clean_phone(self) -> str:
        try:
            phone = spelling.any_phone(self.cleaned_data["phone"])
        except ValueError:
            raise forms.ValidationError(
                _("Enter a Korean phone number, for example 010-1234-5678 or 02-2123-4567.")
            ) from None
        if is_landline(phone) and not (self.takes_landlines or has_voice()):
            raise forms.ValidationError(
                _("Enter a Korean mobile number, for example 010-1234-5678.")
            )
        return phone


class WardForm(IdentityForm):
    """The same fields for a ward, without the browser's autofill of the proxy's own data."""

    def __init__(self, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields.pop("by", None)
        self.fields["name"].widget.attrs["autocomplete"] = "off"
        self.fields["birth_date"].widget.attrs["autocomplete"] = "off"
        self.fields["phone"].widget.attrs["autocomplete"] = "off"
        self.fields["phone"].help_text = _(
            "The number that the authorities know of this person. It may be yours."
        )


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        error_messages={"required": _("Enter the six digits from the message.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "class": "jari-code"}
        ),
    )

    def clean_code(self) -> str:
        code = re.sub(r"[\s-]", "", spelling.plain(self.cleaned_data["code"]))
        if not re.fullmatch(r"[0-9]{6}", code):
            raise forms.ValidationError(_("Enter the six digits from the message."))
        return code


_NOT_LISTED = "none"


def _district_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Choices of a select: districts grouped by region."""
    return [
        # Each option names its region: the closed select shows the option alone, and six regions
        # have a 중구.
        (
            region_name(region),
            [(f"{region}|{name}", place_name(region, name)) for name in districts_of(region)],
        )
        for region in REGIONS
    ]


class DistrictForm(forms.Form):
    """The person's district among all of the country.

    The choices must not be limited to the candidates: that would show where they live.
    """

    home = forms.ChoiceField(
        label=_("City, county or district"),
        help_text=_("Where you are registered as a resident."),
        error_messages={"required": _("Choose where you are registered.")},
        choices=lambda: [("", "—"), *_district_choices(), (_NOT_LISTED, _("Not in this list"))],
    )

    def clean_home(self) -> District | None:
        chosen = self.cleaned_data["home"]
        return None if chosen == _NOT_LISTED else District(*chosen.split("|"))


class ReviewForm(forms.Form):
    reason = forms.ChoiceField(
        label=_("What is wrong?"),
        choices=ReviewReason,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what is wrong.")},
    )
    note = forms.CharField(
        label=_("What should we know?"),
        required=False,
        max_length=500,
        help_text=_("For example where you work, or where you live now. At most 500 letters."),
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class CorrectionForm(forms.Form):
    """A request to correct one value, in the spellings that the identity page takes."""

    field = forms.ChoiceField(
        label=_("What is wrong?"),
        choices=Correctable,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what is wrong.")},
    )
    wanted = forms.CharField(
        label=_("How should it be?"),
        max_length=60,
        error_messages={"required": _("Write how it should be.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        field, value = values.get("field"), values.get("wanted")
        if field and value:
            try:
                values["wanted"] = _NORMALIZED[field](value)
            except ValueError:
                self.add_error("wanted", _("This can't be read. Write it as when you sign in."))


def _birth_date(text: str) -> str:
    return spelling.birth_date(text, today=known_today()).isoformat()


_NORMALIZED = {
    Correctable.NAME: spelling.person_name,
    Correctable.BIRTH_DATE: _birth_date,
    Correctable.PHONE: spelling.any_phone,
}
