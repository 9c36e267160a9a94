"""Codes that people read, write down and type: resume codes, reservation and certificate numbers.

Crockford's 32 letters (no I, L, O, U). The last letter is a check letter: the letters, as elements
of the field GF(32) weighted with the powers of its generator, add up to zero. The weights are
distinct and not zero, so every single wrong letter and every swap of two letters is detected, up
to 31 letters. (Luhn mod 32 accepts 0Z for Z0; ISO 7064 mod 37,36 needs 36 letters, among them the
four that people confuse.)
"""

import hmac
import secrets
import unicodedata
from uuid import UUID

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RESUME_LETTERS = 12  # eleven of secret, 55 bits, and the check letter
GROUP = 4

_VALUE = {letter: value for value, letter in enumerate(ALPHABET)}
_VALUE |= {"O": 0, "I": 1, "L": 1, "U": _VALUE["V"]}

# Each element of the field times its generator x, reduced by x⁵+x²+1 (0b100101).
_TIMES_X = [value << 1 ^ (0b100101 if value & 16 else 0) for value in range(32)]

# Domain separation: the two HMACs under one key must never have the same input.
RESUME_TAG = b"jari/resume/v1\n"
INDEX_TAG = b"jari/resume-index/v1\n"


class UnreadableCode(ValueError):
    """The typed text is no code."""


class WrongLength(UnreadableCode):
    pass


class WrongLetter(UnreadableCode):
    pass


class WrongCheckLetter(UnreadableCode):
    """Length and letters are valid, but a letter was mistyped."""


def resume_code(ticket_id: UUID, key: bytes) -> str:
    """The code that brings a person back to their ticket on any device.

    Derived from the ticket and the server's key, so it is not stored. In a room of a million, two
    tickets share a code with a chance of one in 70,000; a look-up must handle two results.
    """
    return group(_resume_letters(ticket_id.bytes, key))


def _resume_letters(ticket_id: bytes, key: bytes) -> str:
    secret = _hmac(key, RESUME_TAG + ticket_id)
    return _with_check(int.from_bytes(secret[:7], "big") >> 1, RESUME_LETTERS - 1)


def lookup_index(code: str, key: bytes) -> int:
    """The stored index of a resume code, 63 bits of an HMAC; raises UnreadableCode.

    Without the key it reveals nothing about the code.
    """
    return _index(read(code, RESUME_LETTERS), key)


def index_of_ticket(ticket_id: bytes, key: bytes) -> int:
    """`lookup_index` of the ticket's own code, without formatting and parsing it."""
    return _index(_resume_letters(ticket_id, key), key)


def _index(letters: str, key: bytes) -> int:
    return int.from_bytes(_hmac(key, INDEX_TAG + letters.encode())[:8], "big") >> 1


def parse(text: str) -> str:
    """A typed resume code in its normal form; raises UnreadableCode."""
    return group(read(text, RESUME_LETTERS))


def random_uuid() -> UUID:
    """128 random bits in the form of a UUID, for ids that nobody may guess; version 4 has 122."""
    return UUID(bytes=secrets.token_bytes(16))


def random_number(length: int) -> str:
    """A reservation number: `length` letters, the last of them the check letter, ungrouped."""
    return _with_check(secrets.randbits(5 * (length - 1)), length - 1)


def written(number: int, length: int) -> str:
    """`number` in `length` letters, the last of them the check letter; it must fit."""
    if not 0 <= number < 1 << 5 * (length - 1):
        raise ValueError(f"The number does not fit into {length} letters.")
    return _with_check(number, length - 1)


def number_of(letters: str) -> int:
    """The number behind the letters that `read` returned, without the check letter."""
    number = 0
    for letter in letters[:-1]:
        number = number << 5 | _VALUE[letter]
    return number


def read(text: str, length: int) -> str:
    """The letters of a typed code of `length` letters; raises UnreadableCode.

    Accepts lower case, full-width letters, spaces and punctuation, O for 0, I and L for 1, and U
    for V.
    """
    typed = [
        sign
        for sign in unicodedata.normalize("NFKC", text).upper()
        if unicodedata.category(sign)[0] not in "ZPC"
    ]
    if len(typed) != length:
        raise WrongLength(f"The code has {length} letters and digits; this has {len(typed)}.")
    for sign in typed:
        if sign not in _VALUE:
            raise WrongLetter(f"“{sign}” does not occur in these codes.")
    values = [_VALUE[sign] for sign in typed]
    if _weighed(values):
        raise WrongCheckLetter("A letter or digit of this code is mistyped.")
    return "".join(ALPHABET[value] for value in values)


def group(letters: str) -> str:
    return "-".join(letters[start : start + GROUP] for start in range(0, len(letters), GROUP))


def _hmac(key: bytes, message: bytes) -> bytes:
    if len(key) < 16:
        raise ValueError("The key for codes must have at least 16 bytes.")
    return hmac.digest(key, message, "sha256")


def _with_check(number: int, length: int) -> str:
    """A number in `length` letters, followed by the check letter."""
    values = [number >> shift & 31 for shift in range(5 * length - 5, -1, -5)]
    return "".join([ALPHABET[value] for value in values]) + ALPHABET[_TIMES_X[_weighed(values)]]


def _weighed(values: list[int]) -> int:
    """The sum of value × generatorⁿ in GF(32) = GF(2)[x]/(x⁵+x²+1), n counted from the right."""
    total = 0
    for value in values:
        total = _TIMES_X[total] ^ value
    return total
