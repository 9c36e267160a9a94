"""The HTML of an answer, whatever the line breaks of its template."""

import re

from django.http import HttpResponse

TAG = re.compile(r"\s*(<[a-zA-Z/!][^<>]*?)\s*(/?>)\s*")


def flat(answer: HttpResponse | str) -> str:
    """The page on one line: single spaces in tags and texts, none around a tag, plain quotes."""
    html = answer if isinstance(answer, str) else answer.content.decode()
    return TAG.sub(r"\1\2", " ".join(html.split())).replace("&#x27;", "'")
