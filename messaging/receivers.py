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


class BadReceiver(ValueError):
    """No valid phone number or e-mail address."""


def checked_receiver(channel: str, to: str) -> str:
    """Return `to` unchanged; raises BadReceiver unless it is an E.164 number or plain e-mail."""
    if not (_EMAIL if channel == Channel.EMAIL else _PHONE).match(to):
        raise BadReceiver("This is no receiver for that channel.")
    return to


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
