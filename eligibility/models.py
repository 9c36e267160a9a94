import uuid

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from privacy.fields import EncryptedDateField, EncryptedTextField

from .enums import Order, Proof, Source

CODE = RegexValidator(r"^[a-z0-9][a-z0-9-]*$", _("Use small letters a to z, digits and hyphens."))


@pghistory.track()
class Cohort(models.Model):
    """People born between two dates (both included) who may book within one window."""

    code = models.CharField(_("code"), max_length=40, unique=True, validators=[CODE])
    name_ko = models.CharField(_("name in Korean"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60)
    birth_from = models.DateField(_("born from"))
    birth_to = models.DateField(_("born until"))
    opens_at = models.DateTimeField(_("opens at"))
    closes_at = models.DateTimeField(_("closes at"))
    order = models.CharField(_("order"), max_length=4, choices=Order, default=Order.DRAW)
    proof = models.CharField(_("proof"), max_length=8, choices=Proof, default=Proof.ROSTER)
    # Where several cohorts fit, the highest comes first.
    priority = models.SmallIntegerField(_("priority"), default=0)

    # Further conditions; empty means that it does not matter.
    members_only = models.BooleanField(_("only people on the roster"), default=False)
    regions = ArrayField(
        models.CharField(max_length=20), verbose_name=_("regions"), default=list, blank=True
    )
    groups = ArrayField(
        models.CharField(max_length=40, validators=[CODE]),
        verbose_name=_("one of these groups"),
        default=list,
        blank=True,
    )
    excluded_groups = ArrayField(
        models.CharField(max_length=40, validators=[CODE]),
        verbose_name=_("none of these groups"),
        default=list,
        blank=True,
    )
    min_days_since_dose = models.PositiveSmallIntegerField(
        _("days since the last dose, at least"), null=True, blank=True
    )
    # Ten-day rotation: on a day that ends in the same digit as the birth day, from the clock
    # time of the opening, for so many hours.
    digit_hours = models.PositiveSmallIntegerField(
        _("birth-digit calendar: hours a day"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(24)],
    )
    vaccines = ArrayField(
        models.CharField(max_length=20, validators=[CODE]),
        verbose_name=_("vaccine codes"),
        default=list,
        blank=True,
    )

    class Meta:
        verbose_name = _("cohort")
        verbose_name_plural = _("cohorts")
        ordering = ["opens_at", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(birth_from__lte=F("birth_to")), name="cohort_births_in_order"
            ),
            models.CheckConstraint(
                condition=Q(opens_at__lt=F("closes_at")), name="cohort_opens_before_it_closes"
            ),
            models.CheckConstraint(
                condition=Q(digit_hours__isnull=True) | Q(digit_hours__range=(1, 24)),
                name="digit_hours_fit_a_day",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_ko if (get_language() or "ko").startswith("ko") else self.name_en


class Person(models.Model):
    """Somebody who books. No resident registration number here, nor anywhere else."""

    # The authority's own key; empty while only the person's word is known.
    roster_key = models.CharField(_("roster key"), max_length=64, null=True, blank=True, unique=True)
    source = models.CharField(
        _("source"), max_length=8, choices=Source, default=Source.DECLARED
    )
    name = EncryptedTextField(_("name"))
    birth_date = EncryptedDateField(_("date of birth"))
    phone = EncryptedTextField(_("mobile phone"))
    region = models.CharField(_("region"), max_length=20, blank=True)
    district = models.CharField(_("district"), max_length=30, blank=True)
    # Occupation and risk groups, by the authority's codes.
    groups = ArrayField(
        models.CharField(max_length=40, validators=[CODE]),
        verbose_name=_("groups"),
        default=list,
        blank=True,
    )
    last_dose_on = EncryptedDateField(_("last dose on"), null=True, blank=True)
    # When a certified provider last vouched for name and birth date.
    certified_at = models.DateTimeField(_("certified at"), null=True, blank=True)
    # Blind indexes (privacy.cipher): of name, birth date and phone together, and of parts.
    identity_index = models.BinaryField(max_length=16, unique=True, editable=False)
    name_birth_index = models.BinaryField(max_length=16, db_index=True, editable=False)
    phone_index = models.BinaryField(max_length=16, db_index=True, editable=False)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.CheckConstraint(
                condition=~Q(source=Source.ROSTER) | Q(roster_key__isnull=False),
                name="roster_person_has_a_roster_key",
            ),
        ]

    def __str__(self) -> str:
        # A number, not a name: this text reaches logs and admin titles.
        return f"#{self.pk}"


class Decision(models.Model):
    """What one person was told about one cohort; a yes is never taken back within its window."""

    person = models.ForeignKey(
        Person, on_delete=models.CASCADE, related_name="decisions", verbose_name=_("person")
    )
    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("cohort")
    )
    eligible = models.BooleanField(_("eligible"))
    rule = models.CharField(_("rule"), max_length=30)
    # Codes and values that eligibility.reasons turns into sentences, in whichever language.
    reasons = models.JSONField(_("reasons"), default=list)
    window_from = models.DateTimeField(_("from"))
    window_to = models.DateTimeField(_("to"))
    # A yes for now, while a review is open.
    provisional = models.BooleanField(_("provisional"), default=False)
    decided_at = models.DateTimeField(_("decided at"), default=timezone.now)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "cohort"], name="one_decision_per_person_and_cohort"
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.cohort.code} {self.rule}"


class PhoneCode(models.Model):
    """One try at proving who one is: what was typed, and the code that goes to the phone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = EncryptedTextField(_("name"))
    birth_date = EncryptedDateField(_("date of birth"))
    phone = EncryptedTextField(_("mobile phone"))
    phone_index = models.BinaryField(max_length=16, editable=False)
    code_hash = models.BinaryField(max_length=16, editable=False)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    # How many codes went out, the first included.
    sends = models.PositiveSmallIntegerField(_("codes sent"), default=0)
    sent_at = models.DateTimeField(_("sent at"))
    expires_at = models.DateTimeField(_("expires at"))
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)

    class Meta:
        verbose_name = _("phone code")
        verbose_name_plural = _("phone codes")
        constraints = [
            models.CheckConstraint(condition=Q(tries__lte=5), name="phone_code_has_five_tries")
        ]
        indexes = [
            models.Index(fields=["phone_index", "sent_at"], name="phone_codes_by_phone"),
            models.Index(fields=["expires_at"], name="phone_codes_by_end"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
