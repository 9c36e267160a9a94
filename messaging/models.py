import pghistory
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from database.clock import Now
from messaging.enums import DUE, KAKAO, WITH_TEXT, Channel, MessageStatus, Receipt
from privacy.fields import EncryptedTextField


class Message(models.Model):
    """One message to one citizen, written in the transaction of its cause, sent by the worker.

    The row is authoritative; Redis only wakes the worker, and a sweep finds what no job was
    queued for. In the opening minute rows are inserted UNWRITTEN, with the key alone; the worker
    renders them (`hooks.renderers`) and stores what it sent.
    """

    # Unique per fact, so that it is sent once: "called:<ticket>", "confirmed:<number>".
    key = models.CharField(_("key"), max_length=120)
    kind = models.CharField(_("kind"), max_length=30)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    to = EncryptedTextField(_("to"), null=True, blank=True)
    text = EncryptedTextField(_("text"), null=True, blank=True)
    # The person to show it to in a sample campaign. No foreign key: this layer knows no people.
    person_id = models.BigIntegerField(_("person"), null=True, blank=True, db_index=True)
    status = models.CharField(
        _("status"), max_length=10, choices=MessageStatus, default=MessageStatus.WAITING
    )
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    not_before = models.DateTimeField(_("not before"), null=True, blank=True)
    not_after = models.DateTimeField(_("not after"), null=True, blank=True)
    # Of a letter: when it was printed first.
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    # Who printed a letter (staff.actors).
    printed_by = models.CharField(_("printed by"), max_length=40, blank=True, db_default="")
    language = models.CharField(_("language"), max_length=10, blank=True, db_default="")
    # The template of an Alimtalk at the provider, and its text filled in.
    template = models.CharField(_("template"), max_length=60, blank=True, db_default="")
    template_text = EncryptedTextField(_("text of the template"), null=True, blank=True)
    # The gateway that took the message, and its id there; empty for the outbox and letters.
    gateway = models.CharField(_("gateway"), max_length=20, blank=True, db_default="")
    provider_id = models.CharField(_("number there"), max_length=100, blank=True, db_default="")
    # Since when it is unknown whether a provider took it: a process died, or no answer came.
    tried_at = models.DateTimeField(_("tried at"), null=True, blank=True)
    receipt = models.CharField(
        _("delivery"), max_length=10, choices=Receipt, blank=True, db_default=Receipt.NONE
    )
    receipt_at = models.DateTimeField(_("reported at"), null=True, blank=True)
    receipt_reason = models.CharField(_("reason"), max_length=60, blank=True, db_default="")

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            # Not `unique=True`, which adds a second index (for LIKE) to be written by each row.
            models.UniqueConstraint(fields=["key"], name="one_message_per_key"),
            models.CheckConstraint(
                condition=Q(status=MessageStatus.SENT, sent_at__isnull=False)
                | (~Q(status=MessageStatus.SENT) & Q(sent_at__isnull=True)),
                name="sent_message_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=WITH_TEXT) | Q(to__isnull=False, text__isnull=False),
                name="message_to_send_is_written",
            ),
            models.CheckConstraint(
                condition=Q(receipt="", receipt_at__isnull=True)
                | (~Q(receipt="") & Q(receipt_at__isnull=False, status=MessageStatus.SENT)),
                name="receipt_is_of_a_sent_message",
            ),
        ]
        indexes = [
            models.Index("created_at", name="messages_due", condition=Q(status__in=DUE)),
            models.Index("created_at", name="letters_by_time", condition=Q(channel=Channel.LETTER)),
            models.Index("provider_id", name="messages_of_providers", condition=~Q(provider_id="")),
            models.Index(
                "sent_at", name="messages_unreported", condition=Q(gateway=KAKAO, receipt="")
            ),
            # BRIN has a few pages for any number of rows, enough to count the last hour and day.
            BrinIndex("created_at", name="messages_by_time", autosummarize=True),
        ]

    def __str__(self) -> str:
        # Not the key, which names a reservation or a ticket.
        return f"#{self.pk}"


class Spending(models.Model):
    """The number of messages of one kind lately, as `budget.count` counted it."""

    kind = models.CharField(_("kind"), max_length=30, unique=True)
    last_hour = models.PositiveIntegerField(_("last hour"), default=0)
    last_day = models.PositiveIntegerField(_("last day"), default=0)
    alarmed_at = models.DateTimeField(_("alarmed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("spending")
        verbose_name_plural = _("spendings")

    def __str__(self) -> str:
        return self.kind


class Gateway(models.Model):
    """The state of a gateway that failed lately; gateways that work have no row.

    In the database, because each job is a process of its own.
    """

    name = models.CharField(_("name"), max_length=20, primary_key=True)
    # Consecutive failures.
    failures = models.PositiveIntegerField(_("failures"), default=0)
    since = models.DateTimeField(_("since"), db_default=Now())
    rests_until = models.DateTimeField(_("rests until"), null=True, blank=True)
    alarmed_at = models.DateTimeField(_("alarmed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("gateway that does not answer")
        verbose_name_plural = _("gateways that do not answer")

    def __str__(self) -> str:
        return self.name


@pghistory.track(pghistory.UpdateEvent())
class OwnText(models.Model):
    """The authority's own text of a wording in one language by one channel; empty: the shipped one.

    One row for each, made after every migration; the history holds the earlier texts.
    """

    code = models.CharField(_("message"), max_length=30)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    text = models.TextField(_("own text"), blank=True, db_default="")

    class Meta:
        verbose_name = _("text of a message")
        verbose_name_plural = _("texts of messages")
        constraints = [
            models.UniqueConstraint(
                fields=["code", "language", "channel"], name="one_text_per_language_and_channel"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} / {self.language} / {self.channel}"
