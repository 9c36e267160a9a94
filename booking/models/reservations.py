"""Reservations and doses given elsewhere."""

import uuid
from datetime import datetime, timedelta
from typing import Any, Self

import pghistory
import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from booking.enums import (
    LAWFUL_MOVES,
    LIVE,
    TAKING,
    Origin,
    ReservationStatus,
)
from booking.models.clinics import Slot, Vaccine
from booking.models.moves import lawful_moves
from database.clock import Now
from eligibility.models import Person
from messaging.enums import CHOSEN, Channel
from privacy.fields import EncryptedTextField
from waiting_room.models import Admission
from web.codes import group

# 45 random bits, too many to guess (booking.limits), few enough to read out.
NUMBER_LETTERS = 10


class ReservationQuerySet(models.QuerySet["Reservation"]):
    def live(self) -> Self:
        return self.filter(status__in=LIVE)

    def taking(self) -> Self:
        return self.filter(status__in=TAKING)

    def lapsed(self, now: datetime) -> Self:
        return self.filter(status=ReservationStatus.HELD, held_until__lte=now)

    def locked(self) -> Self:
        """Lock these rows, not joined ones; foreign keys to them stay possible (no key).

        Lock slots first, by id.
        """
        return self.select_for_update(of=("self",), no_key=True)

    def with_slot(self) -> Self:
        return self.select_related("slot__clinic", "slot__vaccine", "slot__home")


_HISTORY_FIELDS = ["slot", "status", "by", "changed_at", "held_until"]
_CONFIRMING = pgtrigger.Q(
    old__status=ReservationStatus.HELD, new__status=ReservationStatus.CONFIRMED
)


# One event per change with the values before it; with the row itself that is the whole history.
# Confirming writes none: `created_at` and `confirmed_at` record it, and it is the most frequent
# change of the opening minute.
@pghistory.track(
    pghistory.UpdateEvent(label="before", row=pghistory.Old, condition=~_CONFIRMING),
    fields=_HISTORY_FIELDS,
    model_name="ReservationEvent",
    obj_field=pghistory.ObjForeignKey(related_name="events"),
    context_field=pghistory.ContextForeignKey(db_index=False),
    attrs={
        "slot": models.ForeignKey(
            Slot,
            on_delete=models.DO_NOTHING,
            related_name="+",
            db_constraint=False,
            db_index=False,
        )
    },
)
class Reservation(models.Model):
    """One seat at one slot for one dose of one person: first held, then confirmed."""

    number = models.CharField(_("number"), max_length=16, editable=False)
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="reservations", verbose_name=_("person")
    )
    slot = models.ForeignKey(
        Slot, on_delete=models.PROTECT, related_name="reservations", verbose_name=_("slot")
    )
    dose = models.PositiveSmallIntegerField(_("dose"), default=1)
    status = models.CharField(
        _("status"), max_length=10, choices=ReservationStatus, default=ReservationStatus.HELD
    )
    held_until = models.DateTimeField(_("held until"), null=True, blank=True)
    extensions = models.PositiveSmallIntegerField(_("extensions"), default=0)
    # Idempotency key, sent with the form: confirming a key again returns the same reservations,
    # and a form for a hold exchanged since confirms nothing. Doses held together share it.
    key = models.UUIDField(default=uuid.uuid4, editable=False)
    # What a family held side by side shares it: while others of the party hold a place, nobody's
    # is confirmed without naming it (booking/sql/booking_confirm_at_once).
    party = models.UUIDField(null=True, editable=False)
    origin = models.CharField(_("origin"), max_length=5, choices=Origin, default=Origin.LINE)
    admission = models.ForeignKey(
        Admission,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reservations",
        verbose_name=_("admission"),
        db_index=False,
    )
    # Who acted last (staff.actors).
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), db_default=Now(), editable=False)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    changed_at = models.DateTimeField(_("changed at"), db_default=Now())
    # Language and channel of the messages about this reservation.
    language = models.CharField(_("language"), max_length=10, default="ko")
    channel = models.CharField(_("messages by"), max_length=10, choices=CHOSEN, default=Channel.SMS)
    email = EncryptedTextField(_("e-mail"), null=True, blank=True)

    objects = ReservationQuerySet.as_manager()

    events: models.QuerySet[Any]  # what pghistory recorded of the row

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.UniqueConstraint(fields=["number"], name="one_reservation_per_number"),
            models.UniqueConstraint(
                fields=["key", "dose"], name="one_reservation_per_key_and_dose"
            ),
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
                # An offer may have none: staff put callers on the cancellation list.
                condition=Q(admission__isnull=False) | Q(origin__in=[Origin.STAFF, Origin.OFFER]),
                name="nobody_books_without_being_called",
            ),
            models.CheckConstraint(condition=Q(dose__gte=1, dose__lte=9), name="dose_is_a_number"),
        ]
        indexes = [
            # A few pages for any number of rows, to count what a minute brought.
            BrinIndex("created_at", name="reservations_by_time", autosummarize=True),
            BrinIndex("confirmed_at", name="bookings_by_time", autosummarize=True),
            models.Index(
                fields=["held_until"],
                name="holds_by_clock",
                condition=Q(status=ReservationStatus.HELD),
            ),
            models.Index(
                fields=["party"],
                name="reservations_by_party",
                condition=Q(party__isnull=False),
            ),
        ]
        # Confirming skips the trigger (about 25 µs): it is in every booking of the opening minute,
        # and booking_confirm_at_once updates held rows only.
        triggers = [lawful_moves(LAWFUL_MOVES, but=_CONFIRMING)]

    def __str__(self) -> str:
        return self.number

    @property
    def shown_number(self) -> str:
        return group(self.number)

    def is_holding(self, now: datetime) -> bool:
        return self.status == ReservationStatus.HELD and bool(
            self.held_until and self.held_until > now
        )

    def may_become(self, status: ReservationStatus) -> bool:
        return status in LAWFUL_MOVES[ReservationStatus(self.status)]

    @property
    def changes_until(self) -> datetime:
        """The clinic's cut-off, after which only staff may change or cancel."""
        return self.slot.starts_at - timedelta(hours=self.slot.clinic.cutoff_hours)


# A withdrawn record is deleted, so that no rule can count it by mistake; its history stays.
@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class OutsideDose(models.Model):
    """A dose given elsewhere, as recorded by staff."""

    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        related_name="outside_doses",
        verbose_name=_("person"),
        db_index=False,
    )
    dose = models.PositiveSmallIntegerField(_("dose"))
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, related_name="outside_doses", verbose_name=_("vaccine")
    )
    given_on = models.DateField(_("given on"))
    place = models.CharField(pgettext_lazy("where", "place"), max_length=100, blank=True)
    by = models.CharField(_("by"), max_length=40)
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now())

    class Meta:
        verbose_name = _("dose given elsewhere")
        verbose_name_plural = _("doses given elsewhere")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "dose"], name="one_outside_dose_per_person_and_dose"
            ),
            models.CheckConstraint(
                condition=Q(dose__gte=1, dose__lte=9), name="outside_dose_is_a_number"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.person_id} ({self.dose})"
