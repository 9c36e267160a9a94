"""Sending from a web process while Redis is away, by threads that render no pages."""

import logging
from collections.abc import Callable
from functools import partial

from outside.background import Background

log = logging.getLogger(__name__)

# Messages beyond the limit are left to the sweep, which finds them in the table.
_sending = Background("jari-send", threads=2, most=200)


def in_background(send: Callable[[int], object], message_id: int) -> bool:
    """Send the message by a background thread; False if too many are queued."""
    return _sending.begin(partial(_run, send, message_id)) is not None


def wait_until_sent() -> None:
    """Wait for all messages queued in this process."""
    _sending.wait()


def _run(send: Callable[[int], object], message_id: int) -> None:
    try:
        send(message_id)
    except Exception:
        log.exception("message %s could not be sent in the background", message_id)
