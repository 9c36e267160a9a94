"""Sending from a web process while Redis is away, and never by the thread that makes a page."""

import logging
from collections.abc import Callable
from functools import partial

from outside.background import Background

log = logging.getLogger(__name__)

# More than wait here are left to the sweep: the row is the truth.
_sending = Background("jari-send", threads=2, most=200)


def in_background(send: Callable[[int], object], message_id: int) -> bool:
    """Send it soon by a thread of its own; False if too many wait already."""
    return _sending.begin(partial(_run, send, message_id)) is not None


def wait_until_sent() -> None:
    """Wait for all that was given to `in_background` here."""
    _sending.wait()


def _run(send: Callable[[int], object], message_id: int) -> None:
    try:
        send(message_id)
    except Exception:
        log.exception("message %s could not be sent in the background", message_id)
