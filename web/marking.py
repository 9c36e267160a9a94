"""Marks in the texts of pages: what is Korean elsewhere, and what a line must not break."""

import re

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from web.language import reads_korean

# Korean text with the digits and signs inside it, as an address has them.
_KOREAN = re.compile(r"([가-힣ㄱ-ㆎ](?:[가-힣ㄱ-ㆎ0-9 ,.()~-]*[가-힣ㄱ-ㆎ0-9)])?)")
# A phone number, a code or a date, a romanised part of an address (2-ro, Osong-eup) or a Chinese
# day, outside tags and not in one piece yet.
_NUMBER = re.compile(
    r"(?<!jari-whole\">)(?:(?<![\w-])[0-9A-Z*]{2,}(?:-[0-9A-Z*]{2,})+(?![\w-])"
    r"|(?<![\w-])\w+-(?:do|si|gun|gu|eup|myeon|dong|ri|ro|gil)(?![\w-])"
    r"|(?<![\d年])(?:\d+年)?\d+月\d+日(?:\(周.\))?)(?![^<]*>)"
)
# A particle after a day, as in 12월 2일(수)까지: `word-break: keep-all` parts them.
_PARTICLE = re.compile(r"\)(?=[가-힣])")
_WORD_JOINER = "\u2060"


def marked(text: str) -> SafeString:
    """A text with each stretch of Korean marked as such, for readers of another language."""
    if reads_korean() or isinstance(text, SafeString):
        return conditional_escape(text)
    # Odd pieces are what the expression found.
    pieces = (
        (format_html('<span lang="ko">{}</span>', piece) if index % 2 else piece,)
        for index, piece in enumerate(_KOREAN.split(str(text)))
    )
    return format_html_join("", "{}", pieces)


def unbroken(text: str) -> SafeString:
    """A text whose numbers with hyphens, and days with a particle, stay on one line."""
    html = _NUMBER.sub(r'<span class="jari-whole">\g<0></span>', conditional_escape(text))
    return mark_safe(_PARTICLE.sub(")" + _WORD_JOINER, html))  # noqa: S308  (it is escaped)
