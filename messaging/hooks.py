"""Hooks of messaging, registered by the apps above it in their `ready`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.utils.functional import Promise

from messaging.enums import Channel
from web.hooks import KeyedHook


class RenderedMessage(NamedTuple):
    """Channel, receiver and text of a message."""

    channel: Channel
    to: str
    text: str  # with its language and template, if messaging.wordings rendered it


# By kind: a function that renders UNWRITTEN messages by their keys. Keys left out of its result are
# obsolete, and their messages expire.
renderers: KeyedHook[Callable[[Sequence[str]], dict[str, RenderedMessage]]] = KeyedHook()

# By kind: what a message is about, for staff and in the event line.
names: dict[str, Promise] = {}


def name_of(kind: str) -> str:
    return str(names.get(kind, kind))
