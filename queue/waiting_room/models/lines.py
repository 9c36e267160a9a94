"""What moves in a room: the line, what it publishes, and how good its estimates were."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from waiting_room.models.rooms import Room


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
    # Since the room was made: admissions, and those of them that lapsed.
    entered = models.PositiveBigIntegerField(_("entered"), default=0, db_default=0)
    ran_out = models.PositiveBigIntegerField(_("ran out of time"), default=0, db_default=0)
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
    # The last COUNT step: when (seconds since 1970), and what it said (services.evening).
    counted = models.JSONField(default=dict, db_default={})
    # What the ticks of this minute found so far; becomes a RoomMinute (services.minutes).
    minute = models.JSONField(default=dict, db_default={})
    # The room has ended and `document` is the last one: the tick skips it from now on.
    final = models.BooleanField(default=False)
    # Up to this place, everybody called has an alert, chosen or by default (services.telling).
    alerted_upto = models.PositiveBigIntegerField(default=0, db_default=0)
    # Last report of booking (services.rooms.report_booking); NULL before the first.
    left = models.PositiveBigIntegerField(_("left to book"), null=True)
    booked = models.PositiveBigIntegerField(_("booked"), null=True)

    class Meta:
        verbose_name = _("board")
        verbose_name_plural = _("boards")

    def __str__(self) -> str:
        return f"{self.room_id}"


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
