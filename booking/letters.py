"""Letters as PDF, a page each, for people whom neither a text message nor an e-mail reaches."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from eligibility.models import Person
from messaging.hooks import name_of
from messaging.models import Message
from web.pdf import FAMILY, document, draw_qr, letters_of_font

# Millimetres on A4: the address stands in the window of a long envelope.
_ADDRESS_TOP, _TEXT_TOP, _LINE, _QR = 45, 100, 8, 32
_PAGE = re.compile(r"https?://\S+")
# In the place of a letter that the font lacks; written in by hand.
_MISSING = "_"


def letters_pdf(
    messages: Iterable[Message], people: Mapping[int, Person], *, sender: str, on: date
) -> bytes:
    """The letters in their order; `sender` is the office that prints them."""
    pdf = document("Letters")
    for message in messages:
        person = people.get(message.person_id or 0)
        if person is not None:
            _letter(pdf, message, person, sender=sender, on=on)
    return bytes(pdf.output())


def _letter(pdf: Any, message: Message, person: Person, *, sender: str, on: date) -> None:
    pdf.add_page()
    _write(pdf, 10, f"{sender}\n{on:%Y-%m-%d}", align="R")
    pdf.set_y(_ADDRESS_TOP)
    _write(pdf, 14, _name(person))
    _write(pdf, 11, " ".join(filter(None, [person.region, person.district])) or "–")
    pdf.set_y(_TEXT_TOP)
    _write(pdf, 18, _subject(message))
    pdf.ln(_LINE / 2)
    text = re.sub(r"^\[[^\]]*\]\s*", "", message.text or "")
    # Large: many who have no mobile phone are old.
    _write(pdf, 14, text)
    pdf.ln(_LINE)
    page = _PAGE.search(text)
    if page:
        draw_qr(pdf, page[0], left=pdf.get_x(), top=pdf.get_y(), size=_QR)
        pdf.set_y(pdf.get_y() + _QR + _LINE / 2)
    for language in ("ko", "en"):
        with translation.override(language):
            _write(
                pdf,
                10,
                _(
                    "This letter comes because no mobile phone and no e-mail address of yours is "
                    "known. Any public health centre or community centre helps."
                ),
            )


def _name(person: Person) -> str:
    with translation.override("ko"):
        return _("To %(name)s") % {"name": person.name}


def _subject(message: Message) -> str:
    """What it is about, in both languages."""
    names = []
    for language in ("ko", "en"):
        with translation.override(language):
            names.append(name_of(message.kind))
    return " / ".join(dict.fromkeys(names))


def _write(pdf: Any, size: int, text: str, *, align: str = "L") -> None:
    letters = letters_of_font()
    shown = "".join(sign if sign == "\n" or ord(sign) in letters else _MISSING for sign in text)
    pdf.set_font(FAMILY, size=size)
    pdf.multi_cell(0, size * 0.6, shown, align=align, new_x="LMARGIN", new_y="NEXT")
