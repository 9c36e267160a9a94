"""Weekly opening hours of a clinic and the days that differ; slots are made from them."""

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from booking.models.clinics import MOST_CAPACITY, Clinic, Vaccine

WEEKDAYS = [
    (0, _("Monday")),
    (1, _("Tuesday")),
    (2, _("Wednesday")),
    (3, _("Thursday")),
    (4, _("Friday")),
    (5, _("Saturday")),
    (6, _("Sunday")),
]
SHORTEST_SLOT, LONGEST_SLOT = 5, 240  # minutes


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class OpeningHours(models.Model):
    """When a clinic gives one vaccine on a weekday; changing them changes no slot by itself."""

    clinic = models.ForeignKey(
        Clinic, on_delete=models.CASCADE, related_name="opening_hours", db_index=False
    )
    weekday = models.PositiveSmallIntegerField(_("weekday"), choices=WEEKDAYS)
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, related_name="+", verbose_name=_("vaccine")
    )
    opens = models.TimeField(_("opens"))
    closes = models.TimeField(_("closes"))
    lunch_from = models.TimeField(_("lunch from"), null=True, blank=True)
    lunch_to = models.TimeField(_("lunch to"), null=True, blank=True)
    minutes = models.PositiveSmallIntegerField(
        _("minutes from slot to slot"),
        validators=[MinValueValidator(SHORTEST_SLOT), MaxValueValidator(LONGEST_SLOT)],
    )
    capacity = models.PositiveSmallIntegerField(
        _("people at one time"),
        validators=[MinValueValidator(1), MaxValueValidator(MOST_CAPACITY)],
    )

    class Meta:
        verbose_name = _("opening hours")
        verbose_name_plural = _("opening hours")
        ordering = ["weekday", "opens", "vaccine"]
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "weekday", "vaccine"],
                name="one_opening_per_clinic_weekday_and_vaccine",
            ),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="opening_on_a_weekday"),
            models.CheckConstraint(
                condition=Q(opens__lt=F("closes")),
                name="opening_before_closing",
                violation_error_message=_("Opening comes before closing."),
            ),
            models.CheckConstraint(
                condition=Q(lunch_from__isnull=True, lunch_to__isnull=True)
                | Q(
                    lunch_from__gte=F("opens"),
                    lunch_from__lt=F("lunch_to"),
                    lunch_to__lte=F("closes"),
                ),
                name="opening_lunch_within_hours",
                violation_error_message=_(
                    "Lunch has a beginning and an end, both between opening and closing."
                ),
            ),
            # A comparison with NULL is not false and passes the check above.
            models.CheckConstraint(
                condition=Q(lunch_from__isnull=True, lunch_to__isnull=True)
                | Q(lunch_from__isnull=False, lunch_to__isnull=False),
                name="opening_lunch_has_both_ends",
                violation_error_message=_(
                    "Lunch has a beginning and an end, both between opening and closing."
                ),
            ),
            models.CheckConstraint(
                condition=Q(minutes__gte=SHORTEST_SLOT, minutes__lte=LONGEST_SLOT),
                name="opening_slot_length_is_bounded",
            ),
            models.CheckConstraint(
                condition=Q(capacity__gte=1, capacity__lte=MOST_CAPACITY),
                name="opening_capacity_is_bounded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens:%H:%M}–{self.closes:%H:%M}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class SpecialDay(models.Model):
    """A day on which a clinic is closed, or open although or only for other hours than usual.

    Without a row, public holidays are closed and other days have the hours of their weekday.
    """

    clinic = models.ForeignKey(
        Clinic, on_delete=models.CASCADE, related_name="special_days", db_index=False
    )
    on = models.DateField(_("day"))
    closed = models.BooleanField(_("closed"), default=True)
    # Limits of the weekday's hours; both empty for all of them.
    opens = models.TimeField(_("opens"), null=True, blank=True)
    closes = models.TimeField(_("closes"), null=True, blank=True)

    class Meta:
        verbose_name = _("special day")
        verbose_name_plural = _("special days")
        ordering = ["on"]
        constraints = [
            models.UniqueConstraint(fields=["clinic", "on"], name="one_special_day_per_date"),
            models.CheckConstraint(
                condition=Q(opens__isnull=True, closes__isnull=True)
                | Q(closed=False, opens__isnull=False, closes__isnull=False),
                name="special_day_has_hours_or_is_closed",
                violation_error_message=_(
                    "Write both hours, or none: a closed day has none, and an open day without "
                    "any has the usual ones."
                ),
            ),
            models.CheckConstraint(
                condition=Q(opens__isnull=True) | Q(opens__lt=F("closes")),
                name="special_day_opens_before_closing",
                violation_error_message=_("Opening comes before closing."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.on:%Y-%m-%d}"
