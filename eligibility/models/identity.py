"""How a person proves who they are: codes by phone, and identity providers."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from eligibility.models.people import Person
from privacy.fields import EncryptedDateField, EncryptedTextField


class PhoneCode(models.Model):
    """One sign-in attempt: the typed details, and the hash of the code sent to the phone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = EncryptedTextField(_("name"))
    birth_date = EncryptedDateField(_("date of birth"))
    phone = EncryptedTextField(_("mobile phone"))
    phone_index = models.BinaryField(max_length=16, editable=False)
    # Whether the code is read out in a call, the only way to a landline.
    by_voice = models.BooleanField(db_default=False, editable=False)
    # Keyed hash of the network that asked, or of a browser that proved this phone before.
    source_index = models.BinaryField(max_length=16, null=True, editable=False)
    from_known_browser = models.BooleanField(default=False, editable=False)
    # Keyed hash bound to the row and to `sends`: a resend invalidates the code before it.
    code_hash = models.BinaryField(max_length=16, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # Codes sent in all, the first one included.
    sends = models.PositiveSmallIntegerField(_("codes sent"), default=0)
    sent_at = models.DateTimeField(_("sent at"))
    expires_at = models.DateTimeField(_("expires at"))
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)
    # The code was right; the district is still needed (DistrictUnclear).
    awaits_district = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("phone code")
        verbose_name_plural = _("phone codes")
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=5), name="phone_code_has_five_tries")
        ]
        indexes = [
            # Read by services.code_limits before each code, and by the daily purge.
            models.Index(fields=["phone_index", "sent_at"], name="phone_codes_by_phone"),
            models.Index(fields=["expires_at"], name="phone_codes_by_end"),
            models.Index(fields=["source_index", "sent_at"], name="phone_codes_by_source"),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ProviderAccount(models.Model):
    """The person of a certified provider's subject, which is found by its blind index."""

    provider = models.CharField(_("provider"), max_length=20)
    subject_index = models.BinaryField(max_length=16, editable=False)
    # Needed to compute the index anew under another key; NULL in rows from before this column.
    subject = EncryptedTextField(_("subject"), null=True, editable=False)
    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="accounts", verbose_name=_("person")
    )
    linked_at = models.DateTimeField(_("linked at"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("provider account")
        verbose_name_plural = _("provider accounts")
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "subject_index"], name="one_person_per_provider_subject"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} #{self.person_id}"


class ProviderTry(models.Model):
    """One success or failure of an identity provider; its traffic light is computed from these."""

    provider = models.CharField(_("provider"), max_length=20)
    at = models.DateTimeField(_("at"), db_default=Now())
    worked = models.BooleanField(_("worked"))
    seconds = models.FloatField(_("seconds"))

    class Meta:
        verbose_name = _("try of a provider")
        verbose_name_plural = _("tries of providers")
        indexes = [models.Index(fields=["provider", "at"], name="provider_tries_by_time")]

    def __str__(self) -> str:
        return f"{self.provider} {self.at:%H:%M:%S}"


class ProviderAnswer(models.Model):
    """The late answer of a slow provider, for the browser that waits for it; read once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # JSON of eligibility.services.exchanges.Outcome. The encryption binds a value to the name of
    # its column, so a field that is renamed keeps it.
    outcome = EncryptedTextField(_("outcome"), null=True, db_column="said")
    made_at = models.DateTimeField(_("made at"), db_default=Now(), db_index=True)

    class Meta:
        verbose_name = _("answer of a provider")
        verbose_name_plural = _("answers of providers")

    def __str__(self) -> str:
        return str(self.pk)
