"""The quick way to a QR code gives the code that the library draws."""

import re

import segno
from hypothesis import given
from hypothesis import strategies as st

from booking.qr import BORDER, qr_svg
from web.codes import ALPHABET

# A row from its beginning, and its steps: dark modules (h) and light ones (m).
ROW = re.compile(rf"M{BORDER} (\d+)\.5((?:h\d+|m\d+ 0)+)")
STEP = re.compile(r"([hm])(\d+)")


def modules(svg: str) -> set[tuple[int, int]]:
    """The dark modules of the picture, by column and row."""
    dark = set()
    for row, steps in ROW.findall(svg):
        column = BORDER
        for kind, length in STEP.findall(steps):
            after = column + int(length)
            dark |= {(at, int(row)) for at in range(column, after) if kind == "h"}
            column = after
    return dark


@given(st.text(alphabet=ALPHABET, min_size=10, max_size=10))
def test_the_picture_of_a_number_is_the_librarys(number):
    code = segno.make_qr(number, mode="alphanumeric", error="m", mask=3)

    svg = qr_svg(number)

    drawn = [
        (column, row)
        for row, line in enumerate(code.matrix, BORDER)
        for column, module in enumerate(line, BORDER)
        if module
    ]
    assert modules(svg) == set(drawn)
    assert f'viewBox="0 0 {len(code.matrix) + 2 * BORDER} ' in svg
