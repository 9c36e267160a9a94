"""The resume codes of tickets: derived from the ticket under a key, and found by an index.

A person may have written a code down, so a ticket's code stays what it was when the index key
changes: it goes on under the key that was the first when the ticket was issued.
"""

import hashlib
from functools import cache

from django.conf import settings

from waiting_room.models import Ticket
from web.codes import index_of_ticket, lookup_index, resume_code


@cache
def _code_key(index_key: bytes) -> bytes:
    return hashlib.sha256(b"web.codes" + index_key).digest()


def code_keys() -> list[bytes]:
    """The key of codes for each index key; new tickets get codes under the first."""
    return [_code_key(key) for _number, key in settings.INDEX_KEYS]


def resume_code_of(ticket: Ticket) -> str:
    keys = code_keys()
    own = (key for key in keys if len(keys) == 1 or is_code_of(ticket, key))
    return resume_code(ticket.pk, next(own, keys[0]))


def is_code_of(ticket: Ticket, key: bytes) -> bool:
    """Whether the ticket's code was derived under this key."""
    return index_of_ticket(ticket.pk.bytes, key) == ticket.resume_index


def resume_indexes(typed: str) -> list[int]:
    """`Ticket.resume_index` of a typed code, under each key; raises UnreadableCode."""
    return [lookup_index(typed, key) for key in code_keys()]
