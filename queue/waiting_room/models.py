import uuid

import pghistory
import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from eligibility.models import Cohort, Person
from privacy.fields import EncryptedTextField

from .draw import entry_at, place_of
from .enums import Ending, RoomStatus


@pghistory.track(exclude=["draw_secret"])
class Room(models.Model):
    """One line in front of one cohort's opening: what the operator sets, and its draw.

    Entry numbers come from a Postgres sequence of the room's own (`entry_sequence`).
    """

    cohort = models.OneToOneField(
        Cohort, on_delete=models.PROTECT, related_name="room", verbose_name=_("cohort")
    )
    status = models.CharField(
        _("status"), max_length=8, choices=RoomStatus, default=RoomStatus.RUNNING
    )
    joins_from = models.DateTimeField(_("joining possible from"))
    # The pace: how many may be in the booking pages at once, and how many are called a minute.
    max_active = models.PositiveIntegerField(
        _("people booking at once"), default=200, validators=[MinValueValidator(1)]
    )
    max_per_minute = models.PositiveIntegerField(
        _("called per minute at most"), default=600, validators=[MinValueValidator(1)]
    )
    pause_message_ko = models.CharField(_("message in Korean"), max_length=200, blank=True)
    pause_message_en = models.CharField(_("message in English"), max_length=200, blank=True)

    # The draw: the commitment is public before the doors open, secret and seed after.
    draw_secret = EncryptedTextField(_("draw secret"), editable=False)
    draw_commitment = models.CharField(_("commitment"), max_length=64, editable=False)
    public_value = models.CharField(_("public random value"), max_length=200, blank=True)
    frozen_at = models.DateTimeField(_("list frozen at"), null=True, editable=False)
    frozen_count = models.PositiveBigIntegerField(_("entries drawn"), null=True, editable=False)
    list_digest = models.CharField(_("digest of the list"), max_length=64, blank=True, editable=False)
    seed = models.CharField(_("seed"), max_length=64, blank=True, editable=False)

    class Meta:
        verbose_name = _("waiting room")
        verbose_name_plural = _("waiting rooms")
        constraints = [
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True, frozen_count__isnull=True, seed="")
                | Q(frozen_at__isnull=False, frozen_count__isnull=False),
                name="room_frozen_whole_or_not_at_all",
            ),
            models.CheckConstraint(condition=Q(max_active__gte=1), name="room_admits_somebody"),
        ]
        triggers = [
            pgtrigger.Protect(
                name="draw_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__frozen_at__isnull=False)
                & (
                    pgtrigger.Q(old__frozen_count__df=pgtrigger.F("new__frozen_count"))
                    | pgtrigger.Q(old__seed__df=pgtrigger.F("new__seed"))
                    | pgtrigger.Q(old__frozen_at__df=pgtrigger.F("new__frozen_at"))
                ),
            ),
            pgtrigger.Protect(name="room_is_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.cohort.name

    @property
    def entry_sequence(self) -> str:
        return f"waiting_room_entry_{self.pk}"

    @property
    def pause_message(self) -> str:
        korean = (get_language() or "ko").startswith("ko")
        first, second = self.pause_message_ko, self.pause_message_en
        return (first or second) if korean else (second or first)

    def place_of(self, entry: int) -> int | None:
        """The place (from 1) of an entry number (from 1); None while the draw is still to come."""
        if self.frozen_count is None:
            return None
        if not self.seed or entry > self.frozen_count:
            return entry
        return place_of(entry - 1, self.frozen_count, bytes.fromhex(self.seed)) + 1

    def entry_at(self, place: int) -> int:
        """Which entry number holds `place`; the draw must have been held."""
        if not self.seed or place > self.frozen_count:
            return place
        return entry_at(place - 1, self.frozen_count, bytes.fromhex(self.seed)) + 1


class Line(models.Model):
    """The moving part of a room: one small row that the tick and every entering lock."""

    room = models.OneToOneField(
        Room, on_delete=models.PROTECT, primary_key=True, related_name="line"
    )
    # Every place up to this number has been called.
    serving = models.PositiveBigIntegerField(_("serving"), default=0)
    active = models.PositiveIntegerField(_("people booking now"), default=0)
    # Follows Room.max_active; after a cut it sinks only as people finish, so that the
    # check below holds at every instant.
    max_active = models.PositiveIntegerField(_("people booking at once, now"))
    pace = models.FloatField(_("called per minute, now"), default=0)
    ticked_at = models.DateTimeField(_("last tick"), null=True)
    # What the last tick decided and why, and the document every waiting page reads.
    reasons = models.JSONField(_("why this pace"), default=list)
    document = models.JSONField(_("now document"), default=dict)

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        constraints = [
            models.CheckConstraint(
                condition=Q(active__lte=F("max_active")), name="line_never_admits_too_many"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="serving_never_goes_back",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__serving__lt=pgtrigger.F("old__serving")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}: {self.serving}"


class Ticket(models.Model):
    """A person's place in a line. Its entry number never changes; the place follows from the draw."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="tickets", db_index=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="tickets")
    entry = models.PositiveBigIntegerField(_("entry number"))
    joined_at = models.DateTimeField(_("joined at"))
    # Finds the ticket by its resume code without storing the code (waiting_room.codes).
    resume_index = models.BigIntegerField(unique=True, editable=False)
    # Given up by the person; joining again takes this mark away and the place is theirs again.
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)
    # While a review of the eligibility is open (eligibility.Review).
    provisional = models.BooleanField(_("provisional"), default=False)

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        constraints = [
            models.UniqueConstraint(fields=["room", "entry"], name="one_ticket_per_entry"),
            models.UniqueConstraint(fields=["person", "room"], name="one_ticket_per_person"),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="place_never_changes", fields=["room", "person", "entry", "joined_at"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}/{self.entry}"

    @property
    def place(self) -> int | None:
        return self.room.place_of(self.entry)


class Admission(models.Model):
    """A called person's stay in the booking pages, until it is used, given up or runs out."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="admissions")
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="admissions")
    entered_at = models.DateTimeField(_("entered at"), default=timezone.now)
    expires_at = models.DateTimeField(_("until"))
    extensions = models.PositiveSmallIntegerField(_("extensions"), default=0)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ending = models.CharField(_("ending"), max_length=6, choices=Ending, blank=True)

    class Meta:
        verbose_name = _("admission")
        verbose_name_plural = _("admissions")
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"],
                condition=Q(ended_at__isnull=True),
                name="one_live_admission_per_ticket",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ending="")
                | (Q(ended_at__isnull=False) & ~Q(ending="")),
                name="admission_ends_with_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["room", "expires_at"],
                name="admissions_live",
                condition=Q(ended_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}"


class Step(models.Model):
    """One act of a line: a call (`places first..last`), the freeze, a pause, a resume, the close.

    The record behind waiting times, the public log and the answer to a complaint.
    """

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="steps")
    at = models.DateTimeField(_("at"))
    act = models.CharField(_("act"), max_length=20)
    first = models.PositiveBigIntegerField(_("first place"), null=True)
    last = models.PositiveBigIntegerField(_("last place"), null=True)
    details = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        indexes = [models.Index(fields=["room", "id"], name="steps_of_a_room")]
        triggers = [
            pgtrigger.Protect(
                name="steps_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.room_id} {self.act}"
