"""Delivery of messages: by Apprise where a gateway is set, else as files in the outbox."""

import json
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
from messaging import gateways
from messaging.enums import Channel
from messaging.exceptions import ChannelProblem
from messaging.lengths import as_sent
from messaging.receivers import BadReceiver, checked_receiver

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


def deliver(*, key: str, channel: Channel, to: str, text: str) -> None:
    """Send one message by the first gateway of its channel that takes it.

    Raises ChannelProblem if none does, GatewaysRest if none is asked at the moment.
    """
    try:
        checked_receiver(channel, to)
    except BadReceiver as bad:
        raise ChannelProblem(str(bad)) from None
    text = spoken(text) if channel == Channel.VOICE else as_sent(channel, text)
    names = gateways_of(channel)
    if names:

        def by(name: str) -> bool:
            return _by_apprise(channel, settings.MESSAGE_CHANNELS[name], to=to, text=text)

        if not gateways.send(names, by):
            raise ChannelProblem("The channel did not take the message.")
    else:
        if not settings.OUTBOX_ALLOWED:
            raise ChannelProblem("There is no such channel.")
        _into_outbox(key=key, channel=channel, to=to, text=text)


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
        channel = _channel_of(name)
        if channel not in _BY_GATEWAY:
            raise ImproperlyConfigured(
                f"JARI_MESSAGE_CHANNELS: there is no channel {name!r}; there are "
                f"{' and '.join(_BY_GATEWAY)}, and a second and third gateway of each: sms2."
            )
        _service(Channel(channel), url, to=_PLACEHOLDER[Channel(channel)])
    missing = [name for name in _NEEDED if not settings.MESSAGE_CHANNELS.get(name)]
    if missing and not settings.OUTBOX_ALLOWED:
        raise ImproperlyConfigured(
            f"JARI_MESSAGE_CHANNELS: set a channel for {' and '.join(missing)}, or "
            "JARI_OUTBOX_ALLOWED=1 to have these messages as readable files in JARI_HOME/outbox."
        )


def _by_apprise(channel: Channel, url: str, *, to: str, text: str) -> bool:
    service = _service(channel, url, to=to)
    # The service may split a receiver into several (as at a comma): only one is allowed.
    if len(service) != 1:
        raise ChannelProblem("This is no receiver for that channel.")
    target = apprise.Apprise()
    target.add(service)
    subject, text = _subject_and_text(channel, text)
    # A mail goes out as HTML with its text beside it: Apprise makes the HTML of the text.
    return bool(target.notify(title=subject, body=text, body_format=apprise.NotifyFormat.TEXT))


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
