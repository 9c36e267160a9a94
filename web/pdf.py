"""PDF pages with the font of the portal's pages."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import segno
from django.conf import settings
from fontTools.ttLib import TTFont
from fpdf import FPDF

FAMILY = "Pretendard GOV"
# Millimetres on A4.
MARGIN = 25
_FONT = settings.BASE_DIR / "static/vendor/krds/fonts/PretendardGOV-Regular.woff2"


def document(title: str) -> Any:
    """An empty document of A4 pages, in the font."""
    pdf = FPDF(format="A4")
    pdf.set_margin(MARGIN)
    pdf.add_font(FAMILY, fname=_unpacked_font().name)
    pdf.set_title(title)
    pdf.set_lang("ko-KR")
    return pdf


def draw_qr(pdf: Any, text: str, *, left: float, top: float, size: float) -> None:
    """A QR code as filled squares: sharp at every size, and no picture is decoded."""
    matrix = list(segno.make_qr(text, error="m").matrix)
    side = size / len(matrix)
    for y, row in enumerate(matrix):
        for x, module in enumerate(row):
            if module:
                pdf.rect(left + x * side, top + y * side, side, side, style="F")


@cache
def _unpacked_font() -> Any:
    """The font as a TrueType file for the life of this process.

    Unpacking WOFF2 takes a second or two, reading TrueType some hundredths.
    """
    file = tempfile.NamedTemporaryFile(suffix=".ttf")  # noqa: SIM115 - removed with the process
    with TTFont(_FONT) as font:
        font.flavor = None
        font.save(file.name)
    return file


@cache
def letters_of_font() -> frozenset[int]:
    """The letters that the font can draw, as code points; rare syllables are missing."""
    with TTFont(Path(_unpacked_font().name), lazy=True) as font:
        return frozenset(font.getBestCmap())
