"""Marks in the texts of pages: what is Korean elsewhere, and what a line must not break."""

import re

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from web.language import reads_korean

# Korean text with the digits and signs inside it, as an address has them.
_KOREAN = re.compile(r"([가-힣ㄱ-ㆎ](?:[가-힣ㄱ-ㆎ0-9 ,.()~-]*[가-힣ㄱ-ㆎ0-9)])?)")
# What is one piece, outside tags and not marked yet.
_PIECE = re.compile(
    r"(?<!jari-whole\">)(?<!jari-whole\">\()(?:"
    r"(?<![\w-])[0-9A-Z*]{2,}(?:-[0-9A-Z*]{2,})+(?![\w-])"  # a phone number, a code, a date
    r"|(?<![\w-])\w+-(?:do|si|gun|gu|eup|myeon|dong|ri|ro|gil)(?![\w-])"  # 2-ro, Osong-eup
    r"|\(?(?<![\w–])\d+–\d+[가-힣)]*"  # (1962–1966년생)
    r"|(?<![\d年])(?:\d+年)?\d+月\d+日(?:\(周.\))?"
    r"|(?<!\w)(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{1,2} [A-Z][a-z]{2}(?!\w)"
    r"|(?<!\w)(?:T[2-7]|CN), \d{1,2}/\d{1,2}(?![\w/])"  # a Vietnamese day
    r")[,.;，。；]?(?![^<]*>)"  # with its comma, which could begin a line otherwise
)
# Where `word-break: keep-all` parts a Korean day, as in 12월 2일|(수)|까지.
_IN_A_DAY = re.compile(r"(?<=일)(?=\([월화수목금토일]\))|(?<=\))(?=[가-힣])")
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
    """A text whose days, spans of years and numbers with hyphens stay on one line."""
    html = _PIECE.sub(r'<span class="jari-whole">\g<0></span>', conditional_escape(text))
    return mark_safe(_IN_A_DAY.sub(_WORD_JOINER, html))  # noqa: S308  (it is escaped)
