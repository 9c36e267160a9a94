"""Delivery of messages: by the gateways that are set, else as files in the outbox.

A gateway is a provider with reports (messaging.solapi, messaging.mail_provider) or any of
Apprise's services.
"""

import json
import logging
import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import apprise
from apprise import plugins
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from database.clock import known_now
from messaging import gateways, mail_provider, solapi
from messaging.enums import KAKAO, Channel
from messaging.exceptions import ChannelProblem
from messaging.handover import Busy, Handover, NotTaken, Taken, Unsure
from messaging.lengths import as_sent
from messaging.receivers import BadReceiver, checked_receiver
from outside.dependencies import TookTooLong

log = logging.getLogger(__name__)

# Stands for the receiver while a setting is parsed; an unassigned number and address.
_PLACEHOLDER = {
    Channel.SMS: "829990001112223",
    Channel.EMAIL: "jari-nobody@receiver.invalid",
    Channel.VOICE: "829990001112223",
}
# Channels with gateways. Without one for calls the portal makes none.
_BY_GATEWAY, _NEEDED = list(_PLACEHOLDER), [Channel.SMS, Channel.EMAIL]
# Seconds to connect and to read unless the setting has `cto` and `rto`: how long a gateway that
# hangs holds a thread. The worker waits less (messaging.gateways).
_LIMITS = {"cto": 4, "rto": 4}
_FIXED_PARTS = ["schema", "host", "port", "user", "password"]


def deliver(
    *, key: str, channel: Channel, to: str, text: str, handover: Handover | None = None
) -> Taken:
    """Send one message by the first gateway of its channel that takes it.

    A text message with a registered template goes to Alimtalk first. Raises ChannelProblem if no
    gateway takes it, GatewaysRest if none is asked at the moment.
    """
    try:
        checked_receiver(channel, to)
    except BadReceiver as bad:
        raise ChannelProblem(str(bad)) from None
    text = spoken(text) if channel == Channel.VOICE else as_sent(channel, text)
    handover = handover or Handover()
    names = gateways_of(channel)
    if names:
        if channel == Channel.SMS and handover.template and KAKAO in settings.MESSAGE_CHANNELS:
            names = [KAKAO, *names]
        delivery = _Delivery(channel, to, text, handover, known_now())
        name = gateways.send(names, delivery.by)
        if not name:
            raise delivery.problem()
        return Taken(name, delivery.ids.get(name, ""))
    if not settings.OUTBOX_ALLOWED:
        raise ChannelProblem("There is no such channel.")
    _into_outbox(key=key, channel=channel, to=to, text=text)
    return Taken()


class _Delivery:
    """One message on its way through the gateways, and what each of them answered."""

    def __init__(
        self, channel: Channel, to: str, text: str, handover: Handover, now: datetime
    ) -> None:
        self._channel, self._to, self._text = channel, to, text
        self._handover, self._now = handover, now
        self.ids: dict[str, str] = {}
        # What each gateway was asked, and answered; None as long as it has not.
        self._refusals: dict[str, str | None] = {}

    def by(self, name: str) -> bool:
        """Ask one gateway, in a thread that has no database connection."""
        self._refusals[name] = None
        try:
            self.ids[name] = self._ask(name, settings.MESSAGE_CHANNELS[name])
        except Busy as busy:
            self._refusals[name] = str(busy)
            raise TookTooLong(str(busy)) from None  # it rests at once
        except NotTaken as refusal:
            self._refusals[name] = str(refusal)
            return False
        except Unsure as unsure:
            if unsure.args:
                log.warning("gateway %s gave no certain answer: %s", name, unsure)
            return False
        return True

    def _ask(self, name: str, url: str) -> str:
        to, text = self._to, self._text
        if solapi.is_address(url):
            account = solapi.account_of(name, url)
            return solapi.send(account, to=to, text=text, handover=self._handover, now=self._now)
        if mail_provider.is_address(url):
            subject, body = _subject_and_text(self._channel, text)
            return mail_provider.send(
                name, url, to=to, subject=subject, text=body, handover=self._handover
            )
        language = self._handover.language
        if not _by_apprise(self._channel, url, to=to, text=text, language=language):
            raise Unsure  # Apprise logs why
        return ""

    def problem(self) -> ChannelProblem:
        """Why no gateway took it, with the reason of the last one that gave one."""
        reasons = [f"{name} {reason}" for name, reason in self._refusals.items() if reason]
        detail = f": {reasons[-1]}" if reasons else ""
        return ChannelProblem(
            f"The channel did not take the message{detail}.", unsure=None in self._refusals.values()
        )


def spoken(text: str) -> str:
    """A text for the ear: without the sender in brackets and addresses of pages."""
    return " ".join(re.sub(r"\[Jari\]|\[자리\]|https?://\S+", " ", text).split())


def gateways_of(channel: str) -> list[str]:
    """The names of a channel's gateways in the order in which they are tried: sms, sms2, sms3."""
    return sorted(name for name in settings.MESSAGE_CHANNELS if _channel_of(name) == channel)


def _channel_of(name: str) -> str:
    return name[:-1] if name[-1:] in ("2", "3") else name


def has_voice() -> bool:
    """Whether messages can be read out in calls."""
    return bool(gateways_of(Channel.VOICE)) or bool(settings.OUTBOX_ALLOWED)


def resting_channels() -> list[str]:
    """Channels whose gateways all rest; their messages wait."""
    resting = gateways.resting()
    channels = {_channel_of(name) for name in resting}
    return [channel for channel in channels if resting.issuperset(gateways_of(channel))]


def check_settings() -> None:
    """Raise ImproperlyConfigured, with what to change, unless every channel can be used."""
    for name, url in settings.MESSAGE_CHANNELS.items():
        _check_gateway(name, url)
    missing = [name for name in _NEEDED if not settings.MESSAGE_CHANNELS.get(name)]
    if missing and not settings.OUTBOX_ALLOWED:
        raise ImproperlyConfigured(
            f"JARI_MESSAGE_CHANNELS: set a channel for {' and '.join(missing)}, or "
            "JARI_OUTBOX_ALLOWED=1 to have these messages as readable files in JARI_HOME/outbox."
        )


def _check_gateway(name: str, url: str) -> None:
    channel = _channel_of(name)
    if channel not in _BY_GATEWAY and name != KAKAO:
        raise ImproperlyConfigured(
            f"JARI_MESSAGE_CHANNELS: there is no channel {name!r}; there are "
            f"{' and '.join(_BY_GATEWAY)}, a second and third gateway of each: sms2, and kakao."
        )
    if solapi.is_address(url) and channel in (Channel.SMS, KAKAO):
        solapi.account_of(name, url)
    elif mail_provider.is_address(url) and channel == Channel.EMAIL:
        mail_provider.check(name, url)
    elif name == KAKAO:
        raise ImproperlyConfigured("JARI_MESSAGE_CHANNELS: kakao is to be a solapi:// address.")
    else:
        _service(Channel(channel), url, to=_PLACEHOLDER[Channel(channel)])
    if name == KAKAO and not settings.MESSAGE_CHANNELS.get(Channel.SMS):
        raise ImproperlyConfigured(
            "JARI_MESSAGE_CHANNELS: kakao needs sms beside it, for people whom it does not reach."
        )


def has_memory() -> bool:
    """Whether a gateway can be asked if it took a message whose outcome is unknown."""
    return any(solapi.is_address(url) for url in settings.MESSAGE_CHANNELS.values())


def _by_apprise(channel: Channel, url: str, *, to: str, text: str, language: str) -> bool:
    service = _service(channel, url, to=to)
    # The service may split a receiver into several (as at a comma): only one is allowed.
    if len(service) != 1:
        raise ChannelProblem("This is no receiver for that channel.")
    target = apprise.Apprise()
    target.add(service)
    subject, text = _subject_and_text(channel, text)
    form = apprise.NotifyFormat.TEXT
    if url.startswith("mailto"):
        # A mail goes out as HTML with its text beside it, which Apprise makes of the HTML.
        text, form = mail_provider.html_of(subject, text, language), apprise.NotifyFormat.HTML
    return bool(target.notify(title=subject, body=text, body_format=form))


def _subject_and_text(channel: Channel, text: str) -> tuple[str, str]:
    """The first line of a mail is its subject, if an empty line follows it (messaging.wordings)."""
    subject, gap, body = text.partition("\n\n")
    if channel != Channel.EMAIL or not gap or "\n" in subject:
        return "", text
    return subject, body


def _service(channel: Channel, url: str, *, to: str) -> apprise.NotifyBase:
    """The Apprise service of a setting with `to` as its only receiver.

    Raises ImproperlyConfigured.
    """
    try:
        # With suppressed exceptions Apprise would log the setting, including its password.
        service = apprise.Apprise.instantiate(
            _with_receiver(_read(channel, url), channel, to), suppress_exceptions=False
        )
    except (TypeError, ValueError) as error:  # AppriseException is a TypeError
        raise _unusable_setting(channel) from error
    if service is None:
        raise _unusable_setting(channel)
    return service


def _unusable_setting(channel: Channel) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"JARI_MESSAGE_CHANNELS: Apprise can't use the address of {channel.value!r}. Write one of "
        "its addresses, with {to} once where it takes the receiver and the host of a server in "
        "full: mailtos://USER:PASSWORD@HOST:587?from=jari@example.org&to={to}"
    )


_parts_of: Callable[[str], dict[str, Any] | None] = plugins.url_to_dict


@lru_cache(maxsize=8)
def _read(channel: Channel, url: str) -> dict[str, Any]:
    """Parse a setting; receivers are later put into the parts, never into the URL.

    So no receiver can change the host, port, user, password or sender.
    """
    placeholder = _PLACEHOLDER[channel]
    parts = _parts_of(url.replace("{to}", placeholder)) if url.count("{to}") == 1 else None
    if parts is None:
        raise _unusable_setting(channel)
    if str(parts.get("schema")).startswith("mailto"):
        parts = {"format": "html", **parts}
    if placeholder in (parts.get("targets") or []):
        return {**_LIMITS, **parts, "targets": [placeholder]}
    # A custom gateway: the receiver is in the path or in a field.
    if not _holds(parts, placeholder) or any(
        _holds(parts[name], placeholder) for name in _FIXED_PARTS
    ):
        raise _unusable_setting(channel)
    return {**_LIMITS, **parts}


def _holds(part: Any, text: str) -> bool:
    if isinstance(part, dict):
        return any(_holds(value, text) for value in part.values())
    return isinstance(part, str) and text in part


def _with_receiver(parts: dict[str, Any], channel: Channel, to: str) -> dict[str, Any]:
    """A copy of the parts with the receiver instead of the placeholder."""
    placeholder = _PLACEHOLDER[channel]
    if parts.get("targets") == [placeholder]:
        return {**parts, "targets": [to]}

    def replaced(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: replaced(value) for key, value in part.items()}
        return part.replace(placeholder, to) if isinstance(part, str) else part

    return {key: replaced(value) for key, value in parts.items()}


def _into_outbox(*, key: str, channel: Channel, to: str, text: str) -> None:
    folder = Path(settings.HOME) / "outbox"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{known_now():%Y%m%dT%H%M%S.%f}-{key.replace('/', '_').replace(':', '-')}.json"
        # Renamed into place: readers of the folder never see half a message.
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"channel": channel, "to": to, "text": text}, file, ensure_ascii=False)
        os.replace(temporary, folder / name)
    except OSError as error:
        raise ChannelProblem(f"The outbox can't be written: {error.strerror}.") from error


def purge_outbox(before: datetime) -> int:
    """Remove messages written to the outbox before that time; returns their number."""
    removed = 0
    for file in (Path(settings.HOME) / "outbox").glob("*.json"):
        with suppress(FileNotFoundError):
            if file.stat().st_mtime < before.timestamp():
                file.unlink()
                removed += 1
    return removed
