"""Forms of the staff's pages of lots, vaccinations and recalls."""

import uuid
from datetime import date
from enum import Enum
from typing import Any, cast

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from booking.models import Vaccine
from database.clock import known_today
from staff.actors import actor_of
from staff.models import User
from vaccination.enums import (
    REASONS,
    IdentityCheck,
    LateReason,
    Manifestation,
    NotDoneReason,
    Outcome,
    Site,
    WasteReason,
)
from vaccination.exceptions import BadLotNumber
from vaccination.models import Lot
from vaccination.models.lots import MOST_DOSES
from vaccination.rules import lot_number
from vaccination.services.doses import DoseDetails, NotDoneDetails
from web.inputs import DayInput

# A lot that expires later than this many years from now is a typing error.
MOST_YEARS = 6


class OnceForm(forms.Form):
    """A form with an idempotency key: sent twice, it acts once."""

    key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].initial = uuid.uuid4


class LabelForm(forms.Form):
    """What is printed on the vial."""

    number = forms.CharField(
        label=gettext_lazy("Lot number"),
        max_length=40,
        help_text=gettext_lazy("As on the vial; capitals and spaces do not matter."),
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "spellcheck": "false"}),
    )
    expires_on = forms.DateField(label=gettext_lazy("Expires on"), widget=DayInput())

    def clean_number(self) -> str:
        try:
            return lot_number(self.cleaned_data["number"])
        except BadLotNumber as refusal:
            raise forms.ValidationError(str(refusal)) from None

    def clean_expires_on(self) -> date:
        day: date = self.cleaned_data["expires_on"]
        if not 2000 <= day.year <= known_today().year + MOST_YEARS:
            raise forms.ValidationError(_("Check the year."))
        return day


class ReceiveForm(LabelForm, OnceForm):
    vaccine = forms.ModelChoiceField(
        label=gettext_lazy("Vaccine"), queryset=Vaccine.objects.order_by("code")
    )
    doses = forms.IntegerField(
        label=gettext_lazy("Doses"),
        min_value=1,
        max_value=MOST_DOSES,
        help_text=gettext_lazy("Doses, not vials."),
    )
    field_order = ["vaccine", "number", "expires_on", "doses", "key"]


class CorrectForm(OnceForm):
    received = forms.IntegerField(
        label=gettext_lazy("Doses received in all"), min_value=0, max_value=MOST_DOSES
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), min_length=3, max_length=200)


class WasteForm(OnceForm):
    doses = forms.IntegerField(
        label=gettext_lazy("Doses"),
        min_value=-MOST_DOSES,
        max_value=MOST_DOSES,
        help_text=gettext_lazy("A negative number takes wasted doses back."),
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"), choices=[("", "---------"), *WasteReason.choices]
    )

    def clean_doses(self) -> int:
        doses: int = self.cleaned_data["doses"]
        if not doses:
            raise forms.ValidationError(_("Write how many doses."))
        return doses


class LotField(forms.ModelChoiceField[Lot]):
    def label_from_instance(self, obj: Any) -> str:
        return _("%(lot)s · expires %(day)s · %(left)s doses left") % {
            "lot": obj.number,
            "day": obj.expires_on.isoformat(),
            "left": obj.doses_left,
        }


class VaccinatorField(forms.ModelChoiceField[User]):
    def label_from_instance(self, obj: Any) -> str:
        return str(obj.get_full_name() or obj.username)


class Screening(Enum):
    """What the form of a dose asks about the questions before the vaccination."""

    NONE = "none"
    UNANSWERED = "unanswered"  # whether they were answered on paper
    DOCTOR = "doctor"  # that the doctor has spoken to the person


class DoseForm(forms.Form):
    """One dose. The site is the button that is pressed, so that it is never a forgotten default."""

    lot = LotField(
        label=gettext_lazy("Lot"),
        queryset=Lot.objects.none(),
        error_messages={
            "invalid_choice": gettext_lazy(
                "This lot can't be given here: it is of another clinic or vaccine, expired, "
                "recalled or used up."
            )
        },
    )
    identity = forms.ChoiceField(
        label=gettext_lazy("Identity"),
        choices=IdentityCheck.choices,
        initial=IdentityCheck.CARD,
        widget=forms.RadioSelect,
    )
    vaccinator = VaccinatorField(label=gettext_lazy("Given by"), queryset=User.objects.none())
    doctor_spoke = forms.BooleanField(
        label=gettext_lazy("The doctor has spoken to the person, and agrees to the vaccination"),
        error_messages={
            "required": gettext_lazy(
                "An answer asks for the doctor. Tick this once the doctor has spoken to the person."
            )
        },
    )
    on_paper = forms.BooleanField(
        label=gettext_lazy("The questions before the vaccination were answered on paper"),
        required=False,
    )
    late_reason = forms.ChoiceField(
        label=gettext_lazy("Why it is recorded only now"),
        choices=[("", "---------"), *LateReason.choices],
    )
    site = forms.ChoiceField(
        label=gettext_lazy("Site of injection"),
        choices=Site.choices,
        error_messages={"required": gettext_lazy("Press the arm or thigh.")},
    )
    # The status that the page showed.
    status_shown = forms.CharField(widget=forms.HiddenInput, required=False, max_length=10)

    def __init__(
        self,
        *args: Any,
        lots: QuerySet[Lot],
        staff: QuerySet[User],
        needs_lot: bool,
        is_late: bool,
        screening: Screening,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        lot = cast("LotField", self.fields["lot"])
        lot.queryset = lots
        # Those that the caller has read already.
        labels = [(row.pk, lot.label_from_instance(row)) for row in lots]
        lot.choices = [("", lot.empty_label), *labels]
        self.fields["vaccinator"].queryset = staff  # type: ignore[attr-defined]
        # Fields that do not apply are not asked for, and what is posted for them is not read.
        if not needs_lot:
            del self.fields["lot"]
        if not is_late:
            del self.fields["late_reason"]
        if screening != Screening.DOCTOR:
            del self.fields["doctor_spoke"]
        if screening != Screening.UNANSWERED:
            del self.fields["on_paper"]

    @property
    def details(self) -> DoseDetails:
        values = self.cleaned_data
        lot = values.get("lot")
        return DoseDetails(
            lot_id=lot.pk if lot else None,
            site=values["site"],
            identity=values["identity"],
            vaccinator=actor_of(values["vaccinator"]),
            late_reason=values.get("late_reason", ""),
            doctor_spoke=values.get("doctor_spoke", False),
            on_paper=values.get("on_paper", False),
        )


# Of their own, because "Refused" alone is what staff say of a request.
OUTCOME_TITLES = {
    Outcome.REFUSED: gettext_lazy("Refused by the person"),
    Outcome.POSTPONED: gettext_lazy("Postponed"),
}


class NotDoneForm(forms.Form):
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        choices=[
            (OUTCOME_TITLES[outcome], [(reason.value, reason.label) for reason in reasons])
            for outcome, reasons in REASONS.items()
        ],
        widget=forms.RadioSelect,
    )
    status_shown = forms.CharField(widget=forms.HiddenInput, required=False, max_length=10)

    @property
    def details(self) -> NotDoneDetails:
        reason = NotDoneReason(self.cleaned_data["reason"])
        outcome = next(outcome for outcome, reasons in REASONS.items() if reason in reasons)
        return NotDoneDetails(Outcome(outcome), reason)


class ReactionForm(forms.Form):
    manifestation = forms.ChoiceField(
        label=gettext_lazy("What was observed"),
        choices=Manifestation.choices,
        widget=forms.RadioSelect,
    )


class FindLotForm(forms.Form):
    vaccine = forms.ModelChoiceField(
        label=gettext_lazy("Vaccine"), queryset=Vaccine.objects.order_by("code")
    )
    number = forms.CharField(label=gettext_lazy("Lot number"), max_length=40)

    clean_number = LabelForm.clean_number


class RecallForm(FindLotForm, OnceForm):
    """The message to those who got the lot of the preview, which is not typed again."""

    # Short enough for one long text message with the line that names the vaccination.
    text_ko = forms.CharField(
        label=gettext_lazy("Message in Korean"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("What people should do, and whom they can call."),
    )
    text_en = forms.CharField(
        label=gettext_lazy("Message in English"),
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Without one, everybody gets the Korean text."),
    )
    practice = forms.BooleanField(
        label=gettext_lazy("Practice: find and count the people, stop nothing, send nothing"),
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What was looked at is what is recalled.
        for name in ("vaccine", "number"):
            self.fields[name].widget = forms.HiddenInput()
