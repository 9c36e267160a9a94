"""What drills found."""

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from database.clock import Now


class Drill(models.Model):
    """A restore of the backups into a server of its own, and what was found in it."""

    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"), db_default=Now())
    passed = models.BooleanField(_("passed"))
    problems = models.TextField(_("problems"), blank=True)
    backup = models.CharField(_("backup"), max_length=60, blank=True)
    target_at = models.DateTimeField(_("restored to"), null=True)  # None: as far as possible
    # Of the newest commit that was restored.
    newest_at = models.DateTimeField(_("newest commit"), null=True)
    copy_seconds = models.FloatField(_("seconds of copying"), null=True)
    replay_seconds = models.FloatField(_("seconds of replaying"), null=True)
    verify_seconds = models.FloatField(_("seconds of verifying"), null=True)
    # Gone if the primary had been lost in the middle of the drill; None with a target.
    lost_seconds = models.FloatField(_("seconds that could be lost"), null=True)
    lost_bytes = models.BigIntegerField(_("bytes of WAL that could be lost"), null=True)

    class Meta:
        verbose_name = _("drill")
        verbose_name_plural = _("drills")
        indexes = [models.Index(fields=["-ended_at"], name="drills_by_end")]
        triggers = [
            pgtrigger.Protect(
                name="drills_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"

    @property
    def seconds(self) -> float:
        """From the first byte copied to the last row verified."""
        return sum(
            part or 0.0 for part in (self.copy_seconds, self.replay_seconds, self.verify_seconds)
        )
