"""What the operator's pages keep: the portal's minutes, and the reports of evenings."""

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from staff.models import User
from waiting_room.models import Room


class PortalMinute(models.Model):
    """One minute of the whole portal: booking pages, holds, bookings, messages.

    Numbers of booking pages come from Redis and are NULL where it was gone.
    """

    minute = models.DateTimeField(_("minute"), unique=True)
    requests = models.PositiveIntegerField(_("booking pages"), null=True)
    errors = models.PositiveIntegerField(_("errors"), null=True)
    # Slower than waiting_room.health.SLOW_SECONDS.
    slow = models.PositiveIntegerField(_("slow"), null=True)
    milliseconds = models.PositiveBigIntegerField(_("milliseconds in all"), null=True)
    holds = models.PositiveIntegerField(_("holds"))
    bookings = models.PositiveIntegerField(_("bookings"))
    written = models.PositiveIntegerField(_("messages written"))
    sent = models.PositiveIntegerField(_("messages sent"))
    failed = models.PositiveIntegerField(_("messages failed"))
    # {room id: {name of a refusal: how many}}; room 0 is for pages of no room.
    refusals = models.JSONField(_("refusals"), default=dict)

    class Meta:
        verbose_name = _("minute of the portal")
        verbose_name_plural = _("minutes of the portal")

    def __str__(self) -> str:
        return f"{self.minute:%Y-%m-%d %H:%M}"

    @property
    def latency(self) -> float | None:
        """Mean seconds of a booking page; None without any."""
        return self.milliseconds / 1000 / self.requests if self.requests else None

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.requests if self.requests and self.errors is not None else None
