"""Validation of receivers, the only one.

A receiver is untrusted input for gateways and mail servers. The characters allowed here have no
meaning in URLs, mail headers or lists: none of `& = ? / # % , < >`.
"""

import re
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from messaging.enums import Channel

_LOCAL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]|\.(?=[A-Za-z0-9_-]))*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# At most one `+`: `kim+jab@example.org` is common, and some gateways split at it.
_EMAIL = re.compile(
    rf"\A(?=.{{3,200}}\Z)(?=[^@]{{1,64}}@){_LOCAL}(?:\+{_LOCAL})?@(?:{_LABEL}\.)+[A-Za-z]"
    rf"[A-Za-z0-9-]*[A-Za-z0-9]\Z"
)
_PHONE = re.compile(r"\A\+[1-9][0-9]{7,14}\Z")  # E.164


# A Korean number that takes no text message. Korea's mobile numbers begin with 1.
_LANDLINE = re.compile(r"\A\+82[2-9]")


class BadReceiver(ValueError):
    """No valid phone number or e-mail address."""


def checked_receiver(channel: str, to: str) -> str:
    """Return `to` unchanged; raises BadReceiver unless it is an E.164 number or plain e-mail.

    The receiver of a letter may be empty: whose it is stands with the message.
    """
    if channel == Channel.LETTER and not to:
        return to
    if not (_EMAIL if channel == Channel.EMAIL else _PHONE).match(to):
        raise BadReceiver("This is no receiver for that channel.")
    return to


def is_landline(phone: str) -> bool:
    return bool(_LANDLINE.match(phone))


def channel_to(channel: Channel, to: str, *, in_time: bool, has_voice: bool) -> Channel:
    """The channel by which `to` is reached: `channel`, but no text message goes to a landline.

    A message of use for some time only (`in_time`) is read out in a call, if there are calls
    (`has_voice`); any other is printed, as is every message to a person without a phone.
    """
    if channel not in (Channel.SMS, Channel.VOICE) or (to and not is_landline(to)):
        return channel
    calls = bool(to) and has_voice and (in_time or channel == Channel.VOICE)
    return Channel.VOICE if calls else Channel.LETTER


class EmailAddressField(forms.EmailField):
    """An e-mail address that `checked_receiver` accepts."""

    default_validators = [
        RegexValidator(
            _EMAIL,
            _(
                "Write the whole address, for example kim@example.org. Only letters, digits and "
                "the signs . _ - + can stand in it."
            ),
        )
    ]

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": 200, **options})
