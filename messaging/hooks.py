"""What apps above messaging add to it, each in its `ready`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from messaging.enums import Channel
from web.hooks import KeyedHook


class Letter(NamedTuple):
    """A message written out."""

    channel: Channel
    to: str
    text: str


# By kind of message: the letters of notes that were stored without a text, by the notes' keys.
# A key that is left out has nobody to write to any more.
letter_writers: KeyedHook[Callable[[Sequence[str]], dict[str, Letter]]] = KeyedHook()
