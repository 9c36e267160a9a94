"""Mail by the HTTP interface of a mail provider, through django-anymail.

Unlike SMTP the provider reports what was delivered and what bounced (messaging.views).
"""

import json
from functools import lru_cache
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import requests
from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailRecipientsRefused,
)
from anymail.message import AnymailMessage
from django.core.exceptions import ImproperlyConfigured
from django.template.loader import render_to_string
from django.utils.module_loading import import_string

from messaging.handover import REFERENCE, Busy, Handover, NotTaken, Unsure
from messaging.receivers import BadReceiver, checked_receiver
from outside.peers import bound

SCHEME = "anymail://"
SECONDS = 3.5  # of a request in all
# Anymail's names of the providers that take HTTP requests and report by webhooks. Not those that
# need a package of their own, nor those whose webhook takes in mail as well.
PROVIDERS = [
    "brevo",
    "mailersend",
    "mailgun",
    "mailjet",
    "mailtrap",
    "postal",
    "postmark",
    "resend",
    "sendgrid",
    "sparkpost",
    "unisender_go",
]


def is_address(url: str) -> bool:
    return url.startswith(SCHEME)


def check(name: str, url: str) -> None:
    """Raise ImproperlyConfigured unless the setting can be used."""
    provider, _sender = parts_of(name, url)
    try:
        _backend(provider)(fail_silently=False)
    except AnymailConfigurationError as error:
        # Anymail names the setting that is missing, and shows no value.
        raise ImproperlyConfigured(f"JARI_ANYMAIL: {error}") from None


@lru_cache(maxsize=8)
def parts_of(name: str, url: str) -> tuple[str, str]:
    """Provider and sender of `anymail://postmark?from=jari@example.org`."""
    parts = urlsplit(url)
    values = parse_qs(parts.query)
    sender, provider = values.pop("from", [""])[-1], parts.netloc
    try:
        checked_receiver("email", sender)
    except BadReceiver:
        provider = ""
    if provider not in PROVIDERS or values or parts.path.strip("/"):
        raise ImproperlyConfigured(
            f"JARI_MESSAGE_CHANNELS: {name} is to be written as anymail://PROVIDER?from=ADDRESS, "
            f"with one of {', '.join(PROVIDERS)}."
        )
    return provider, sender


@lru_cache(maxsize=8)
def _backend(provider: str) -> type[AnymailRequestsBackend]:
    """Anymail's class for a provider, with requests to the provider's host alone."""
    anymail_class: Any = import_string(f"anymail.backends.{provider}.EmailBackend")

    class Bound(anymail_class):  # type: ignore[misc]
        def create_session(self) -> requests.Session:
            hosts = [urlsplit(self.api_url).hostname or ""]
            session: requests.Session = super().create_session()
            return bound(session, hosts, seconds=SECONDS)

    return cast("type[AnymailRequestsBackend]", Bound)


def send(name: str, url: str, *, to: str, subject: str, text: str, handover: Handover) -> str:
    """Hand one mail over; returns the provider's id. Raises NotTaken, Busy, Unsure."""
    provider, sender = parts_of(name, url)
    host = sender.rpartition("@")[2]
    mail = AnymailMessage(
        subject=subject,
        body=text,
        from_email=sender,
        to=[to],
        # The same for each try: a mailbox that gets two shows one.
        headers={"Message-ID": f"<{handover.reference}@{host}>"},
        connection=_backend(provider)(fail_silently=False),
        metadata={REFERENCE: handover.reference},
    )
    mail.attach_alternative(html_of(subject, text, handover.language), "text/html")
    try:
        mail.send()
    except AnymailRecipientsRefused:
        raise NotTaken("refused") from None
    except AnymailAPIError as error:
        raise _outcome(error) from None
    except AnymailError as error:
        raise NotTaken(type(error).__name__) from None
    except (requests.RequestException, ValueError, json.JSONDecodeError) as error:
        raise Unsure(type(error).__name__) from None
    found = mail.anymail_status.message_id
    return str(found)[:100] if isinstance(found, str) else ""


def _outcome(error: AnymailAPIError) -> Exception:
    status = getattr(error, "status_code", None)
    if status == 429:
        return Busy("429")
    if isinstance(status, int) and 400 <= status < 500:
        return NotTaken(str(status))
    return Unsure(str(status or type(error).__name__))


def html_of(subject: str, text: str, language: str) -> str:
    """The text as a page of its own: no pictures, no colours, nothing from elsewhere."""
    context = {"subject": subject, "text": text, "language": language or "ko"}
    return render_to_string("messaging/mail.html", context)
