"""A reservation's number as a QR code.

Every receipt shows one, and computing it anew took a third of the page. But QR codes of one size
and mask are linear: changing a bit of the text turns the same modules, whatever the rest says. So
segno is asked once what each bit turns, and a number's picture is the sum of its bits'.
"""

import re
from functools import cache

import segno

# The alphanumeric mode writes two of these letters as one number of 11 bits (ISO/IEC 18004).
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PAIR_BITS = 11
BORDER = 2


def qr_svg(text: str) -> str:
    """Capitals and digits, of even length, as an SVG picture."""
    side, picture, turned = _parts(len(text))
    for place, pair in enumerate(_pairs(text)):
        for bit in range(PAIR_BITS):
            if pair >> bit & 1:
                picture ^= turned[place][bit]
    rows = re.findall("." * side, f"{picture:0{side * side}b}")
    path = "".join(
        f"M{run.start() + BORDER} {y}.5h{run.end() - run.start()}"
        for y, row in enumerate(rows, BORDER)
        for run in re.finditer("1+", row)
    )
    size = side + 2 * BORDER
    return f'<svg viewBox="0 0 {size} {size}"><path stroke="#000" d="{path}"/></svg>'


@cache
def _parts(length: int) -> tuple[int, int, list[list[int]]]:
    """Modules on a side, the picture of zeros alone, and what each bit of each pair turns."""
    zeros = "0" * length
    side, nothing = _drawn(zeros)
    turned = []
    for start in range(0, length, 2):
        texts = [
            zeros[:start] + LETTERS[pair // 45] + LETTERS[pair % 45] + zeros[start + 2 :]
            for pair in (1 << bit for bit in range(PAIR_BITS))
        ]
        turned.append([_drawn(text)[1] ^ nothing for text in texts])
    return side, nothing, turned


def _pairs(text: str) -> list[int]:
    values = [LETTERS.index(letter) for letter in text]
    return [45 * high + low for high, low in zip(values[::2], values[1::2], strict=True)]


def _drawn(text: str) -> tuple[int, int]:
    """Modules on a side, and all of them as one number, row by row.

    Level M is read even when a corner of the paper is wet. Any mask is valid; it has to be the
    same for all.
    """
    code = segno.make_qr(text, mode="alphanumeric", error="m", mask=3)
    modules = "".join("1" if module else "0" for row in code.matrix for module in row)
    return len(code.matrix), int(modules, 2)
