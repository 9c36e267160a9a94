"""Personal data at rest: authenticated encryption, and keyed blind indexes to find it again.

AES-256-GCM-SIV (RFC 8452) keeps its promise even if a random nonce ever repeats, which a
national roster under one key comes close enough to worry about with plain GCM.
A stored value is: key number (1 byte), nonce (12), ciphertext and tag.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from django.conf import settings

NONCE_BYTES = 12


class UnreadableData(Exception):
    """A stored value was made under a key that is missing, or was changed."""


class _Keys:
    """The ciphers of settings.DATA_KEYS, made once: a roster asks for them millions of times."""

    def __init__(self) -> None:
        self.source: list[tuple[int, bytes]] | None = None
        self.ciphers: dict[int, AESGCMSIV] = {}
        self.newest = 0

    def current(self) -> "_Keys":
        if self.source is not settings.DATA_KEYS:
            keys = settings.DATA_KEYS
            self.ciphers = {number: AESGCMSIV(key) for number, key in keys}
            self.newest = keys[0][0]
            self.source = keys
        return self


_keys = _Keys()


def encrypt(text: str, *, context: bytes) -> bytes:
    """Encrypt under the newest key; `context` (table and column) must be given again to read."""
    keys = _keys.current()
    nonce = os.urandom(NONCE_BYTES)
    sealed = keys.ciphers[keys.newest].encrypt(nonce, text.encode(), context)
    return b"%c%b%b" % (keys.newest, nonce, sealed)


def encryptor(*, context: bytes) -> Callable[[str], bytes]:
    """`encrypt` for many values of one column: the key is looked up once, nonces are drawn many
    at a time. Use it within one call and let it go: a forked copy would draw the same nonces."""
    keys = _keys.current()
    number, seal, nonces = bytes([keys.newest]), keys.ciphers[keys.newest].encrypt, _nonces()

    def encrypt_one(text: str) -> bytes:
        nonce = next(nonces)
        return number + nonce + seal(nonce, text.encode(), context)

    return encrypt_one


def _nonces() -> Iterator[bytes]:
    while True:
        block = os.urandom(512 * NONCE_BYTES)
        for start in range(0, len(block), NONCE_BYTES):
            yield block[start : start + NONCE_BYTES]


def decrypt(stored: bytes, *, context: bytes) -> str:
    """Read what `encrypt` made; UnreadableData if the key is gone or the value was altered."""
    stored = bytes(stored)
    cipher = _keys.current().ciphers.get(stored[0]) if stored else None
    if cipher is None:
        raise UnreadableData("The key this value was encrypted with is not in JARI_DATA_KEYS.")
    try:
        return cipher.decrypt(
            stored[1 : 1 + NONCE_BYTES], stored[1 + NONCE_BYTES :], context
        ).decode()
    except (InvalidTag, ValueError):
        raise UnreadableData("This value was altered, or belongs to another column.") from None


def newest_key_number() -> int:
    return _keys.current().newest


@cache
def _blind(index_key: bytes, context: bytes) -> "hashlib.blake2b":
    return hashlib.blake2b(
        key=hashlib.sha256(index_key).digest(),
        person=hashlib.sha256(context).digest()[:16],
        digest_size=16,
    )


def indexer(*, context: bytes) -> Callable[[str], bytes]:
    """`blind_index` for many values of one kind: the key is looked up once."""
    start = _blind(settings.INDEX_KEY, context).copy

    def index(text: str) -> bytes:
        keyed = start()
        keyed.update(text.encode())
        return keyed.digest()

    return index


def blind_index(text: str, *, context: bytes) -> bytes:
    """16 bytes that are equal for equal texts and tell nothing without the index key."""
    keyed = _blind(settings.INDEX_KEY, context).copy()
    keyed.update(text.encode())
    return keyed.digest()
