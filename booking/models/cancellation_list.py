"""The cancellation list: entries, offers, and appointments lost by a mistaken record."""

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from booking.enums import (
    ENTRY_MOVES,
    OFFER_MOVES,
    ON_THE_LIST,
    EntryStatus,
    LostReason,
    OfferStatus,
)
from booking.models.clinics import Slot, Vaccine
from booking.models.moves import lawful_moves
from booking.models.reservations import OutsideDose, Reservation
from booking.rules import is_any_hour
from database.clock import Now
from eligibility.models import Person
from staff.actors import CITIZEN, STAFF
from waiting_room.models import Admission
from web.codes import random_uuid


@pghistory.track(fields=["status", "ended_by"], model_name="ListEntryEvent")
class ListEntry(models.Model):
    """A person on the cancellation list, and the slots that would suit them."""

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="list_entries", verbose_name=_("person")
    )
    dose = models.PositiveSmallIntegerField(_("dose"), default=1)
    # Keys of booking.areas: clinics ("c:<id>") and districts ("d:<region>/<district>").
    places = ArrayField(
        models.CharField(max_length=60), verbose_name=pgettext_lazy("where", "places")
    )
    vaccine = models.ForeignKey(
        Vaccine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="list_entries",
        verbose_name=_("vaccine"),
    )
    date_from = models.DateField(_("from date"))
    date_to = models.DateField(_("until date"))
    time_from = models.TimeField(_("from time"))
    time_to = models.TimeField(_("until time"))
    # Monday is 0; empty for any.
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(),
        verbose_name=_("weekdays"),
        default=list,
        db_default=[],
        blank=True,
    )
    # Also leftover doses of today, with the shorter SHORT_OFFER_LIFETIME.
    leftover = models.BooleanField(_("leftover doses today"), default=False)
    priority = models.SmallIntegerField(_("priority"), default=0)
    joined_at = models.DateTimeField(_("joined at"), db_default=Now())
    status = models.CharField(
        _("status"), max_length=10, choices=EntryStatus, default=EntryStatus.WAITING
    )
    admission = models.ForeignKey(
        Admission,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="list_entries",
        verbose_name=_("admission"),
        db_index=False,
    )
    by = models.CharField(_("by"), max_length=40, default=CITIZEN)
    language = models.CharField(_("language"), max_length=10, default="ko")
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ended_by = models.CharField(_("taken off by"), max_length=40, blank=True, db_default="")
    # The record of a dose that ended the entry: withdrawing the record restores it.
    outside_dose = models.ForeignKey(
        OutsideDose,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="ended_entries",
    )

    class Meta:
        verbose_name = _("entry of the cancellation list")
        verbose_name_plural = _("cancellation list")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "dose"],
                condition=Q(status__in=ON_THE_LIST),
                name="one_entry_per_person_and_dose",
            ),
            models.CheckConstraint(
                condition=Q(date_from__lte=F("date_to"), time_from__lt=F("time_to")),
                name="entry_in_order",
            ),
            models.CheckConstraint(
                condition=Q(weekdays__contained_by=list(range(7))),
                name="entry_names_days_of_the_week",
            ),
            models.CheckConstraint(
                condition=Q(admission__isnull=False) | Q(by__startswith=STAFF),
                name="nobody_enters_the_list_without_being_called",
            ),
        ]
        indexes = [
            # For `places &&` of offers; no pending list, which would slow the next search.
            GinIndex(
                fields=["places"],
                name="entries_by_area",
                condition=Q(status=EntryStatus.WAITING),
                fastupdate=False,
            )
        ]
        triggers = [lawful_moves(ENTRY_MOVES)]

    def __str__(self) -> str:
        return f"#{self.person_id} {timezone.localtime(self.joined_at):%Y-%m-%d %H:%M}"

    @property
    def any_hour(self) -> bool:
        return is_any_hour(self.time_from, self.time_to)


class LostAppointment(models.Model):
    """An appointment cancelled by a record of a dose, to be restored if that was a mistake.

    In a table of its own, which keeps the rows of the hot reservation table narrow. `lost_at` is
    set when the record was withdrawn and the appointment could not be restored.
    """

    outside_dose = models.ForeignKey(
        OutsideDose, on_delete=models.CASCADE, null=True, related_name="freed"
    )
    reservation = models.OneToOneField(Reservation, on_delete=models.PROTECT, related_name="freed")
    # When it was cancelled. A reservation changed later is not restored.
    at = models.DateTimeField(_("cancelled at"))
    lost_at = models.DateTimeField(_("lost since"), null=True)
    lost_because = models.CharField(_("why"), max_length=8, choices=LostReason, blank=True)
    # Who corrected or withdrew the record (staff.actors).
    by = models.CharField(_("by"), max_length=40, blank=True)
    # The entry that staff put first on the cancellation list instead.
    entry = models.ForeignKey(
        ListEntry, on_delete=models.PROTECT, null=True, related_name="instead_of"
    )

    class Meta:
        verbose_name = _("lost appointment")
        verbose_name_plural = _("lost appointments")
        constraints = [
            models.CheckConstraint(
                condition=Q(outside_dose__isnull=False) | Q(lost_at__isnull=False),
                name="freed_by_a_record_or_lost",
            ),
            models.CheckConstraint(
                condition=Q(lost_at__isnull=True, lost_because="")
                | (Q(lost_at__isnull=False) & ~Q(lost_because="")),
                name="lost_with_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lost_at"], name="lost_appointments", condition=Q(lost_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return f"{self.reservation_id}"


class Offer(models.Model):
    """A freed seat kept for one list entry until `until`, by its reservation."""

    # In the message's address, so that the phone's owner can answer without signing in.
    token = models.UUIDField(default=random_uuid, unique=True, editable=False)
    entry = models.ForeignKey(ListEntry, on_delete=models.PROTECT, related_name="offers")
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="offers", db_index=False
    )
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="offers")
    reservation = models.OneToOneField(Reservation, on_delete=models.PROTECT, related_name="offer")
    status = models.CharField(
        _("status"), max_length=10, choices=OfferStatus, default=OfferStatus.OPEN
    )
    offered_at = models.DateTimeField(_("offered at"), db_default=Now())
    until = models.DateTimeField(_("until"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        constraints = [
            # A slot declined or left unanswered is not offered to the same person again.
            models.UniqueConstraint(
                fields=["person", "slot"], name="one_offer_per_person_and_slot"
            ),
            models.UniqueConstraint(
                fields=["entry"],
                condition=Q(status=OfferStatus.OPEN),
                name="one_open_offer_per_entry",
            ),
        ]
        indexes = [
            models.Index(
                fields=["until"], name="offers_by_clock", condition=Q(status=OfferStatus.OPEN)
            )
        ]
        triggers = [lawful_moves(OFFER_MOVES)]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.slot_id}"
