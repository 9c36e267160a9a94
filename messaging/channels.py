"""How a message leaves the house: a file in the outbox by default, Apprise where one is set."""

import json
import os
import tempfile
from pathlib import Path

import apprise
from django.conf import settings
from django.utils import timezone

from messaging.enums import Channel


class ChannelProblem(Exception):
    """The channel did not take the message; trying again later may work."""


def deliver(*, key: str, channel: Channel, to: str, text: str) -> None:
    """Send one message; ChannelProblem if the channel refuses it or can't be reached."""
    url = settings.MESSAGE_CHANNELS.get(channel)
    if url:
        _by_apprise(url, to=to, text=text)
    else:
        _into_outbox(key=key, channel=channel, to=to, text=text)


def _by_apprise(url: str, *, to: str, text: str) -> None:
    """`{to}` in the address stands for the receiver, as Apprise's SMS and mail services want it."""
    target = apprise.Apprise()
    if not target.add(url.replace("{to}", to)):
        raise ChannelProblem("The channel's address is not understood by Apprise.")
    if not target.notify(body=text):
        raise ChannelProblem("The channel did not take the message.")


def _into_outbox(*, key: str, channel: Channel, to: str, text: str) -> None:
    folder = Path(settings.HOME) / "outbox"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{timezone.now():%Y%m%dT%H%M%S.%f}-{key.replace('/', '_').replace(':', '-')}.json"
        # Written aside and renamed: whoever reads the folder never sees half a message.
        descriptor, aside = tempfile.mkstemp(dir=folder, prefix=".")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"channel": channel, "to": to, "text": text}, file, ensure_ascii=False)
        os.replace(aside, folder / name)
    except OSError as error:
        raise ChannelProblem(f"The outbox can't be written: {error.strerror}.") from error
