"""Korean within the text of another language, marked as such for screen readers."""

import re

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from web.language import reads_korean

# Korean text with the digits and signs inside it, as an address has them.
_KOREAN = re.compile(r"([가-힣ㄱ-ㆎ](?:[가-힣ㄱ-ㆎ0-9 ,.()~-]*[가-힣ㄱ-ㆎ0-9)])?)")


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
