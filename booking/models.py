import uuid

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from eligibility.models import CODE, Person
from waiting_room.models import Admission

from .enums import LIVE, ReservationStatus


def _in_language(korean: str, english: str) -> str:
    return korean if (get_language() or "ko").startswith("ko") else (english or korean)


@pghistory.track()
class Clinic(models.Model):
    """A place that vaccinates; `code` is the authority's own (orgcd, centre id)."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=100)
    region = models.CharField(_("region"), max_length=20)
    district = models.CharField(_("district"), max_length=30)
    address = models.CharField(_("address"), max_length=200)
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    latitude = models.FloatField(
        _("latitude"), null=True, blank=True, validators=[MinValueValidator(32), MaxValueValidator(40)]
    )
    longitude = models.FloatField(
        _("longitude"), null=True, blank=True, validators=[MinValueValidator(123), MaxValueValidator(133)]
    )
    active = models.BooleanField(_("takes bookings"), default=True)
    # Up to how many hours before the appointment people may change or cancel it themselves.
    cutoff_hours = models.PositiveSmallIntegerField(_("changes until hours before"), default=2)

    class Meta:
        verbose_name = _("clinic")
        verbose_name_plural = _("clinics")
        ordering = ["region", "district", "name"]
        indexes = [models.Index(fields=["region", "district"], name="clinics_by_district")]

    def __str__(self) -> str:
        return self.name


@pghistory.track()
class Vaccine(models.Model):
    """A vaccine, how many doses make a series, and the days between them."""

    code = models.CharField(_("code"), max_length=20, unique=True, validators=[CODE])
    name_ko = models.CharField(_("name in Korean"), max_length=60)
    name_en = models.CharField(_("name in English"), max_length=60, blank=True)
    doses = models.PositiveSmallIntegerField(_("doses"), default=1)
    min_days = models.PositiveSmallIntegerField(_("days between doses, at least"), null=True, blank=True)
    best_days = models.PositiveSmallIntegerField(_("days between doses, best"), null=True, blank=True)
    max_days = models.PositiveSmallIntegerField(_("days between doses, at most"), null=True, blank=True)

    class Meta:
        verbose_name = _("vaccine")
        verbose_name_plural = _("vaccines")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(doses=1)
                | Q(doses=2, min_days__lte=F("best_days"), best_days__lte=F("max_days")),
                name="vaccine_interval_in_order",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return _in_language(self.name_ko, self.name_en)


# The counter is left out: it would write a history row per booking.
@pghistory.track(fields=["clinic", "vaccine", "starts_at", "capacity"])
class Slot(models.Model):
    """One bookable time at a clinic, with room for `capacity` people."""

    clinic = models.ForeignKey(
        Clinic, on_delete=models.PROTECT, related_name="slots", verbose_name=_("clinic"), db_index=False
    )
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, related_name="slots", verbose_name=_("vaccine"), db_index=False
    )
    starts_at = models.DateTimeField(_("starts at"))
    capacity = models.PositiveSmallIntegerField(_("capacity"))
    # Holds and reservations; changed only under this row's lock, by booking.services.
    booked = models.PositiveSmallIntegerField(_("booked"), default=0, editable=False)

    class Meta:
        verbose_name = _("slot")
        verbose_name_plural = _("slots")
        ordering = ["starts_at", "clinic"]
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "starts_at", "vaccine"], name="one_slot_per_clinic_vaccine_and_time"
            ),
            models.CheckConstraint(
                condition=Q(booked__gte=0, booked__lte=F("capacity")), name="slot_never_overbooked"
            ),
        ]
        indexes = [models.Index(fields=["starts_at"], name="slots_by_time")]

    def __str__(self) -> str:
        return f"{self.clinic_id} {timezone.localtime(self.starts_at):%Y-%m-%d %H:%M}"

    @property
    def left(self) -> int:
        return self.capacity - self.booked


class ReservationQuerySet(models.QuerySet):
    def live(self):
        return self.filter(status__in=LIVE)

    def lapsed(self, now):
        return self.filter(status=ReservationStatus.HELD, held_until__lte=now)

    def locked(self):
        """This row only; new rows may still point at it. Lock slots first, by id."""
        return self.select_for_update(of=("self",), no_key=True)


@pghistory.track(fields=["slot", "status", "by", "changed_at", "held_until"])
class Reservation(models.Model):
    """One place at one slot for one dose of one person: first held, then confirmed."""

    number = models.CharField(_("number"), max_length=16, unique=True, editable=False)
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="reservations", verbose_name=_("person")
    )
    slot = models.ForeignKey(
        Slot, on_delete=models.PROTECT, related_name="reservations", verbose_name=_("slot")
    )
    dose = models.PositiveSmallIntegerField(_("dose"), default=1)
    # The doses of one series are found by this.
    series = models.UUIDField(_("series"), default=uuid.uuid4, editable=False, db_index=True)
    status = models.CharField(
        _("status"), max_length=10, choices=ReservationStatus, default=ReservationStatus.HELD
    )
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    extensions = models.PositiveSmallIntegerField(_("extensions"), default=0)
    # Sent with the form; confirming twice with one key answers the same reservation.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    admission = models.ForeignKey(
        Admission,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reservations",
        verbose_name=_("admission"),
    )
    # Who acted last: "citizen", "system", "staff:<user id>".
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now)

    objects = ReservationQuerySet.as_manager()

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "dose"],
                condition=Q(status__in=LIVE),
                name="one_live_reservation_per_person_and_dose",
            ),
            models.CheckConstraint(
                condition=~Q(status=ReservationStatus.HELD) | Q(held_until__isnull=False),
                name="hold_has_a_clock",
            ),
            models.CheckConstraint(
                condition=Q(admission__isnull=False) | Q(by__startswith="staff:"),
                name="nobody_books_without_being_called",
            ),
            models.CheckConstraint(condition=Q(dose__gte=1, dose__lte=9), name="dose_is_a_number"),
        ]
        indexes = [
            models.Index(
                fields=["held_until"],
                name="holds_by_clock",
                condition=Q(status=ReservationStatus.HELD),
            )
        ]

    def __str__(self) -> str:
        return self.number

    def is_holding(self, now) -> bool:
        return self.status == ReservationStatus.HELD and self.held_until > now
