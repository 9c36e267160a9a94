"""Cohorts, planned changes of them, and uploads of the roster."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from eligibility.enums import Order, Proof
from web.language import reads_korean

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
        return self.name_ko if reads_korean() else self.name_en


@pghistory.track()
class CohortChange(models.Model):
    """A planned change of a cohort's rule; in force from `takes_effect_at` by itself."""

    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, related_name="changes", verbose_name=_("cohort")
    )
    takes_effect_at = models.DateTimeField(_("takes effect at"))
    # Cohort field name → new value in JSON form (facts.read_value parses it).
    values = models.JSONField(_("new values"))
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    applied_at = models.DateTimeField(_("applied at"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, editable=False)

    class Meta:
        verbose_name = _("change of a cohort")
        verbose_name_plural = _("changes of cohorts")
        ordering = ["takes_effect_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(applied_at__isnull=True) | Q(withdrawn_at__isnull=True),
                name="change_applied_or_withdrawn",
            )
        ]

    def __str__(self) -> str:
        return f"{self.cohort_id} {self.takes_effect_at:%Y-%m-%d %H:%M}"
