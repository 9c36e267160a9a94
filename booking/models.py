import uuid
from datetime import timedelta

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from eligibility.models import CODE, Person
from messaging.enums import Channel
from privacy.fields import EncryptedTextField
from waiting_room.codes import group
from waiting_room.models import Admission

from .enums import (
    LAWFUL_MOVES,
    LIVE,
    ON_THE_LIST,
    TAKING,
    Lost,
    OfferStatus,
    Origin,
    ReservationStatus,
    WishStatus,
)
from .rules import MOST_MARGIN_PERCENT


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
    active = models.BooleanField(_("takes bookings"), default=True)
    # Up to how many hours before the appointment people may change or cancel it themselves.
    cutoff_hours = models.PositiveSmallIntegerField(_("changes until hours before"), default=2)
    # How far the bookable number may be raised above the capacity for people who do not come.
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
            )
        ]
        indexes = [models.Index(fields=["region", "district"], name="clinics_by_district")]

    def __str__(self) -> str:
        return self.name


INTERVAL_NEEDED = _(
    "Say one dose or two. Two need the days between them: at least, best and at most, in this "
    "order."
)


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
            # What is not known breaks no comparison.
            models.CheckConstraint(
                condition=Q(doses=1)
                | Q(min_days__isnull=False, best_days__isnull=False, max_days__isnull=False),
                name="vaccine_of_two_doses_has_an_interval",
                violation_error_message=INTERVAL_NEEDED,
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return _in_language(self.name_ko, self.name_en)


# The counter is left out: it would write a history row per booking.
@pghistory.track(
    fields=["clinic", "vaccine", "starts_at", "capacity", "margin"], model_name="SlotEvent"
)
class Slot(models.Model):
    """One bookable time at a clinic, with room for `capacity` people."""

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
                fields=["clinic", "starts_at", "vaccine"],
                name="one_slot_per_clinic_vaccine_and_time",
            ),
            models.CheckConstraint(
                condition=Q(booked__gte=0, booked__lte=F("capacity") + F("margin")),
                name="slot_never_overbooked",
            ),
            models.CheckConstraint(
                condition=Q(margin__lte=F("capacity") * MOST_MARGIN_PERCENT / 100),
                name="slot_margin_is_bounded",
            ),
        ]
        # No index may name `booked`, not even in a condition: counting a booking would then
        # write every index of the row anew.
        indexes = [models.Index(fields=["starts_at"], name="slots_by_time")]

    def __str__(self) -> str:
        return f"{self.clinic_id} {timezone.localtime(self.starts_at):%Y-%m-%d %H:%M}"

    @property
    def left(self) -> int:
        return self.capacity + self.margin - self.booked


class ReservationQuerySet(models.QuerySet):
    def live(self):
        return self.filter(status__in=LIVE)

    def taking(self):
        return self.filter(status__in=TAKING)

    def lapsed(self, now):
        return self.filter(status=ReservationStatus.HELD, held_until__lte=now)

    def locked(self):
        """These rows only; new rows may still point at them. Lock slots first, by id."""
        return self.select_for_update(of=("self",), no_key=True)

    def with_place(self):
        return self.select_related("slot__clinic", "slot__vaccine")


_STORY = ["slot", "status", "by", "changed_at", "held_until"]
_CONFIRMING = pgtrigger.Q(
    old__status=ReservationStatus.HELD, new__status=ReservationStatus.CONFIRMED
)


# One row per change, holding what was before it: with the row itself that is the whole history.
# Confirming leaves none: `created_at` and `confirmed_at` tell of it, and it is what the opening
# minute does most.
@pghistory.track(
    pghistory.UpdateEvent(label="before", row=pghistory.Old, condition=~_CONFIRMING),
    fields=_STORY,
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
    """One place at one slot for one dose of one person: first held, then confirmed."""

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
    # Given out with each choice and sent back with the form: confirming the same key again
    # answers the same reservation, and a form about a time since exchanged confirms nothing.
    # What was held together has one key.
    key = models.UUIDField(default=uuid.uuid4, editable=False)
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
    # Who acted last: "citizen", "system", "staff:<user id>".
    by = models.CharField(_("by"), max_length=40)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now)
    # How the person wants to hear from us.
    language = models.CharField(_("language"), max_length=5, default="ko")
    channel = models.CharField(
        _("messages by"), max_length=10, choices=Channel, default=Channel.SMS
    )
    email = EncryptedTextField(_("e-mail"), null=True, blank=True)

    objects = ReservationQuerySet.as_manager()

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
                # Staff put callers on the cancellation list, and what frees up is offered to them.
                condition=Q(admission__isnull=False) | Q(origin__in=[Origin.STAFF, Origin.OFFER]),
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

    @property
    def shown_number(self) -> str:
        return group(self.number)

    def is_holding(self, now) -> bool:
        return self.status == ReservationStatus.HELD and self.held_until > now

    def may_become(self, status: ReservationStatus) -> bool:
        return status in LAWFUL_MOVES[ReservationStatus(self.status)]

    @property
    def changes_until(self):
        """Until when the person may change or cancel it without calling the clinic."""
        return self.slot.starts_at - timedelta(hours=self.slot.clinic.cutoff_hours)


# A record withdrawn is deleted, so that no rule can still count it; its history stays.
@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Jab(models.Model):
    """A dose given elsewhere, as a register or a clinic reports it."""

    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        related_name="jabs",
        verbose_name=_("person"),
        db_index=False,
    )
    dose = models.PositiveSmallIntegerField(_("dose"))
    vaccine = models.ForeignKey(
        Vaccine, on_delete=models.PROTECT, related_name="jabs", verbose_name=_("vaccine")
    )
    given_on = models.DateField(_("given on"))
    place = models.CharField(_("place"), max_length=100, blank=True)
    by = models.CharField(_("by"), max_length=40)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)

    class Meta:
        verbose_name = _("dose given elsewhere")
        verbose_name_plural = _("doses given elsewhere")
        constraints = [
            models.UniqueConstraint(fields=["person", "dose"], name="one_jab_per_person_and_dose"),
            models.CheckConstraint(condition=Q(dose__gte=1, dose__lte=9), name="jab_is_a_number"),
        ]

    def __str__(self) -> str:
        return f"#{self.person_id} ({self.dose})"


@pghistory.track(fields=["status", "ended_by"], model_name="WishEvent")
class Wish(models.Model):
    """Somebody on the cancellation list, and which times would suit."""

    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="wishes", verbose_name=_("person")
    )
    dose = models.PositiveSmallIntegerField(_("dose"), default=1)
    # Clinics ("c:<id>") and districts ("d:<region>/<district>"); any one of them suits.
    places = ArrayField(models.CharField(max_length=60), verbose_name=_("places"))
    vaccine = models.ForeignKey(
        Vaccine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="wishes",
        verbose_name=_("vaccine"),
    )
    date_from = models.DateField(_("from date"))
    date_to = models.DateField(_("until date"))
    time_from = models.TimeField(_("from time"))
    time_to = models.TimeField(_("until time"))
    # Leftover doses of today: offers run on a short clock.
    leftover = models.BooleanField(_("leftover doses today"), default=False)
    priority = models.SmallIntegerField(_("priority"), default=0)
    joined_at = models.DateTimeField(_("joined at"), default=timezone.now)
    status = models.CharField(
        _("status"), max_length=10, choices=WishStatus, default=WishStatus.WAITING
    )
    admission = models.ForeignKey(
        Admission,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="wishes",
        verbose_name=_("admission"),
        db_index=False,
    )
    by = models.CharField(_("by"), max_length=40, default="citizen")
    language = models.CharField(_("language"), max_length=5, default="ko")
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ended_by = models.CharField(_("taken off by"), max_length=40, blank=True, db_default="")
    # The record of a dose that ended it: if that was a mistake, the wish comes back in its place.
    jab = models.ForeignKey(
        Jab, on_delete=models.SET_NULL, null=True, editable=False, related_name="ended_wishes"
    )

    class Meta:
        verbose_name = _("entry of the cancellation list")
        verbose_name_plural = _("cancellation list")
        constraints = [
            models.UniqueConstraint(
                fields=["person", "dose"],
                condition=Q(status__in=ON_THE_LIST),
                name="one_wish_per_person_and_dose",
            ),
            models.CheckConstraint(
                condition=Q(date_from__lte=F("date_to"), time_from__lt=F("time_to")),
                name="wish_in_order",
            ),
            models.CheckConstraint(
                condition=Q(admission__isnull=False) | Q(by__startswith="staff:"),
                name="nobody_wishes_without_being_called",
            ),
        ]
        indexes = [
            GinIndex(
                fields=["places"],
                name="wishes_by_place",
                condition=Q(status=WishStatus.WAITING),
                fastupdate=False,
            )
        ]

    def __str__(self) -> str:
        return f"#{self.person_id} {timezone.localtime(self.joined_at):%Y-%m-%d %H:%M}"


class Freed(models.Model):
    """An appointment that a record of a dose cancelled: it comes back if that was a mistake.

    In a table of its own, so that bookings carry nothing of it. `lost_at` says since when it is
    known that it can't come back by itself.
    """

    jab = models.ForeignKey(Jab, on_delete=models.CASCADE, null=True, related_name="freed")
    reservation = models.OneToOneField(Reservation, on_delete=models.PROTECT, related_name="freed")
    # When it was cancelled: what was changed since is not the record's affair any more.
    at = models.DateTimeField(_("cancelled at"))
    lost_at = models.DateTimeField(_("lost since"), null=True)
    lost_because = models.CharField(_("why"), max_length=8, choices=Lost, blank=True)
    # Who found the record wrong.
    by = models.CharField(_("by"), max_length=40, blank=True)
    # Put first on the cancellation list instead.
    wish = models.ForeignKey(Wish, on_delete=models.PROTECT, null=True, related_name="instead_of")

    class Meta:
        verbose_name = _("lost appointment")
        verbose_name_plural = _("lost appointments")
        constraints = [
            models.CheckConstraint(
                condition=Q(jab__isnull=False) | Q(lost_at__isnull=False),
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
    """One freed time kept for one person on the cancellation list, until a set moment."""

    # Stands in the message, so that the phone's owner can answer without signing in.
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    wish = models.ForeignKey(Wish, on_delete=models.PROTECT, related_name="offers")
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="offers", db_index=False
    )
    slot = models.ForeignKey(Slot, on_delete=models.PROTECT, related_name="offers")
    reservation = models.OneToOneField(Reservation, on_delete=models.PROTECT, related_name="offer")
    status = models.CharField(
        _("status"), max_length=10, choices=OfferStatus, default=OfferStatus.OPEN
    )
    offered_at = models.DateTimeField(_("offered at"), default=timezone.now)
    until = models.DateTimeField(_("until"))
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        constraints = [
            # Nobody is offered twice what they declined, or let pass.
            models.UniqueConstraint(
                fields=["person", "slot"], name="one_offer_per_person_and_slot"
            ),
            models.UniqueConstraint(
                fields=["wish"],
                condition=Q(status=OfferStatus.OPEN),
                name="one_open_offer_per_wish",
            ),
        ]
        indexes = [
            models.Index(
                fields=["until"], name="offers_by_clock", condition=Q(status=OfferStatus.OPEN)
            )
        ]

    def __str__(self) -> str:
        return f"{self.wish_id} {self.slot_id}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Stock(models.Model):
    """Doses a clinic has for one day; a margin never books beyond them by more than its share."""

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
