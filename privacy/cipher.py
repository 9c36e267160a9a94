"""Personal data at rest: authenticated encryption, and keyed blind indexes to find it again.

AES-256-GCM-SIV (RFC 8452) keeps its promise even if a random nonce ever repeats, which a
national roster under one key comes close enough to worry about with plain GCM.
A stored value is: key number (1 byte), nonce (12), ciphertext and tag.
"""

import hashlib
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from django.conf import settings

NONCE_BYTES = 12


class UnreadableData(Exception):
    """A stored value was made under a key that is missing, or was changed."""


@cache
def _ciphers(keys: tuple[tuple[int, bytes], ...]) -> dict[int, AESGCMSIV]:
    return {number: AESGCMSIV(key) for number, key in keys}


def encrypt(text: str, *, context: bytes) -> bytes:
    """Encrypt under the newest key; `context` (table and column) must be given again to read."""
    keys = tuple(settings.DATA_KEYS)
    number = keys[0][0]
    nonce = os.urandom(NONCE_BYTES)
    return bytes([number]) + nonce + _ciphers(keys)[number].encrypt(nonce, text.encode(), context)


def decrypt(stored: bytes, *, context: bytes) -> str:
    """Read what `encrypt` made; UnreadableData if the key is gone or the value was altered."""
    stored = bytes(stored)
    cipher = _ciphers(tuple(settings.DATA_KEYS)).get(stored[0] if stored else 0)
    if cipher is None:
        raise UnreadableData("The key this value was encrypted with is not in JARI_DATA_KEYS.")
    try:
        return cipher.decrypt(
            stored[1 : 1 + NONCE_BYTES], stored[1 + NONCE_BYTES :], context
        ).decode()
    except InvalidTag:
        raise UnreadableData("This value was altered, or belongs to another column.") from None


def key_number(stored: bytes) -> int:
    return bytes(stored)[0]


def blind_index(text: str, *, context: bytes) -> bytes:
    """16 bytes that are equal for equal texts and tell nothing without the index key."""
    return hashlib.blake2b(
        text.encode(),
        key=hashlib.sha256(settings.INDEX_KEY).digest(),
        person=hashlib.sha256(context).digest()[:16],
        digest_size=16,
    ).digest()
