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
        if not self.requests or self.milliseconds is None:
            return None
        return self.milliseconds / 1000 / self.requests


class EveningReport(models.Model):
    """How a line went, as it was worked out at one time; a newer one does not replace it."""

    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="evening_reports")
    made_at = models.DateTimeField(_("made at"), db_default=Now())
    # NULL for the job that makes the report of a line that is over.
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    is_final = models.BooleanField(_("the line was over"))
    # The public log of which it is.
    log_pages = models.PositiveIntegerField(_("pages of the log"))
    log_root = models.CharField(_("root of the log"), max_length=64)
    # What follows from that log alone (waiting_room.services.figures), and what does not
    # (reports.evening.stored_figures).
    logged = models.JSONField(_("figures of the public log"))
    stored = models.JSONField(_("figures of the database"))

    class Meta:
        verbose_name = _("report of an evening")
        verbose_name_plural = _("reports of evenings")
        ordering = ["-made_at", "-pk"]
        triggers = [
            pgtrigger.Protect(name="reports_never_change", operation=pgtrigger.Update),
            # The least that JARI_EVENING_DAYS may be (config.settings.exports.LEAST_DAYS).
            pgtrigger.Protect(
                name="reports_stay_a_month",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Condition("OLD.made_at > jari_now() - INTERVAL '30 days'"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room} ({self.log_pages})"
