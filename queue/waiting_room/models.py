import uuid
from datetime import datetime, timedelta
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
from waiting_room.cosignatures import AskedWitness, Cosignature
from waiting_room.draw import entry_at, place_of
from waiting_room.enums import Act, DrawSource, Ending, RoomStatus

__all__ = [
    "Admission",
    "Alert",
    "AskedWitness",
    "Board",
    "Cosignature",
    "DoorWait",
    "DrawOfficer",
    "Estimate",
    "Line",
    "LogPage",
    "Room",
    "Step",
    "Ticket",
]

# Room.joinable_from as a query expression.
JOINABLE_FROM = Least("joins_from", "cohort__opens_at")


@pghistory.track(exclude=["draw_secret"])
class Room(models.Model):
    """The waiting room of one cohort: the operator's settings and the draw.

    Entry numbers come from a Postgres sequence per room (`entry_sequence`).
    """

    cohort = models.OneToOneField(
        Cohort, on_delete=models.PROTECT, related_name="room", verbose_name=_("cohort")
    )
    status = models.CharField(
        _("status"), max_length=8, choices=RoomStatus, default=RoomStatus.RUNNING
    )
    joins_from = models.DateTimeField(_("joining possible from"))
    # Limits of the pace (waiting_room.pace): admissions at a time, and calls per minute.
    max_active = models.PositiveIntegerField(
        _("people booking at once"), default=200, validators=[MinValueValidator(1)]
    )
    max_per_minute = models.PositiveIntegerField(
        _("called per minute at most"), default=600, validators=[MinValueValidator(1)]
    )
    pause_message_ko = models.CharField(_("message in Korean"), max_length=200, blank=True)
    pause_message_en = models.CharField(_("message in English"), max_length=200, blank=True)

    # The draw: the list is closed first, the number that fixes the order comes after it. Source,
    # rule and commitment are public before joining begins, secret and seed after the draw.
    draw_source = models.CharField(
        _("source of the number"), max_length=8, choices=DrawSource, default=DrawSource.DRAND
    )
    # The number is the first one that comes at least this long after the list was closed.
    draw_after = models.PositiveSmallIntegerField(_("seconds after closing the list"), default=6)
    # Names the public value of a draw by STATED, or of the fallback when another source fails.
    draw_statement = models.CharField(_("which public value"), max_length=200, blank=True)
    draw_secret = EncryptedTextField(_("draw secret"), editable=False)
    draw_commitment = models.CharField(_("commitment"), max_length=64, editable=False)
    public_value = models.CharField(_("public random value"), max_length=200, blank=True)
    # Signature of the beacon's round that the rule names, fetched after the list was closed.
    beacon_signature = models.CharField(max_length=96, blank=True, editable=False)
    frozen_at = models.DateTimeField(_("list frozen at"), null=True, editable=False)
    frozen_count = models.PositiveBigIntegerField(_("entries drawn"), null=True, editable=False)
    list_digest = models.CharField(
        _("digest of the list"), max_length=64, blank=True, editable=False
    )
    seed = models.CharField(_("seed"), max_length=64, blank=True, editable=False)
    # The seed's inputs in the log's form (waiting_room.draw.inputs_of).
    draw_inputs = models.TextField(_("inputs of the seed"), blank=True, editable=False)
    drawn_at = models.DateTimeField(_("draw held at"), null=True, editable=False)

    # Who cosigns the log, a witness a line (tlog.witnessing.Witness), and how many must have
    # cosigned the closed list before anybody is called. Public before joining begins.
    witnesses = models.TextField(_("witnesses"), blank=True, db_default="", editable=False)
    quorum = models.PositiveSmallIntegerField(_("witnesses needed"), db_default=0)
    # After so long the line goes on without them, and its log says so.
    witness_minutes = models.PositiveSmallIntegerField(_("minutes to wait"), db_default=5)
    # The first number of pages that holds the closed list, and when its wait for witnesses ended.
    closed_size = models.PositiveIntegerField(null=True, editable=False)
    witnessed_at = models.DateTimeField(_("witnessed at"), null=True, editable=False)
    # The public keys that sign the log, as its last `keys` act names them.
    log_keys = models.TextField(blank=True, db_default="", editable=False)

    events: models.QuerySet[Any]  # pghistory's

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
            models.CheckConstraint(
                condition=Q(quorum=0) | (~Q(witnesses="") & Q(witness_minutes__range=(1, 60))),
                name="quorum_needs_witnesses",
            ),
        ]
        triggers = [
            # Not even the portal's own code can change the list or the rule after the freeze.
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
                    | pgtrigger.Q(old__witnesses__df=pgtrigger.F("new__witnesses"))
                    | pgtrigger.Q(old__quorum__df=pgtrigger.F("new__quorum"))
                    | pgtrigger.Q(old__witness_minutes__df=pgtrigger.F("new__witness_minutes"))
                    | pgtrigger.Q(old__closed_size__df=pgtrigger.F("new__closed_size"))
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
            # The wait ends by cosignatures or by its time, and by nobody's order.
            pgtrigger.Trigger(
                name="witnesses_are_waited_for",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__witnessed_at__df=pgtrigger.F("new__witnessed_at")),
                func="""
                    IF OLD.witnessed_at IS NOT NULL OR NEW.frozen_at IS NULL THEN
                        RAISE EXCEPTION 'the witnesses of room % are waited for once', NEW.id
                            USING ERRCODE = 'check_violation';
                    END IF;
                    IF jari_now() < NEW.frozen_at + NEW.witness_minutes * interval '1 minute' AND (
                        SELECT count(DISTINCT vkey) FROM waiting_room_cosignature
                        WHERE room_id = NEW.id AND size >= NEW.closed_size
                    ) < NEW.quorum THEN
                        RAISE EXCEPTION 'too few witnesses have cosigned room %', NEW.id
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
            # The secret can't be exchanged before it is revealed.
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
        """When joining begins; an opening moved earlier moves it too.

        JOINABLE_FROM and services.joining.JOINING are the same rule in SQL.
        """
        return min(self.joins_from, self.cohort.opens_at)

    @property
    def pause_message(self) -> str:
        korean = (get_language() or "ko").startswith("ko")
        first, second = self.pause_message_ko, self.pause_message_en
        return (first or second) if korean else (second or first)

    @property
    def awaits_witnesses(self) -> bool:
        """The list is closed, and too few witnesses have cosigned it to call anybody."""
        return self.frozen_at is not None and self.quorum > 0 and self.witnessed_at is None

    @property
    def witnesses_until(self) -> datetime | None:
        """Until when they are waited for; None while the list is open."""
        return self.frozen_at and self.frozen_at + timedelta(minutes=self.witness_minutes)

    def has_ended(self, now: datetime) -> bool:
        """Whether the operator has closed it or the cohort's window is over."""
        return self.status == RoomStatus.CLOSED or self.cohort.closes_at <= now

    def place_of(self, entry: int) -> int | None:
        """The place of an entry number, both from 1; None before the draw."""
        if self.frozen_count is None or self.drawn_at is None:
            return None
        # First come, first served, and entries after the freeze: the number itself is the place.
        if not self.seed or entry > self.frozen_count:
            return entry
        return place_of(entry - 1, self.frozen_count, bytes.fromhex(self.seed)) + 1

    def entry_at(self, place: int) -> int:
        """The entry number at `place`, after the draw."""
        if self.frozen_count is None or not self.seed or place > self.frozen_count:
            return place
        return entry_at(place - 1, self.frozen_count, bytes.fromhex(self.seed)) + 1


class DrawOfficer(models.Model):
    """An officer who commits to a secret before joining begins, and opens it after the freeze."""

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="officers")
    # Public in the log, so it should name an office rather than a person.
    name = models.CharField(_("name"), max_length=40)
    commitment = models.CharField(_("commitment"), max_length=64)
    # Unknown to the portal until it is opened.
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
    """The moving state of a room: one small row, which the tick and each entry lock."""

    room = models.OneToOneField(
        Room, on_delete=models.PROTECT, primary_key=True, related_name="line"
    )
    # Every place up to this number has been called.
    serving = models.PositiveBigIntegerField(_("serving"), default=0)
    # At least the number of live admissions: a trigger adds each new one, while ended ones are
    # subtracted by the next transaction that counts (services.entering.count_inside).
    active = models.PositiveIntegerField(_("people booking now"), default=0)
    # Follows Room.max_active. After a reduction it decreases only as people finish, so that the
    # constraint below always holds.
    max_active = models.PositiveIntegerField(_("people booking at once, now"))
    pace = models.FloatField(_("called per minute, now"), default=0)
    # Fraction of a person that the last call left over (waiting_room.pace).
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
            pgtrigger.Trigger(
                name="nobody_is_called_before_the_witnesses",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__serving__gt=pgtrigger.F("old__serving")),
                func="""
                    IF EXISTS (
                        SELECT FROM waiting_room_room
                        WHERE id = NEW.room_id AND quorum > 0 AND witnessed_at IS NULL
                    ) THEN
                        RAISE EXCEPTION 'room % waits for its witnesses', NEW.room_id
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}: {self.serving}"


class Board(models.Model):
    """The last tick's publication; not in Line, whose row each entry locks and rewrites."""

    room = models.OneToOneField(
        Room, on_delete=models.PROTECT, primary_key=True, related_name="board"
    )
    # The now document that waiting pages poll, and the reasons of the pace for the operator.
    document = models.JSONField(_("now document"), default=dict)
    reasons = models.JSONField(_("why this pace"), default=list)
    # Waiting times and their score, computed every 15 seconds (services.estimating).
    estimates = models.JSONField(default=dict)
    # The room has ended and `document` is the last one: the tick skips it from now on.
    final = models.BooleanField(default=False)
    # Last report of booking (services.rooms.report_booking); NULL before the first.
    left = models.PositiveBigIntegerField(_("left to book"), null=True)
    booked = models.PositiveBigIntegerField(_("booked"), null=True)

    class Meta:
        verbose_name = _("board")
        verbose_name_plural = _("boards")

    def __str__(self) -> str:
        return f"{self.room_id}"


class Ticket(models.Model):
    """A person's entry in a line. The draw turns `entry`, which never changes, into the place."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="tickets", db_index=False)
    # db_index=False: the unique constraints below serve look-ups by room and by person.
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, related_name="tickets", db_index=False
    )
    entry = models.PositiveBigIntegerField(_("entry number"))
    joined_at = models.DateTimeField(_("joined at"))
    # Keyed index of the resume code, which itself is not stored (web.codes).
    resume_index = models.BigIntegerField(unique=True, editable=False)
    # When the person left the line. Joining again clears it and restores the same place.
    left_at = models.DateTimeField(_("left at"), null=True, blank=True)
    # True while a review of the eligibility is open (eligibility.Review).
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
    """A called person at the door, as all admissions are in use. The lowest place enters first."""

    ticket = models.OneToOneField(
        Ticket, on_delete=models.PROTECT, primary_key=True, related_name="door_wait"
    )
    room = models.ForeignKey(
        Room, on_delete=models.PROTECT, related_name="door_waits", db_index=False
    )
    place = models.PositiveBigIntegerField(_("place"))
    # Refreshed by the page's polls; ignored once PATIENCE_AT_THE_DOOR old.
    at = models.DateTimeField(_("last knock"))

    class Meta:
        verbose_name = _("person at the door")
        verbose_name_plural = _("people at the door")
        indexes = [models.Index(fields=["room", "place"], name="knocks_in_order")]

    def __str__(self) -> str:
        return f"{self.room_id}/{self.place}"


class Alert(models.Model):
    """A person's request for messages: ten minutes before their turn, and when it comes."""

    ticket = models.OneToOneField(
        Ticket, on_delete=models.PROTECT, primary_key=True, related_name="alert"
    )
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="alerts", db_index=False)
    # NULL before the draw.
    place = models.PositiveBigIntegerField(_("place"), null=True)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    # NULL for a text message, which goes to the person's proven phone.
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
    """A called person's booking session, until they book, leave or it lapses."""

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
            # Read by the tick: how many called people came, and how soon.
            models.Index(fields=["room", "place"], name="admissions_by_place"),
            models.Index(fields=["room", "entered_at"], name="admissions_by_time"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="admission_takes_a_place",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                # The constraint line_never_admits_too_many then refuses an admission too many,
                # whatever the code does. Provisional tickets don't enter: an invented review must
                # not block a dose.
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
    """One act of a line: a call of places `first` to `last`, the freeze, a pause, and so on.

    The source of waiting times and of the public log.
    """

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="steps", db_index=False)
    at = models.DateTimeField(_("at"))
    act = models.CharField(_("act"), max_length=20, choices=Act)
    first = models.PositiveBigIntegerField(_("first place"), null=True)
    last = models.PositiveBigIntegerField(_("last place"), null=True)
    # Public in the log, unlike `by` (staff.actors).
    details = models.JSONField(_("details"), default=dict)
    by = models.CharField(_("by"), max_length=40, default=SYSTEM)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        indexes = [
            models.Index(fields=["room", "id"], name="steps_of_a_room"),
            # Finds the call that a place was in.
            models.Index(
                fields=["room", "first"], name="calls_by_place", condition=Q(act=Act.CALL)
            ),
            # Finds the pauses among the calls, of which there may be one each second.
            models.Index(fields=["room", "id"], name="steps_but_calls", condition=~Q(act=Act.CALL)),
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
        """Number of places of a call; 0 for other acts."""
        return 0 if self.first is None or self.last is None else self.last - self.first + 1


class LogPage(models.Model):
    """A page of the room's public log (docs/line-log.md), with the hashes of its rows."""

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="pages")
    number = models.PositiveIntegerField(_("page"))
    # Holds tickets with entry numbers in (after, upto], and the steps since the page before up to
    # id last_step.
    after = models.PositiveBigIntegerField()
    upto = models.PositiveBigIntegerField()
    tickets = models.PositiveIntegerField(_("tickets"))
    acts = models.PositiveIntegerField(_("acts"))
    acts_before = models.PositiveIntegerField()
    last_step = models.BigIntegerField(default=0)
    at = models.DateTimeField(_("at"))
    root = models.CharField(_("root"), max_length=64)
    # Roots of the subtrees that end with this page (merkle.nodes_ending_with), and of the log.
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
    """A published waiting time, compared with the actual wait once the place is called."""

    room = models.ForeignKey(
        Room, on_delete=models.PROTECT, related_name="estimates", db_index=False
    )
    given_at = models.DateTimeField(_("given at"))
    place = models.PositiveBigIntegerField(_("place"))
    # Seconds, rounded as published; and the factor the range was widened by.
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
