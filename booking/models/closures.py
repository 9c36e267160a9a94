"""Closures: hours in which a clinic cannot work, and what became of the appointments in them."""

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from booking.enums import (
    CHOICE_MOVES,
    CLOSURE_MOVES,
    AffectedOutcome,
    ChoiceStatus,
    ClosureAnswer,
    ClosureMode,
    ClosureReason,
    ClosureStatus,
    ReservationStatus,
)
from booking.models.cancellation_list import ListEntry
from booking.models.clinics import Clinic, Slot, Vaccine
from booking.models.moves import lawful_moves
from booking.models.reservations import Reservation
from web.codes import random_uuid


class Closure(models.Model):
    """Hours in which a clinic gives no vaccine, or one vaccine less; made in one transaction.

    Until `tells_at` it can be taken back whole: then a job tells the people, and it stays.
    """

    clinic = models.ForeignKey(
        Clinic, on_delete=models.PROTECT, related_name="closures", verbose_name=_("clinic")
    )
    # None: all.
    vaccine = models.ForeignKey(
        Vaccine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("vaccine"),
        db_index=False,
    )
    # Slots that start from the first instant on, and before the second.
    starts_at = models.DateTimeField(_("closed from"))
    ends_at = models.DateTimeField(_("closed until"))
    mode = models.CharField(_("what happens to the people"), max_length=10, choices=ClosureMode)
    reason = models.CharField(_("reason"), max_length=10, choices=ClosureReason)
    status = models.CharField(
        _("status"), max_length=10, choices=ClosureStatus, default=ClosureStatus.DONE
    )
    closed_at = models.DateTimeField(_("closed at"))
    by = models.CharField(_("by"), max_length=40)
    tells_at = models.DateTimeField(_("messages leave at"))
    # Until when people may answer who were offered other times; None if nobody was.
    answer_until = models.DateTimeField(_("answers until"), null=True)
    told_at = models.DateTimeField(_("told at"), null=True)
    # When it was taken back, or the hours were opened again.
    ended_at = models.DateTimeField(_("ended at"), null=True)
    ended_by = models.CharField(_("ended by"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("closure")
        verbose_name_plural = _("closures")
        constraints = [
            models.CheckConstraint(
                condition=Q(starts_at__lt=F("ends_at")), name="closure_in_order"
            ),
            models.CheckConstraint(
                condition=~Q(status=ClosureStatus.TOLD) | Q(told_at__isnull=False),
                name="told_closure_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tells_at"],
                name="closures_to_tell",
                condition=Q(status=ClosureStatus.DONE),
            )
        ]
        triggers = [lawful_moves(CLOSURE_MOVES)]

    def __str__(self) -> str:
        start, end = timezone.localtime(self.starts_at), timezone.localtime(self.ends_at)
        return f"{self.clinic_id} {start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"

    def covers(self, starts_at: datetime, vaccine_id: int) -> bool:
        """Whether a slot of this time and vaccine lies in the closed hours."""
        of_vaccine = self.vaccine_id in (None, vaccine_id)
        return of_vaccine and self.starts_at <= starts_at < self.ends_at


class ClosedSlot(models.Model):
    """A slot of a closure with the seats it had; while closed it has no free seat.

    The trigger `closed_slot_has_no_seats` of slots holds that against every change.
    """

    closure = models.ForeignKey(Closure, on_delete=models.PROTECT, related_name="closed_slots")
    slot = models.ForeignKey(
        Slot, on_delete=models.PROTECT, related_name="closings", db_index=False
    )
    capacity = models.PositiveSmallIntegerField(_("capacity"))
    margin = models.PositiveSmallIntegerField(_("margin"))
    reopened = models.BooleanField(_("open again"), default=False)

    class Meta:
        verbose_name = _("closed slot")
        verbose_name_plural = _("closed slots")
        constraints = [
            models.UniqueConstraint(
                fields=["slot"], condition=Q(reopened=False), name="slot_is_closed_once"
            )
        ]
        triggers = [
            # The only change: nothing may forget the capacity to go back to.
            pgtrigger.ReadOnly(name="closed_slots_keep_seats", exclude=["reopened"])
        ]

    def __str__(self) -> str:
        return f"{self.closure_id} {self.slot_id}"


class AffectedAppointment(models.Model):
    """What a closure did to one appointment, to be told and taken back."""

    closure = models.ForeignKey(Closure, on_delete=models.PROTECT, related_name="affected")
    reservation = models.ForeignKey(
        Reservation,
        on_delete=models.PROTECT,
        related_name="closures",
        verbose_name=_("reservation"),
    )
    from_slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="+", db_index=False)
    to_slot = models.ForeignKey(
        Slot, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    outcome = models.CharField(_("outcome"), max_length=10, choices=AffectedOutcome)
    # Not in the closed hours itself: a second dose that follows its first.
    goes_along = models.BooleanField(_("goes along with the first dose"), default=False)
    restored = models.BooleanField(_("taken back"), default=False)
    # The entry, first on the cancellation list, that a cancelled one gets when people are told.
    entry = models.OneToOneField(
        ListEntry, on_delete=models.PROTECT, null=True, related_name="closed_appointment"
    )

    class Meta:
        verbose_name = _("affected appointment")
        verbose_name_plural = _("affected appointments")
        constraints = [
            models.UniqueConstraint(
                fields=["closure", "reservation"], name="one_outcome_per_closure_and_reservation"
            ),
            models.CheckConstraint(
                condition=Q(outcome=AffectedOutcome.MOVED, to_slot__isnull=False)
                | Q(outcome=AffectedOutcome.CANCELLED, to_slot__isnull=True),
                name="moved_appointment_has_a_slot",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.closure_id} {self.reservation_id}"

    @property
    def stands(self) -> bool:
        """Whether the reservation is as the closure left it."""
        moved = self.outcome == AffectedOutcome.MOVED
        status = ReservationStatus.CONFIRMED if moved else ReservationStatus.CANCELLED
        same_slot = not moved or self.reservation.slot_id == self.to_slot_id
        return self.reservation.status == status and same_slot


class ClosureOffer(models.Model):
    """Other times offered to a person who was moved, until Closure.answer_until.

    Without an answer the new time stands.
    """

    affected = models.OneToOneField(
        AffectedAppointment, on_delete=models.PROTECT, related_name="offer"
    )
    # In the message's address, so that the phone's owner can answer without signing in.
    token = models.UUIDField(default=random_uuid, unique=True, editable=False)
    answer = models.CharField(_("answer"), max_length=10, choices=ClosureAnswer, blank=True)
    answered_at = models.DateTimeField(_("answered at"), null=True)

    class Meta:
        verbose_name = _("offer of a closure")
        verbose_name_plural = _("offers of closures")
        constraints = [
            models.CheckConstraint(
                condition=Q(answer="", answered_at__isnull=True)
                | (~Q(answer="") & Q(answered_at__isnull=False)),
                name="closure_answer_has_its_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.affected_id}"


class ClosureChoice(models.Model):
    """A seat kept as another choice; Slot.booked counts it while it is open."""

    offer = models.ForeignKey(ClosureOffer, on_delete=models.PROTECT, related_name="choices")
    slot = models.ForeignKey(
        Slot, on_delete=models.PROTECT, related_name="choices", verbose_name=_("slot")
    )
    status = models.CharField(
        _("status"), max_length=10, choices=ChoiceStatus, default=ChoiceStatus.OPEN
    )

    class Meta:
        verbose_name = _("kept choice")
        verbose_name_plural = _("kept choices")
        constraints = [
            models.UniqueConstraint(fields=["offer", "slot"], name="one_choice_per_offer_and_slot")
        ]
        triggers = [lawful_moves(CHOICE_MOVES)]

    def __str__(self) -> str:
        return f"{self.offer_id} {self.slot_id}"
