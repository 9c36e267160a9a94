"""The witnesses of a room's log, as the portal asks them, and what they signed."""

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from waiting_room.tlog.witnessing import Trouble

TROUBLES = [(trouble.value, trouble.name) for trouble in Trouble]


class AskedWitness(models.Model):
    """How asking one witness about one room stands; a row of its own, apart from the room's."""

    room = models.ForeignKey(
        "waiting_room.Room", on_delete=models.PROTECT, related_name="asked_witnesses"
    )
    vkey = models.CharField(_("public key"), max_length=300)
    # How many pages it cosigned last, as far as we know: the proof it is sent begins there.
    size = models.PositiveBigIntegerField(default=0)
    asked_at = models.DateTimeField(_("asked at"), null=True)
    cosigned_at = models.DateTimeField(_("cosigned at"), null=True)
    # Why the last asking brought nothing, and how many in a row did.
    trouble = models.CharField(_("trouble"), max_length=20, choices=TROUBLES, blank=True)
    failures = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("witness of a log")
        verbose_name_plural = _("witnesses of a log")
        constraints = [
            models.UniqueConstraint(fields=["room", "vkey"], name="one_row_per_witness"),
        ]

    def __str__(self) -> str:
        return f"{self.room_id} {self.vkey.partition('+')[0]}"


class Cosignature(models.Model):
    """A witness's checked word that a checkpoint of a log goes on from those it saw before."""

    room = models.ForeignKey(
        "waiting_room.Room",
        on_delete=models.PROTECT,
        related_name="cosignatures",
        db_index=False,  # found through the constraint below
    )
    size = models.PositiveIntegerField(_("pages"))
    vkey = models.CharField(_("public key"), max_length=300)
    # As the witness's own clock had it.
    signed_at = models.DateTimeField(_("signed at"))
    # The signature line (C2SP signed-note), without its line feed.
    line = models.TextField()

    class Meta:
        verbose_name = _("cosignature")
        verbose_name_plural = _("cosignatures")
        constraints = [
            models.UniqueConstraint(
                fields=["room", "size", "vkey"], name="one_cosignature_per_witness"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="cosignatures_are_history", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.room_id} {self.size} {self.vkey.partition('+')[0]}"
