"""How a line stood at the end of each minute."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from waiting_room.models.rooms import Room


class RoomMinute(models.Model):
    """One minute of a room, as its ticks found it; a minute without a tick has no row.

    Counts are running totals since the room was made, at the last tick of the minute.
    """

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="minutes", db_index=False)
    minute = models.DateTimeField(_("minute"))
    ticks = models.PositiveSmallIntegerField(_("ticks"))
    # Of them, those while the room was paused.
    paused = models.PositiveSmallIntegerField(_("ticks while paused"), default=0)
    # Seconds without a tick before a tick of this minute, beyond those that it makes up for.
    missed = models.FloatField(_("seconds missed"), default=0)
    issued = models.PositiveBigIntegerField(_("numbers given out"))
    serving = models.PositiveBigIntegerField(_("called up to"))
    entered = models.PositiveBigIntegerField(_("entered"))
    ran_out = models.PositiveBigIntegerField(_("ran out of time"))
    # Booking's report, up to 20 seconds old; NULL before the first.
    booked = models.PositiveBigIntegerField(_("booked"), null=True)
    inside = models.PositiveIntegerField(_("inside"))
    at_door = models.PositiveIntegerField(_("at the door"))
    pace = models.FloatField(_("called per minute, at most now"))
    max_active = models.PositiveIntegerField(_("people booking at once"))
    max_per_minute = models.PositiveIntegerField(_("called per minute at most"))
    # Reasons of the pace, the most frequent first: code, ticks, numbers of the last of them.
    reasons = models.JSONField(_("why this pace"), default=list)
    # The worst of the minute, of booking pages (waiting_room.health); NULL if unknown.
    latency = models.FloatField(_("seconds of a booking page"), null=True)
    error_rate = models.FloatField(_("share of errors"), null=True)

    class Meta:
        verbose_name = _("minute of a room")
        verbose_name_plural = _("minutes of rooms")
        constraints = [
            models.UniqueConstraint(fields=["room", "minute"], name="one_row_per_room_and_minute"),
            models.CheckConstraint(
                condition=Q(ticks__gte=1, paused__lte=F("ticks")), name="minute_has_a_tick"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_id} {self.minute:%Y-%m-%d %H:%M}"

    @property
    def waiting(self) -> int:
        """People not called yet at the end of the minute, with those who left the line."""
        return max(0, self.issued - self.serving)
