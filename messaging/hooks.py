"""Hooks of messaging, registered by the apps above it in their `ready`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from messaging.enums import Channel
from web.hooks import KeyedHook


class RenderedMessage(NamedTuple):
    """Channel, receiver and text of a message."""

    channel: Channel
    to: str
    text: str


# By kind: a function that renders UNWRITTEN messages by their keys. Keys left out of its result are
# obsolete, and their messages expire.
renderers: KeyedHook[Callable[[Sequence[str]], dict[str, RenderedMessage]]] = KeyedHook()
