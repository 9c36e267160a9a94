from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.TextChoices):
    SMS = "sms", _("Text message")
    EMAIL = "email", _("E-mail")
    # A call in which a machine reads the text out; the way to a landline.
    VOICE = "voice", _("Telephone call")
    # Printed by a local government, for people whom no other channel reaches.
    LETTER = "letter", _("Letter")


# What people choose; the other channels follow from their phone (messaging.receivers).
CHOSEN = [(Channel.SMS.value, Channel.SMS.label), (Channel.EMAIL.value, Channel.EMAIL.label)]


class MessageStatus(models.TextChoices):
    # Queued by its key alone; receiver and text are rendered when it is sent.
    UNWRITTEN = "unwritten", _("To be written and sent")
    WAITING = "waiting", _("Waiting to be sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    EXPIRED = "expired", _("Too late to send")


class Receipt(models.TextChoices):
    """What a provider reported of a message that it took."""

    NONE = "", _("No report")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Not delivered")


# The gateway for Alimtalk: text messages with a registered template go there first.
KAKAO = "kakao"

DUE = [MessageStatus.WAITING, MessageStatus.UNWRITTEN]
WITH_TEXT = [MessageStatus.WAITING, MessageStatus.SENT]
