"""A reservation's number as a QR code.

Every receipt shows one, and encoding it took a third of the page's time. QR codes of one size and
mask are linear over GF(2): a bit of the text flips the same modules whatever the other bits are.
So segno encodes each single bit once, and a code is the XOR of the pictures of its bits.
"""

import re
from collections.abc import Iterator
from functools import cache

import segno

# Alphanumeric mode encodes two of these 45 letters as one number of 11 bits (ISO/IEC 18004).
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PAIR_BITS = 11
BORDER = 2


def qr_svg(text: str) -> str:
    """An SVG of capitals and digits; the length has to be even."""
    side, picture, turned = _parts(len(text))
    for place, pair in enumerate(_pairs(text)):
        for bit in range(PAIR_BITS):
            if pair >> bit & 1:
                picture ^= turned[place][bit]
    strokes, blank = _strokes(), -side % 8
    path = "".join(
        f"M{BORDER} {y}.5{''.join(map(strokes.__getitem__, row))}"
        for y, row in enumerate(_rows(picture, side, blank), BORDER)
    )
    size = side + 2 * BORDER
    return f'<svg viewBox="0 0 {size} {size}"><path stroke="#000" d="{path}"/></svg>'


def _rows(picture: int, side: int, blank: int) -> Iterator[bytes]:
    """The rows of a picture as whole bytes, with `blank` light modules at their end."""
    modules = (1 << side) - 1
    for below in range(side - 1, -1, -1):
        row = (picture >> side * below & modules) << blank
        yield row.to_bytes((side + blank) // 8, "big")


@cache
def _strokes() -> list[str]:
    """How eight modules of a row are drawn, by their byte: one stroke per run of dark ones, which
    is far shorter than a square per module."""
    return [
        "".join(
            f"h{len(run)}" if run[0] == "1" else f"m{len(run)} 0"
            for run in re.findall("1+|0+", f"{eight:08b}")
        )
        for eight in range(256)
    ]


@cache
def _parts(length: int) -> tuple[int, int, list[list[int]]]:
    """(modules on a side, picture of all zeros, modules flipped by each bit of each pair)."""
    zeros = "0" * length
    side, zeros_picture = _drawn(zeros)
    turned = []
    for start in range(0, length, 2):
        texts = [
            zeros[:start] + LETTERS[pair // 45] + LETTERS[pair % 45] + zeros[start + 2 :]
            for pair in (1 << bit for bit in range(PAIR_BITS))
        ]
        turned.append([_drawn(text)[1] ^ zeros_picture for text in texts])
    return side, zeros_picture, turned


def _pairs(text: str) -> list[int]:
    values = [LETTERS.index(letter) for letter in text]
    return [45 * high + low for high, low in zip(values[::2], values[1::2], strict=True)]


def _drawn(text: str) -> tuple[int, int]:
    """(modules on a side, all modules as one number, row by row).

    Level M corrects damage of about 15 %. Any mask is valid, but linearity needs the same one
    for all.
    """
    code = segno.make_qr(text, mode="alphanumeric", error="m", mask=3)
    modules = "".join("1" if module else "0" for row in code.matrix for module in row)
    return len(code.matrix), int(modules, 2)
