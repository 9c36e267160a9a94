"""Signatures that are right in one half only, and their lines, as the offline verifier has them."""

from hashlib import sha512

import pytest

from waiting_room.offline import verify_line
from waiting_room.offline.verify_line import BASE, FIELD, ORDER, added, multiplied
from waiting_room.tlog.notes import ED25519, Signer

SEED = bytes(range(32))
PUBLIC = Signer("x", SEED, ED25519).verifier.key
MESSAGE = b"a message"
# The point of order two, (0, -1).
TURN = (0, FIELD - 1, 1, 0)


def encoded(point: tuple[int, int, int, int]) -> bytes:
    inverse = pow(point[2], FIELD - 2, FIELD)
    x, y = point[0] * inverse % FIELD, point[1] * inverse % FIELD
    return (y | (x & 1) << 255).to_bytes(32, "little")


def signature(*, turned: bool, negated: bool) -> bytes:
    """RFC 8032, 5.1.6, with the first point moved by TURN or the number negated."""
    digest = sha512(SEED).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    nonce = int.from_bytes(sha512(digest[32:] + MESSAGE).digest(), "little") % ORDER
    first = multiplied(nonce, BASE)
    first_bytes = encoded(added(first, TURN) if turned else first)
    challenge = int.from_bytes(sha512(first_bytes + PUBLIC + MESSAGE).digest(), "little")
    second = (nonce + challenge * scalar) % ORDER
    second = ORDER - second if negated else second
    return first_bytes + second.to_bytes(32, "little")


@pytest.mark.parametrize(
    ("turned", "negated", "holds"),
    [
        (False, False, True),
        (False, True, False),  # the same y, another x
        (True, True, False),  # the same x, another y
        (True, False, False),  # both others
    ],
)
def test_both_coordinates_of_a_signature_must_fit(turned, negated, holds):
    made = signature(turned=turned, negated=negated)

    assert verify_line.is_signed(PUBLIC, MESSAGE, made) == holds


def test_it_is_the_signature_that_the_portal_makes():
    made = signature(turned=False, negated=False)

    assert made == Signer("x", SEED, ED25519).sign(MESSAGE.decode()).value


# "Kys=" and "+/s=" are of less than five bytes, "+++/++8=" of five.
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("\u2014 city +++/++8=", None),
        ("- city +++/++8=", "is no signature line"),
        ("\u2014 city +++/++8= more", "is no signature line"),
        ("\u2014 city", "is no signature line"),
        ("\u2014  +++/++8=", "is no signature line"),
        ("\u2014 a+b +++/++8=", "is no signature line"),
        ("\u2014 city +/s=", "the signature of city is cut off"),
        ("\u2014 city !", "the signature of city is no base64"),
    ],
)
def test_a_signature_line_has_a_name_and_a_value(line, said):
    if said is None:
        value = bytes.fromhex("fbefbffbef")
        assert verify_line.signature_line(line) == ("city", value[:4], value[4:])
    else:
        with pytest.raises(verify_line.BadNote, match=said):
            verify_line.signature_line(line)
