from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.enums import CHOSEN, Channel
from messaging.receivers import EmailAddressField
from waiting_room.enums import DrawSource
from waiting_room.tlog.witnessing import MOST_WITNESSES


class AlertForm(forms.Form):
    """The channel of messages about the person's turn."""

    channel = forms.ChoiceField(choices=CHOSEN)
    email = EmailAddressField(required=False)

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        missing = not values.get("email") and "email" not in self.errors
        if values.get("channel") == Channel.EMAIL and missing:
            self.add_error("email", _("Type your e-mail address."))


class GatheringForm(forms.Form):
    joins_from = forms.DateTimeField(
        label=_("Joining possible from"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )


class DrawPlanForm(forms.Form):
    """Source of the draw's random number; fixed once people may join."""

    source = forms.ChoiceField(label=_("Source of the number"), choices=DrawSource.choices)
    statement = forms.CharField(
        label=_("Public value"),
        max_length=200,
        required=False,
        help_text=_(
            "Which value counts if one is stated by hand, for example the six winning numbers of "
            "Lotto 6/45, draw 1234, ascending. Beside another source it is the way out if that "
            "fails."
        ),
    )


class WitnessPlanForm(forms.Form):
    """How many witnesses a line waits for, and how long; fixed once people may join."""

    quorum = forms.IntegerField(label=_("Witnesses needed"), min_value=0, max_value=MOST_WITNESSES)
    minutes = forms.IntegerField(
        label=_("Minutes to wait for them"),
        min_value=1,
        max_value=60,
        help_text=_("After that the line goes on without them, and its public log says so."),
    )


class OfficerForm(forms.Form):
    name = forms.CharField(label=_("Officer"), max_length=40)
    commitment = forms.CharField(
        label=_("Commitment"),
        max_length=64,
        help_text=_(
            "64 digits; the officer makes secret and commitment with manage.py draw_secret."
        ),
    )


class SecretForm(forms.Form):
    name = forms.CharField(label=_("Officer"), max_length=40)
    secret = forms.CharField(label=_("Secret"), max_length=64)


class StatedForm(forms.Form):
    value = forms.CharField(label=_("Public value"), max_length=200)
