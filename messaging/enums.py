from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    SMS = "sms", _("Text message")
    EMAIL = "email", _("E-mail")


class MessageStatus(models.TextChoices):
    # Queued by its key alone; receiver and text are rendered when it is sent.
    UNWRITTEN = "unwritten", _("To be written and sent")
    WAITING = "waiting", _("Waiting to be sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Too late to send")


DUE = [MessageStatus.WAITING, MessageStatus.UNWRITTEN]
WITH_TEXT = [MessageStatus.WAITING, MessageStatus.SENT]
