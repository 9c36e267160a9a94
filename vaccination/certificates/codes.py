"""The code that proves a certificate: a dose's number, authenticated by the server's key.

40 bits of the dose's id and 100 bits of an HMAC over it: nobody makes a code without the key, and
guessing one takes 2⁹⁹ tries. Nothing is stored, and a dose taken back has no valid code any more.
A code is valid for as long as its key is among JARI_INDEX_KEYS.
"""

import hashlib
import hmac

from django.conf import settings

from vaccination.models import DoseGiven
from web import codes

LETTERS = 29  # 28 of 5 bits, and the check letter
_MAC_BITS = 100
_ID_BITS = 40


def code_of(dose_id: int) -> str:
    """The code of a dose's certificate, in groups of four letters."""
    proof = _mac(dose_id, settings.INDEX_KEYS[0][1])
    return codes.group(codes.written(dose_id << _MAC_BITS | proof, LETTERS))


def find_dose(text: str) -> DoseGiven | None:
    """The dose of a typed code; None if the code is wrong or the dose was taken back.

    Raises web.codes.UnreadableCode for a text that is no such code, or mistyped.
    """
    number = codes.number_of(codes.read(text, LETTERS))
    dose_id, mac = number >> _MAC_BITS, number & (1 << _MAC_BITS) - 1
    if not any(_is_equal(mac, _mac(dose_id, key)) for _number, key in settings.INDEX_KEYS):
        return None
    return DoseGiven.objects.with_visit().filter(pk=dose_id).first()


def _is_equal(mac: int, expected: int) -> bool:
    # In constant time: the answer must not show how much of a guessed code is right.
    size = _MAC_BITS // 8 + 1
    return hmac.compare_digest(mac.to_bytes(size, "big"), expected.to_bytes(size, "big"))


def _mac(dose_id: int, key: bytes) -> int:
    # A key of its own: domain separation from everything else that this key authenticates.
    derived = hashlib.sha256(b"vaccination.certificates" + key).digest()
    digest = hmac.digest(derived, dose_id.to_bytes(_ID_BITS // 8, "big"), "sha256")
    return int.from_bytes(digest, "big") >> 256 - _MAC_BITS
