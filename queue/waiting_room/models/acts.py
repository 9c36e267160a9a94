"""What operators did to a line, with what stood before."""

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from waiting_room.models.log import Step
from waiting_room.models.rooms import Room


class OperatorAct(models.Model):
    """A pause, its end, a change of pace or the closing: before, after, and the reason.

    Who and when are those of the step, which is in the public log; the reason is not.
    """

    step = models.OneToOneField(
        Step, on_delete=models.PROTECT, primary_key=True, related_name="operator_act"
    )
    room = models.ForeignKey(
        Room, on_delete=models.PROTECT, related_name="operator_acts", db_index=False
    )
    # Status, message and limits, whole, so that an act can be taken back.
    before = models.JSONField(_("before"))
    after = models.JSONField(_("after"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    # Acts on several rooms that were confirmed together.
    batch = models.UUIDField(_("done together"), null=True)
    undoes = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="undone_by",
        verbose_name=_("takes back"),
    )

    class Meta:
        verbose_name = _("act of an operator")
        verbose_name_plural = _("acts of operators")
        indexes = [
            models.Index(fields=["room", "step"], name="operator_acts_of_a_room"),
            models.Index(fields=["batch"], name="operator_acts_together"),
        ]
        triggers = [
            pgtrigger.Protect(
                name="operator_acts_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.room_id} {self.step_id}"
