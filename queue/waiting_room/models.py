import uuid
from datetime import datetime
from typing import Any

import pghistory
import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Least
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from eligibility.models import Cohort, Person
from messaging.enums import Channel
from privacy.fields import EncryptedTextField
from staff.actors import SYSTEM
from waiting_room.draw import entry_at, place_of
from waiting_room.enums import Act, DrawSource, Ending, RoomStatus

# Room.joinable_from as the database reckons it.
JOINABLE_FROM = Least("joins_from", "cohort__opens_at")


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

    # The draw: the list is closed first, then comes the number that fixes the order. Source, rule
    # and commitment are public before joining begins, secret and seed after the draw.
    draw_source = models.CharField(
        _("source of the number"), max_length=8, choices=DrawSource, default=DrawSource.DRAND
    )
    # The number is the first one that comes at least so many seconds after the list was closed.
    draw_after = models.PositiveSmallIntegerField(_("seconds after closing the list"), default=6)
    # Which public value counts where one is stated by hand: the source itself, or the way out.
    draw_statement = models.CharField(_("which public value"), max_length=200, blank=True)
    draw_secret = EncryptedTextField(_("draw secret"), editable=False)
    draw_commitment = models.CharField(_("commitment"), max_length=64, editable=False)
    public_value = models.CharField(_("public random value"), max_length=200, blank=True)
    # Of the beacon's round that the rule names, fetched after the list was closed.
    beacon_signature = models.CharField(max_length=96, blank=True, editable=False)
    frozen_at = models.DateTimeField(_("list frozen at"), null=True, editable=False)
    frozen_count = models.PositiveBigIntegerField(_("entries drawn"), null=True, editable=False)
    list_digest = models.CharField(
        _("digest of the list"), max_length=64, blank=True, editable=False
    )
    seed = models.CharField(_("seed"), max_length=64, blank=True, editable=False)
    # What the seed was calculated from, as the log records it (waiting_room.draw.inputs_of).
    draw_inputs = models.TextField(_("inputs of the seed"), blank=True, editable=False)
    drawn_at = models.DateTimeField(_("draw held at"), null=True, editable=False)

    events: models.QuerySet[Any]  # what pghistory recorded of the row

    class Meta:
        verbose_name = _("waiting room")
        verbose_name_plural = _("waiting rooms")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    frozen_at__isnull=True, frozen_count__isnull=True, drawn_at__isnull=True
                )
                | Q(frozen_at__isnull=False, frozen_count__isnull=False),
                name="room_frozen_whole_or_not_at_all",
            ),
            models.CheckConstraint(
                # Rooms without a draw have no seed.
                condition=Q(drawn_at__isnull=False) | Q(seed="", draw_inputs=""),
                name="room_draws_after_its_list_is_closed",
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
                    | pgtrigger.Q(old__list_digest__df=pgtrigger.F("new__list_digest"))
                    | pgtrigger.Q(old__frozen_at__df=pgtrigger.F("new__frozen_at"))
                    | pgtrigger.Q(old__draw_source__df=pgtrigger.F("new__draw_source"))
                    | pgtrigger.Q(old__draw_after__df=pgtrigger.F("new__draw_after"))
                    | pgtrigger.Q(old__draw_statement__df=pgtrigger.F("new__draw_statement"))
                ),
            ),
            pgtrigger.Protect(
                name="draw_is_held_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__drawn_at__isnull=False)
                & (
                    pgtrigger.Q(old__seed__df=pgtrigger.F("new__seed"))
                    | pgtrigger.Q(old__draw_inputs__df=pgtrigger.F("new__draw_inputs"))
                    | pgtrigger.Q(old__drawn_at__df=pgtrigger.F("new__drawn_at"))
                ),
            ),
            # What was committed to can't be exchanged before it is revealed.
            pgtrigger.ReadOnly(name="commitment_never_changes", fields=["draw_commitment"]),
            pgtrigger.Protect(name="room_is_never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.cohort.name

    @property
    def entry_sequence(self) -> str:
        return self.sequence_name(self.pk)

    @staticmethod
    def sequence_name(room_id: int) -> str:
        return f"waiting_room_entry_{room_id}"

    @property
    def joinable_from(self) -> datetime:
        """From when people can join: an opening moved earlier takes joining along.

        JOINABLE_FROM and services.joining.JOINING say the same in SQL.
        """
        return min(self.joins_from, self.cohort.opens_at)

    @property
    def pause_message(self) -> str:
        korean = (get_language() or "ko").startswith("ko")
        first, second = self.pause_message_ko, self.pause_message_en
        return (first or second) if korean else (second or first)

    def has_ended(self, now: datetime) -> bool:
        """Closed by the operator, or its window is over."""
        return self.status == RoomStatus.CLOSED or self.cohort.closes_at <= now

    def place_of(self, entry: int) -> int | None:
        """The place (from 1) of an entry number (from 1); None while the draw is still to come."""
        if self.frozen_count is None or self.drawn_at is None:
            return None
        if not self.seed or entry > self.frozen_count:
            return entry
        return place_of(entry - 1, self.frozen_count, bytes.fromhex(self.seed)) + 1

    def entry_at(self, place: int) -> int:
        """Which entry number holds `place`; the draw must have been held."""
        if self.frozen_count is None or not self.seed or place > self.frozen_count:
            return place
        return entry_at(place - 1, self.frozen_count, bytes.fromhex(self.seed)) + 1


class DrawOfficer(models.Model):
    """Somebody who committed to a secret before joining began, and opens it after the freeze."""

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="officers")
    # Public, as it stands in the log: an office rather than a person.
    name = models.CharField(_("name"), max_length=40)
    commitment = models.CharField(_("commitment"), max_length=64)
    # Known to the portal only once it is opened.
    secret = models.CharField(_("secret"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("officer of a draw")
        verbose_name_plural = _("officers of a draw")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["room", "name"], name="one_officer_per_name")
        ]
        triggers = [
            pgtrigger.ReadOnly(name="officer_never_changes", fields=["room", "name", "commitment"]),
            pgtrigger.Protect(
                name="officer_opens_once",
                operation=pgtrigger.Update,
                condition=~pgtrigger.Q(old__secret="")
                & pgtrigger.Q(old__secret__df=pgtrigger.F("new__secret")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Line(models.Model):
    """The moving part of a room: one small row that the tick and every entering lock."""

    room = models.OneToOneField(
        Room, on_delete=models.PROTECT, primary_key=True, related_name="line"
    )
    # Every place up to this number has been called.
    serving = models.PositiveBigIntegerField(_("serving"), default=0)
    # Never less than the admissions that live: entering adds at once (a trigger), ending is
    # taken off by whoever counts next.
    active = models.PositiveIntegerField(_("people booking now"), default=0)
    # Follows Room.max_active; after a cut it sinks only as people finish, so that the
    # check below holds at every instant.
    max_active = models.PositiveIntegerField(_("people booking at once, now"))
    pace = models.FloatField(_("called per minute, now"), default=0)
    # The part of a person that the last call left over.
    credit = models.FloatField(default=0)
    ticked_at = models.DateTimeField(_("last tick"), null=True)

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


class Board(models.Model):
    """What the last tick published, apart from the line's row so that entering writes little."""

    room = models.OneToOneField(
        Room, on_delete=models.PROTECT, primary_key=True, related_name="board"
    )
    # The document every waiting page reads, and what the tick decided and why.
    document = models.JSONField(_("now document"), default=dict)
    reasons = models.JSONField(_("why this pace"), default=list)
    # Waiting times and their score, worked out every quarter of a minute.
    estimates = models.JSONField(default=dict)
    # The room is over and this is its last document.
    final = models.BooleanField(default=False)
    # What booking reported last: how much is left, and how it is doing.
    left = models.PositiveBigIntegerField(_("left to book"), null=True)
    booked = models.PositiveBigIntegerField(_("booked"), null=True)

    class Meta:
        verbose_name = _("board")
        verbose_name_plural = _("boards")

    def __str__(self) -> str:
        return f"{self.room_id}"


class Ticket(models.Model):
    """A person's place in a line: a number that never changes, and what the draw makes of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="tickets", db_index=False)
    # Both are found through the constraints below.
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="tickets", db_index=False
    )
    entry = models.PositiveBigIntegerField(_("entry number"))
    joined_at = models.DateTimeField(_("joined at"))
    # Finds the ticket by its resume code without storing the code (web.codes).
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

    @property
    def is_called(self) -> bool:
        place = self.place
        return place is not None and place <= self.room.line.serving


class DoorWait(models.Model):
    """Somebody called who found every place taken, and is at the door: the lowest goes in first."""

    ticket = models.OneToOneField(
        Ticket, on_delete=models.PROTECT, primary_key=True, related_name="door_wait"
    )
    room = models.ForeignKey(
        Room, on_delete=models.PROTECT, related_name="door_waits", db_index=False
    )
    place = models.PositiveBigIntegerField(_("place"))
    # Refreshed by the waiting page; who stops knocking is forgotten.
    at = models.DateTimeField(_("last knock"))

    class Meta:
        verbose_name = _("person at the door")
        verbose_name_plural = _("people at the door")
        indexes = [models.Index(fields=["room", "place"], name="knocks_in_order")]

    def __str__(self) -> str:
        return f"{self.room_id}/{self.place}"


class Alert(models.Model):
    """A person's wish to be told by message: shortly before their turn, and when it comes."""

    ticket = models.OneToOneField(
        Ticket, on_delete=models.PROTECT, primary_key=True, related_name="alert"
    )
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="alerts", db_index=False)
    # Known once the draw has been held.
    place = models.PositiveBigIntegerField(_("place"), null=True)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    # Empty for a text message: it goes to the phone the person proved to have.
    email = EncryptedTextField(_("e-mail"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=5)
    soon_at = models.DateTimeField(_("told that it is soon"), null=True)
    called_at = models.DateTimeField(_("told that it is their turn"), null=True)

    class Meta:
        verbose_name = _("wish to be told")
        verbose_name_plural = _("wishes to be told")
        indexes = [
            models.Index(
                fields=["room", "place"], name="alerts_open", condition=Q(called_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}"


class Admission(models.Model):
    """A called person's stay in the booking pages, until it is used, given up or runs out."""

    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="admissions")
    room = models.ForeignKey(
        Room, on_delete=models.PROTECT, related_name="admissions", db_index=False
    )
    place = models.PositiveBigIntegerField(_("place"), null=True)
    called_at = models.DateTimeField(_("called at"), null=True)
    entered_at = models.DateTimeField(_("entered at"), db_default=Now())
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
            ),
            # How many of those called came, and how soon.
            models.Index(fields=["room", "place"], name="admissions_by_place"),
            models.Index(fields=["room", "entered_at"], name="admissions_by_time"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="admission_takes_a_place",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # The check on the line refuses whoever would be one too many, whatever the code.
                # Nobody enters while their review is open: no dose is blocked by an invention.
                func="""
                    IF (SELECT provisional FROM waiting_room_ticket WHERE id = NEW.ticket_id) THEN
                        RAISE EXCEPTION 'a provisional ticket does not enter'
                            USING ERRCODE = 'check_violation';
                    END IF;
                    UPDATE waiting_room_line SET active = active + 1 WHERE room_id = NEW.room_id;
                    IF NOT FOUND THEN
                        RAISE EXCEPTION 'room % has no line', NEW.room_id;
                    END IF;
                    RETURN NEW;
                """,
            ),
            pgtrigger.Protect(
                name="admission_ends_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__ended_at__isnull=False)
                & pgtrigger.Q(old__ended_at__df=pgtrigger.F("new__ended_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}"


class Step(models.Model):
    """One act of a line: a call (`places first..last`), the freeze, a pause, a resume, the close.

    The record behind waiting times, the public log and the answer to a complaint.
    """

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="steps", db_index=False)
    at = models.DateTimeField(_("at"))
    act = models.CharField(_("act"), max_length=20, choices=Act)
    first = models.PositiveBigIntegerField(_("first place"), null=True)
    last = models.PositiveBigIntegerField(_("last place"), null=True)
    # Public, as it stands in the log; who acted (staff.actors) is not.
    details = models.JSONField(_("details"), default=dict)
    by = models.CharField(_("by"), max_length=40, default=SYSTEM)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        indexes = [
            models.Index(fields=["room", "id"], name="steps_of_a_room"),
            # Which call a place was in.
            models.Index(
                fields=["room", "first"], name="calls_by_place", condition=Q(act=Act.CALL)
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="steps_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.room_id} {self.act}"

    @property
    def people(self) -> int:
        """How many people a call was for; 0 for every other act."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1


class LogPage(models.Model):
    """A page of the room's public log (docs/line-log.md): what its tickets and acts hash to."""

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="pages")
    number = models.PositiveIntegerField(_("page"))
    # The tickets with entry numbers in (after, upto], and the steps with ids in (…, last_step].
    after = models.PositiveBigIntegerField()
    upto = models.PositiveBigIntegerField()
    tickets = models.PositiveIntegerField(_("tickets"))
    acts = models.PositiveIntegerField(_("acts"))
    acts_before = models.PositiveIntegerField()
    last_step = models.BigIntegerField(default=0)
    at = models.DateTimeField(_("at"))
    root = models.CharField(_("root"), max_length=64)
    # The roots of the subtrees that end with this page (waiting_room.merkle), and of the log.
    nodes = models.BinaryField()
    log_root = models.CharField(_("root of the log"), max_length=64)

    class Meta:
        verbose_name = _("page of the log")
        verbose_name_plural = _("pages of the log")
        constraints = [
            models.UniqueConstraint(fields=["room", "number"], name="one_page_per_number")
        ]
        triggers = [
            pgtrigger.Protect(name="log_is_history", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.room_id} {self.number}"


class Estimate(models.Model):
    """A waiting time as it was said to people, kept until it can be held against what happened."""

    room = models.ForeignKey(
        Room, on_delete=models.PROTECT, related_name="estimates", db_index=False
    )
    given_at = models.DateTimeField(_("given at"))
    place = models.PositiveBigIntegerField(_("place"))
    # Seconds, as rounded for people, and how far the range was widened by the score before it.
    low = models.PositiveIntegerField(_("from"))
    high = models.PositiveIntegerField(_("to"))
    widening = models.FloatField(default=1.0)
    called_at = models.DateTimeField(_("called at"), null=True)

    class Meta:
        verbose_name = _("estimate")
        verbose_name_plural = _("estimates")
        indexes = [
            models.Index(
                fields=["room", "place"],
                name="estimates_open",
                condition=Q(called_at__isnull=True),
            ),
            models.Index(
                fields=["room", "called_at"],
                name="estimates_scored",
                condition=Q(called_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}/{self.place}"
