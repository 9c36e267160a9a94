"""The people of a line: their tickets, alerts and admissions."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from eligibility.models import Person
from messaging.enums import CHOSEN
from privacy.fields import EncryptedTextField
from waiting_room.enums import NO_MESSAGE, Ending
from waiting_room.models.rooms import Room
from web.codes import random_uuid


class Ticket(models.Model):
    """A person's entry in a line. The draw turns `entry`, which never changes, into the place."""

    id = models.UUIDField(primary_key=True, default=random_uuid, editable=False)
    room = models.ForeignKey(
        Room,
        on_delete=models.PROTECT,
        related_name="tickets",
        verbose_name=_("waiting room"),
        db_index=False,
    )
    # db_index=False: the unique constraints below serve look-ups by room and by person.
    person = models.ForeignKey(
        Person,
        on_delete=models.PROTECT,
        related_name="tickets",
        verbose_name=_("person"),
        db_index=False,
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
    """How a person is told of their turn: as they chose, else by the default once called."""

    ticket = models.OneToOneField(
        Ticket, on_delete=models.PROTECT, primary_key=True, related_name="alert"
    )
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="alerts", db_index=False)
    # NULL before the draw.
    place = models.PositiveBigIntegerField(_("place"), null=True)
    channel = models.CharField(
        _("channel"), max_length=10, choices=[*CHOSEN, (NO_MESSAGE, _("No message"))]
    )
    # NULL for a text message, which goes to the person's proven phone.
    email = EncryptedTextField(_("e-mail"), null=True, blank=True)
    language = models.CharField(_("language"), max_length=10)
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
                    UPDATE waiting_room_line SET active = active + 1, entered = entered + 1
                        WHERE room_id = NEW.room_id;
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
