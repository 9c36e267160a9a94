"""Personal data at rest: authenticated encryption, and keyed blind indexes for lookups.

AES-256-GCM-SIV (RFC 8452) stays secure if a random nonce repeats, which for a national roster
under one key is close to the limits of plain GCM.
A stored value is the key number (1 byte), nonce (12 bytes), ciphertext and tag.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from django.conf import settings

NONCE_BYTES = 12
INDEX_BYTES = 16  # of a blind index: the key's number and 120 bits


class UnreadableData(Exception):
    """The key of a stored value is missing, or the value was altered."""


class _Keys:
    """The ciphers of settings.DATA_KEYS, built once: a roster uses them millions of times."""

    def __init__(self) -> None:
        self.source: list[tuple[int, bytes]] | None = None
        self.ciphers: dict[int, AESGCMSIV] = {}
        self.newest = 0

    def current(self) -> "_Keys":
        # Tests override the settings: the ciphers are rebuilt for another list of keys.
        if self.source is not settings.DATA_KEYS:
            keys = settings.DATA_KEYS
            self.ciphers = {number: AESGCMSIV(key) for number, key in keys}
            self.newest = keys[0][0]
            self.source = keys
        return self


_keys = _Keys()


def encrypt(text: str, *, context: bytes) -> bytes:
    """Encrypt under the newest key; `context` (table and column) is needed again to decrypt.

    As associated data it makes a value unreadable in any other column.
    """
    keys = _keys.current()
    nonce = os.urandom(NONCE_BYTES)
    sealed = keys.ciphers[keys.newest].encrypt(nonce, text.encode(), context)
    return b"%c%b%b" % (keys.newest, nonce, sealed)


def encryptor(*, context: bytes) -> Callable[[str], bytes]:
    """`encrypt` for many values of one column; draws nonces in blocks.

    Don't keep it beyond one call: after a fork both processes would use the same nonces.
    """
    keys = _keys.current()
    number, seal, nonces = bytes([keys.newest]), keys.ciphers[keys.newest].encrypt, _nonces()

    def encrypt_one(text: str) -> bytes:
        nonce = next(nonces)
        return number + nonce + seal(nonce, text.encode(), context)

    return encrypt_one


def _nonces() -> Iterator[bytes]:
    # One system call for 512 nonces instead of one each.
    while True:
        block = os.urandom(512 * NONCE_BYTES)
        for start in range(0, len(block), NONCE_BYTES):
            yield block[start : start + NONCE_BYTES]


def decrypt(stored: bytes, *, context: bytes) -> str:
    """Decrypt a stored value; raises UnreadableData for a missing key or an altered value."""
    return decryptor(context=context)(bytes(stored))


def decryptor(*, context: bytes) -> Callable[[bytes], str]:
    """`decrypt` for many values of one column."""
    ciphers = _keys.current().ciphers

    def decrypt_one(stored: bytes) -> str:
        cipher = ciphers.get(stored[0]) if stored else None
        if cipher is None:
            raise UnreadableData("The key this value was encrypted with is not in JARI_DATA_KEYS.")
        try:
            return cipher.decrypt(
                stored[1 : 1 + NONCE_BYTES], stored[1 + NONCE_BYTES :], context
            ).decode()
        except (InvalidTag, ValueError):
            raise UnreadableData("This value was altered, or belongs to another column.") from None

    return decrypt_one


def block_decryptor(*, context: bytes) -> Callable[[Sequence[bytes]], list[str]]:
    """`decryptor` for a block of values at a time: those of one key without a call for each."""
    ciphers, decrypt_one = _keys.current().ciphers, decryptor(context=context)

    def decrypt_all(stored: Sequence[bytes]) -> list[str]:
        numbers = {value[0] for value in stored} if all(stored) else set()
        cipher = ciphers.get(numbers.pop()) if len(numbers) == 1 else None
        if cipher is None:
            return [decrypt_one(value) for value in stored]
        decrypt_value, end = cipher.decrypt, 1 + NONCE_BYTES
        try:
            texts = [decrypt_value(value[1:end], value[end:], context) for value in stored]
            return [text.decode() for text in texts]
        except (InvalidTag, ValueError):
            raise UnreadableData("A value was altered, or belongs to another column.") from None

    return decrypt_all


def newest_key_number() -> int:
    return _keys.current().newest


# The keyed state is computed once per key and context, and copied for each text.
@cache
def _blind(index_key: bytes, context: bytes) -> "hashlib.blake2b":
    return hashlib.blake2b(
        key=hashlib.sha256(index_key).digest(),
        person=hashlib.sha256(context).digest()[:16],
        digest_size=INDEX_BYTES - 1,
    )


def indexer(*, context: bytes) -> Callable[[str], bytes]:
    """`blind_index` for many values of one context."""
    number, key = settings.INDEX_KEYS[0]
    prefix, start = bytes([number]), _blind(key, context).copy

    def index(text: str) -> bytes:
        keyed = start()
        keyed.update(text.encode())
        return prefix + keyed.digest()

    return index


def blind_index(text: str, *, context: bytes) -> bytes:
    """16 bytes, equal for equal texts, that reveal nothing without the index key.

    The first byte is the number of the key: the first one of settings.INDEX_KEYS. For writing; to
    look a value up, use `blind_indexes`.
    """
    return _index(*settings.INDEX_KEYS[0], text, context)


def blind_indexes(text: str, *, context: bytes) -> list[bytes]:
    """The indexes of a text under every key in effect: a row may have any of them."""
    return [_index(number, key, text, context) for number, key in settings.INDEX_KEYS]


def _index(number: int, key: bytes, text: str, context: bytes) -> bytes:
    keyed = _blind(key, context).copy()
    keyed.update(text.encode())
    return bytes([number]) + keyed.digest()


def index_key_number() -> int:
    """The number of the index key that writes."""
    number: int = settings.INDEX_KEYS[0][0]
    return number
