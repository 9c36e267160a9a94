"""The acts of a line, and the pages of its public log."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from staff.actors import SYSTEM
from waiting_room.enums import Act
from waiting_room.models.rooms import Room


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
