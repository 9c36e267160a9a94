from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from privacy.fields import EncryptedTextField

from .enums import Channel, MessageStatus


class Message(models.Model):
    """One message to one citizen: written with the act it tells of, sent by the worker.

    The row is the truth and Redis only the bell: what was never rung for is found by the sweep.
    """

    # The same fact is told once: "called:<ticket>", "confirmed:<number>".
    key = models.CharField(_("key"), max_length=120)
    kind = models.CharField(_("kind"), max_length=30)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    to = EncryptedTextField(_("to"))
    text = EncryptedTextField(_("text"))
    # Who may see it on the page in the sample campaign; not a foreign key, this app knows no one.
    person_id = models.BigIntegerField(_("person"), null=True, blank=True, db_index=True)
    status = models.CharField(
        _("status"), max_length=10, choices=MessageStatus, default=MessageStatus.WAITING
    )
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    not_after = models.DateTimeField(_("not after"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # Not `unique=True`, which adds an index for LIKE that every message would write.
            models.UniqueConstraint(fields=["key"], name="one_message_per_key"),
            models.CheckConstraint(
                condition=Q(status=MessageStatus.SENT, sent_at__isnull=False)
                | (~Q(status=MessageStatus.SENT) & Q(sent_at__isnull=True)),
                name="sent_message_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                "created_at", name="messages_waiting", condition=Q(status=MessageStatus.WAITING)
            )
        ]

    def __str__(self) -> str:
        return self.key
