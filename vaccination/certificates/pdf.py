"""A certificate as PDF, in Korean and English, with the fonts of the portal's pages."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import segno
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from fontTools.ttLib import TTFont
from fpdf import FPDF

from vaccination.certificates.texts import certificate_of, in_both_languages
from vaccination.models import DoseGiven

_FONT = settings.BASE_DIR / "static/vendor/krds/fonts/PretendardGOV-Regular.woff2"
_FAMILY = "Pretendard GOV"
# Millimetres on A4.
_MARGIN, _LABEL, _LINE, _QR = 25, 60, 8, 42


class UnprintableName(Exception):
    """The font lacks a letter of the text, as of a rare syllable: the page can be printed."""


def certificate_pdf(dose: DoseGiven) -> bytes:
    """The PDF of a dose read `with_visit`; raises UnprintableName."""
    rows = in_both_languages(dose)
    certificate = certificate_of(dose)
    texts = [text for _korean, _english, texts in rows for text in texts]
    if {ord(letter) for letter in "".join(texts)} - _letters():
        raise UnprintableName
    pdf = _page()
    for language, size in (("ko", 24), ("en", 14)):
        with translation.override(language):
            pdf.set_font(_FAMILY, size=size)
            title = _("Certificate of vaccination")
            pdf.cell(0, size / 2 + 2, title, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(_LINE)
    for korean, english, texts in rows:
        _row(pdf, f"{korean} / {english}", texts)
    pdf.ln(_LINE)
    _draw_qr(pdf, certificate.address)
    pdf.set_font(_FAMILY, size=12)
    pdf.multi_cell(0, _LINE, certificate.code, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(_FAMILY, size=9)
    for language in ("ko", "en"):
        with translation.override(language):
            pdf.multi_cell(
                0,
                _LINE * 0.7,
                _("Anybody can verify this code at %(address)s")
                % {"address": certificate.address.removesuffix(f"{certificate.code}/")},
                new_x="LMARGIN",
                new_y="NEXT",
            )
    return bytes(pdf.output())


def _page() -> Any:
    pdf = FPDF(format="A4")
    pdf.set_margin(_MARGIN)
    pdf.add_font(_FAMILY, fname=_unpacked_font().name)
    pdf.set_title("Certificate of vaccination")
    pdf.set_lang("ko-KR")
    pdf.add_page()
    return pdf


def _row(pdf: Any, label: str, texts: list[str]) -> None:
    pdf.set_font(_FAMILY, size=10)
    pdf.cell(_LABEL, _LINE, label)
    pdf.set_font(_FAMILY, size=12)
    pdf.multi_cell(0, _LINE, "\n".join(texts), new_x="LMARGIN", new_y="NEXT")


def _draw_qr(pdf: Any, text: str) -> None:
    """A QR code as filled squares: sharp at every size, and no picture is decoded."""
    matrix = list(segno.make_qr(text, error="m").matrix)
    side = _QR / len(matrix)
    left, top = pdf.get_x(), pdf.get_y()
    for y, row in enumerate(matrix):
        for x, module in enumerate(row):
            if module:
                pdf.rect(left + x * side, top + y * side, side, side, style="F")
    pdf.set_y(top + _QR + _LINE / 2)


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
def _letters() -> frozenset[int]:
    """The letters that the font can draw."""
    with TTFont(Path(_unpacked_font().name), lazy=True) as font:
        return frozenset(font.getBestCmap())
