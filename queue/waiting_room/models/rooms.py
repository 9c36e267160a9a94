"""Rooms: the settings of the operator, the draw and its officers."""

from datetime import datetime, timedelta
from typing import Any

import pghistory
import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Least
from django.utils.translation import gettext_lazy as _

from eligibility.models import Cohort
from privacy.fields import EncryptedTextField
from waiting_room.draw import entry_at, place_of
from waiting_room.enums import DrawSource, RoomStatus
from waiting_room.public_log import FORMAT
from web.language import reads_korean

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
    beacon_signature = models.CharField(
        _("signature of the number"), max_length=96, blank=True, editable=False
    )
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
    closed_size = models.PositiveIntegerField(
        _("size of the closed list"), null=True, editable=False
    )
    witnessed_at = models.DateTimeField(_("witnessed at"), null=True, editable=False)
    # The public keys that sign the log, as its last `keys` act names them.
    log_keys = models.TextField(_("keys of the log"), blank=True, db_default="", editable=False)

    # The format in which its log was begun (docs/line-log.md); those before 3 have no totals.
    log_format = models.PositiveSmallIntegerField(
        _("format of the log"), default=FORMAT, db_default=2, editable=False
    )

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
        korean = reads_korean()
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
