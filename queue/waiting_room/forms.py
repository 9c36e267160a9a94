from django import forms
from django.core.validators import MinValueValidator
from django.utils.translation import gettext_lazy as _

from messaging.enums import Channel
from messaging.receivers import EmailAddressField


class TellForm(forms.Form):
    """How somebody wants to be told that their turn is near."""

    channel = forms.ChoiceField(choices=Channel.choices)
    email = EmailAddressField(required=False)

    def clean(self):
        values = super().clean()
        missing = not values.get("email") and "email" not in self.errors
        if values.get("channel") == Channel.EMAIL and missing:
            self.add_error("email", _("Type your e-mail address."))
        return values


class PauseForm(forms.Form):
    message_ko = forms.CharField(label=_("Message to the public, Korean"), max_length=200)
    message_en = forms.CharField(
        label=_("Message to the public, English"), max_length=200, required=False
    )


class PaceForm(forms.Form):
    max_active = forms.IntegerField(
        label=_("People booking at once"), validators=[MinValueValidator(1)], max_value=1_000_000
    )
    max_per_minute = forms.IntegerField(
        label=_("Called per minute at most"),
        validators=[MinValueValidator(1)],
        max_value=1_000_000,
    )


class DrawForm(forms.Form):
    public_value = forms.CharField(
        label=_("Public random value"),
        max_length=200,
        required=False,
        help_text=_("A number nobody can know before, such as a lottery result. It is published."),
    )
    joins_from = forms.DateTimeField(
        label=_("Joining possible from"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
    )
