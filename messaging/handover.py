"""Handing a message over to a provider: what goes along with it, and what the provider answers."""

import hmac
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac

# Under this name a provider keeps our reference with the message, and repeats it in its reports.
REFERENCE = "jari"
_SALT, _DIGITS = "messaging.reference", 20


@dataclass(frozen=True)
class Handover:
    """What goes along with receiver and text."""

    reference: str = ""
    language: str = ""
    # The provider's id of a registered template (Alimtalk), and its text filled in.
    template: str = ""
    template_text: str = ""
    # When the message was handed over by a try whose outcome is unknown; None without one.
    tried_at: datetime | None = None


@dataclass(frozen=True)
class Taken:
    """The gateway that took a message, and its id there; both are empty for the outbox."""

    gateway: str = ""
    provider_id: str = ""


class NotTaken(Exception):
    """The provider refused the message for a reason, which is a code of its own."""


class Busy(NotTaken):
    """The provider takes nothing for a while, as by 429."""


class Unsure(Exception):
    """No answer, or none that can be read: the provider may have taken the message."""


def reference_of(message_id: int) -> str:
    """A name of the message for providers, which no other portal with their account shares."""
    return f"{message_id}-{_digest(message_id, settings.SECRET_KEY)}"


def message_of(reference: str) -> int | None:
    """The id of the message that this reference names; None for one of another portal."""
    number, _sep, digest = reference.partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    matches = (
        hmac.compare_digest(_digest(int(number), key).encode(), digest.encode(errors="replace"))
        for key in keys
    )
    return int(number) if any(matches) else None


def _digest(message_id: int, key: str) -> str:
    return salted_hmac(_SALT, str(message_id), secret=key, algorithm="sha256").hexdigest()[:_DIGITS]
