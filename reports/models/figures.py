"""Counts of days that pages of reports read, and the plans they are compared with."""

import pghistory
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from dataio.districts import REGIONS
from eligibility.models import Cohort


class Measure(models.TextChoices):
    """What is counted of a day (reports.figures)."""

    FIRST = "first"  # first doses given
    DOSES = "doses"  # all doses given
    SEATS = "seats"  # capacity with margin
    TAKEN = "taken"  # seats held or booked
    DUE = "due"  # appointments that were not cancelled
    NO_SHOWS = "no_shows"
    AHEAD = "ahead"  # first doses booked for a day to come
    WAITING = "waiting"  # people in line who are not called yet, on the day of the count


class DailyFigure(models.Model):
    """A count of one day in one area: a summary, made of the exports' queries by a job.

    The area is "" for the country, a region, or a region and a district with a space between.
    """

    area = models.CharField(max_length=60, blank=True)
    measure = models.CharField(max_length=8, choices=Measure)
    day = models.DateField()
    cohort = models.CharField(max_length=40, blank=True)  # its code; "" where no cohort is counted
    count = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["area", "measure", "day", "cohort"], name="one_figure_per_area_and_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.day} {self.area}"


class FigureCount(models.Model):
    """The one row that says when the figures were counted; its lock lets one job count."""

    counted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="one_row_says_when_figures_were_counted")
        ]

    def __str__(self) -> str:
        return str(self.counted_at)


@pghistory.track()
class CohortPlan(models.Model):
    """How many people of a cohort are to get their first dose, evenly over some days.

    For the country without a region; a region's share of it is a row of its own.
    """

    cohort = models.ForeignKey(
        Cohort, on_delete=models.PROTECT, related_name="plans", verbose_name=_("cohort")
    )
    region = models.CharField(
        _("region"),
        max_length=20,
        blank=True,
        choices=[(name, name) for name in REGIONS],
        help_text=_("Empty for the whole country."),
    )
    people = models.PositiveIntegerField(
        _("people"),
        validators=[MinValueValidator(1)],
        help_text=_("How many are to get their first dose."),
    )
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("final day"))
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("plan of a cohort")
        verbose_name_plural = _("plans of cohorts")
        ordering = ["first_day", "cohort", "region"]
        constraints = [
            models.UniqueConstraint(
                fields=["cohort", "region"],
                name="one_plan_per_cohort_and_region",
                violation_error_message=_("This cohort has a plan for this region already."),
            ),
            models.CheckConstraint(
                condition=Q(first_day__lte=F("last_day")),
                name="plan_begins_before_it_ends",
                violation_error_message=_("The final day lies before the first."),
            ),
            models.CheckConstraint(condition=Q(people__gte=1), name="plan_is_for_people"),
        ]

    def __str__(self) -> str:
        return f"{self.cohort} {self.region}".strip()
