"""Clinics, vaccines, slots, and the doses a clinic has on hand."""

from typing import TYPE_CHECKING

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.enums import Facility
from booking.place_names import full_name
from booking.rules import MOST_MARGIN_PERCENT
from eligibility.models import CODE
from web.language import reads_korean

if TYPE_CHECKING:
    from booking.models.care_homes import CareHome


def _in_language(korean: str, english: str) -> str:
    return korean if reads_korean() else (english or korean)


@pghistory.track()
class Clinic(models.Model):
    """A place that vaccinates; `code` is the health authority's (orgcd, centre id)."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    name_en = models.CharField(
        _("name in English"),
        max_length=100,
        blank=True,
        default="",
        db_default="",
        validators=[
            RegexValidator(r"\A[A-Za-z0-9À-ſ .,&'()/+-]*\Z", _("Write the name in Latin letters."))
        ],
        help_text=_("Shown with the Korean name to people who do not read Korean."),
    )
    region = models.CharField(_("region"), max_length=20)
    district = models.CharField(_("district"), max_length=30)
    address = models.CharField(_("address"), max_length=200)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    latitude = models.FloatField(
        _("latitude"),
        null=True,
        blank=True,
        validators=[MinValueValidator(32), MaxValueValidator(40)],
    )
    longitude = models.FloatField(
        _("longitude"),
        null=True,
        blank=True,
        validators=[MinValueValidator(123), MaxValueValidator(133)],
    )
    facilities = ArrayField(
        models.CharField(max_length=20, choices=Facility),
        verbose_name=_("facilities"),
        default=list,
        db_default=[],
        blank=True,
    )
    active = models.BooleanField(_("takes bookings"), default=True)
    # Up to how many hours before the appointment people may change or cancel it themselves.
    cutoff_hours = models.PositiveSmallIntegerField(_("changes until hours before"), default=2)
    # The most by which seats may exceed the capacity, for people who do not come.
    margin_percent = models.PositiveSmallIntegerField(
        _("margin for people who do not come, percent at most"),
        default=0,
        validators=[MaxValueValidator(MOST_MARGIN_PERCENT)],
        help_text=_("0 switches the margin off."),
    )
    no_show_rate = models.FloatField(
        _("share of people who did not come"), null=True, blank=True, editable=False
    )

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")
        ordering = ["region", "district", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(margin_percent__lte=MOST_MARGIN_PERCENT),
                name="clinic_margin_is_bounded",
            ),
            models.CheckConstraint(
                condition=Q(facilities__contained_by=Facility.values),
                name="clinic_has_known_facilities",
            ),
        ]
        indexes = [models.Index(fields=["region", "district"], name="clinics_by_district")]

    def __str__(self) -> str:
        return self.name

    @property
    def full_name(self) -> str:
        return full_name(self)


INTERVAL_NEEDED = _(
    "Say one dose or two. Two need the days between them: at least, best and at most, in this "
    "order."
)


# Code systems of what a vaccine is, for other systems (reports.fhir).
KDCA_TYPE, CVX = r"^[0-9]{2}$", r"^[0-9]{2,3}$"


@pghistory.track()
class Vaccine(models.Model):
    """A vaccine, how many doses make a series, and the days between them."""

    code = models.CharField(_("code"), max_length=20, unique=True, validators=[CODE])
    name_ko = models.CharField(_("name in Korean"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60, blank=True)
    doses = models.PositiveSmallIntegerField(_("doses"), default=1)
    min_days = models.PositiveSmallIntegerField(
        _("days between doses, at least"), null=True, blank=True
    )
    best_days = models.PositiveSmallIntegerField(
        _("days between doses, best"), null=True, blank=True
    )
    max_days = models.PositiveSmallIntegerField(
        _("days between doses, at most"), null=True, blank=True
    )
    kdca_type = models.CharField(
        _("vaccination type of the KDCA"),
        max_length=2,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(KDCA_TYPE, _("Write the two digits of the type."))],
        help_text=_("As KR Core 2.0 numbers them: 35 is influenza (IIV). Empty if it has none."),
    )
    cvx = models.CharField(
        _("CVX code"),
        max_length=3,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(CVX, _("Write the two or three digits of the code."))],
        help_text=_("HL7's code of the vaccine: 208 is Comirnaty. Empty if it has none."),
    )

    class Meta:
        verbose_name = _("vaccine")
        verbose_name_plural = _("vaccines")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(doses=1)
                | Q(doses=2, min_days__lte=F("best_days"), best_days__lte=F("max_days")),
                name="vaccine_interval_in_order",
                violation_error_message=INTERVAL_NEEDED,
            ),
            # Of its own, because a comparison with NULL is not false and passes the check above.
            models.CheckConstraint(
                condition=Q(doses=1)
                | Q(min_days__isnull=False, best_days__isnull=False, max_days__isnull=False),
                name="vaccine_of_two_doses_has_an_interval",
                violation_error_message=INTERVAL_NEEDED,
            ),
            models.CheckConstraint(
                condition=(Q(kdca_type="") | Q(kdca_type__regex=KDCA_TYPE))
                & (Q(cvx="") | Q(cvx__regex=CVX)),
                name="vaccine_codes_are_digits",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return _in_language(self.name_ko, self.name_en)


def seats_left(row: str = "slot") -> str:
    """Slot.left in SQL. No generated column, which would be stale in memory after `take_seat`."""
    return f"{row}.capacity + {row}.margin - {row}.booked"


def has_seat(row: str = "slot") -> str:
    """Slot.left > 0 in SQL; the stored functions repeat it."""
    return f"{row}.booked < {row}.capacity + {row}.margin"


# Slot.left > 0 for a queryset.
HAS_SEAT = Q(booked__lt=F("capacity") + F("margin"))


# Of one slot; a larger number is a typing error (forms and imports ask, no constraint does).
MOST_CAPACITY = 1000


# `booked` is not tracked: it would write a history row per booking.
@pghistory.track(
    fields=["clinic", "vaccine", "starts_at", "capacity", "margin"], model_name="SlotEvent"
)
class Slot(models.Model):
    """One bookable time at a clinic, with seats for `capacity` people.

    A slot of a visit to a care home (`home`) never has a free seat: capacity and `booked` rise and
    fall together, up to `visit_places`, the doses that the team brings. So whatever looks for a
    free seat passes it over, and what does not look violates visit_seats_are_not_public.
    """

    # No indexes of their own: the unique constraint's begins with the clinic, and searches by
    # vaccine alone are rare.
    clinic = models.ForeignKey(
        Clinic,
        on_delete=models.PROTECT,
        related_name="slots",
        verbose_name=_("clinic"),
        db_index=False,
    )
    vaccine = models.ForeignKey(
        Vaccine,
        on_delete=models.PROTECT,
        related_name="slots",
        verbose_name=_("vaccine"),
        db_index=False,
    )
    home = models.ForeignKey(
        "CareHome",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="slots",
        verbose_name=_("care home"),
        db_index=False,
    )
    visit_places = models.PositiveSmallIntegerField(
        _("doses for the visit"), null=True, blank=True, editable=False
    )
    starts_at = models.DateTimeField(_("starts at"))
    capacity = models.PositiveSmallIntegerField(_("capacity"))
    # Bookable above the capacity, for people who do not come (Clinic.margin_percent).
    margin = models.PositiveSmallIntegerField(_("margin"), default=0, editable=False)
    # Holds and reservations; changed only under this row's lock, by booking.services.
    booked = models.PositiveSmallIntegerField(_("booked"), default=0, editable=False)

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        ordering = ["starts_at", "clinic"]
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "starts_at", "vaccine", "home"],
                nulls_distinct=False,
                name="one_slot_per_clinic_vaccine_time_and_home",
            ),
            models.CheckConstraint(
                condition=Q(booked__gte=0, booked__lte=F("capacity") + F("margin")),
                name="slot_never_overbooked",
            ),
            models.CheckConstraint(
                condition=Q(margin__lte=F("capacity") * MOST_MARGIN_PERCENT / 100),
                name="slot_margin_is_bounded",
            ),
            models.CheckConstraint(
                condition=Q(home__isnull=True, visit_places__isnull=True)
                | Q(
                    home__isnull=False,
                    visit_places__isnull=False,
                    capacity=F("booked"),
                    margin=0,
                    booked__lte=F("visit_places"),
                ),
                name="visit_seats_are_not_public",
            ),
        ]
        # No index may name `booked`, not even in a condition: updates of the counter would no
        # longer be HOT and would write every index of the row.
        indexes = [models.Index(fields=["starts_at"], name="slots_by_time")]
        triggers = [
            # Whatever would free a seat of closed hours (a cancellation, new hours, a margin) only
            # lowers the capacity. The condition keeps it out of the holds of an opening.
            pgtrigger.Trigger(
                name="closed_slot_has_no_seats",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "NEW.booked < NEW.capacity + NEW.margin AND (NEW.booked < OLD.booked"
                    " OR NEW.capacity > OLD.capacity OR NEW.margin > OLD.margin)"
                ),
                func="""
                    IF EXISTS (
                        SELECT FROM booking_closedslot WHERE slot_id = NEW.id AND NOT reopened
                    ) THEN
                        NEW.capacity := NEW.booked;
                        NEW.margin := 0;
                    END IF;
                    RETURN NEW;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.clinic_id} {timezone.localtime(self.starts_at):%Y-%m-%d %H:%M}"

    @property
    def left(self) -> int:
        return self.capacity + self.margin - self.booked

    @property
    def place(self) -> "Clinic | CareHome":
        """Where people come: the clinic, or the care home that its team visits."""
        return self.home or self.clinic

    @property
    def visit_left(self) -> int:
        """Free seats of a visit, which only its own services give away; 0 at a clinic."""
        return (self.visit_places or 0) - self.booked if self.home_id else 0


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Stock(models.Model):
    """Doses a clinic has on hand for one day; they limit the margins (rules.spread_margin)."""

    clinic = models.ForeignKey(
        Clinic,
        on_delete=models.PROTECT,
        related_name="stocks",
        verbose_name=_("clinic"),
        db_index=False,
    )
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, related_name="stocks", verbose_name=_("vaccine")
    )
    on = models.DateField(_("day"))
    doses = models.PositiveIntegerField(_("doses on hand"))

    class Meta:
        verbose_name = _("doses on hand")
        verbose_name_plural = _("doses on hand")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "on", "vaccine"], name="one_stock_per_clinic_vaccine_and_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.clinic_id} {self.on} {self.vaccine_id}"
