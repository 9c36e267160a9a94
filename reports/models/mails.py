"""Who gets the figures of the morning by mail."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from privacy.fields import EncryptedTextField
from staff.models import User


class MorningSubscription(models.Model):
    """A member of staff who wants the figures of the day before each morning.

    Good for the address that was confirmed: if the account gets another one, that is to be
    confirmed anew.
    """

    user = models.OneToOneField(
        User, on_delete=models.PROTECT, related_name="morning_subscription", verbose_name=_("user")
    )
    email = EncryptedTextField(_("e-mail address"))
    language = models.CharField(
        _("language"), max_length=2, choices=settings.LANGUAGES[: len(settings.STAFF_LANGUAGES)]
    )
    made_at = models.DateTimeField(_("made at"), db_default=Now())
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    # The last day whose mail was written: a day has one, however many workers write.
    written_on = models.DateField(_("written on"), null=True)

    class Meta:
        verbose_name = _("subscription of the morning report")
        verbose_name_plural = _("subscriptions of the morning report")

    def __str__(self) -> str:
        return str(self.user_id)
