"""A certificate as PDF, in Korean and English, with the fonts of the portal's pages."""

from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from vaccination.certificates.texts import certificate_of, in_both_languages
from vaccination.models import DoseGiven
from web.pdf import FAMILY, document, draw_qr, letters_of_font

# Millimetres on A4.
_LABEL, _LINE, _QR = 60, 8, 42


class UnprintableName(Exception):
    """The font lacks a letter of the text, as of a rare syllable: the page can be printed."""


def certificate_pdf(dose: DoseGiven) -> bytes:
    """The PDF of a dose read `with_visit`; raises UnprintableName."""
    rows = in_both_languages(dose)
    certificate = certificate_of(dose)
    texts = [text for _korean, _english, texts in rows for text in texts]
    if {ord(letter) for letter in "".join(texts)} - letters_of_font():
        raise UnprintableName
    pdf = document("Certificate of vaccination")
    pdf.add_page()
    for language, size in (("ko", 24), ("en", 14)):
        with translation.override(language):
            pdf.set_font(FAMILY, size=size)
            title = _("Certificate of vaccination")
            pdf.cell(0, size / 2 + 2, title, new_x="LMARGIN", new_y="NEXT")
    pdf.ln(_LINE)
    for korean, english, texts in rows:
        _row(pdf, f"{korean} / {english}", texts)
    pdf.ln(_LINE)
    top = pdf.get_y()
    draw_qr(pdf, certificate.address, left=pdf.get_x(), top=top, size=_QR)
    pdf.set_y(top + _QR + _LINE / 2)
    pdf.set_font(FAMILY, size=12)
    pdf.multi_cell(0, _LINE, certificate.code, new_x="LMARGIN", new_y="NEXT")
    pdf.set_font(FAMILY, size=9)
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


def _row(pdf: Any, label: str, texts: list[str]) -> None:
    pdf.set_font(FAMILY, size=10)
    pdf.cell(_LABEL, _LINE, label)
    pdf.set_font(FAMILY, size=12)
    pdf.multi_cell(0, _LINE, "\n".join(texts), new_x="LMARGIN", new_y="NEXT")
